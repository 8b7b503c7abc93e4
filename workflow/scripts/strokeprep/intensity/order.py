"""Which of two volumes is the one without diffusion weighting, told by their voxels.

Johns Hopkins keeps B0 and DWI in one file in no fixed order. Weighting darkens every tissue, and fluid
most of all. Each vote looks at one consequence of that; what is used is what all of them say.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Voxels brighter than this share of an image's bright end belong to the head.
HEAD_SHARE, BRIGHT_END = 0.1, 0.98
# The brightest of an image without weighting are mostly fluid.
BRIGHTEST = 0.95
# A vote is clear if one image has so many times what the other has. Real and synthetic pairs give 300
# and more for the first vote, 2.3 and more for the second, 1.3 and more for the third.
CLEAR = (3.0, 1.5, 1.15)
# Median diffusivity of a head (1e-6 mm2/s) between which a pair can be one. Real heads have 850 to 950.
PLAUSIBLE = (300.0, 2000.0)


@dataclass(frozen=True)
class Votes:
    """How many times more each vote speaks for the first of two volumes than for the second."""

    brighter: float  # voxels of the head in which it is the brighter
    fluid: float  # what its brightest voxels lose in the other
    spread: float  # how far its bright end lies above its middle

    @property
    def first_is_unweighted(self) -> bool | None:
        """What all votes say; None if one is unclear or speaks for the other."""
        ratios = np.array([self.brighter, self.fluid, self.spread])
        if np.all(ratios > CLEAR):
            return True
        return False if np.all(1 / ratios > CLEAR) else None


def votes(first: np.ndarray, second: np.ndarray) -> Votes | None:
    """The votes on two volumes with the same voxels; None if they show no head in common."""
    here = in_head(first) & in_head(second)
    if not here.any():
        return None
    a, b = (np.asarray(each, np.float64)[here] for each in (first, second))
    brighter, darker = (np.count_nonzero(each) + 1 for each in (a > b, a < b))
    return Votes(
        brighter / darker, _of_brightest(b, a) / _of_brightest(a, b), _spread(a) / _spread(b)
    )


def diffusivity(b0: np.ndarray, trace: np.ndarray, b_value: float) -> float:
    """The median diffusivity of the head (1e-6 mm2/s), which tells whether two images are a pair."""
    here = in_head(b0) & in_head(trace)
    ratio = np.asarray(b0, np.float64)[here] / np.asarray(trace, np.float64)[here]
    return float(np.median(np.log(ratio)) / b_value * 1e6) if here.any() else 0.0


def in_head(volume: np.ndarray) -> np.ndarray:
    """The voxels of a diffusion image that are not air."""
    filled = volume[volume > 0]
    return volume > HEAD_SHARE * np.quantile(filled, BRIGHT_END) if filled.size else volume > 0


def _of_brightest(a: np.ndarray, b: np.ndarray) -> float:
    """How bright ``b`` is, by its median, where ``a`` is brightest."""
    return float(np.median(b[a >= np.quantile(a, BRIGHTEST)]) / np.median(b))


def _spread(values: np.ndarray) -> float:
    return float(np.quantile(values, BRIGHT_END) / np.median(values))

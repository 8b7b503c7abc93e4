"""The tissue peak of a diffusion image: two Gaussians on the histogram of its brain.

As in the Johns Hopkins dataset (Liu et al. 2023, Eq. 1) brain tissue is the highest peak, and the other
Gaussian takes what is darker, mostly fluid. The published code depends on the scale of the image: its bins
are one unit wide. Here everything is relative to the brightest values, so that the same peak is found
whatever the unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage, optimize

from strokeprep.errors import StrokeprepError

TWO_GAUSSIANS = "two Gaussians"
MODE = "mode and right half-width"

# Values are relative to this quantile; what is brighter is lesion or artefact.
BRIGHTEST = 0.995
BINS = 256
# A histogram of less is noise.
FEWEST_VOXELS, FEWEST_LEVELS = 500, 16
# Smoothing of the histogram, by which the mode is found, as a share of the range.
SMOOTHING = 1 / 85
# Below this share of the range lies what was masked or is noise, never tissue.
DARKEST_MODE = 0.05
# From half the width at half maximum to the standard deviation of a Gaussian.
HALF_WIDTH_TO_SD = np.sqrt(2 * np.log(2))
# Where the fit may go, relative to where it starts: tissue's mean and SD, the darker peak's mean.
MEAN_RANGE, SD_RANGE, MOST_DARK = (0.3, 1.5), (0.25, 4.0), 0.9
AT_BOUND = 1e-3


@dataclass(frozen=True)
class Gaussian:
    """A peak in the unit of the image; ``height`` is a density."""

    mean: float
    sd: float
    height: float


@dataclass(frozen=True)
class TissuePeak:
    """Brain tissue of an image, and how it was found.

    ``r2`` is the share of the histogram's variance that both Gaussians explain, also where the fit was
    refused; ``refused`` then says why, and ``dark`` is None.
    """

    tissue: Gaussian
    dark: Gaussian | None
    method: str
    r2: float
    refused: str = ""

    def facts(self) -> dict[str, Any]:
        """The keys of a sidecar; heights are densities, so that the histogram has the area 1."""
        found: dict[str, Any] = {
            "TissueMean": self.tissue.mean,
            "TissueSd": self.tissue.sd,
            "TissueHeight": self.tissue.height,
            "GoodnessOfFit": round(self.r2, 4),
            "Method": self.method,
        }
        if self.dark:
            found |= {
                "DarkMean": self.dark.mean,
                "DarkSd": self.dark.sd,
                "DarkHeight": self.dark.height,
            }
        return found | ({"FitRefused": self.refused} if self.refused else {})


def tissue_peak(values: np.ndarray, least_r2: float, where: str = "image") -> TissuePeak:
    """The tissue peak of the values of a brain; a fit worse than ``least_r2`` is not used.

    Then the mode stands for the mean, and the half-width on its bright side for the SD.
    """
    histogram = Histogram.of(values, where)
    start = histogram.mode(where)
    fitted, r2, refused = _fit(histogram, start)
    if not refused and r2 < least_r2:
        refused = f"the two Gaussians explain {r2:.2f} of the histogram, less than {least_r2:g}"
    if refused:
        return TissuePeak(histogram.scaled(start), None, MODE, r2, refused)
    tissue, dark = (histogram.scaled(each) for each in fitted)
    return TissuePeak(tissue, dark, TWO_GAUSSIANS, r2)


@dataclass(frozen=True, eq=False)
class Histogram:
    """The density of values, which are shares of ``unit``."""

    centres: np.ndarray
    density: np.ndarray
    unit: float

    @classmethod
    def of(cls, values: np.ndarray, where: str) -> Histogram:
        """Each grey level is spread to halfway to the next, since whole numbers would leave a comb."""
        kept = np.asarray(values, np.float64)
        kept = kept[np.isfinite(kept) & (kept > 0)]
        levels, counts = np.unique(kept, return_counts=True)
        if len(kept) < FEWEST_VOXELS or len(levels) < FEWEST_LEVELS:
            raise StrokeprepError(
                f"The brain of the image has {len(kept)} voxels with {len(levels)} grey levels, too few "
                "for a histogram",
                where,
                "Look at the image and at its brain mask, or set its normalisation to none.",
            )
        unit = float(np.quantile(kept, BRIGHTEST))
        ends = np.array([0, *(levels[1:] + levels[:-1]) / 2, levels[-1]]) / unit
        edges = np.linspace(0, 1, min(BINS, len(levels)) + 1)
        below = np.interp(edges, ends, np.array([0, *np.cumsum(counts)]) / len(kept))
        return cls((edges[1:] + edges[:-1]) / 2, np.diff(below) / np.diff(edges), unit)

    def mode(self, where: str) -> Gaussian:
        """The highest peak, its width from the bright side, where no fluid adds to it."""
        width = self.centres[1] - self.centres[0]
        smooth = ndimage.gaussian_filter1d(self.density, SMOOTHING / width, mode="nearest")
        peak = int(np.argmax(np.where(self.centres > DARKEST_MODE, smooth, 0)))
        below = np.flatnonzero(smooth[peak:] < smooth[peak] / 2)
        if not len(below):
            raise StrokeprepError(
                "Brain tissue has no peak in the histogram of the image",
                where,
                "Look at the image and at its brain mask, or set its normalisation to none.",
            )
        half = max(float(self.centres[peak + below[0]] - self.centres[peak]), float(width))
        return Gaussian(float(self.centres[peak]), half / HALF_WIDTH_TO_SD, float(smooth[peak]))

    def scaled(self, peak: Gaussian) -> Gaussian:
        """A peak in the unit of the image."""
        return Gaussian(peak.mean * self.unit, peak.sd * self.unit, peak.height / self.unit)


def gaussian(x: np.ndarray, mean: float, sd: float, height: float) -> np.ndarray:
    """A peak at the points ``x``."""
    return height * np.exp(-(((x - mean) / sd) ** 2) / 2)


def _sum(x: np.ndarray, *peaks: float) -> np.ndarray:
    """Two Gaussians, each by mean, SD and height."""
    return gaussian(x, *peaks[:3]) + gaussian(x, *peaks[3:])


def _fit(histogram: Histogram, start: Gaussian) -> tuple[tuple[Gaussian, Gaussian], float, str]:
    """Tissue and the darker peak, the share of variance they explain, and why not to use them."""
    low = np.array([MEAN_RANGE[0] * start.mean, SD_RANGE[0] * start.sd, 0, 0, start.sd / 4, 0])
    top = 4 * start.height
    high = np.array(
        [MEAN_RANGE[1] * start.mean, SD_RANGE[1] * start.sd, top, MOST_DARK * start.mean, 1, top]
    )
    first = [start.mean, start.sd, start.height, start.mean / 4, start.mean / 4, start.height / 10]
    x, y = histogram.centres, histogram.density
    found = optimize.least_squares(
        lambda peaks: _sum(x, *peaks) - y, np.clip(first, low, high), bounds=(low, high)
    ).x
    r2 = float(1 - np.square(y - _sum(x, *found)).sum() / np.square(y - y.mean()).sum())
    peaks = Gaussian(*map(float, found[:3])), Gaussian(*map(float, found[3:]))
    near = AT_BOUND * (high[:2] - low[:2])
    at_bound = np.any((found[:2] - low[:2] < near) | (high[:2] - found[:2] < near))
    return peaks, r2, "the tissue peak lies at the edge of where it may be" if at_bound else ""

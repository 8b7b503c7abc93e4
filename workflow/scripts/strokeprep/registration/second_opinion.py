"""Where a scan lies on the reference by another method than the one that registered it.

Registration compares how grey values occur together. Here edges are compared, and only their direction, so
the two have neither the measure nor the search in common. The search begins at poses around the one that is
judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

from strokeprep.io import grids, images
from strokeprep.registration import sampling
from strokeprep.registration.head import edges, view
from strokeprep.registration.head.fit import BASIS, about_centre
from strokeprep.registration.head.model import CENTRE

# The search begins at the first resolution; each of the next gives an opinion, and the nearer one counts. Where
# a brain ends at fluid on one image and at bone on the other, one resolution alone was off by up to 4 mm.
COARSE_MM, FINE_MM = 6.0, (3.0, 2.0)

# Edges are compared down from this distance outside the brain: the inner table of the skull is seen on
# every contrast.
OUTSIDE_MM = 5.0

# The strongest of them, and how many at most: the search from all starts needs fewer.
STRONGEST, MOST_POINTS = 0.3, {6.0: 2_000, 3.0: 4_000, 2.0: 6_000}

# Edges of the scan are looked up so far around the brain: the outermost point that is compared, and a move.
ROOM_MM = 20.0

# Starts around the pose that is judged (mm, and degrees).
SHIFT_MM, TURN_DEG = 9.0, 10.0

# So many of them are followed, and so many ends at each resolution.
FOLLOWED, KEPT = 5, 2
STEPS = 15

# Points of the brain by which its movement is measured.
BRAIN_POINTS = 2_000

RIGID = 6  # parameters

Shown = tuple[sitk.Image, str]  # an image and its modality


class Aim(NamedTuple):
    """Points of the reference (RAS mm, its brain's centre at CENTRE) and the direction of the edge at each."""

    points: np.ndarray
    direction: np.ndarray


@dataclass(frozen=True)
class Reference:
    """A reference, prepared once for all scans that are compared with it."""

    inside: np.ndarray  # points of its brain (RAS mm)
    aims: dict[float, Aim]  # by resolution

    @classmethod
    def of(cls, reference: Shown, brain: sitk.Image) -> Reference:
        """The reference and its brain, a mask on its grid."""
        inside = _inside(brain)
        small = sampling.cropped(view.prepared(*reference, FINE_MM[-1]), _lps(inside), ROOM_MM)
        shift = CENTRE - inside.mean(axis=0)
        aims = {mm: _aim(small, brain, shift, mm) for mm in (COARSE_MM, *FINE_MM)}
        return cls(inside, aims)

    def off_mm(self, scan: Shown, pose: np.ndarray) -> float:
        """How far (mm, on average) edges would move the brain from where a pose has it.

        The pose (4×4, LPS) takes points of the reference to points of the scan.
        """
        shift = np.eye(4)
        shift[:3, 3] = self.inside.mean(axis=0) - CENTRE
        judged = images.LPS @ pose @ images.LPS @ shift
        centred = self.inside - shift[:3, 3]
        there = centred @ judged[:3, :3].T + judged[:3, 3]
        small = sampling.cropped(view.prepared(*scan, FINE_MM[-1]), _lps(there), ROOM_MM)
        found, followed = [judged @ start for start in _starts()], FOLLOWED
        answers = []
        for mm, aim in self.aims.items():
            shown = edges.Edges.of(small, mm)
            begun = _best(shown, aim, found, followed)
            found = _best(shown, aim, [_moved(shown, aim, matrix) for matrix in begun], KEPT)
            followed = KEPT
            apart = (found[0] - judged)[:3]
            moves = centred @ apart[:, :3].T + apart[:, 3]
            answers.append(float(np.linalg.norm(moves, axis=1).mean()))
        return min(answers[1:])


def _aim(small: sitk.Image, brain: sitk.Image, shift: np.ndarray, mm: float) -> Aim:
    """The strongest edges of the reference in and around its brain at one resolution."""
    cubic = grids.resampled(small, mm)
    direction = edges.directions(cubic)
    share = sitk.Resample(sitk.Cast(brain > 0, sitk.sitkFloat32), cubic)
    near = images.array(grids.distance(share > 0.5)) > -OUTSIDE_MM
    strength = (direction**2).sum(axis=0)
    strong = near & (strength > np.quantile(strength[near], 1 - STRONGEST))
    index = np.random.default_rng(0).permutation(np.argwhere(strong))[: MOST_POINTS[mm]]
    there = index @ images.affine(cubic)[:3, :3].T + images.affine(cubic)[:3, 3]
    return Aim(there + shift, direction[:, *index.T].T.astype(np.float32))


def _starts() -> list[np.ndarray]:
    """No move, and shifts and turns about the brain's centre."""
    shifts, turns = np.zeros((3, 4, 4)), np.radians(TURN_DEG) * 10 * BASIS[3:6]
    shifts[range(3), range(3), 3] = SHIFT_MM
    moves = [sign * move for sign, move in product((1, -1), [*shifts, *turns])]
    return [np.eye(4), *(about_centre(move) for move in moves)]


def _best(there: edges.Edges, aim: Aim, found: list[np.ndarray], count: int) -> list[np.ndarray]:
    """The poses in which most edges meet, the best first."""
    return sorted(found, key=lambda matrix: -there.met_at(*aim, matrix)[0])[:count]


def _moved(there: edges.Edges, aim: Aim, matrix: np.ndarray) -> np.ndarray:
    """The pose close to ``matrix`` in which most edges of the reference meet those of the scan."""

    def met(trial: np.ndarray) -> tuple[float, np.ndarray]:
        return there.met_at(*aim, trial)

    return edges.most_met(met, lambda trial: np.zeros(trial.shape[:-2]), matrix, RIGID, STEPS)


def _inside(brain: sitk.Image) -> np.ndarray:
    """Points of a brain (RAS mm), evenly."""
    index = np.argwhere(images.array(brain) > 0)
    index = index[:: max(len(index) // BRAIN_POINTS, 1)]
    affine = images.affine(brain)
    return index @ affine[:3, :3].T + affine[:3, 3]


def _lps(points: np.ndarray) -> np.ndarray:
    """Points (N×3, RAS mm) as registration has them: 3×N, LPS."""
    return (points * (-1, -1, 1)).T

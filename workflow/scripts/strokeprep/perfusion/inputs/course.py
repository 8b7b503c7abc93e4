"""The course of the arterial input, where its artery fills its voxels only in part.

Scaled by five or more, the noise of a small artery's curve makes its peak too high and too early. The vein's curve has
little noise, and is the artery's after some transit. So a course is sought that fits the artery's curve as it is and the
vein's after transit, and that is as smooth as a bolus. The transit is not known. The course is therefore the mean over
many transits, each weighted by how well it explains the curves (its Bayesian evidence).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from strokeprep.perfusion.curves import convolution_matrix, features, smoothed, transits

# Delays and time constants (s) of the transit between artery and vein.
TRANSITS = (np.arange(0, 10.1, 1.0), np.geomspace(1, 12, 8))
# The artery's curve holds tissue as well, and noise that looks like the course of a vessel: so many times the rest.
OF_REST = 1.5
# What transits do not explain of the vein's curve, noise included, as a share of its peak.
VEIN_SD = 0.02
# Root mean square of a bolus's curvature, as a multiple of the vein's peak over its squared width.
CURVATURE = 7.0
ROUNDS = 3  # in which the course and its height in the artery follow each other


class Measured(NamedTuple):
    """The mean curve of an artery's voxels."""

    curve: np.ndarray  # HU over baseline, without drift
    rest: float  # what in it is no course of a vessel (HU, standard deviation of a frame)


def likely_course(
    artery: Measured, vof: np.ndarray, share: float, frames: int, dt: float
) -> np.ndarray:
    """The arterial input (HU), with about the vein's area and zero before contrast comes.

    ``share`` is about how much of the artery's voxels is artery, ``frames`` the length of the baseline.
    """
    seen = slice(max(frames - 1, 1), len(vof))  # the rise may begin in the baseline's last frame
    passing = _passing(vof, dt)[:, :, seen]
    weighted = np.swapaxes(passing, 1, 2) / (VEIN_SD * vof.max()) ** 2
    known = weighted @ passing + _curvature_weight(vof, dt)[seen, seen]
    of_vein, of_artery = weighted @ vof, artery.curve[seen] / (OF_REST * artery.rest) ** 2
    one = np.eye(len(of_artery)) / (OF_REST * artery.rest) ** 2
    height = np.full(len(passing), share)
    for _ in range(ROUNDS):
        precision = known + height[:, None, None] ** 2 * one
        aim = of_vein + height[:, None] * of_artery
        courses = np.linalg.solve(precision, aim[..., None])[..., 0]
        height = courses @ artery.curve[seen] / np.sum(courses**2, axis=1)
    evidence = (np.sum(aim * courses, axis=1) - np.linalg.slogdet(precision)[1]) / 2
    weight = np.exp(evidence - evidence.max())
    course = np.zeros_like(vof)
    course[seen] = weight @ courses / weight.sum()
    return course


def _passing(vof: np.ndarray, dt: float) -> np.ndarray:
    """Matrices that pass a curve through each transit."""
    each = transits(len(vof), dt, *TRANSITS)
    return np.stack([convolution_matrix(transit).T for transit in each])


def _curvature_weight(vof: np.ndarray, dt: float) -> np.ndarray:
    """The matrix of the sum of squared second differences, over the variance that they have in a bolus."""
    width_s = float(features(smoothed(vof[None]), dt)[3][0])
    usual = CURVATURE * vof.max() * (dt / width_s) ** 2
    second = np.diff(np.eye(len(vof)), n=2, axis=0)
    return np.asarray(second.T @ second / usual**2)

"""A perfusion series, and operations on its enhancement curves (curves × frames)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg, ndimage

MOST_LEFT = 0.7  # of the peak of a bolus, at the end
LAST = 3  # frames averaged at the end of a curve, as a single one is noisy
PASS_S = (10.0, 18.0)  # before and after its peak: the first pass of a bolus lies within
# Outside of it, RMS over the peak of a bolus: less, recirculation included. With 0.25 three of 24 boluses
# drawn like real ones had no artery, with this one.
RETURNED = 0.4

# Transit through tissue delays a bolus, and spreads it by an exponential: delays and time constants
# in s. Between neighbouring spreads of the coarse grid the height fitted to a vein changes by up to a
# fifth, which is enough to recognise vessels; between those of the fine grid by at most 3 %, which is
# enough to scale by.
COARSE_TRANSITS = (
    (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0),
    (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 12.0),
)
FINE_TRANSITS = (np.arange(0, 10.1, 0.5), np.geomspace(1, 12, 54))


@dataclass(frozen=True)
class Series:
    """A perfusion series at regular intervals, from before contrast, around the brain."""

    hu: np.ndarray  # i, j, k, frames; integers are fine, no float copy is made of the whole
    brain: np.ndarray  # bool
    affine: np.ndarray  # voxel to world mm, RAS
    dt: float  # s

    @property
    def spacing(self) -> np.ndarray:
        """Voxel edge lengths in mm."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel."""
        return float(np.prod(self.spacing)) / 1000

    def curves(self, index: np.ndarray) -> np.ndarray:
        """The curves (n × frames) of voxels (n × 3), as they are stored."""
        # Frame by frame, as they lie in memory.
        at = np.ravel_multi_index(tuple(index.T), self.brain.shape, order="F")
        frames = self.hu.reshape(-1, self.hu.shape[3], order="F").T
        return np.ascontiguousarray(frames[:, at].T)


def over_baseline(curves: np.ndarray, frames: int) -> np.ndarray:
    """Enhancement: curves minus their own mean over the first frames."""
    return curves - curves[:, :frames].mean(1, keepdims=True)


def smoothed(curves: np.ndarray) -> np.ndarray:
    """Means of neighbouring frames with weights 1:2:1: less noise, hardly less height."""
    return ndimage.convolve1d(curves, [0.25, 0.5, 0.25], axis=1, mode="nearest")


def waves(curves: np.ndarray, count: int, share: float) -> np.ndarray:
    """The courses (frames × count + 1, orthonormal, zero mean) that curves are made of.

    The first is a straight line, the drift of single vessels. The others are what the highest of the curves
    are made of beside their own drift: a handful of them holds arteries, veins and tissue. The rest of a
    curve's frames is noise.
    """
    smooth = smoothed(curves - curves.mean(1, keepdims=True))
    highest = np.argsort(-smooth.max(1), kind="stable")
    most = max(round(share * len(curves)), 4 * count)
    line = standardised(np.arange(curves.shape[1], dtype=curves.dtype)[None])
    chosen = smooth[highest[:most]]
    _, _, courses = np.linalg.svd(chosen - chosen @ line.T @ line, full_matrices=False)
    return np.ascontiguousarray(np.concatenate([line, courses[:count]]).T)


def within(curves: np.ndarray, courses: np.ndarray) -> np.ndarray:
    """Curves, without what is neither constant nor made of some courses."""
    mean = curves.mean(1, keepdims=True)
    return mean + (curves - mean) @ courses @ courses.T


def area_noise(courses: np.ndarray, frames: int) -> float:
    """The standard deviation of a curve's area after ``within`` and ``over_baseline``, at noise of one.

    The noise of the baseline is in every frame.
    """
    weights = np.ones((1, len(courses)))
    weights[:, :frames] -= len(courses) / frames
    return float(np.linalg.norm(within(weights, courses)))


def standardised(curves: np.ndarray) -> np.ndarray:
    """Curves minus their mean, scaled to unit length; flat curves become zero."""
    curves = curves - curves.mean(1, keepdims=True)
    length = np.linalg.norm(curves, axis=1, keepdims=True)
    return np.divide(curves, length, out=np.zeros_like(curves), where=length > 0)


def share_left(curve: np.ndarray) -> float:
    """The mean of the last frames as a share of the peak."""
    return float(curve[-LAST:].mean() / curve.max())


def is_bolus(curves: np.ndarray, dt: float) -> np.ndarray:
    """Whether each curve rises once and falls again; at edges that move, curves fluctuate."""
    rows, frames = np.arange(len(curves)), curves.shape[1]
    at = curves.argmax(1)
    peak = curves[rows, at]
    first = np.maximum(at - int(PASS_S[0] / dt), 0)
    after = np.minimum(at + int(PASS_S[1] / dt) + 1, frames)
    power = np.zeros((len(curves), frames + 1))  # of all frames before
    np.cumsum(curves**2, axis=1, out=power[:, 1:])
    outside = power[:, -1] - power[rows, after] + power[rows, first]
    rms = np.sqrt(np.maximum(outside, 0) / np.maximum(frames - after + first, 1))
    return (peak > 0) & (rms < RETURNED * peak) & (curves[:, -LAST:].mean(1) < MOST_LEFT * peak)


def transits(
    frames: int,
    dt: float,
    delays_s: Sequence[float] | np.ndarray,
    spreads_s: Sequence[float] | np.ndarray,
) -> np.ndarray:
    """Transit functions: the share of contrast that leaves in each frame (transits × frames).

    One for every pair of a delay and a time constant. A row sums to less than 1 where contrast is
    left at the end.
    """
    delays, spreads = (grid.ravel() for grid in np.meshgrid(delays_s, spreads_s, indexing="ij"))
    late = np.arange(frames) * dt - delays[:, None]

    def passed(seconds: np.ndarray) -> np.ndarray:
        return 1 - np.exp(-np.maximum(seconds, 0) / spreads[:, None])

    return passed(late + dt / 2) - passed(late - dt / 2)


def convolution_matrix(curve: np.ndarray) -> np.ndarray:
    """The matrix that convolves with a curve: row n is the curve delayed by n frames."""
    return linalg.toeplitz(np.r_[curve[0], np.zeros(len(curve) - 1)], curve)


def tissue_correlation(curves: np.ndarray, tissue: np.ndarray, dt: float) -> np.ndarray:
    """The highest correlation of a tissue's curve with each curve after transit."""
    target = standardised(tissue[None])[0]
    best = np.full(len(curves), -1.0)
    for transit in transits(len(tissue), dt, *COARSE_TRANSITS):
        after_transit = standardised(curves @ convolution_matrix(transit))
        np.maximum(best, after_transit @ target, out=best)
    return best


def likeness_of(aif: np.ndarray, mean: np.ndarray, dt: float) -> float:
    """The correlation of a mean curve of tissue with that of an input after transit."""
    return float(tissue_correlation(aif[None], mean, dt)[0])


def fit_course(curves: np.ndarray, course: np.ndarray) -> np.ndarray:
    """Fit each curve as scale × course + linear drift; the scales.

    The fit uses all frames. Peak over baseline uses few, and favours voxels with noise in them.
    """
    frames = np.arange(curves.shape[1])
    design = np.stack([course, np.ones(len(frames)), frames], axis=1)
    return np.asarray(np.linalg.pinv(design)[0] @ curves.T)


def features(curves: np.ndarray, dt: float) -> tuple[np.ndarray, ...]:
    """Peak (HU) and time of peak, arrival at 10 % of the peak, width at half of it (s)."""
    rows, frames = np.arange(len(curves)), np.arange(curves.shape[1])
    at = curves.argmax(1)
    peak = curves[rows, at]
    arrival = _crossing(curves, 0.1 * peak, at, frames <= at[:, None], -1)
    rise = _crossing(curves, 0.5 * peak, at, frames <= at[:, None], -1)
    fall = _crossing(curves, 0.5 * peak, at, frames >= at[:, None], 1)
    return peak, at * dt, arrival * dt, (fall - rise) * dt


def _crossing(
    curves: np.ndarray, level: np.ndarray, at: np.ndarray, side: np.ndarray, step: int
) -> np.ndarray:
    """The frame, interpolated, in which a curve first falls below a level.

    The search goes from the peak in the direction of ``step``, within ``side``. A curve that stays
    above the level gives the last frame of that side.
    """
    rows = np.arange(len(curves))
    below = side & (curves < level[:, None])
    last = curves.shape[1] - 1
    if step < 0:
        out = np.where(below.any(1), last - below[:, ::-1].argmax(1), 0)
    else:
        out = np.where(below.any(1), below.argmax(1), last)
    inside = np.where(below.any(1), out - step, out)
    low, high = curves[rows, out], curves[rows, inside]
    part = np.divide(level - low, high - low, out=np.zeros_like(level), where=high > low)
    return out - step * np.clip(part, 0, 1) * (inside != out)

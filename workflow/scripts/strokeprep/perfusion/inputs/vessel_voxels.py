"""Choose the voxels of an artery and a vein by the features of their curves."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from strokeprep.perfusion.curves import (
    COARSE_TRANSITS,
    Series,
    convolution_matrix,
    features,
    fit_course,
    is_bolus,
    over_baseline,
    smoothed,
    standardised,
    tissue_correlation,
    transits,
    within,
)
from strokeprep.perfusion.deconvolution import NotComputable
from strokeprep.settings.ctp.vessels import VesselSettings

BLOCK = 100_000  # voxels at a time, so that the series is never held as floats
NO_VOXELS = np.empty((0, 3), int)
# Largest errors of interpolation (HU): of even tissue, and of edges that tell whether frames moved. Bone has more.
EVEN_HU, EDGE_HU = 6.0, (15.0, 60.0)
SOME = 4000  # voxels, enough for a median


class Candidates(NamedTuple):
    """Voxels that may be vessel, with the features of their curves."""

    voxels: np.ndarray  # n x 3
    curves: np.ndarray  # HU over baseline
    peak: np.ndarray  # HU
    peak_s: np.ndarray
    arrival_s: np.ndarray
    width_s: np.ndarray

    def where(self, chosen: np.ndarray) -> Candidates:
        """Some of the voxels, chosen by a mask or by indices."""
        return Candidates(*(values[chosen] for values in self))


class Baseline(NamedTuple):
    """The part of a series before contrast."""

    frames: int
    noise: float  # HU
    courses: np.ndarray  # frames × count: what curves of vessels are made of
    off_bone: np.ndarray  # bool: far enough from bone for a vessel
    interpolation_hu: np.ndarray  # largest error of interpolation, in frames that moved
    moved: float  # how much of it the frames show (root mean square); 0 where the head did not move


def baseline(
    series: Series, frames: int, noise: float, courses: np.ndarray, settings: VesselSettings
) -> Baseline:
    mean = series.hu[..., :frames].mean(-1, dtype=np.float32)
    off_bone = _bone_distance(mean, series.spacing, settings) >= settings.from_bone_mm
    error = _interpolation_error(mean, series.spacing, settings)
    seen = (mean >= settings.base_hu[0]) & (mean <= settings.base_hu[1])
    still = series.brain & seen & (error < EVEN_HU)
    edges = seen & (error > EDGE_HU[0]) & (error < EDGE_HU[1])
    moved = _moved(series, still, edges, error, courses)
    return Baseline(frames, noise, courses, off_bone, error, moved)


def _moved(
    series: Series, still: np.ndarray, edges: np.ndarray, error: np.ndarray, courses: np.ndarray
) -> float:
    """How much of the largest error of interpolation the frames show at edges.

    Curves fluctuate there by more than noise, which is known from where the image is even.
    """
    if not still.any() or not edges.any():
        return 0.0
    noise, least = _fluctuation(series, still, error, courses)
    there, most = _fluctuation(series, edges, error, courses)
    return float(np.sqrt(max(there - noise, 0) / (most - least)))


def _fluctuation(
    series: Series, where: np.ndarray, error: np.ndarray, courses: np.ndarray
) -> tuple[float, float]:
    """Medians over some voxels: the variance of a curve beside its courses, and the squared error."""
    index = np.argwhere(where)
    index = index[:: max(1, len(index) // SOME)]
    curves = series.curves(index).astype(float)
    left = np.sum((curves - within(curves, courses)) ** 2, 1)
    variance = np.median(left) / (curves.shape[1] - 1 - courses.shape[1])
    return float(variance), float(np.median(error[tuple(index.T)] ** 2))


def _bone_distance(mean: np.ndarray, spacing: np.ndarray, settings: VesselSettings) -> np.ndarray:
    """Distance (mm, in plane) to the nearest bone in the slice or in its neighbours."""
    bone = ndimage.binary_dilation(mean > settings.bone_hu, np.ones((1, 1, 3)))
    planes = np.moveaxis(~bone, 2, 0)
    distances = [
        ndimage.distance_transform_edt(plane, sampling=spacing[:2])
        if not plane.all()
        else np.full(plane.shape, np.inf)
        for plane in planes
    ]
    return np.stack(distances, axis=2)


def _interpolation_error(
    mean: np.ndarray, spacing: np.ndarray, settings: VesselSettings
) -> np.ndarray:
    """The largest error (HU) of linear interpolation in each voxel of a frame that moved.

    Half-way between two voxels it is an eighth of the second difference. Outside the grid the
    outermost voxel is repeated: there it is half of the first difference.
    """
    disc = _disc(spacing, settings)[..., None]
    mean = ndimage.convolve(mean, disc / np.float32(disc.sum()), mode="nearest")
    total = np.zeros_like(mean)
    for axis in range(3):
        slices = np.moveaxis(mean, axis, 0)
        change = np.abs(np.diff(slices, n=2, axis=0, prepend=slices[:1], append=slices[-1:])) / 8
        change[[0, -1]] *= 4
        total += np.moveaxis(change, 0, axis)
    return total


def _disc(spacing: np.ndarray, settings: VesselSettings) -> np.ndarray:
    """The neighbourhood (bool) of a voxel in its slice."""
    wide = (settings.around_mm / spacing[:2]).astype(int)
    i, j = np.ogrid[-wide[0] : wide[0] + 1, -wide[1] : wide[1] + 1]
    return np.hypot(i * spacing[0], j * spacing[1]) <= settings.around_mm


# Which voxels (n x 3) suit, by the peaks of their curves (HU) and the times of these (s).
Suits = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def _candidates(
    series: Series, where: np.ndarray, before: Baseline, suits: Suits, settings: VesselSettings
) -> Candidates:
    """Voxels of a region in which a bolus that suits stands out of the noise."""
    base = series.hu[..., : before.frames].mean(-1, dtype=np.float32)
    low, high = settings.base_hu
    index = np.argwhere(where & (base >= low) & (base <= high))
    parts = [
        _candidates_among(series, index[start : start + BLOCK], before, suits, settings)
        for start in range(0, max(len(index), 1), BLOCK)  # one part at least, if empty
    ]
    return Candidates(*map(np.concatenate, zip(*parts, strict=True)))


def _candidates_among(
    series: Series, index: np.ndarray, before: Baseline, suits: Suits, settings: VesselSettings
) -> Candidates:
    courses = before.courses.astype(np.float32)
    amplitudes = series.curves(index).astype(np.float32) @ courses
    # What curves are within their courses and over their baseline is made of these.
    risen = over_baseline(courses.T, before.frames)
    smooth = amplitudes @ smoothed(risen)
    at = smooth.argmax(1)
    peak = smooth[np.arange(len(at)), at]
    stands_out = peak >= settings.noise_ratio * before.noise
    kept = np.flatnonzero(stands_out & suits(index, peak, at * series.dt))
    kept = kept[is_bolus(smooth[kept], series.dt)]
    return Candidates(index[kept], amplitudes[kept] @ risen, *features(smooth[kept], series.dt))


def _highest(height: np.ndarray, most: int, share: float) -> np.ndarray:
    """Indices of the highest voxels, in falling order, down to a share of a robust maximum.

    That maximum is the second highest, or the 95th percentile: the very highest may be an outlier.
    """
    order = np.argsort(-height, kind="stable")[:most]
    robust = min(max(len(order) // 20, 1), len(order) - 1)
    return order[height[order] >= share * height[order[robust]]]


def count_to_average(ml: float, series: Series, settings: VesselSettings) -> int:
    """The number of voxels of a vessel that are averaged."""
    return max(settings.most_voxels, round(ml / series.voxel_ml))


# --- The artery ----------------------------------------------------------------------------


def arteries(
    series: Series, before: Baseline, mean: np.ndarray, settings: VesselSettings
) -> Candidates:
    """Candidates for the artery.

    They peak before the brain does (veins peak later), are much higher than its mean curve, and give
    that curve after transit.
    """
    brain_peak_s = np.argmax(smoothed(mean[None])[0]) * series.dt
    least = settings.over_brain * mean.max()

    def is_early(_: np.ndarray, peak: np.ndarray, peak_s: np.ndarray) -> np.ndarray:
        return (peak_s < brain_peak_s) & (peak >= least)

    where = series.brain & before.off_bone
    candidates = _candidates(series, where, before, is_early, settings)
    lacking = 1 - tissue_correlation(candidates.curves, mean, series.dt)
    likely = lacking <= 1 - settings.arterial_likeness
    candidates, lacking = candidates.where(likely), lacking[likely]
    if len(lacking) < settings.least_voxels:
        return candidates
    best = np.sort(lacking)[settings.least_voxels - 1]
    most = best + settings.likeness_slack + _lost_to_noise(candidates.curves, before)
    return candidates.where(lacking <= most)


def _lost_to_noise(curves: np.ndarray, before: Baseline) -> np.ndarray:
    """What noise takes off the correlation of curves that are reduced to a few courses."""
    power = np.sum((curves - curves.mean(1, keepdims=True)) ** 2, axis=1)
    return np.asarray(before.courses.shape[1] * before.noise**2 / np.maximum(power, 1e-6))


class Artery(NamedTuple):
    """The voxels of an artery."""

    purest: np.ndarray  # n x 3: their mean curve is the one that is measured
    more: np.ndarray  # these and others, whose mean has less noise and more tissue


def artery(
    series: Series, arteries: Candidates, mean: np.ndarray, settings: VesselSettings
) -> Artery:
    """The voxels with most early contrast: by how much more has come than the brain's share.

    Early is before the brain is half filled. Tissue then holds the brain's share of all its contrast,
    veins less, arteries beyond an occlusion hardly more. Each voxel counts with its best neighbour,
    since noise has none.
    """
    if len(arteries.peak) < settings.least_voxels:
        raise NotComputable("no-aif", "No voxel has the curve of an artery")
    half = int(np.argmax(mean >= mean.max() / 2)) + 1
    usual = mean[:half].sum() / mean.sum()
    area = arteries.curves.sum(1)
    early = arteries.curves[:, :half].sum(1) - usual * area
    early = np.where(early >= settings.early * area, np.maximum(early, 0), 0)
    at = tuple(arteries.voxels.T)
    volume = np.zeros(series.brain.shape, np.float32)
    volume[at] = early
    disc = _disc(series.spacing, settings)[..., None]
    volume = ndimage.convolve(volume, disc / np.float32(disc.sum()), mode="constant")
    around = np.ones((3, 3, 3), bool)
    around[1, 1, 1] = False
    neighbour = ndimage.maximum_filter(volume, footprint=around, mode="constant")[at]
    score = volume[at] + neighbour
    paired = (volume[at] > 0) & (neighbour >= settings.paired * volume[at])
    if paired.sum() < settings.least_voxels:
        raise NotComputable("no-aif", "The voxels with arterial curves are scattered")
    score, voxels = score[paired], arteries.voxels[paired]
    purest, more = (
        voxels[_highest(score, count_to_average(ml, series, settings), purity)]
        for ml, purity in (
            (settings.arterial_ml, settings.arterial_purity),
            (settings.course_ml, settings.course_purity),
        )
    )
    return Artery(purest, more)


# --- The vein ------------------------------------------------------------------------------


def vein(
    series: Series, before: Baseline, aif: np.ndarray, settings: VesselSettings
) -> tuple[np.ndarray, np.ndarray]:
    """The voxels of the highest late curves, and all voxels that are mostly vein; or none.

    They are what the artery's curve becomes after transit, next to the best of them, and lie where interpolation of
    frames that moved adds next to nothing. No cluster is asked for: the large sinuses are far apart and only a few voxels wide.
    """
    distance = ndimage.distance_transform_edt(~series.brain, sampling=series.spacing)
    near = distance <= settings.venous_reach_mm
    first, last = np.argmax(aif) * series.dt + np.array(settings.venous_delay_s)

    def is_late(index: np.ndarray, peak: np.ndarray, peak_s: np.ndarray) -> np.ndarray:
        error = before.interpolation_hu[tuple(index.T)]
        return (peak_s >= first) & (peak_s <= last) & (error <= settings.venous_error * peak)

    veins = _candidates(series, near & before.off_bone, before, is_late, settings)
    outflows = transits(len(aif), series.dt, *COARSE_TRANSITS) @ convolution_matrix(aif)
    lacking = 1 - _likeness(veins.curves, outflows)
    if np.sum(lacking <= 1 - settings.venous_likeness) < settings.least_voxels:
        return NO_VOXELS, NO_VOXELS
    best = np.sort(lacking)[settings.least_voxels - 1]
    most = best + settings.venous_slack + _lost_to_noise(veins.curves, before)
    veins = veins.where(lacking <= np.minimum(most, 1 - settings.venous_likeness))
    most = count_to_average(settings.venous_ml, series, settings)
    around = over_baseline(_disc_means(series, veins.voxels, settings), before.frames)
    largest = np.argsort(-around.sum(1), kind="stable")[: 2 * most]
    height = fit_course(around, around[largest].mean(0))
    purest = _highest(height, most, settings.venous_purity)
    mostly_vein = _highest(height, len(height), settings.venous_part)
    return veins.voxels[purest], veins.voxels[mostly_vein]


def _likeness(curves: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The highest correlation of each curve with any of some others."""
    unit, best = standardised(others).T, np.empty(len(curves))
    for start in range(0, len(curves), BLOCK):
        part = slice(start, start + BLOCK)
        best[part] = (standardised(curves[part]) @ unit).max(1)
    return best


def _disc_means(series: Series, index: np.ndarray, settings: VesselSettings) -> np.ndarray:
    """The mean curve (HU) of the neighbourhood of each voxel."""
    disc = _disc(series.spacing, settings)
    last = np.array(series.brain.shape) - 1
    total = np.zeros((len(index), series.hu.shape[-1]))
    for step in np.argwhere(disc) - np.array(disc.shape) // 2:
        total += series.curves(np.clip(index + [*step, 0], 0, last))
    return total / disc.sum()

"""The arterial input (AIF) and venous outflow (VOF) of a CT perfusion series.

An artery is where contrast comes early, high and brief (the score of Straka et al. 2010); a vein
is where it comes late and highest. A scan whose curves would give misleading maps is refused with
:class:`~strokeprep.perfusion.deconvolution.NotComputable`; what only lowers the trust in them is a warning.

Refused, by reason:
    few-baseline     contrast arrives before there are frames to tell the enhancement from
    no-bolus         the brain hardly enhances, or no curve of it rises and falls
    truncated-bolus  the series ends while brain or artery still hold most of their contrast
    no-aif           no voxel, or only scattered ones, have the curve of an artery
    saturated        the artery's peak is cut off at the largest value that the file holds
    little-brain     the slab holds next to no brain
Warned of: little brain, a series that ends early, metal, an input that is not scaled to a vein.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from scipy import linalg, ndimage, stats

from strokeprep.errors import StrokeprepError
from strokeprep.perfusion.deconvolution import NotComputable
from strokeprep.settings.vessels import VesselSettings

BLOCK = 100_000  # voxels looked at at a time, so that no float copy of a series is made
SAMPLE = 20000  # brain voxels are enough for its noise and mean curve
LOW = 0.1  # share of its peak at which a vessel's curve is low
LAST = 3  # frames: a single one is too noisy to judge the end of a curve by
PASS_S = (10.0, 18.0)  # before and after its peak, in which the first pass of a vessel lies
CLIPPED = 3  # frames within 1 HU of the series' largest value: a bolus has no flat top
TRIM = 0.1  # share of voxels left out at either end: edges that move enhance by hundreds of HU
# What tissue does to a bolus: delays it, and spreads it by an exponential (both in s). From one of
# the coarse spreads to the next the height that fits a vein changes by up to a fifth, good enough to
# tell vessels by; from one of the fine ones by 3 % at most, and by those an input is scaled.
COARSELY = (
    (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0),
    (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 12.0),
)
FINELY = (np.arange(0, 10.1, 0.5), np.geomspace(1, 12, 54))
NOWHERE = np.empty((0, 3), int)
ROUNDING_HU = 1e-6  # what is left of curves without noise
AT_A_TIME = 500  # curves fitted: each by a thousand designs


@dataclass(frozen=True)
class Series:
    """A perfusion series at regular intervals, before contrast and in and near the brain."""

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


@dataclass(frozen=True)
class Vessels:
    """The curves that a deconvolution needs, and where they come from."""

    aif: np.ndarray  # HU over baseline, its drift taken off, scaled
    drift: np.ndarray  # HU, before scaling
    vof: np.ndarray | None
    baseline_frames: int
    aif_voxels: np.ndarray  # n x 3 indices
    vof_voxels: np.ndarray
    scale: float  # what the input was multiplied by
    noise_hu: float  # of one voxel and frame, in the brain
    warnings: tuple[str, ...] = field(default=())

    @property
    def measured(self) -> np.ndarray:
        """The arterial input as its voxels show it, HU over baseline."""
        return self.aif / self.scale + self.drift


@dataclass(frozen=True)
class Candidates:
    """Voxels that may be vessel, with the features of their curves."""

    index: np.ndarray  # n x 3
    curves: np.ndarray  # HU over baseline
    peak: np.ndarray  # HU
    peak_s: np.ndarray
    arrival_s: np.ndarray
    width_s: np.ndarray

    def of(self, which: np.ndarray) -> Candidates:
        """Some of them."""
        return Candidates(*(value[which] for value in vars(self).values()))


class Baseline(NamedTuple):
    """A series before contrast."""

    frames: int
    noise: float  # HU
    off_bone: np.ndarray  # bool: far enough from it to be a vessel
    blur: np.ndarray  # HU that interpolation may change, in a frame that moved


def find_vessels(
    series: Series,
    settings: VesselSettings | None = None,
    scaled: bool = True,
    aif_at: np.ndarray | None = None,
    vof_at: np.ndarray | None = None,
) -> Vessels:
    """AIF and VOF, found or given as a mask on the grid or as points (n x 3, world mm, RAS)."""
    settings = settings or VesselSettings()
    warnings = _check_brain(series, settings)
    brain = _plain(series, settings)
    mean = over_baseline(stats.trim_mean(brain, TRIM)[None], settings.least_baseline_frames)[0]
    warnings += _check_passage(mean, settings)
    frames = baseline_frames(brain, mean, series.dt, settings)
    noise = float(np.median(brain[:, :frames].std(1, ddof=1)))
    mean = over_baseline(mean[None], frames)[0]
    before = _baseline(series, frames, noise, settings)
    arteries, likeness = _arteries(series, before, mean, settings)
    if aif_at is not None:
        aif_voxels = _given(series, aif_at, "arterial input")
    else:
        aif_voxels = _artery(series, arteries, likeness, settings)
    aif = _mean_curve(series, aif_voxels, frames)
    _check_artery(series, aif_voxels, aif, settings)
    if vof_at is not None:
        vof_voxels, veins = _given(series, vof_at, "venous outflow"), NOWHERE
    else:
        vof_voxels, veins = _vein(series, before, aif, settings)
    vof = _mean_curve(series, vof_voxels, frames) if len(vof_voxels) else None
    scale, drift, reason = 1.0, np.zeros_like(aif), None
    if scaled and vof is not None and _clipped(series, vof_voxels)[0]:
        reason = "the vein's curve is cut off at the largest value of the series"
    elif scaled:
        references = [
            _by_slice(series, voxels, frames, _most(settings.arterial_ml, series, settings))
            for voxels in (vof_voxels, veins, arteries.index)
        ]
        scale, drift, reason = venous_scale(aif, vof, references, series.dt, settings)
    warnings += [f"input not scaled to the vein: {reason}"] if reason else []
    aif = scale * (aif - drift)
    return Vessels(aif, drift, vof, frames, aif_voxels, vof_voxels, scale, noise, tuple(warnings))


def over_baseline(curves: np.ndarray, frames: int) -> np.ndarray:
    """Enhancement: curves less their own mean over the first frames."""
    return curves - curves[:, :frames].mean(1, keepdims=True)


def baseline_frames(
    curves: np.ndarray, mean: np.ndarray, dt: float, settings: VesselSettings
) -> int:
    """How many frames come before contrast reaches any large vessel, from the brain's curves (HU).

    Taken is the first frame with contrast in a quarter of the highest curves that look like a
    bolus: arteries and veins are about as many; a quarter is arteries, and bears a few odd curves.
    """
    least = settings.least_baseline_frames
    curves = over_baseline(curves, least)
    curves = curves[_passes(_smoothed(curves), dt)]
    highest = np.argsort(-_smoothed(curves).max(1), kind="stable")
    few = max(len(curves) // 200, 20)
    curves = curves[highest[: 10 * few]]
    curves = curves[_explained(curves, mean, dt) >= settings.arterial_likeness]
    if not len(curves):
        raise NotComputable("no-bolus", "No voxel of the brain has a curve that rises and falls")
    high = np.quantile(curves[:few], 0.75, axis=0)
    high -= high[:least].mean()
    half = int(np.argmax(high >= high.max() / 2))
    low = np.flatnonzero(high[:half] < LOW * high.max())
    frames = int(low[-1]) if len(low) else 0  # the last low one may hold the foot of the bolus
    if frames < least:
        raise NotComputable("few-baseline", f"Contrast arrives in frame {frames + 1}")
    return frames


def _plain(series: Series, settings: VesselSettings) -> np.ndarray:
    """Curves (HU) of an even sample of the brain, voxels with bone or air in them left out."""
    base = series.hu[..., : settings.least_baseline_frames].mean(-1, dtype=np.float32)
    low, high = settings.base_hu
    index = np.argwhere(series.brain & (base >= low) & (base <= high))
    if not len(index):
        raise NotComputable("little-brain", "No voxel of the brain mask has the HU of brain")
    chosen = index[:: -(-len(index) // SAMPLE)]
    return series.hu[tuple(chosen.T)].astype(np.float32)


def _transits(
    frames: int, dt: float, delays_s: Sequence[float], spreads_s: Sequence[float]
) -> np.ndarray:
    """What share of contrast leaves so many frames after it came (transits x frames).

    It is delayed and spread by an exponential; what has not left by the end is missing.
    """
    delays, spreads = (each.ravel() for each in np.meshgrid(delays_s, spreads_s, indexing="ij"))
    late = np.arange(frames) * dt - delays[:, None]

    def passed(seconds: np.ndarray) -> np.ndarray:
        return 1 - np.exp(-np.maximum(seconds, 0) / spreads[:, None])

    return passed(late + dt / 2) - passed(late - dt / 2)


def _from_each_frame(curve: np.ndarray) -> np.ndarray:
    """A matrix that convolves with a curve: it begins anew in each row, a frame later."""
    return linalg.toeplitz(np.r_[curve[0], np.zeros(len(curve) - 1)], curve)


def _explained(curves: np.ndarray, mean: np.ndarray, dt: float) -> np.ndarray:
    """Highest correlation of the brain's mean curve with what each curve becomes in transit."""
    target = _standard(mean[None])[0]
    best = np.full(len(curves), -1.0)
    for transit in _transits(len(mean), dt, *COARSELY):
        np.maximum(best, _standard(curves @ _from_each_frame(transit)) @ target, out=best)
    return best


def _standard(curves: np.ndarray) -> np.ndarray:
    """Curves less their mean, scaled to unit length (flat ones stay zero)."""
    curves = curves - curves.mean(1, keepdims=True)
    length = np.linalg.norm(curves, axis=1, keepdims=True)
    return np.divide(curves, length, out=np.zeros_like(curves), where=length > 0)


def _passes(curves: np.ndarray, dt: float) -> np.ndarray:
    """Curves that rise once and fall again; those of edges that move wander all the time."""
    peak, at = curves.max(1), curves.argmax(1)
    after_s = (np.arange(curves.shape[1]) - at[:, None]) * dt
    outside = (after_s < -PASS_S[0]) | (after_s > PASS_S[1])
    wander = np.sqrt(np.sum(curves**2 * outside, 1) / np.maximum(outside.sum(1), 1))
    return (peak > 0) & (wander < 0.25 * peak) & (curves[:, -LAST:].mean(1) < 0.5 * peak)


def _check_brain(series: Series, settings: VesselSettings) -> list[str]:
    """Refuses a slab with next to no brain; warns of little brain, metal and clipped values."""
    warnings = []
    volume = series.brain.sum() * series.voxel_ml
    if volume < settings.least_brain_ml:
        raise NotComputable("little-brain", f"The slab holds {volume:.0f} ml of brain")
    if volume < settings.low_brain_ml:
        warnings.append(f"the slab holds only {volume:.0f} ml of brain")
    metal = (series.hu[..., 0][series.brain] > settings.metal_hu).sum() * series.voxel_ml
    if metal > settings.metal_ml:
        warnings.append(f"{metal:.1f} ml of metal in the brain: streaks corrupt curves near it")
    return warnings


def _check_passage(mean: np.ndarray, settings: VesselSettings) -> list[str]:
    """Refuses a series without a bolus, or that ends before it clears; warns of an early end."""
    if len(mean) < 4 * settings.least_baseline_frames:
        raise NotComputable("truncated-bolus", f"The series has only {len(mean)} frames")
    if mean.max() < settings.least_enhancement_hu:
        raise NotComputable("no-bolus", f"The brain enhances by {mean.max():.1f} HU at most")
    left = _left(mean)
    if left > settings.most_brain_left:
        raise NotComputable("truncated-bolus", f"{left:.0%} of the brain's peak is left at the end")
    if left > settings.brain_left:
        return [f"{left:.0%} of the peak is left at the end: volume is underestimated"]
    return []


def _check_artery(
    series: Series, voxels: np.ndarray, aif: np.ndarray, settings: VesselSettings
) -> None:
    clipped, ceiling = _clipped(series, voxels)
    if clipped:
        raise NotComputable(
            "saturated", f"The artery's curve is cut off at {ceiling:.0f} HU in {clipped} voxels"
        )
    if aif.max() <= 0 or aif.sum() <= 0:
        raise NotComputable("no-aif", "The voxels of the arterial input do not enhance")
    left = _left(aif)
    if left > settings.most_artery_left:
        raise NotComputable(
            "truncated-bolus", f"{left:.0%} of the artery's peak is left at the end"
        )


def _clipped(series: Series, voxels: np.ndarray) -> tuple[int, float]:
    """How many of the voxels have a peak that is cut off, and where: at the largest value."""
    ceiling = float(series.hu.max())
    at_ceiling = (series.hu[tuple(voxels.T)] >= ceiling - 1).sum(1)
    return int((at_ceiling >= CLIPPED).sum()), ceiling


def _given(series: Series, at: np.ndarray, what: str) -> np.ndarray:
    """Voxel indices of a mask or of points."""
    at = np.asarray(at)
    if at.shape == series.brain.shape:
        voxels = np.argwhere(at > 0)
    else:
        inverse = np.linalg.inv(series.affine)
        points = np.atleast_2d(at).astype(float)
        voxels = np.rint(points @ inverse[:3, :3].T + inverse[:3, 3]).astype(int)
    inside = np.all((voxels >= 0) & (voxels < series.brain.shape), axis=1)
    if not len(voxels) or not inside.all():
        raise StrokeprepError(
            f"The given {what} names no voxel of the series, or one outside of it",
            "CT perfusion series",
            "Give a mask on the grid of the series, or points in its world coordinates (RAS, mm).",
        )
    return voxels


def _curves(series: Series, voxels: np.ndarray, frames: int) -> np.ndarray:
    return over_baseline(series.hu[tuple(voxels.T)].astype(float), frames)


def _mean_curve(series: Series, voxels: np.ndarray, frames: int) -> np.ndarray:
    return _curves(series, voxels, frames).mean(0)


def _baseline(series: Series, frames: int, noise: float, settings: VesselSettings) -> Baseline:
    mean = series.hu[..., :frames].mean(-1, dtype=np.float32)
    off_bone = _bone_distance(mean, series.spacing, settings) >= settings.from_bone_mm
    return Baseline(frames, noise, off_bone, _blur(mean, series.spacing, settings))


def _arteries(
    series: Series, before: Baseline, mean: np.ndarray, settings: VesselSettings
) -> tuple[Candidates, np.ndarray]:
    """Early and high curves that explain the brain's mean curve, and how well each does."""
    found = _candidates(series, series.brain & before.off_bone, before, settings)
    tissue_peak_s = np.argmax(_smoothed(mean[None])[0]) * series.dt
    found = found.of(found.peak_s < tissue_peak_s)  # later, they would be veins
    found = found.of(found.peak >= settings.over_brain * mean.max())
    likeness = _explained(found.curves, mean, series.dt)
    alike = likeness >= settings.arterial_likeness
    return found.of(alike), likeness[alike]


def _by_slice(series: Series, voxels: np.ndarray, frames: int, least: int) -> list[np.ndarray]:
    """The curves of each slice that has so many of the voxels, or if none has, all of them."""
    slices, counts = np.unique(voxels[:, 2], return_counts=True)
    parts = [voxels[voxels[:, 2] == k] for k in slices[counts >= least]]
    return [_curves(series, part, frames) for part in parts or [voxels] if len(part)]


def _artery(
    series: Series, found: Candidates, likeness: np.ndarray, settings: VesselSettings
) -> np.ndarray:
    """Voxels of the best cluster of early, high and brief curves."""
    if len(found.peak) >= settings.least_voxels:
        best = np.sort(likeness)[-settings.least_voxels]
        found = found.of(likeness >= best - settings.likeness_slack)
    if len(found.peak):
        found = found.of(found.peak >= settings.height * np.quantile(found.peak, 0.99))
    if len(found.peak) < settings.least_voxels:
        raise NotComputable("no-aif", "No voxel of the brain has the curve of an artery")
    tallest = np.sort(found.peak)[-settings.least_voxels]
    features = np.stack([found.peak / tallest, found.arrival_s, found.width_s])
    score = (np.array(settings.weights) / settings.scales) @ features
    count = max(round(settings.best_share * len(score)), settings.best_voxels)
    best = np.argsort(-score, kind="stable")[:count]
    cluster = _best_cluster(found.index[best], score[best], series.brain.shape, settings)
    if cluster is None:
        raise NotComputable("no-aif", "The voxels with arterial curves are scattered")
    members = found.of(best).of(cluster)
    most = _most(settings.arterial_ml, series, settings)
    return members.index[_purest(members.peak, most, settings.arterial_purity)]


def _vein(
    series: Series, before: Baseline, aif: np.ndarray, settings: VesselSettings
) -> tuple[np.ndarray, np.ndarray]:
    """The voxels that enhance most of those that do so late, and all with much of a vein; or none.

    The large sinuses are far apart and only as wide as a few voxels: the purest may be single.
    """
    reach = ndimage.distance_transform_edt(~series.brain, sampling=series.spacing)
    near = reach <= settings.venous_reach_mm
    found = _candidates(series, near & before.off_bone, before, settings)
    late = found.peak_s - np.argmax(aif) * series.dt
    found = found.of((late >= settings.venous_delay_s[0]) & (late <= settings.venous_delay_s[1]))
    outflows = _transits(len(aif), series.dt, *COARSELY) @ _from_each_frame(aif)
    alike = (_standard(found.curves) @ _standard(outflows).T).max(1)
    if np.sum(alike >= settings.venous_likeness) < settings.least_voxels:
        return NOWHERE, NOWHERE
    best = np.sort(alike)[-settings.least_voxels]
    found = found.of(alike >= max(settings.venous_likeness, best - settings.venous_slack))
    most = _most(settings.venous_ml, series, settings)
    around = over_baseline(_around(series, found.index, settings), before.frames)
    chosen = _alike(around, 2 * most, settings)
    found, around = found.of(chosen), around[chosen]
    course = around.mean(0)
    contrast, _ = _held(around, course)
    contrast -= settings.venous_blur_weight * before.blur[tuple(found.index.T)] / course.max()
    purest = _purest(contrast, most, settings.venous_purity)
    return found.index[purest], found.index[_purest(contrast, len(contrast), settings.venous_part)]


def _alike(curves: np.ndarray, many: int, settings: VesselSettings) -> np.ndarray:
    """Which curves (indices) follow the course of the highest as closely as most of those do.

    What passes through a voxel as the head nods makes it as high as a vein, but bends its curve.
    """
    contrast, _ = _held(curves, curves.mean(0))
    highest = _purest(contrast, many, settings.venous_height)  # lower ones may be other veins
    _, rest = _held(curves, np.median(curves[highest], axis=0))
    return np.flatnonzero(rest <= settings.venous_rest * np.median(rest[highest]) + ROUNDING_HU)


def _held(curves: np.ndarray, course: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How much of a course each curve holds, whatever line it drifts along, and the rms rest (HU).

    All frames tell: a peak over few baseline frames favours voxels by the noise of both.
    """
    frames = np.arange(curves.shape[1])
    design = np.stack([course, np.ones(len(frames)), frames], axis=1)
    fit = np.linalg.pinv(design) @ curves.T
    return fit[0], (curves.T - design @ fit).std(0)


def _disc(spacing: np.ndarray, settings: VesselSettings) -> np.ndarray:
    """The voxels (bool) of a slice that are near the middle one."""
    wide = (settings.around_mm / spacing[:2]).astype(int)
    i, j = np.ogrid[-wide[0] : wide[0] + 1, -wide[1] : wide[1] + 1]
    return np.hypot(i * spacing[0], j * spacing[1]) <= settings.around_mm


def _around(series: Series, index: np.ndarray, settings: VesselSettings) -> np.ndarray:
    """The mean curve (HU) of the voxels near each of some."""
    disc = _disc(series.spacing, settings)
    last = np.array(series.brain.shape) - 1
    total = np.zeros((len(index), series.hu.shape[-1]))
    for step in np.argwhere(disc) - np.array(disc.shape) // 2:
        total += series.hu[tuple(np.clip(index + [*step, 0], 0, last).T)]
    return total / disc.sum()


def _blur(mean: np.ndarray, spacing: np.ndarray, settings: VesselSettings) -> np.ndarray:
    """By how many HU linear interpolation may change each voxel of a head that moves.

    Half-way between two voxels it misses an eighth of the second difference. Beyond the outermost
    ones it repeats them, and is off by up to half of a step.
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


def _bone_distance(mean: np.ndarray, spacing: np.ndarray, settings: VesselSettings) -> np.ndarray:
    """Distance (mm, in plane) to the next bone of the slice or of those beside it."""
    bone = ndimage.binary_dilation(mean > settings.bone_hu, np.ones((1, 1, 3)))
    planes = np.moveaxis(~bone, 2, 0)
    distances = [
        ndimage.distance_transform_edt(plane, sampling=spacing[:2])
        if not plane.all()
        else np.full(plane.shape, np.inf)
        for plane in planes
    ]
    return np.stack(distances, axis=2)


def _most(ml: float, series: Series, settings: VesselSettings) -> int:
    """How many voxels of a vessel to average."""
    return max(settings.most_voxels, round(ml / series.voxel_ml))


def _purest(contrast: np.ndarray, most: int, purity: float) -> np.ndarray:
    """Which voxels of a vessel hold most contrast, the highest first."""
    order = np.argsort(-contrast, kind="stable")[:most]
    second = min(max(len(order) // 20, 1), len(order) - 1)
    high = contrast[order[second]]  # the very highest may be no vessel
    return order[contrast[order] >= purity * high]


def _candidates(
    series: Series, where: np.ndarray, before: Baseline, settings: VesselSettings
) -> Candidates:
    """Voxels of a region whose contrast stands out of their own noise."""
    index = np.argwhere(where)
    parts = [
        _standing_out(series, index[start : start + BLOCK], before, settings)
        for start in range(0, len(index), BLOCK)
    ]
    return Candidates(*map(np.concatenate, zip(*map(_values, parts), strict=True)))


def _values(found: Candidates) -> tuple[np.ndarray, ...]:
    return tuple(vars(found).values())


def _standing_out(
    series: Series, index: np.ndarray, before: Baseline, settings: VesselSettings
) -> Candidates:
    """Those of some voxels."""
    frames = before.frames
    curves = series.hu[tuple(index.T)].astype(np.float32)
    base, own = curves[:, :frames].mean(1), curves[:, :frames].std(1, ddof=1)
    low, high = settings.base_hu
    curves = over_baseline(curves, frames)
    calm = _smoothed(curves)
    # Few baseline frames may agree by luck, so the noise of the whole brain bounds each one's.
    stands_out = calm.max(1) >= settings.noise_ratio * np.maximum(own, 0.5 * before.noise)
    kept = stands_out & _passes(calm, series.dt) & (base >= low) & (base <= high)
    return Candidates(index[kept], curves[kept], *_features(calm[kept], series.dt))


def _features(curves: np.ndarray, dt: float) -> tuple[np.ndarray, ...]:
    """Peak, its time, arrival (10 % of the peak, backwards from it) and full width at half."""
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
    """Where a curve first falls below a level, going from its peak one way; or the end there."""
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


def _best_cluster(
    index: np.ndarray, score: np.ndarray, shape: tuple[int, ...], settings: VesselSettings
) -> np.ndarray | None:
    """Members (bool) of the connected cluster whose best voxels score highest on average."""
    volume = np.zeros(shape, bool)
    volume[tuple(index.T)] = True
    labels, count = ndimage.label(volume, np.ones((3, 3, 3)))
    member = labels[tuple(index.T)]
    best, winner = -np.inf, None
    for label in range(1, count + 1):
        scores = np.sort(score[member == label])[::-1]
        if len(scores) < settings.least_voxels:
            continue
        mean = scores[: settings.most_voxels].mean()
        if mean > best:
            best, winner = mean, label
    return None if winner is None else member == winner


def venous_scale(
    aif: np.ndarray,
    vof: np.ndarray | None,
    references: Sequence[Sequence[np.ndarray]],
    dt: float,
    settings: VesselSettings,
) -> tuple[float, np.ndarray, str | None]:
    """Factor that gives the input the area of the outflow, and the input's drift (HU).

    Where that cannot be told the factor is 1, the drift 0, and the third value says why. Contrast
    that enters leaves, so what a small artery lacks in area is tissue within its voxels. An area
    above the vein's shows no such lack, and its factor is 1. The drift, by motion or a baseline of
    few frames, shows against the ``references``: kinds of vessel, each the curves of some slices.
    """
    flat = np.zeros_like(aif)
    if vof is None:
        return 1.0, flat, "no vein was found"
    tail = _left(vof)
    if tail > settings.most_tail:
        return 1.0, flat, f"{tail:.0%} of its peak is left at the end"
    factor = _outflow(aif, vof[None], dt)[0][0]
    if not 0 < factor <= settings.most_factor:
        return 1.0, flat, f"it would take a factor of {factor:.1f}"
    # Every reference drifts itself: the median of slices and the mean of kinds do less.
    kinds = [_drifts(aif, slices, dt) for slices in references]
    if any(kinds):
        drift = np.mean([np.median(drifts, axis=0) for drifts in kinds if drifts], axis=0)
    else:
        drift = flat
    factor = _outflow(aif - drift, vof[None], dt, settings.line_stiffness_s / dt)[0][0]
    return max(factor, 1.0), drift, None


def _drifts(aif: np.ndarray, slices: Sequence[np.ndarray], dt: float) -> list[np.ndarray]:
    """The lines on which an input drifts against the vessels of each slice that enhance."""
    fits = [_outflow(aif, curves, dt) for curves in slices]
    return [-lines.sum(0) / factors.sum() for factors, lines in fits if factors.sum() > 0]


def _outflow(
    aif: np.ndarray, curves: np.ndarray, dt: float, stiffness: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Each curve as a multiple of the input in transit, and a line: what drifts, where it ends.

    Veins lie at bone, where residual motion adds a slope whose area rivals the bolus's. But what
    looks like a slope may be the long tail of the bolus: ``stiffness`` holds the line back, as so
    many frames of zero would, half of them at each end.
    """
    frames = curves.shape[1]
    line = np.stack([np.ones(frames), np.linspace(-1, 1, frames)], axis=1)
    outflows = _transits(frames, dt, *FINELY) @ _from_each_frame(aif)
    outflows = outflows[outflows.any(axis=1)]  # of a short series all may leave after its end
    designs = np.zeros((len(outflows), frames + 2, 3))
    designs[:, :frames, 0] = outflows
    designs[:, :frames, 1:] = line
    designs[:, frames:, 1:] = np.sqrt(stiffness) * np.eye(2)
    base, mix = np.linalg.qr(designs)
    parts = np.split(curves, range(AT_A_TIME, len(curves), AT_A_TIME))
    fits = np.concatenate([_best_fits(base[:, :frames], mix, part) for part in parts])
    return fits[:, 0], fits[:, 1:] @ line.T


def _best_fits(base: np.ndarray, mix: np.ndarray, curves: np.ndarray) -> np.ndarray:
    """For each curve the factors of the design that explains most of it (designs = base x mix)."""
    held = np.swapaxes(base, 1, 2) @ curves.T  # designs x 3 x curves
    best = np.sum(held**2, axis=1).argmax(0)
    return np.linalg.solve(mix[best], held[best, :, np.arange(len(curves))][..., None])[..., 0]


def _left(curve: np.ndarray) -> float:
    """Share of the peak that is left in the last frames."""
    return float(curve[-LAST:].mean() / curve.max())


def _smoothed(curves: np.ndarray) -> np.ndarray:
    """Weights 1:2:1 over neighbouring frames: against noise, at little cost in height."""
    return ndimage.convolve1d(curves, [0.25, 0.5, 0.25], axis=1, mode="nearest")

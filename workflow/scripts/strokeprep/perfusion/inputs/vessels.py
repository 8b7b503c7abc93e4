"""Find the voxels of the arterial input (AIF) and the venous outflow (VOF) of a CT perfusion series.

In an artery most contrast comes before the brain fills; in a vein the peak comes late and is highest.
All curves are reduced to the few courses that the highest curves are made of, as an artery that fills a
seventh of its voxels is lost in the noise of single ones. A scan whose curves would give misleading maps is
refused with :class:`~strokeprep.perfusion.deconvolution.NotComputable`; what only makes them less
reliable is a warning.

Refused, by reason:
    few-baseline     contrast arrives before there are enough frames for a baseline
    no-bolus         the brain hardly enhances, or none of its curves rises and falls
    truncated-bolus  the series ends while brain or artery still hold most of their contrast
    no-aif           no voxels, or only scattered ones, have the curve of an artery
    saturated        the artery's peak is cut off at the largest value that the file holds
    little-brain     the slab holds next to no brain
Warned of: little brain, a series that ends early, metal, an input that is not scaled to a vein.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from strokeprep.errors import StrokeprepError
from strokeprep.perfusion.curves import (
    Series,
    area_noise,
    is_bolus,
    likeness_of,
    over_baseline,
    smoothed,
    tissue_correlation,
    waves,
    within,
)
from strokeprep.perfusion.deconvolution import NotComputable
from strokeprep.perfusion.inputs import vessel_voxels
from strokeprep.perfusion.inputs.course import Measured, likely_course
from strokeprep.perfusion.inputs.refusals import (
    check_artery,
    check_brain,
    check_passage,
    clipped,
)
from strokeprep.perfusion.inputs.scaling import (
    MOVED,
    UNEXPLAINED,
    UNSCALED_SD,
    area_factor,
    unexplained_area,
    venous_scale,
)
from strokeprep.perfusion.inputs.vessel_voxels import Baseline
from strokeprep.settings.ctp.vessels import VesselSettings

LEAST_HU = 0.01  # of noise, in a series without any
SAMPLE = 20_000  # brain voxels, enough for the noise and the mean curve of the brain


@dataclass(frozen=True)
class Vessels:
    """The curves that a deconvolution needs, and the voxels that they are means of."""

    aif: np.ndarray  # HU over baseline, scaled
    measured: np.ndarray  # the mean curve of the artery's voxels, HU over baseline
    vof: np.ndarray | None
    baseline_frames: int
    aif_voxels: np.ndarray  # n x 3 indices
    vof_voxels: np.ndarray
    scale: float  # by which the area of the measured curve was multiplied
    noise_hu: float  # of one voxel and frame, in the brain
    scale_sd: float = 0.0  # relative standard deviation of the scale
    likeness: float = 1.0  # correlation of the brain's curve with the measured one after transit,
    course_likeness: float = 1.0  # and with the input
    warnings: tuple[str, ...] = ()
    drift: np.ndarray | float = 0.0  # HU, taken off the measured curve

    @property
    def has_area_of_vein(self) -> bool:
        """Whether the input is scaled to a vein, and has its course by both."""
        return self.scale_sd < UNSCALED_SD


class Search(NamedTuple):
    """Artery and vein of a series, and what others are found by that go with them."""

    vessels: Vessels
    before: Baseline
    veins: np.ndarray  # voxels that are at least partly vein, which tell drifts

    def of_part(self, series: Series, settings: VesselSettings) -> tuple[Vessels, np.ndarray]:
        """The vessels of a part of the brain, with the same vein, and the mean curve of that part.

        The artery is found by the rules for the whole brain, and scaled to the vein.
        """
        mean = _mean_of_brain(_brain_curves(series, settings), self.before.frames)
        arteries = vessel_voxels.arteries(series, self.before, mean, settings)
        artery = vessel_voxels.artery(series, arteries, mean, settings)
        aif = _mean_curve(series, artery.purest, self.before)
        check_artery(series, artery.purest, aif, settings)
        measured = replace(
            self.vessels, aif=aif, measured=aif, aif_voxels=artery.purest, warnings=()
        )
        others = self.vessels.vof_voxels, self.veins, arteries.voxels
        own = _scaled(series, measured, others, self.before, settings)
        return replace(own, likeness=likeness_of(own.aif, mean, series.dt)), mean


def search(
    series: Series,
    settings: VesselSettings | None = None,
    scaled: bool = True,
    aif_at: np.ndarray | None = None,
    vof_at: np.ndarray | None = None,
) -> Search:
    """AIF and VOF, found or given as a mask on the grid or as points (n x 3, world mm, RAS)."""
    settings = settings or VesselSettings()
    warnings = check_brain(series, settings)
    passage = _passage(series, settings)
    before = passage.before
    arteries = vessel_voxels.arteries(series, before, passage.mean, settings)
    artery = _arterial_voxels(series, arteries, passage.mean, aif_at, settings)
    before = _before_artery(series, artery.purest, before, settings)
    aif = _mean_curve(series, artery.purest, before)
    check_artery(series, artery.purest, aif, settings)
    vof_voxels, veins = _venous_voxels(series, aif, before, vof_at, settings)
    vof = _mean_curve(series, vof_voxels, before) if len(vof_voxels) else None
    warnings += passage.warnings
    measured = Vessels(
        aif,
        aif,
        vof,
        before.frames,
        artery.purest,
        vof_voxels,
        1.0,
        before.noise,
        UNSCALED_SD,
        warnings=tuple(warnings),
    )
    vessels = measured
    if scaled:
        others = vof_voxels, veins, arteries.voxels
        vessels = _scaled(series, measured, others, before, settings)
    likeness = likeness_of(vessels.aif, passage.mean, series.dt)
    vessels = replace(vessels, likeness=likeness)
    if vessels.has_area_of_vein:
        vessels = _with_course(series, vessels, artery.more, before)
    course_likeness = likeness_of(vessels.aif, passage.mean, series.dt)
    return Search(replace(vessels, course_likeness=course_likeness), before, veins)


def _scaled(
    series: Series,
    measured: Vessels,
    others: Sequence[np.ndarray],
    before: Baseline,
    settings: VesselSettings,
) -> Vessels:
    """Vessels whose input, as measured, is scaled to the outflow; ``others`` as for the scale."""
    scale = _scale_to_vein(
        series, measured.aif, measured.vof, others, before, settings, measured.aif_voxels
    )
    warned = (f"input not scaled to the vein: {scale.refused}",) if scale.refused else ()
    return replace(
        measured,
        aif=scale.factor * (measured.aif - scale.drift),
        drift=scale.drift,
        scale=scale.factor,
        scale_sd=scale.sd,
        warnings=measured.warnings + warned,
    )


def _with_course(series: Series, vessels: Vessels, artery: np.ndarray, before: Baseline) -> Vessels:
    """Vessels whose input has the course that explains both best.

    The curves of both are not reduced to courses of vessels, which hold noise, too. The share of its area that the
    series shows in the vein is told better by this course than by the measured one, which noise makes wide.
    """
    of_artery, of_vein = (
        over_baseline(series.curves(voxels).astype(float), before.frames).mean(0)
        for voxels in (artery, vessels.vof_voxels)
    )
    measured = Measured(of_artery - vessels.drift, _rest(of_artery, before.courses))
    course = likely_course(measured, of_vein, 1 / vessels.scale, before.frames, series.dt)
    area = area_factor(course, of_vein, series.dt) * course.sum()
    pure = (vessels.measured - vessels.drift).sum()
    scale = max(float(area / pure), 1.0)
    return replace(vessels, aif=scale * pure / course.sum() * course, scale=scale)


def _rest(curve: np.ndarray, courses: np.ndarray) -> float:
    """The standard deviation of what is none of some courses in a curve (HU)."""
    left = curve - within(curve[None], courses)[0]
    free = len(curve) - 1 - courses.shape[1]
    return max(float(np.linalg.norm(left)) / free**0.5, LEAST_HU)


class _Passage(NamedTuple):
    """The bolus in the brain as a whole."""

    mean: np.ndarray  # HU over baseline
    before: Baseline
    warnings: list[str]


def _passage(series: Series, settings: VesselSettings) -> _Passage:
    """The brain's mean curve, its baseline, and what its curves are made of."""
    raw = _brain_curves(series, settings)
    bolus_like = is_bolus(smoothed(over_baseline(raw, settings.least_baseline_frames)), series.dt)
    courses = waves(raw[bolus_like], settings.waves, settings.highest)
    mean = _mean_of_brain(raw, settings.least_baseline_frames)
    warnings = check_passage(mean, settings)
    frames = baseline_frames(within(raw, courses), mean, series.dt, settings)
    noise = float(np.median(raw[:, :frames].std(1, ddof=1)))
    before = vessel_voxels.baseline(series, frames, noise, courses, settings)
    return _Passage(over_baseline(mean[None], frames)[0], before, warnings)


def _mean_of_brain(curves: np.ndarray, frames: int) -> np.ndarray:
    """The mean of curves over their baseline (HU), without edges that move: they seem to enhance by hundreds of HU."""
    return over_baseline(_trimmed_mean(curves, 0.1)[None], frames)[0]


def _arterial_voxels(
    series: Series,
    arteries: vessel_voxels.Candidates,
    mean: np.ndarray,
    at: np.ndarray | None,
    settings: VesselSettings,
) -> vessel_voxels.Artery:
    """The voxels of the arterial input, given or found among candidates."""
    if at is not None:
        given = _given_voxels(series, at, "arterial input")
        return vessel_voxels.Artery(given, given)
    return vessel_voxels.artery(series, arteries, mean, settings)


def _venous_voxels(
    series: Series,
    aif: np.ndarray,
    before: Baseline,
    at: np.ndarray | None,
    settings: VesselSettings,
) -> tuple[np.ndarray, np.ndarray]:
    """The voxels of the outflow, given or found, and all that are mostly vein."""
    if at is not None:
        return _given_voxels(series, at, "venous outflow"), vessel_voxels.NO_VOXELS
    return vessel_voxels.vein(series, before, aif, settings)


class _Scale(NamedTuple):
    """How the arterial input is scaled to the vein, and why it is not."""

    factor: float
    drift: np.ndarray | float  # HU, taken off before
    sd: float  # relative
    refused: str | None = None


_UNSCALED = _Scale(1.0, 0.0, UNSCALED_SD)


def _scale_to_vein(
    series: Series,
    aif: np.ndarray,
    vof: np.ndarray | None,
    vessels: Sequence[np.ndarray],
    before: Baseline,
    settings: VesselSettings,
    voxels: np.ndarray,
) -> _Scale:
    """The scale from the outflow; ``vessels`` are voxels of the outflow, other veins and arteries.

    Its uncertainty is what the input leaves unexplained of the outflow, what motion takes off it, and the noise of its
    area; without a correction, also that of the input, the mean of ``voxels``.
    """
    if vof is not None and clipped(series, vessels[0])[0]:
        why = "the vein's curve is cut off at the largest value of the series"
        return _UNSCALED._replace(refused=why)
    least = vessel_voxels.count_to_average(settings.arterial_ml, series, settings)
    by_slice = [_curves_by_slice(series, each, before, least) for each in vessels]
    factor, drift, refused = venous_scale(aif, vof, by_slice, series.dt, settings)
    if vof is None or refused:
        return _Scale(factor, drift, UNSCALED_SD, refused)
    misfit = UNEXPLAINED * unexplained_area(aif - drift, vof, series.dt)
    sd = np.hypot(np.hypot(misfit, MOVED * before.moved), _area_sd(vof, len(vessels[0]), before))
    if factor == 1:
        sd = np.hypot(sd, _area_sd(aif - drift, len(voxels), before))
    return _Scale(factor, drift, float(sd))


def _area_sd(curve: np.ndarray, count: int, before: Baseline) -> float:
    """What noise does to the area of a curve that is the mean of so many voxels, as a share of it."""
    noise = before.noise / count**0.5 * area_noise(before.courses, before.frames)
    return noise / abs(float(curve.sum()))


def baseline_frames(
    curves: np.ndarray, mean: np.ndarray, dt: float, settings: VesselSettings
) -> int:
    """The number of frames before contrast reaches any large vessel, from curves of the brain (HU).

    The baseline ends where a quarter of the highest bolus-like curves enhance. About half of these
    are arteries, so that a quarter is reached early, but not by a few outliers.
    """
    least = settings.least_baseline_frames
    curves = over_baseline(curves, least)
    curves = curves[is_bolus(smoothed(curves), dt)]
    highest = np.argsort(-smoothed(curves).max(1), kind="stable")
    few = max(len(curves) // 200, 20)
    curves = curves[highest[: 10 * few]]
    curves = curves[tissue_correlation(curves, mean, dt) >= settings.arterial_likeness]
    if not len(curves):
        raise NotComputable("no-bolus", "No voxel of the brain has a curve that rises and falls")
    frames = _frames_before(np.quantile(curves[:few], 0.75, axis=0), least)
    if frames < least:
        raise NotComputable("few-baseline", f"Contrast arrives in frame {frames + 1}")
    return frames


def _frames_before(curve: np.ndarray, least: int) -> int:
    """The number of frames before a curve rises; the last low one is left out, as the rise may begin in it."""
    curve = curve - curve[:least].mean()
    half = int(np.argmax(curve >= curve.max() / 2))
    low = np.flatnonzero(curve[:half] < 0.1 * curve.max())
    return int(low[-1]) if len(low) else 0


def _before_artery(
    series: Series, voxels: np.ndarray, before: Baseline, settings: VesselSettings
) -> Baseline:
    """The baseline, ended where the artery enhances: where arteries are thin, the highest curves are veins."""
    least = settings.least_baseline_frames
    frames = _frames_before(_mean_curve(series, voxels, before), least)
    return before._replace(frames=min(before.frames, max(frames, least)))


def _trimmed_mean(curves: np.ndarray, share: float) -> np.ndarray:
    """The mean of each frame without this share of the lowest and of the highest values.

    ``scipy.stats.trim_mean`` is the same, but loading it takes a third of a second.
    """
    cut = int(share * len(curves))
    ordered = np.partition(curves, (cut, len(curves) - cut - 1), axis=0)
    return np.asarray(ordered[cut : len(curves) - cut].mean(axis=0))


def _brain_curves(series: Series, settings: VesselSettings) -> np.ndarray:
    """Curves (HU) of evenly spaced brain voxels without bone or air."""
    base = series.hu[..., : settings.least_baseline_frames].mean(-1, dtype=np.float32)
    low, high = settings.base_hu
    index = np.argwhere(series.brain & (base >= low) & (base <= high))
    if not len(index):
        raise NotComputable("little-brain", "No voxel of the brain mask has the HU of brain")
    chosen = index[:: -(-len(index) // SAMPLE)]
    return series.curves(chosen).astype(np.float32)


def _given_voxels(series: Series, at: np.ndarray, what: str) -> np.ndarray:
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


def _curves(series: Series, voxels: np.ndarray, before: Baseline) -> np.ndarray:
    curves = within(series.curves(voxels).astype(float), before.courses)
    return over_baseline(curves, before.frames)


def _mean_curve(series: Series, voxels: np.ndarray, before: Baseline) -> np.ndarray:
    return _curves(series, voxels, before).mean(0)


def _curves_by_slice(
    series: Series, voxels: np.ndarray, before: Baseline, least: int
) -> list[np.ndarray]:
    """The curves of each slice with at least that many voxels; if there is none, of all voxels."""
    slices, counts = np.unique(voxels[:, 2], return_counts=True)
    parts = [voxels[voxels[:, 2] == k] for k in slices[counts >= least]]
    return [_curves(series, part, before) for part in parts or [voxels] if len(part)]

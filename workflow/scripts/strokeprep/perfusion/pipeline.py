"""Compute vessels, perfusion maps and tissue at risk of a CT perfusion series."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from strokeprep.errors import StrokeprepError
from strokeprep.io import images, labels, transforms
from strokeprep.io.frames import stream
from strokeprep.perfusion import deconvolution, mixture, vascular
from strokeprep.perfusion import tissue as tissue_at_risk
from strokeprep.perfusion.curves import Series
from strokeprep.perfusion.deconvolution import NotComputable
from strokeprep.perfusion.inputs import local as local_input
from strokeprep.perfusion.inputs import territories
from strokeprep.perfusion.inputs import vessels as arteries
from strokeprep.perfusion.inputs.local import Local, LocalInputs
from strokeprep.perfusion.points import Points, measured
from strokeprep.perfusion.regions import LIKELY, Labels
from strokeprep.series.timing import GRID_S
from strokeprep.settings.ctp.vessels import VesselSettings
from strokeprep.settings.perfusion import (
    AUTOMATIC,
    Given,
    GivenVessels,
    PerfusionSettings,
    TissueSettings,
)

# Points to which an affine map of the slab is fitted; its error is a fraction of a millimetre.
POINTS = 2000


# Core hardly flows: whether it is late is told by the tissue so far around it (mm, FWHM in plane). With its
# own lateness the core of a tenth of 16 drawn patients was found with a Dice below 0.48, with this 0.71.
AROUND_MM = 12.0

# What moves beside bone brightens as no tissue does. A curve of which this share, and so many times the variance
# of noise, is not what the vascular model can be tells nothing of perfusion.
LEFT_SHARE, LEFT_NOISE = 0.1, 3.0

# How exactly (mm) the mask of a vessel lies on the grid of the series.
SAME_MM = 1e-2


class Sources(NamedTuple):
    """The files from which perfusion is computed."""

    series: str  # at one frame per second, head still
    coverage: str
    brain: str  # of the reference
    to_series: str | None  # transform that maps points of the reference to points of the series
    to_template: str  # transform that maps points of the reference to points of the template


@dataclass(frozen=True)
class Slab:
    """The part of a series around its brain, and where that part lies in the whole grid."""

    series: Series
    box: tuple[slice, ...]
    shape: tuple[int, ...]
    affine: np.ndarray  # of the whole grid
    right_mm: np.ndarray  # distance of every voxel of the box right of the mid-plane
    to_template: np.ndarray  # 3 × 4: from voxels of the box to places of the template (mm)

    def whole(self, part: np.ndarray) -> np.ndarray:
        """A volume of the box, placed on the whole grid; zero elsewhere."""
        volume = np.zeros(self.shape, part.dtype)
        volume[self.box] = part
        return volume


@dataclass(frozen=True)
class Perfusion:
    """The results for one series; volumes are on its whole grid."""

    vessels: arteries.Vessels
    maps: dict[str, np.ndarray]
    masks: dict[str, np.ndarray]
    volumes: dict[str, float | str | None]
    slab: Slab
    local: LocalInputs | None = None

    @property
    def own_inputs(self) -> list[Local]:
        """The arterial inputs of territories that have one of their own."""
        return self.local.own if self.local else []

    @property
    def warnings(self) -> list[str]:
        """What makes the maps less reliable."""
        return [*self.vessels.warnings, *(self.local.warnings if self.local else [])]


def computed(
    sources: Sources,
    settings: PerfusionSettings,
    given: GivenVessels = AUTOMATIC,
    atlas: Labels | None = None,
) -> Perfusion:
    """Vessels, maps and tissue at risk of a series; ``atlas`` has the territories, if not the usual ones."""
    try:
        slab = slab_of(sources, settings.rim_mm)
        found = search(slab, settings, given)
        local = local_inputs(slab, found, settings, atlas)
        return mapped(slab, found.vessels, settings, local)
    except NotComputable as error:
        raise NotComputable(
            error.reason, f"Perfusion not computable, {error.reason}: {error.what}", sources.series
        ) from error


def slab_of(sources: Sources, rim_mm: float) -> Slab:
    """The series around its brain, without the rim, where motion looks like enhancement."""
    grid = images.read_grid(sources.series)
    to_series = [transforms.read(sources.to_series)] if sources.to_series else []
    from_series = [transform.GetInverse() for transform in to_series]
    brain = transforms.resample(images.read(sources.brain), grid, from_series, transforms.NEAREST)
    inside = (images.array(brain) > 0) & (images.array(images.read(sources.coverage)) > 0)
    affine = images.affine(grid)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    rim = max(rim_mm, spacing[:2].max())  # at least a voxel, as it holds brain and surroundings
    near = labels.bounding_box(inside, 1)  # the nearest voxel outside lies within one of it
    inside[near] = ndimage.distance_transform_edt(inside[near], sampling=spacing) > rim
    if not inside.any():
        raise NotComputable("little-brain", "The slab holds no brain", sources.series)
    reach = np.ceil(2 * VesselSettings.venous_reach_mm / spacing).astype(int)
    box = labels.bounding_box(inside, reach)  # the sinuses lie outside the brain
    here = affine.copy()
    here[:3, 3] = affine[:3, :3] @ [part.start for part in box] + affine[:3, 3]
    series = Series(_cropped(sources.series, box), inside[box], here, GRID_S)
    to_template = transforms.chain([*from_series, transforms.read(sources.to_template)])
    place = placed_by(series, to_template)
    return Slab(series, box, inside.shape, affine, _along(place[0], series.brain.shape), place)


def _cropped(path: str, box: labels.Box) -> np.ndarray:
    """A box of a series. Frame follows frame as in the file, which is quick to copy and to smooth."""
    count = images.open_nifti(Path(path)).shape[3]
    parts = (frame[box] for frame in stream(path))
    first = next(parts)
    series = np.empty((*first.shape, count), first.dtype, order="F")
    for index, part in enumerate(chain([first], parts)):
        series[..., index] = part
    return series


def local_inputs(
    slab: Slab, found: arteries.Search, settings: PerfusionSettings, atlas: Labels | None = None
) -> LocalInputs | None:
    """The arterial inputs of territories, if they are asked for."""
    if settings.vessels.inputs == "global":
        return None
    series = slab.series
    grid = slab.to_template, series.brain.shape, series.spacing
    by = territories.of_atlas(atlas, *grid) if atlas else territories.by_planes(*grid)
    return local_input.inputs(series, found, by, settings.vessels)


def mapped(
    slab: Slab,
    vessels: arteries.Vessels,
    settings: PerfusionSettings,
    local: LocalInputs | None = None,
) -> Perfusion:
    """Maps and tissue at risk of a slab, given its vessels, and the inputs of territories if they have any."""
    series = slab.series
    risk = settings.tissue
    before = series.hu[..., : vessels.baseline_frames].mean(-1)
    solid = tissue_at_risk.solid_mask(series.brain, before, risk)
    points, curves = measured(series, solid, vessels.baseline_frames, risk)
    of_voxels = local_input.served(vessels, local, np.nonzero(solid))
    served = replace(of_voxels, shares=points.means(of_voxels.shares))
    model = mixture.model_of(curves, served, series.dt, settings)
    explained = _explained(curves, model, points, vessels.noise_hu, series.spacing)
    curves, model, points = curves[explained], model.of(explained), points.of(explained)
    aif, scale_sd = vessels.aif, served.of(explained).scale_sd
    flat = _maps(curves, model, points, series, aif, scale_sd, settings)
    maps = {name: points.volume(values) for name, values in flat.items()}
    tissue = tissue_at_risk.without_vessels(points.voxels, maps["cbv"], risk)
    at_risk = tissue_at_risk.assess(
        maps["cbf"], maps["tmax"], tissue, slab.right_mm, series.spacing, risk
    )
    masks = {
        "core": at_risk.core.astype(np.uint8),
        "penumbra": at_risk.penumbra.astype(np.uint8),
        "tmax_levels": at_risk.tmax_level,
        "rcbf_levels": at_risk.rcbf_level,
    }
    maps |= likely_tissue(model, points, tissue, at_risk.normal_flow, series.spacing, risk)
    unexplained = float(1 - points.voxels.sum() / solid.sum())
    return Perfusion(
        vessels,
        {name: slab.whole(volume) for name, volume in maps.items()},
        {name: slab.whole(volume) for name, volume in masks.items()},
        at_risk.row | {"unexplained": unexplained},
        slab,
        local,
    )


def _explained(
    curves: np.ndarray,
    model: vascular.Vascular,
    points: Points,
    noise_hu: float,
    spacing: np.ndarray,
) -> np.ndarray:
    """Which curves of points the model explains, but for noise.

    The noise is that of one voxel in vessels, which are not smoothed, and usual tissue's elsewhere.
    """
    vessel = points.vessel
    parts = np.stack([model.left, curves.var(axis=1)])
    if vessel.any():
        parts[:, vessel] = _around(parts, points, spacing)
    left, power = parts
    usual = np.median(left[~vessel]) if not vessel.all() else 0.0
    noise = np.where(vessel, noise_hu**2, usual)
    return np.asarray((left <= LEFT_NOISE * noise) | (left <= LEFT_SHARE * power))


def _around(values: np.ndarray, points: Points, spacing: np.ndarray) -> np.ndarray:
    """Values (any × points) of the voxels of vessels, each the mean of those close to it."""
    volumes = np.stack([points.volume(each) for each in values], axis=-1)
    width = tissue_at_risk.VESSEL_FWHM_MM
    return tissue_at_risk.smoothed_curves(volumes, points.vessels, spacing, width).T


def _maps(
    curves: np.ndarray,
    alone: vascular.Vascular,
    points: Points,
    series: Series,
    aif: np.ndarray,
    scale_sd: float | np.ndarray,
    settings: PerfusionSettings,
) -> dict[str, np.ndarray]:
    """The maps of points by name, given the vascular model of each curve alone.

    Deconvolution is by one input for all, since thresholds of Tmax were made with such.
    """
    volume = points.volume(alone.maps["cbv"])
    tissue = tissue_at_risk.without_vessels(points.voxels, volume, settings.tissue)
    model = vascular.among_neighbours(alone, points, tissue, series.spacing, settings.vascular)
    other = deconvolution.perfusion_maps(
        curves, aif, series.dt, settings.deconvolution, settings.maps
    )
    maps = model.maps | {f"{name}_sd": values for name, values in model.sd.items()}
    for name in ("cbf", "cbv"):  # both are inverse to the area of the input
        maps[f"{name}_sd"] = np.hypot(maps[f"{name}_sd"], scale_sd * maps[name])
    if settings.method != "vascular":
        maps |= {"cbf": other.cbf, "cbv": other.cbv, "mtt": other.mtt}
    return maps | {"tmax": other.tmax}


def likely_tissue(
    model: vascular.Vascular,
    points: Points,
    tissue: np.ndarray,
    normal_flow: float,
    spacing: np.ndarray,
    settings: TissueSettings,
) -> dict[str, np.ndarray]:
    """Maps of the probability that tissue is core, and that it is penumbra.

    A voxel that hardly flows does not tell when it fills. So whether core is late is told by the tissue
    around it.
    """
    low, reduced = (share * normal_flow for share in settings.likely_rcbf)
    late = points.volume(model.late)[..., None]
    around = np.zeros(tissue.shape, np.float32)
    around[tissue] = tissue_at_risk.smoothed_curves(late, tissue, spacing, AROUND_MM)[:, 0]
    core = points.volume(model.below(low)) * (around > LIKELY)
    hypoperfused = np.maximum(points.volume(model.late_below(reduced)), core) * tissue
    return {"core_probability": core, "penumbra_probability": hypoperfused - core}


def placed_by(series: Series, to_template: sitk.Transform) -> np.ndarray:
    """The affine map (3 × 4) from voxels of a series to the template that is nearest to a transform."""
    index = np.argwhere(series.brain)
    index = index[:: max(1, len(index) // POINTS)]
    world = index @ series.affine[:3, :3].T + series.affine[:3, 3]
    places = transforms.apply(to_template, world)
    design = np.column_stack([index, np.ones(len(index))])
    return np.stack([np.linalg.lstsq(design, axis, rcond=None)[0] for axis in places.T])


def _along(slope: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A linear function of the voxels of a grid."""
    axes = np.ogrid[tuple(slice(0, n) for n in shape)]
    return np.asarray(
        sum(step * axis for step, axis in zip(slope[:3], axes, strict=True)) + slope[3]
    )


def vessels(slab: Slab, settings: PerfusionSettings, given: GivenVessels) -> arteries.Vessels:
    """Artery and vein of a slab, found or given."""
    return search(slab, settings, given).vessels


def search(slab: Slab, settings: PerfusionSettings, given: GivenVessels) -> arteries.Search:
    """The same, with what inputs of territories are found by."""
    return arteries.search(
        slab.series,
        settings.vessels,
        settings.scale_to_vein,
        *(_given(vessel, where, slab) for vessel, where in given._asdict().items()),
    )


def _given(vessel: str, where: Given | None, slab: Slab) -> np.ndarray | None:
    """A vessel that the user gave: a mask file on the grid of the series, or points (RAS, mm)."""
    if not where:
        return None
    if not isinstance(where, str):
        return np.asarray(where, float)
    image = images.read(where)
    mask = images.array(image) > 0
    if mask.shape != slab.shape or not np.allclose(images.affine(image), slab.affine, atol=SAME_MM):
        raise StrokeprepError(
            f"The mask of perfusion.{vessel} does not lie on the grid of the series",
            where,
            "Draw it on the raw series, or give points in its world coordinates (RAS, mm).",
        )
    return mask[slab.box]

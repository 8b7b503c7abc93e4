"""CT perfusion from files to files: vessels, maps, and the tissue at risk.

The steps themselves are pure functions of arrays, in :mod:`strokeprep.perfusion.vessels`,
:mod:`strokeprep.perfusion.deconvolution` and :mod:`strokeprep.perfusion.tissue`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from strokeprep.bids import sidecars
from strokeprep.errors import StrokeprepError
from strokeprep.io import images, tables, transforms
from strokeprep.io.whole import write_text
from strokeprep.perfusion import deconvolution
from strokeprep.perfusion import tissue as tissue_at_risk
from strokeprep.perfusion import vessels as arteries
from strokeprep.perfusion.deconvolution import NotComputable
from strokeprep.series.timing import GRID_S
from strokeprep.steps import resample
from strokeprep.study.kinds import MAP_KINDS
from strokeprep.study.naming import MAPS, TISSUE_AT_RISK

# So many points fix an affine map of the slab to a fraction of a millimetre.
POINTS = 2000

# The vessels that the config may name, and how exactly (mm) the masks of them lie on the series.
GIVEN = ("aif", "vof")
SAME_MM = 1e-2

VESSEL_COLUMNS = {
    "time": {"Description": "Time in the one-second series", "Units": "s"},
    "aif": {"Description": "Arterial input over baseline, drift off and scaled", "Units": "HU"},
    "aif_measured": {"Description": "Arterial input over baseline, as measured", "Units": "HU"},
    "vof": {"Description": "Venous outflow over baseline", "Units": "HU"},
}
VOXEL_COLUMNS = {
    "vessel": {"Description": "Whose curve was taken here: artery or vein"},
    **{
        axis: {"Description": f"World coordinate of the series, towards {where}", "Units": "mm"}
        for axis, where in (("x", "right"), ("y", "anterior"), ("z", "superior"))
    },
}
VOLUME_COLUMNS = {
    "side": "Side with most of the hypoperfused tissue",
    "tissue_ml": "Brain tissue that was judged",
    "reference_cbf": "Mean flow (mL/100 g/min) of healthy tissue that low flow is a share of",
    "core_ml": "Core",
    "hypoperfused_ml": "Late tissue: core and penumbra",
    "mismatch_ml": "Hypoperfused volume less that of the core",
    "mismatch_ratio": "Hypoperfused volume over that of the core",
    "hypoperfusion_index": "Share of the hypoperfused tissue that is very late",
}


class Sources(NamedTuple):
    """The files perfusion is computed from."""

    series: str  # at one frame per second, head still
    coverage: str
    brain: str  # of the reference
    to_series: str | None  # transform that maps points of the reference to points of the series
    to_template: str  # transform that maps points of the reference to points of the template


@dataclass(frozen=True)
class Slab:
    """The brain's box of a perfusion series, and where that box lies in the whole grid."""

    series: arteries.Series
    box: tuple[slice, ...]
    shape: tuple[int, ...]
    affine: np.ndarray  # of the whole grid
    right_mm: np.ndarray

    def whole(self, part: np.ndarray) -> np.ndarray:
        """A volume of the box on the whole grid, zero elsewhere."""
        volume = np.zeros(self.shape, part.dtype)
        volume[self.box] = part
        return volume


@dataclass(frozen=True)
class Perfusion:
    """What a series tells of the tissue; volumes lie on its whole grid."""

    vessels: arteries.Vessels
    maps: dict[str, np.ndarray]
    masks: dict[str, np.ndarray]
    volumes: dict[str, float | str | None]
    slab: Slab


def computed(sources: Sources, settings: Mapping[str, Any]) -> Perfusion:
    """Vessels, maps and tissue at risk of a series, by the config's section ``perfusion``."""
    try:
        slab = slab_of(sources, settings["rim_mm"])
        return mapped(slab, _vessels(slab, settings), settings)
    except NotComputable as error:
        raise NotComputable(
            error.reason, f"Perfusion not computable, {error.reason}: {error.what}", sources.series
        ) from error


def slab_of(sources: Sources, rim_mm: float) -> Slab:
    """The series within reach of its brain, rim left out: what moves at the rim enhances."""
    grid = images.read_grid(sources.series)
    to_series = [transforms.read(sources.to_series)] if sources.to_series else []
    from_series = [transform.GetInverse() for transform in to_series]
    brain = transforms.resample(images.read(sources.brain), grid, from_series, transforms.NEAREST)
    inside = (images.array(brain) > 0) & (images.array(images.read(sources.coverage)) > 0)
    affine = images.affine(grid)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    rim = max(rim_mm, spacing[:2].max())  # a voxel at least: it blends brain with what is outside
    inside &= ndimage.distance_transform_edt(inside, sampling=spacing) > rim
    if not inside.any():
        raise NotComputable("little-brain", "The slab holds no brain", sources.series)
    box = _box(inside, spacing)
    here = affine.copy()
    here[:3, 3] = affine[:3, :3] @ [part.start for part in box] + affine[:3, 3]
    nifti = images.open_nifti(Path(sources.series))
    hu = images.voxels(nifti, Path(sources.series))[box].copy()  # the rest can be let go
    series = arteries.Series(hu, inside[box], here, GRID_S)
    to_mid = transforms.chain([*from_series, transforms.read(sources.to_template)])
    return Slab(series, box, inside.shape, affine, _right_mm(series, to_mid))


def mapped(slab: Slab, vessels: arteries.Vessels, settings: Mapping[str, Any]) -> Perfusion:
    """Maps and tissue at risk of a slab, given its vessels."""
    series = slab.series
    risk = _settings(tissue_at_risk.Settings, settings["tissue"])
    before = series.hu[..., : vessels.baseline_frames].mean(-1)
    solid = series.brain & (before >= risk.tissue_hu[0]) & (before <= risk.tissue_hu[1])
    smooth = risk.smoothing_fwhm_mm
    curves = tissue_at_risk.smoothed_curves(series.hu, solid, series.spacing, smooth)
    curves -= curves[:, : vessels.baseline_frames].mean(1, keepdims=True)
    constants = _settings(deconvolution.Settings, settings["maps"])
    found = deconvolution.perfusion_maps(
        curves, vessels.aif, series.dt, settings["method"], constants
    )
    maps = {name: _placed(getattr(found, name), solid) for name in MAPS}
    tissue = tissue_at_risk.tissue_mask(series.brain, before, maps["cbv"], risk)
    at_risk = tissue_at_risk.assess(
        maps["cbf"], maps["tmax"], tissue, slab.right_mm, series.spacing, risk
    )
    masks = {
        "core": at_risk.core.astype(np.uint8),
        "penumbra": at_risk.penumbra.astype(np.uint8),
        "tmax_levels": at_risk.tmax_level,
        "rcbf_levels": at_risk.rcbf_level,
    }
    return Perfusion(
        vessels,
        {name: slab.whole(volume) for name, volume in maps.items()},
        {name: slab.whole(volume) for name, volume in masks.items()},
        at_risk.row,
        slab,
    )


def write(done: Perfusion, grid: str, files: Mapping[str, str]) -> None:
    """Write maps, masks and tables; ``files`` names them as ``cbf``, ``core``, ``vessels``, …"""
    matrix = images.open_nifti(Path(grid)).affine
    for name, volume in (done.maps | done.masks).items():
        images.write_array(volume, matrix, files[name], grid)
    write_text(tables.render(_vessel_rows(done.vessels), list(VESSEL_COLUMNS)), files["vessels"])
    voxels = list(_voxel_rows(done.vessels, done.slab.series.affine))
    write_text(tables.render(voxels, list(VOXEL_COLUMNS)), files["voxels"])
    row = {name: _cell(value) for name, value in done.volumes.items()}
    write_text(tables.render([row], list(row)), files["volumes"])


def move(
    sources: Mapping[str, str],
    targets: Mapping[str, str],
    *,
    chain: Sequence[str],
    grid: str | None,
    settings: Mapping[str, Any],
) -> dict[str, dict[str, Any]]:
    """Write maps and masks on another grid (the template's if ``grid`` is None); their sidecars.

    Files are by name (``cbf``, ``core``, …). Maps are means of measured neighbours alone.
    """
    how = {"chain": chain, "grid": grid, "settings": settings}
    known = {"brain": None, "measured": sources["cbf"]}
    return {
        **{
            name: resample.move_image(sources[name], targets[name], kind=name, **how, **known)
            for name in MAPS
        },
        **{
            name: resample.move_label(sources[name], targets[name], kind=name, **how)
            for name in TISSUE_AT_RISK
        },
    }


def abouts(done: Perfusion, settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The sidecars of all that :func:`write` writes."""
    return {
        **{name: _about_map(name, settings) for name in done.maps},
        **{name: _about_mask(name, settings) for name in done.masks},
        "vessels": _about_vessels(done.vessels),
        "voxels": {"Description": "Voxels of the arterial input and venous outflow"}
        | VOXEL_COLUMNS,
        "volumes": _about_volumes(done),
    }


def _about_map(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The sidecar of one map."""
    called = sidecars.CALLED[name]
    return sidecars.image(MAP_KINDS[name], called[0].upper() + called[1:], skull_stripped=True) | {
        "Method": settings["method"],
        "Constants": dict(settings["maps"]),
        "InPlaneSmoothing": settings["tissue"]["smoothing_fwhm_mm"],
    }


def _about_mask(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The sidecar of a mask or of a segmentation by thresholds."""
    tissue = settings["tissue"]
    late, low = sorted(tissue["tmax_s"]), sorted(tissue["rcbf"], reverse=True)
    levels = {
        "tmax_levels": {str(n): f"Tmax > {value:g} s" for n, value in enumerate(late, 1)},
        "rcbf_levels": {
            str(n): f"flow < {value:.0%} of healthy tissue" for n, value in enumerate(low, 1)
        },
    }
    found = sidecars.label(name, "by thresholds") | {"Thresholds": dict(tissue)}
    return found | ({"Levels": levels[name]} if name in levels else {})


def _about_vessels(vessels: arteries.Vessels) -> dict[str, Any]:
    """The sidecar of the vessels' curves."""
    return {
        "Description": "Arterial input and venous outflow of the perfusion series",
        "BaselineFrames": vessels.baseline_frames,
        "ArterialScale": round(vessels.scale, 4),
        "NoiseHu": round(vessels.noise_hu, 2),
        "Warnings": list(vessels.warnings),
    } | VESSEL_COLUMNS


def _about_volumes(done: Perfusion) -> dict[str, Any]:
    """The sidecar of the row of volumes."""
    return {"Description": "Volumes of tissue at risk by CT perfusion"} | {
        name: {"Description": VOLUME_COLUMNS.get(name, "Volume that passes this threshold")}
        | ({"Units": "mL"} if name.endswith("_ml") else {})
        for name in done.volumes
    }


def _box(inside: np.ndarray, spacing: np.ndarray) -> tuple[slice, ...]:
    """The box of a mask, widened by as much as the sinuses lie outside the brain."""
    margin = np.ceil(2 * arteries.Settings.venous_reach_mm / spacing).astype(int)
    found = ndimage.find_objects(inside.astype(np.uint8))[0]
    return tuple(
        slice(max(part.start - int(wide), 0), part.stop + int(wide))
        for part, wide in zip(found, margin, strict=True)
    )


def _right_mm(series: arteries.Series, to_template: sitk.Transform) -> np.ndarray:
    """How far right of the template's mid-plane every voxel lies, by the nearest affine map."""
    index = np.argwhere(series.brain)
    index = index[:: max(1, len(index) // POINTS)]
    world = index @ series.affine[:3, :3].T + series.affine[:3, 3]
    right = transforms.apply(to_template, world)[:, 0]
    slope, *_ = np.linalg.lstsq(np.column_stack([index, np.ones(len(index))]), right, rcond=None)
    axes = np.ogrid[tuple(slice(0, n) for n in series.brain.shape)]
    return sum(step * axis for step, axis in zip(slope[:3], axes, strict=True)) + slope[3]


def _vessels(slab: Slab, settings: Mapping[str, Any]) -> arteries.Vessels:
    return arteries.find_vessels(
        slab.series,
        _settings(arteries.Settings, settings["vessels"]),
        settings["scale_to_vein"],
        *(_given(vessel, settings[vessel], slab) for vessel in GIVEN),
    )


def _settings(of: type, values: Mapping[str, Any]) -> Any:
    """A step's settings with what the config says; what it does not name keeps its default."""
    return of(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


def _given(
    vessel: str, where: str | Sequence[Sequence[float]] | None, slab: Slab
) -> np.ndarray | None:
    """A vessel a user chose: a mask file on the grid of the series, or points (RAS, mm)."""
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


def _placed(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    volume = np.zeros(where.shape, np.float32)
    volume[where] = values
    return volume


def _vessel_rows(vessels: arteries.Vessels) -> Iterator[dict[str, str]]:
    for second, (arterial, measured) in enumerate(zip(vessels.aif, vessels.measured, strict=True)):
        yield {
            "time": f"{second * GRID_S:g}",
            "aif": f"{arterial:.3f}",
            "aif_measured": f"{measured:.3f}",
            "vof": tables.MISSING if vessels.vof is None else f"{vessels.vof[second]:.3f}",
        }


def _voxel_rows(vessels: arteries.Vessels, affine: np.ndarray) -> Iterator[dict[str, str]]:
    """World coordinates (RAS, mm) of the voxels of each vessel."""
    for vessel, voxels in (("artery", vessels.aif_voxels), ("vein", vessels.vof_voxels)):
        for point in voxels @ affine[:3, :3].T + affine[:3, 3]:
            yield dict(zip(VOXEL_COLUMNS, (vessel, *(f"{mm:.2f}" for mm in point)), strict=True))


def _cell(value: float | str | None) -> str:
    if value is None:
        return tables.MISSING
    return value if isinstance(value, str) else f"{value:.4g}"

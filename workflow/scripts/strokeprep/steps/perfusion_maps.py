"""CT perfusion from files to files: vessels, maps, and the tissue at risk.

The computation is in :mod:`strokeprep.perfusion`; here are files, tables and sidecars.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from strokeprep.bids import sidecars
from strokeprep.corrections.given import Given
from strokeprep.io import images, tables
from strokeprep.io.whole import write_text
from strokeprep.kinds import AT_RISK, MAPS, MODEL_MAPS, PROBABILITIES
from strokeprep.perfusion import pipeline, vascular
from strokeprep.perfusion.inputs import vessels as arteries
from strokeprep.perfusion.inputs.local import Local
from strokeprep.perfusion.pipeline import Perfusion
from strokeprep.series.timing import GRID_S
from strokeprep.settings.perfusion import GivenVessels, PerfusionSettings, TissueSettings
from strokeprep.settings.study import TemplateSettings
from strokeprep.steps import resample
from strokeprep.steps.perfused import inputs

VESSEL_COLUMNS = {
    "time": {"Description": "Time in the one-second series", "Units": "s"},
    "aif": {"Description": "Arterial input over baseline", "Units": "HU"},
    "aif_measured": {
        "Description": "Mean curve of the artery's voxels over baseline",
        "Units": "HU",
    },
    "vof": {"Description": "Venous outflow over baseline", "Units": "HU"},
}
VOXEL_COLUMNS = {
    "vessel": {
        "Description": "The vessel whose curve this voxel belongs to: artery or vein, or the artery of a territory"
    },
    **{
        axis: {"Description": f"World coordinate of the series, towards {where}", "Units": "mm"}
        for axis, where in (("x", "right"), ("y", "anterior"), ("z", "superior"))
    },
}
VOLUME_COLUMNS = {
    "side": "Side with most of the hypoperfused tissue",
    "tissue_ml": "Brain tissue to which the thresholds were applied",
    "reference_cbf": "Mean flow (mL/100 g/min) of healthy tissue, to which flow is compared",
    "core_ml": "Core",
    "hypoperfused_ml": "Late tissue: core and penumbra",
    "mismatch_ml": "Hypoperfused volume minus that of the core",
    "mismatch_ratio": "Hypoperfused volume over that of the core",
    "hypoperfusion_index": "Share of the hypoperfused tissue that is very late",
    **{
        column: f"{what} on the {side} side"
        for side in ("left", "right")
        for column, what in (
            (f"tissue_{side}_ml", "Brain tissue"),
            (f"hypoperfused_{side}_ml", "Late tissue"),
            (f"core_{side}_ml", "Core"),
            (f"median_cbf_{side}", "Median flow (mL/100 g/min) of tissue"),
        )
    },
    "unexplained": "Share of the brain that no vascular model explains, without values in the maps",
    "flow_asymmetry": "Median flow of the side with less flow over that of the other",
}


def write(done: Perfusion, grid: str, files: Mapping[str, str]) -> None:
    """Write maps, masks and tables; ``files`` names them as ``cbf``, ``core``, ``vessels``, …"""
    matrix = images.open_nifti(Path(grid)).affine
    for name, volume in (done.maps | done.masks).items():
        images.write_array(volume, matrix, files[name], grid)
    own = done.own_inputs
    columns = [*VESSEL_COLUMNS, *inputs.columns(own)]
    write_text(tables.render(_vessel_rows(done.vessels, own), columns), files["vessels"])
    _write_voxels(done.vessels, done.slab.series.affine, files["voxels"], own)
    row = {name: _cell(value) for name, value in done.volumes.items()}
    write_text(tables.render([row], list(row)), files["volumes"])


def _write_voxels(
    vessels: arteries.Vessels, affine: np.ndarray, path: str, own: Sequence[Local] = ()
) -> None:
    rows = list(_voxel_rows(vessels, own, affine))
    write_text(tables.render(rows, list(VOXEL_COLUMNS)), path)


def move(
    sources: Mapping[str, str],
    targets: Mapping[str, str],
    *,
    chain: Sequence[str],
    grid: str | None,
    template: TemplateSettings,
) -> dict[str, dict[str, Any]]:
    """Write maps and masks on another grid (the template's if ``grid`` is None); their sidecars.

    Files are by name (``cbf``, ``core``, …). Maps are interpolated from measured voxels only.
    """
    measured = resample.measured_share(sources["cbf"], chain, grid, template)
    return {
        **{
            name: resample.move_image(
                sources[name],
                targets[name],
                kind=kind,
                chain=chain,
                grid=grid,
                brain=None,
                template=template,
                measured=measured,
            )
            for name, kind in MAPS.items()
        },
        **{
            name: resample.move_label(
                sources[name], targets[name], kind=kind, chain=chain, grid=grid, template=template
            )
            for name, kind in AT_RISK.items()
        },
    }


def corrected_vessels(
    masks: Sequence[Given],
    sources: pipeline.Sources,
    settings: PerfusionSettings,
    given: GivenVessels,
) -> dict[str, Any]:
    """What sidecars say of vessels that were drawn as masks, and of those found without them."""
    points = GivenVessels(*(None if isinstance(each, str) else each for each in given))

    def found(path: str) -> None:
        slab = pipeline.slab_of(sources, settings.rim_mm)
        _write_voxels(pipeline.vessels(slab, settings, points), slab.series.affine, path)

    about = [mask.sidecar(found) for mask in masks]
    listed = [each for said in about for each in said["Corrections"]]
    return {"Manual": True, "Corrections": listed} if listed else {}


def abouts(
    done: Perfusion, settings: PerfusionSettings, drawn: Mapping[str, Any] | None = None
) -> dict[str, dict[str, Any]]:
    """The sidecars of all files that :func:`write` writes.

    ``drawn`` is what they say of vessels that a person drew.
    """
    by_hand = dict(drawn or {})
    return {
        **{
            name: _about_map(name, settings) | inputs.of_map(name, done.local) for name in done.maps
        },
        **{name: _about_mask(name, settings) for name in done.masks},
        "vessels": _about_vessels(done.vessels, done.warnings) | inputs.about(done.local) | by_hand,
        "voxels": {"Description": "Voxels of the arterial input and venous outflow"}
        | VOXEL_COLUMNS
        | by_hand,
        "volumes": _about_volumes(done),
    }


def _about_map(name: str, settings: PerfusionSettings) -> dict[str, Any]:
    """The sidecar of one map."""
    kind = (MAPS | MODEL_MAPS)[name]
    about = f"{kind.called[0].upper()}{kind.called[1:]}"
    if name in PROBABILITIES:
        about += f": {_likely(settings.tissue)[name]}"
    return (
        sidecars.image(kind, about, skull_stripped=True)
        | _method(name, settings)
        | {"InPlaneSmoothing": settings.tissue.smoothing_fwhm_mm}
        | ({"Thresholds": asdict(settings.tissue)} if name in PROBABILITIES else {})
    )


def _likely(tissue: TissueSettings) -> dict[str, str]:
    """What core and penumbra mean in the maps of their probabilities."""
    late = f"delay and half of the transit time exceed {tissue.hypoperfused_tmax_s:g} s together"
    lower, low = (f"{share:.0%}" for share in tissue.likely_rcbf)
    return {
        "core_probability": f"flow is below {lower} of that of healthy tissue, and around it {late}",
        "penumbra_probability": f"{late}, and flow is between {lower} and {low} of that of "
        "healthy tissue",
    }


def _method(name: str, settings: PerfusionSettings) -> dict[str, Any]:
    """The method that a map is from, with its constants."""
    deconvolved = {"tmax"} if settings.method == "vascular" else {"cbf", "cbv", "mtt", "tmax"}
    constants = asdict(settings.maps)
    if name in deconvolved:
        return {"Method": settings.deconvolution, "Constants": constants}
    return {
        "Method": "vascular",
        "MethodVersion": vascular.VERSION,
        "Constants": constants | asdict(settings.vascular),
    }


def _about_mask(name: str, settings: PerfusionSettings) -> dict[str, Any]:
    """The sidecar of a mask or of a segmentation by thresholds."""
    tissue = settings.tissue
    late, low = sorted(tissue.tmax_s), sorted(tissue.rcbf, reverse=True)
    levels = {
        "tmax_levels": {str(n): f"Tmax > {value:g} s" for n, value in enumerate(late, 1)},
        "rcbf_levels": {
            str(n): f"flow < {value:.0%} of healthy tissue" for n, value in enumerate(low, 1)
        },
    }
    about = sidecars.label(AT_RISK[name], "by thresholds") | {"Thresholds": asdict(tissue)}
    return about | ({"Levels": levels[name]} if name in levels else {})


def _about_vessels(vessels: arteries.Vessels, warnings: Sequence[str]) -> dict[str, Any]:
    """The sidecar of the vessels' curves."""
    return {
        "Description": "Arterial input and venous outflow of the perfusion series",
        "BaselineFrames": vessels.baseline_frames,
        "ArterialScale": round(vessels.scale, 4),
        "ArterialScaleSD": round(vessels.scale_sd, 4),
        "ArterialCourse": "by artery and vein" if vessels.has_area_of_vein else "by artery",
        "ArterialLikeness": round(vessels.likeness, 4),
        "ArterialCourseLikeness": round(vessels.course_likeness, 4),
        "NoiseHu": round(vessels.noise_hu, 2),
        "Warnings": list(warnings),
    } | VESSEL_COLUMNS


def _about_volumes(done: Perfusion) -> dict[str, Any]:
    """The sidecar of the row of volumes."""
    return {"Description": "Volumes of tissue at risk by CT perfusion"} | {
        name: {"Description": VOLUME_COLUMNS.get(name, "Volume beyond this threshold")}
        | ({"Units": "mL"} if name.endswith("_ml") else {})
        for name in done.volumes
    }


def _vessel_rows(vessels: arteries.Vessels, own: Sequence[Local]) -> Iterator[dict[str, str]]:
    for second, (arterial, measured) in enumerate(zip(vessels.aif, vessels.measured, strict=True)):
        yield {
            "time": f"{second * GRID_S:g}",
            "aif": f"{arterial:.3f}",
            "aif_measured": f"{measured:.3f}",
            "vof": tables.MISSING if vessels.vof is None else f"{vessels.vof[second]:.3f}",
            **{inputs.column(local.territory): f"{local.vessels.aif[second]:.3f}" for local in own},
        }


def _voxel_rows(
    vessels: arteries.Vessels, own: Sequence[Local], affine: np.ndarray
) -> Iterator[dict[str, str]]:
    """World coordinates (RAS, mm) of the voxels of each vessel."""
    named = [("artery", vessels.aif_voxels), ("vein", vessels.vof_voxels)]
    named += [(inputs.vessel(local.territory), local.vessels.aif_voxels) for local in own]
    for vessel, voxels in named:
        for point in voxels @ affine[:3, :3].T + affine[:3, 3]:
            yield dict(zip(VOXEL_COLUMNS, (vessel, *(f"{mm:.2f}" for mm in point)), strict=True))


def _cell(value: float | str | None) -> str:
    if value is None:
        return tables.MISSING
    return value if isinstance(value, str) else f"{value:.4g}"

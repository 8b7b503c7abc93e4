"""The keys of the sidecars of outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strokeprep.study.kinds import LABELS, Kind

CALLED = {
    "ncct": "non-contrast CT",
    "cta": "CT angiogram",
    "ctp": "CT perfusion series",
    "b0": "diffusion image without weighting",
    "trace": "trace-weighted diffusion image",
    "adc": "apparent diffusion coefficient",
    "t1w": "T1-weighted image",
    "cbf": "map of cerebral blood flow",
    "cbv": "map of cerebral blood volume",
    "mtt": "map of mean transit time",
    "tmax": "map of the time to the maximum of the residue function",
}
UNITS = {"cbf": "mL/100 g/min", "cbv": "mL/100 g", "mtt": "s", "tmax": "s"}
LABEL_CALLED = {
    "lesion": "Infarct, drawn by hand",
    "lvo": "Large-vessel occlusion, drawn by hand",
    "cow": "Circle of Willis, segment by segment",
    "brain": "Brain mask",
    "face": "Voxels that defacing emptied",
    "coverage": "Where the motion-corrected series shows the head in every frame",
    "core": "Infarct core by CT perfusion: tissue with little flow",
    "penumbra": "Penumbra by CT perfusion: late tissue outside the core",
    "tmax_levels": "Number of Tmax thresholds that are exceeded",
    "rcbf_levels": "Number of relative flow thresholds that are not reached",
}
MASK_TYPES = {
    "brain": "Brain",
    "face": "Face",
    "coverage": "ROI",
    "core": "Lesion",
    "penumbra": "Lesion",
} | {name: label.mask_type for name, label in LABELS.items() if label.mask_type}


def image(kind: Kind, description: str, skull_stripped: bool) -> dict[str, Any]:
    """Keys of a grey-value image."""
    unit = "HU" if kind.modality == "ct" else UNITS.get(kind.name)
    units = {"Units": unit} if unit else {}
    return {"Description": description, "SkullStripped": skull_stripped} | units


def label(kind: str, where: str) -> dict[str, Any]:
    """Keys of a mask or segmentation."""
    keys: dict[str, Any] = {"Description": f"{LABEL_CALLED[kind]}, {where}"}
    if kind in MASK_TYPES:
        keys["Type"] = MASK_TYPES[kind]
    if kind in LABELS:
        keys["Manual"] = True
    return keys


def by_backend(backend: str, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Keys that say how a mask was made: the backend, its metrics, and its network if it has one."""
    numbers = {key: value for key, value in metrics.items() if key != "Model"}
    model = {"Model": metrics["Model"]} if "Model" in metrics else {}
    return {"Backend": backend, "Metrics": numbers} | model


def in_space(label: str | None, reference: str | None, resolution_mm: float) -> dict[str, Any]:
    """Keys that say on which grid an output lies.

    ``label`` is its ``space-`` entity. ``reference`` is the BIDS URI of the image with that grid,
    or None in template space.
    """
    if label is None or label == "orig":
        return {"SpatialReference": "orig"}
    if reference:
        return {"SpatialReference": reference}
    return {
        "SpatialReference": label,
        "Resolution": f"Cubic voxels of {resolution_mm:g} mm",
    }


def transform(source: str, target: str, kind: str) -> dict[str, Any]:
    """Keys of a transform file."""
    return {
        "Description": (
            f"ITK transform that resamples images of {source} onto the grid of {target}: "
            f"it maps points of {target} to points of {source} (LPS, mm)"
        ),
        "Type": kind,
    }

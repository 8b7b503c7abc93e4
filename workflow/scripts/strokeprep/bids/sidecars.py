"""The keys of the sidecars of outputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from strokeprep.io import json_files
from strokeprep.kinds import Kind, LabelKind
from strokeprep.study import naming


def image(kind: Kind, description: str, skull_stripped: bool) -> dict[str, Any]:
    """Keys of a grey-value image."""
    units = {"Units": kind.unit} if kind.unit else {}
    return {"Description": description, "SkullStripped": skull_stripped} | units


def is_stripped(image: str) -> bool:
    """Whether the sidecar beside an image says that it shows the brain alone; without one it does not."""
    sidecar = Path(naming.sidecar(image))
    return sidecar.exists() and json_files.read(sidecar).get("SkullStripped") is True


def label(kind: LabelKind, where: str) -> dict[str, Any]:
    """Keys of a mask or segmentation."""
    keys: dict[str, Any] = {"Description": f"{kind.called}, {where}"}
    if kind.mask_type:
        keys["Type"] = kind.mask_type
    if kind.is_manual:
        keys["Manual"] = True
    return keys


def by_backend(backend: str, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Keys that say how a mask was made: the backend, its metrics, and its network if it has one."""
    return {"Backend": backend} | figures(metrics)


def figures(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The metrics of a mask, and the network that it is from, if any."""
    numbers = {key: value for key, value in metrics.items() if key != "Model"}
    model = {"Model": metrics["Model"]} if "Model" in metrics else {}
    return {"Metrics": numbers} | model


def in_space(
    label: str | None, reference: str | None, resolution_mm: float, is_cubic: bool = False
) -> dict[str, Any]:
    """Keys that say on which grid an output lies.

    ``label`` is its ``space-`` entity. ``reference`` is the BIDS URI of the image with that grid,
    or None in template space. ``is_cubic`` says that a scan's own grid was replaced by cubic voxels.
    """
    resolution = {"Resolution": f"Cubic voxels of {resolution_mm:g} mm"}
    if label is None or label == "orig":
        return {"SpatialReference": "orig"} | (resolution if is_cubic else {})
    if reference:
        return {"SpatialReference": reference}
    return {"SpatialReference": label} | resolution


def transform(source: str, target: str, kind: str) -> dict[str, Any]:
    """Keys of a transform file."""
    return {
        "Description": (
            f"ITK transform that resamples images of {source} onto the grid of {target}: "
            f"it maps points of {target} to points of {source} (LPS, mm)"
        ),
        "Type": kind,
    }

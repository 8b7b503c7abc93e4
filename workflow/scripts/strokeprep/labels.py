"""Masks and segmentations: read as integers, moved by nearest neighbour, audited."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from strokeprep import images, transforms
from strokeprep.errors import StrokeprepError

# A released mask stored with a scale slope reads back as 0.9999999998; a probability does not.
INTEGER_TOLERANCE = 1e-3


def read(path: str | Path) -> sitk.Image:
    """A label image as unsigned integers."""
    image = images.read(path)
    values = images.array(image)
    whole = np.rint(values)
    if np.abs(values - whole).max(initial=0) > INTEGER_TOLERANCE or whole.min(initial=0) < 0:
        raise StrokeprepError(
            "A mask must hold whole, non-negative numbers",
            path,
            "Threshold it, or give the label image instead of a probability map.",
        )
    dtype = np.uint8 if whole.max(initial=0) <= np.iinfo(np.uint8).max else np.uint16
    return images.like(whole.astype(dtype), image)


def warp(
    label: sitk.Image, grid: sitk.Image, chain: Sequence[sitk.Transform]
) -> tuple[sitk.Image, dict[str, Any]]:
    """A label image on another grid, and what the move did to it."""
    moved = transforms.resample(label, grid, chain, transforms.NEAREST)
    return moved, {"Before": contents(label), "After": contents(moved)}


def contents(label: sitk.Image) -> dict[str, Any]:
    """The labels of an image with their volumes (ml), and its number of separate parts."""
    values = images.array(label)
    counts = np.bincount(values.ravel())
    voxel_ml = float(np.prod(label.GetSpacing())) / 1000
    return {
        "Volumes": {
            str(value): round(int(counts[value]) * voxel_ml, 4)
            for value in range(1, counts.size)
            if counts[value]
        },
        "Components": _components(values),
    }


def volume(content: dict[str, Any]) -> float:
    """The volume (ml) of all labels together."""
    return sum(content["Volumes"].values())


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """Overlap of two masks; 1 where both are empty."""
    a, b = a > 0, b > 0
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else 1.0


def _components(values: np.ndarray) -> int:
    """Parts that touch neither by face, edge nor corner."""
    from scipy import ndimage

    boxes = ndimage.find_objects((values > 0).astype(np.uint8))
    if not boxes:
        return 0
    return ndimage.label(values[boxes[0]] > 0, structure=np.ones((3, 3, 3)))[1]

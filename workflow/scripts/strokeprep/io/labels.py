"""Masks and segmentations: read as integers, resample by nearest neighbour, and measure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import images, transforms

Box = tuple[slice, ...]


def read(path: str | Path) -> sitk.Image:
    """A label image as unsigned integers."""
    return counted(images.read(path), path)


def counted(image: sitk.Image, path: str | Path) -> sitk.Image:
    """An image of whole numbers as unsigned integers; ``path`` is what errors call it."""
    if image.GetPixelID() == sitk.sitkUInt8:  # as most labels are
        return image
    values = images.array(image)
    whole = values if values.dtype.kind in "iu" else np.rint(values)
    # A mask that was stored with a scale slope reads back as 0.9999999998; a probability does not.
    near = whole is values or np.abs(values - whole).max(initial=0) <= 1e-3
    if whole.min(initial=0) < 0 or not near:
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
    """A label image on another grid, and its contents before and after."""
    moved = transforms.resample(label, grid, chain, transforms.NEAREST)
    return moved, {"Before": contents(label), "After": contents(moved)}


def contents(label: sitk.Image) -> dict[str, Any]:
    """The labels of an image with their volumes (ml), and the number of connected components."""
    return {"Volumes": volumes_ml(label), "Components": _components(label)}


def volumes_ml(label: sitk.Image) -> dict[str, float]:
    """The volume of each label."""
    values = sitk.GetArrayViewFromImage(label).reshape(-1)
    found, counts = np.unique(values[values != 0], return_counts=True)
    voxel_ml = float(np.prod(label.GetSpacing())) / 1000
    return {
        str(value): round(count * voxel_ml, 4)
        for value, count in zip(found.tolist(), counts.tolist(), strict=True)
    }


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """The Dice coefficient of two masks; 1 if both are empty."""
    a, b = a > 0, b > 0
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else 1.0


def bounding_box(mask: np.ndarray, margin: int | Sequence[int] = 0) -> Box:
    """The smallest box around a mask, enlarged by a margin in voxels as far as the array allows.

    The box of an empty mask starts at 0 and has the size of the margin.

    >>> mask = np.zeros((9, 9), bool)
    >>> mask[2:5, 7] = True
    >>> bounding_box(mask, margin=(1, 3))
    (slice(1, 6, None), slice(4, 9, None))
    """
    margins = np.broadcast_to(margin, mask.ndim)
    box = []
    for axis, (size, wider) in enumerate(zip(mask.shape, margins.tolist(), strict=True)):
        others = tuple(each for each in range(mask.ndim) if each != axis)
        shown = np.flatnonzero(mask.any(axis=others))
        first, end = (int(shown[0]), int(shown[-1]) + 1) if len(shown) else (0, 0)
        box.append(slice(max(first - wider, 0), min(end + wider, size)))
    return tuple(box)


def largest_object(mask: sitk.Image, count: int = 1) -> sitk.Image:
    """The ``count`` largest connected components of a mask, as a mask (uint8)."""
    parts = sitk.RelabelComponent(sitk.ConnectedComponent(mask))
    return sitk.BinaryThreshold(parts, 1, count)


def largest_part(mask: np.ndarray, count: int = 1) -> np.ndarray:
    """The ``count`` largest connected components of an array (bool)."""
    image = sitk.GetImageFromArray(np.asarray(mask, np.uint8))
    return sitk.GetArrayFromImage(largest_object(image, count)) > 0


def _components(label: sitk.Image) -> int:
    """The number of components (connected by face, edge or corner)."""
    box = bounding_box(sitk.GetArrayViewFromImage(label))[::-1]
    if box[0].start == box[0].stop:  # nothing is marked
        return 0
    parts = sitk.ConnectedComponent(label[box] > 0, True)
    return int(sitk.GetArrayViewFromImage(parts).max())

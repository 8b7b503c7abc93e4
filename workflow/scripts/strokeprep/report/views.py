"""Views: coarse grids of cubic voxels along the axes of the world, for pictures and measures.

Views are LPS whatever the storage order: indices grow to the patient's left, back and top. An axial
slice drawn row by row is thus radiological, with the patient's right on the left of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

from strokeprep.io import images, transforms

AIR = float(images.AIR_HU)


def around(image: sitk.Image, mm: float, margin_mm: float = 0.0) -> sitk.Image:
    """An empty view around what is above zero in a mask, with a margin."""
    reach = [slices[[0, -1]] for slices in map(np.flatnonzero, _extents(images.array(image) > 0))]
    low, high = np.transpose(reach)
    return _view(image, low - 0.5, high + 0.5, mm, margin_mm)


def _extents(mask: np.ndarray) -> list[np.ndarray]:
    """Along each axis, which slices show something of a mask."""
    flat = mask.any(axis=2)
    return [np.any(flat, axis=1), np.any(flat, axis=0), np.any(mask.any(axis=0), axis=0)]


def whole(image: sitk.Image, mm: float) -> sitk.Image:
    """An empty view of all that an image covers."""
    return _view(image, np.full(3, -0.5), np.array(image.GetSize()) - 0.5, mm, 0.0)


def _view(
    image: sitk.Image, low: np.ndarray, high: np.ndarray, mm: float, margin_mm: float
) -> sitk.Image:
    corners = [
        image.TransformContinuousIndexToPhysicalPoint([float(edges[axis]) for axis, edges in
                                                       enumerate(choice)])
        for choice in _corners(low, high)
    ]  # fmt: skip
    start = np.min(corners, axis=0) - margin_mm
    end = np.max(corners, axis=0) + margin_mm
    grid = sitk.Image([max(int(n), 1) for n in np.ceil((end - start) / mm)], sitk.sitkUInt8)
    grid.SetSpacing([mm] * 3)
    grid.SetOrigin((start + mm / 2).tolist())
    return grid


def _corners(low: np.ndarray, high: np.ndarray) -> list[list[np.ndarray]]:
    ends = (low, high)
    return [[ends[a], ends[b], ends[c]] for a in (0, 1) for b in (0, 1) for c in (0, 1)]


def seen(
    image: sitk.Image,
    view: sitk.Image,
    transform: sitk.Transform | None = None,
    outside: float = 0.0,
) -> np.ndarray:
    """Grey levels (float32, LPS order i, j, k) of an image on a view."""
    return _on(image, view, transform, transforms.LINEAR, outside).astype(np.float32)


def marked(
    mask: sitk.Image, view: sitk.Image, transform: sitk.Transform | None = None
) -> np.ndarray:
    """The labels of a mask on a view, by nearest neighbour."""
    return _on(mask, view, transform, transforms.NEAREST, 0)


def _on(
    image: sitk.Image, view: sitk.Image, transform: sitk.Transform | None, how: int, outside: float
) -> np.ndarray:
    steps: Sequence[sitk.Transform] = [transform] if transform is not None else []
    moved = transforms.resample(image, view, steps, how, outside)
    return images.array(moved)


def field_of(image: sitk.Image) -> sitk.Image:
    """A mask of an image's field of view, as a single voxel of its size: fast to resample."""
    size = np.array(image.GetSize())
    voxel = sitk.Image([1, 1, 1], sitk.sitkUInt8) + 1
    voxel.SetSpacing((size * image.GetSpacing()).tolist())
    voxel.SetDirection(image.GetDirection())
    voxel.SetOrigin(image.TransformContinuousIndexToPhysicalPoint(((size - 1) / 2).tolist()))
    return voxel


def middle(mask: np.ndarray) -> tuple[int, ...]:
    """The index of a mask's centre of gravity, or of the view's where it is empty."""

    def along(axis: int) -> int:
        counts = np.count_nonzero(mask, axis=tuple({0, 1, 2} - {axis}))
        size, total = mask.shape[axis], counts.sum()
        return int(round(counts @ np.arange(size) / total)) if total else size // 2

    return along(0), along(1), along(2)


def levels(mask: np.ndarray, count: int, axis: int = 2) -> list[int]:
    """Slices spread evenly over the extent of a mask, without its first and last slice."""
    other = tuple(each for each in range(3) if each != axis)
    marked = np.flatnonzero(mask.any(axis=other))
    low, high = (marked[0], marked[-1]) if len(marked) else (0, mask.shape[axis] - 1)
    shares = (np.arange(count) + 1) / (count + 1)
    return [int(round(low + share * (high - low))) for share in shares]

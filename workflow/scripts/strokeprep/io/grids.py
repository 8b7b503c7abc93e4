"""Voxel grids: make, compare and resample to them."""

from __future__ import annotations

from math import ceil, floor

import numpy as np
import SimpleITK as sitk

from strokeprep.io import images, labels


def resampled(image: sitk.Image, spacing_mm: float, interpolation: int | None = None) -> sitk.Image:
    """``image`` on cubic voxels over the same space, averaged where these are larger than its own."""
    grid = cubic_grid(image, spacing_mm)
    if interpolation is not None:
        return sitk.Resample(image, grid, sitk.Transform(), interpolation)
    return sitk.Resample(shrunk(image, spacing_mm), grid, sitk.Transform(), sitk.sitkLinear)


def shrunk(image: sitk.Image, spacing_mm: float) -> sitk.Image:
    """``image`` averaged over blocks of voxels no larger than ``spacing_mm``."""
    factors = [
        int(np.clip(spacing_mm / spacing + 1e-3, 1, size))
        for spacing, size in zip(image.GetSpacing(), image.GetSize(), strict=True)
    ]
    return image if factors == [1, 1, 1] else sitk.BinShrink(image, factors)


def cubic_grid(image: sitk.Image, spacing_mm: float) -> sitk.Image:
    """An empty grid of cubic voxels over the space of ``image``, with the same axes.

    >>> thick = sitk.Image(10, 10, 4, sitk.sitkInt16)
    >>> thick.SetSpacing((1.0, 1.0, 5.0))
    >>> grid = cubic_grid(thick, 2.0)
    >>> grid.GetSize(), grid.GetSpacing()
    ((5, 5, 10), (2.0, 2.0, 2.0))
    >>> grid.GetOrigin()  # the outer faces of both grids coincide
    (0.5, 0.5, -1.5)
    """
    old = np.array(image.GetSpacing())
    extent = old * image.GetSize()
    size = np.maximum(np.rint(extent / spacing_mm), 1).astype(int)
    grid = sitk.Image(size.tolist(), sitk.sitkUInt8)
    grid.SetSpacing((spacing_mm,) * 3)
    grid.SetDirection(image.GetDirection())
    first = ((extent - size * spacing_mm) / 2 + spacing_mm / 2 - old / 2) / old
    grid.SetOrigin(image.TransformContinuousIndexToPhysicalPoint(first.tolist()))
    return grid


def box_on(image: sitk.Image, marked: np.ndarray, coarse: sitk.Image) -> labels.Box:
    """The voxels of an image around those marked on a coarser grid over the same space."""
    scale = np.array(coarse.GetSpacing()) / image.GetSpacing()
    return tuple(
        slice(max(floor((part.start - 1) * per), 0), min(ceil((part.stop + 1) * per), size))
        if part.stop
        else part
        for part, per, size in zip(labels.bounding_box(marked), scale, image.GetSize(), strict=True)
    )


def distance(mask: sitk.Image) -> sitk.Image:
    """The distance (mm) to the surface of a mask, positive inside and negative outside."""
    field = sitk.SignedMaurerDistanceMap(
        mask > 0, insideIsPositive=True, squaredDistance=False, useImageSpacing=True
    )
    return sitk.Cast(field, sitk.sitkFloat32)


def depth(share: sitk.Image) -> sitk.Image:
    """The same for cubic voxels that a body fills in part, from the share of each that is filled.

    Close to the surface, where a voxel is filled by half, it is precise to a fraction of a voxel.
    """
    mm, blur_mm = share.GetSpacing()[0], 1.0
    share = sitk.SmoothingRecursiveGaussian(share, blur_mm)
    far = images.array(distance(share > 0.5)) + mm / 2  # distances are between voxel centres
    soft = np.clip(images.array(share), 0.01, 0.99)
    # The inverse of a blurred edge, with the logit as the usual approximation of the inverse normal.
    blur = np.hypot(blur_mm, mm / np.sqrt(12))
    near = blur / 1.702 * np.log(soft / (1 - soft))
    weight = np.clip(mm - np.abs(near), 0, 1)
    return images.like((weight * near + (1 - weight) * far).astype(np.float32), share)


def same_grid(a: sitk.Image, b: sitk.Image) -> bool:
    """Whether two images have the same voxels in the same places."""
    return a.GetSize() == b.GetSize() and np.allclose(images.affine(a), images.affine(b), atol=1e-3)

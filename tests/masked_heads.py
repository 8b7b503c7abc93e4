"""Heads with their true brains, and these brains moved: masks that are right and wrong."""

from __future__ import annotations

from functools import cache

import numpy as np
import SimpleITK as sitk
from heads import Head, head
from strokeprep.io import images


@cache
def scanned(contrast: str) -> Head:
    """A head in slices of 4 mm with noise."""
    return head(contrast)


def mask_of(contrast: str) -> sitk.Image:
    """Its true brain."""
    shown = scanned(contrast)
    return images.like(shown.brain.astype(np.uint8), shown.image)


def moved(mask: sitk.Image, shift_mm=(0, 0, 0), turns_deg=(0, 0, 0)) -> sitk.Image:
    """A mask shifted (LPS) and turned about its centre."""
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(mask)
    move = sitk.Euler3DTransform(shape.GetCentroid(1), *np.radians(turns_deg),
                                 [float(-each) for each in shift_mm])  # fmt: skip
    return sitk.Resample(mask, mask, move, sitk.sitkNearestNeighbor)

"""Face masks: the voxels of a scan that defacing empties.

A backend is a function of a :class:`~strokeprep.segmentation.request.Request` and a coarse grid
that returns an :class:`Answer`. It says what to remove; protecting the brain mask and counting are
the same for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import grids, images, labels
from strokeprep.segmentation.request import Request
from strokeprep.settings.backends import Backend

# The surfaces of a face are smooth: a coarser grid (mm) than the image's describes them.
WORK_MM = 2.0
FAR_MM = 999.0

# A scan that shows less than this share of its patient's brain may not show the head at all.
SMALLEST_SHARE = 0.02

# A mask, and the transform of an image's points to it.
Marked = tuple[sitk.Image, sitk.Transform]


class Answer(NamedTuple):
    """What a backend found, as depths (mm, positive inside) on the coarse grid.

    ``brain`` is what the margin is kept from, None for the brain mask. A backend gives its own where
    it knows better: a mask of all that the skull encloses reaches into the orbits.
    """

    face: sitk.Image
    brain: sitk.Image | None
    facts: dict[str, Any]


def region(
    request: Request,
    backend: Backend,
    brain: Marked,
    margin_mm: float,
    carried: Sequence[Marked] = (),
) -> tuple[sitk.Image, dict[str, Any]]:
    """The voxels to empty (uint8 on the image's grid) and numbers about them.

    Whatever the backend, no voxel with any share of the ``brain`` is touched, and nothing within
    ``margin_mm`` of the brain that the backend gives, or else of this one. ``carried`` are faces
    found on other images of the patient, which kept clear of the brain there; they are emptied as
    well.
    """
    coarse = grids.cubic_grid(request.image, WORK_MM)
    depth = depth_in(brain, coarse)
    share = _shown(depth, brain[0])
    if share < SMALLEST_SHARE:
        raise StrokeprepError(
            f"Only {share:.1%} of a brain lies in the image, so its face cannot be located",
            request.where,
            "Remove the scan from the study, or give the session's whole-head scan as well.",
        )
    answer = backend.run(request, coarse)
    margin = -(depth if answer.brain is None else answer.brain) - margin_mm
    mask = _on(request.image, sitk.Minimum(answer.face, margin))
    if carried:
        mask = sitk.Or(mask, _carried(carried, request.image))
    mask = clear_of(brain, mask)
    return mask, {
        "BrainShown": round(share, 4),
        **removed(mask),
        "BrainMarginMm": margin_mm,
        **answer.facts,
    }


def depth_in(brain: Marked, grid: sitk.Image) -> sitk.Image:
    """How deep in a brain each point of a grid lies (mm)."""
    mask, to_mask = brain
    share = grids.resampled(sitk.Cast(mask > 0, sitk.sitkFloat32), WORK_MM)
    return sitk.Resample(grids.depth(share), grid, to_mask, sitk.sitkLinear, -FAR_MM)


def _shown(depth: sitk.Image, brain: sitk.Image) -> float:
    """The share of a brain that lies in view, from its depth on a coarse grid of the image."""
    whole = np.count_nonzero(sitk.GetArrayViewFromImage(brain)) * np.prod(brain.GetSpacing())
    shown = np.count_nonzero(sitk.GetArrayViewFromImage(depth) > 0) * WORK_MM**3
    return min(float(shown / whole), 1.0)


def clear_of(brain: Marked, face: sitk.Image) -> sitk.Image:
    """A face without the voxels that have a share of a brain: thin parts are lost on the coarse grid.

    A voxel of the edge counts, since a brain of another scan is aligned to a part of a voxel.
    """
    mask, to_mask = brain
    share = sitk.Cast(mask > 0, sitk.sitkFloat32)
    box = labels.bounding_box(sitk.GetArrayViewFromImage(face))[::-1]
    clear = sitk.Image(face)
    if box[0].stop:  # else there is no face
        part = face[box]
        clear[box] = sitk.Mask(part, sitk.Resample(share, part, to_mask, sitk.sitkLinear, 0.0) == 0)
    return clear


def _on(image: sitk.Image, field: sitk.Image) -> sitk.Image:
    """Where a field on a coarser grid over the same space is positive, on an image's grid."""
    box = grids.box_on(image, images.array(field) > 0, field)
    whole = sitk.Image(image.GetSize(), sitk.sitkUInt8)
    whole.CopyInformation(image)
    whole[box] = sitk.Resample(field, image[box], sitk.Transform(), sitk.sitkLinear) > 0
    return whole


def _carried(masks: Sequence[Marked], image: sitk.Image) -> sitk.Image:
    """The union of other images' faces on an image's grid."""
    from strokeprep.segmentation import skull  # slow to load, and needed for networks alone

    return skull.carried(masks, image)


def removed(mask: sitk.Image) -> dict[str, float]:
    """How much a mask empties."""
    count = int(np.count_nonzero(sitk.GetArrayViewFromImage(mask)))
    voxel_ml = float(np.prod(mask.GetSpacing())) / 1000
    return {"RemovedVoxels": count, "RemovedMl": round(count * voxel_ml, 2)}

"""Face masks: the voxels of a scan that defacing empties.

A backend is a function of a :class:`~strokeprep.segmentation.request.Request` and a coarse grid
that returns an :class:`Answer`. It says what to remove; protecting the brain mask and counting are
the same for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
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
    depth: sitk.Image,
    margin_mm: float,
    carried: Sequence[Marked] = (),
) -> tuple[sitk.Image, dict[str, Any]]:
    """The voxels to empty (uint8 on the image's grid) and numbers about them.

    Whatever the backend, no voxel with any share of the ``brain`` is touched, and nothing within
    ``margin_mm`` of the brain that the backend gives, or else of this one, in which each point lies as
    deep as ``depth`` says (:func:`depth_in`). ``carried`` are faces
    found on other images of the patient, which kept clear of the brain there; they are emptied as
    well.
    """
    share = _shown(depth, brain[0])
    if share < SMALLEST_SHARE:
        raise StrokeprepError(
            f"Only {share:.1%} of a brain lies in the image, so its face cannot be located",
            request.where,
            "Remove the scan from the study, or give the session's whole-head scan as well.",
        )
    answer = backend.run(request, depth)
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


def depth_in(brain: Marked, image: sitk.Image) -> sitk.Image:
    """How deep in a brain each point of an image lies (mm), on cubic voxels of WORK_MM."""
    mask, to_mask = brain
    grid = grids.cubic_grid(image, WORK_MM)
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
    box = tuple(
        slice(max(one.start, other.start), min(one.stop, other.stop))
        for one, other in zip(_box(face), _box_of_brain(brain, face), strict=True)
    )
    clear = sitk.Image(face)
    if all(side.start < side.stop for side in box):  # else the face lies away from the brain
        part, share = face[box], sitk.Cast(mask[_box(mask, 1)] > 0, sitk.sitkFloat32)
        clear[box] = sitk.Mask(part, sitk.Resample(share, part, to_mask, sitk.sitkLinear, 0.0) == 0)
    return clear


def _box(mask: sitk.Image, margin: int = 0) -> labels.Box:
    """The box around a mask."""
    return labels.bounding_box(sitk.GetArrayViewFromImage(mask), margin)[::-1]


def _box_of_brain(brain: Marked, image: sitk.Image) -> labels.Box:
    """The voxels of an image that may have a share of a brain: all of them where a warp maps the image to it."""
    mask, to_mask = brain
    if not to_mask.IsLinear():
        return tuple(slice(0, size) for size in image.GetSize())
    from_mask = to_mask.GetInverse()
    ends = product(*((side.start - 1, side.stop) for side in _box(mask)))
    corners = [from_mask.TransformPoint(mask.TransformIndexToPhysicalPoint(end)) for end in ends]
    index = np.array([image.TransformPhysicalPointToContinuousIndex(each) for each in corners])
    low, high = np.floor(index.min(axis=0)), np.ceil(index.max(axis=0)) + 1
    size = image.GetSize()
    low, high = (np.clip(each, 0, size).astype(int).tolist() for each in (low, high))
    return tuple(slice(*ends) for ends in zip(low, high, strict=True))


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

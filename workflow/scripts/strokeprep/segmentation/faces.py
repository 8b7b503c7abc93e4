"""The face: where it is.

A backend says what to remove; protecting the brain and counting are the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import grids, images
from strokeprep.registration import template

if TYPE_CHECKING:  # jobs load what they use
    from strokeprep.settings.networks import NetworkSettings

# The face in template space (MNI, RAS mm): at height z everything in front of y goes, without
# limit to the front, the sides and below, so that no ghost of a nose stays in the air. From the
# brows down: the skin over the brow, the orbits with what lies in them, then behind the maxilla
# and the mandible.
FACE_Z = (-15.0, -20.0, -24.0, -62.0, -78.0, -100.0)
FACE_Y = (80.0, 40.0, 24.0, 24.0, 38.0, 30.0)

# The face's surfaces are smooth: no finer grid is needed to hold them.
WORK_MM = 2.0

# No brow lies higher in the template than this: a slab above it shows no face, though a network
# finds a lowest point of the frontal lobes in it, too.
HIGHEST_BROW_Z = FACE_Z[0] + 5.0

# Half the width of the box in template space: no image reaches further from a head's centre.
BOX_MM = 400.0
FAR_MM = 999.0

# A scan that shows less of the template's brain than this cannot be told from one that does not
# show the head at all.
SMALLEST_SHARE = 0.02


@dataclass(frozen=True)
class Asked:
    """What a backend gets: the image, the coarse grid of the answer, and where the head lies."""

    image: sitk.Image
    grid: sitk.Image
    to_template: sitk.Transform
    modality: str
    where: str
    settings: NetworkSettings | None


def region(
    image: sitk.Image,
    to_template: sitk.Transform,
    backend: str,
    margin_mm: float,
    where: str = "image",
    *,
    modality: str = "ct",
    settings: NetworkSettings | None = None,
    carried: Sequence[tuple[sitk.Image, sitk.Transform]] = (),
) -> tuple[sitk.Image, dict[str, Any]]:
    """The voxels to empty (uint8 on the image's grid) and numbers about them.

    Whatever the backend, nothing within ``margin_mm`` of the brain is touched. ``carried`` are
    faces found on other images of the patient, each with the transform of this image's points to
    it; they go as well.
    """
    coarse = grids.cubic_grid(image, WORK_MM)
    depth = sitk.Resample(template.depth(), coarse, to_template, sitk.sitkLinear, -FAR_MM)
    share = _shown(depth)
    if share < SMALLEST_SHARE:
        raise StrokeprepError(
            f"Only {share:.1%} of a brain lies in the image, so its face cannot be located",
            where,
            "Remove the scan from the study, or give the session's whole-head scan as well.",
        )
    asked = Asked(image, coarse, to_template, modality, where, settings)
    wanted, brain, facts = BACKENDS[backend](asked)
    protected = depth if brain is None else sitk.Maximum(depth, brain)
    allowed = -protected - margin_mm
    field = sitk.Minimum(wanted, allowed)
    mask = sitk.Resample(field, image, sitk.Transform(), sitk.sitkLinear) > 0
    if carried:
        mask = sitk.Or(mask, _carried(carried, image, allowed))
    voxel_ml = float(np.prod(image.GetSpacing())) / 1000
    removed = int(np.count_nonzero(sitk.GetArrayViewFromImage(mask)))
    return mask, {
        "BrainShown": round(share, 4),
        "RemovedVoxels": removed,
        "RemovedMl": round(removed * voxel_ml, 2),
        "BrainMarginMm": margin_mm,
        **facts,
    }


def _carried(
    masks: Sequence[tuple[sitk.Image, sitk.Transform]], image: sitk.Image, allowed: sitk.Image
) -> sitk.Image:
    """The union of other images' faces where it is ``allowed``."""
    from strokeprep.segmentation import skull

    free = sitk.Resample(allowed, image, sitk.Transform(), sitk.sitkLinear) > 0
    return sitk.And(skull.carried(masks, image), free)


# Millimetres into the face and, if the backend knows, into the brain, on the coarse grid, positive
# inside; and what made them.
Answer = tuple[sitk.Image, sitk.Image | None, dict[str, Any]]


def _from_template(asked: Asked) -> Answer:
    """The template's face region."""
    face = _template_face()
    field = sitk.Resample(face, asked.grid, asked.to_template, sitk.sitkLinear, -FAR_MM)
    return field, None, {}


def _from_parts(asked: Asked) -> Answer:
    """Before and below the brain and the skull that TotalSegmentator finds."""
    from strokeprep.segmentation import total_segmentator

    wanted, brain, facts = total_segmentator.face_by_parts(
        asked.image,
        asked.modality,
        asked.where,
        asked.settings,
        grid=asked.grid,
        to_template=asked.to_template,
    )
    below = _below(HIGHEST_BROW_Z, asked.grid, asked.to_template)
    return sitk.Minimum(wanted, below), brain, {"Model": facts}


def _below(z: float, grid: sitk.Image, to_template: sitk.Transform) -> sitk.Image:
    """How far (mm) each point of ``grid`` lies below a height in the template."""
    ramp = np.tile(np.array([z + BOX_MM, z - BOX_MM], np.float32), (2, 2, 1))
    affine = np.diag([2 * BOX_MM, 2 * BOX_MM, 2 * BOX_MM, 1.0])
    affine[:3, 3] = -BOX_MM
    there = images.from_array(ramp, affine)
    return sitk.Resample(there, grid, to_template, sitk.sitkLinear, -FAR_MM)


def _from_face_network(asked: Asked) -> Answer:
    """What TotalSegmentator's licensed networks call the face.

    They are not asked where even the template's region, which is ample, has nothing in view.
    """
    from strokeprep.segmentation import skull, total_segmentator

    ample, *_ = _from_template(asked)
    if not (sitk.GetArrayViewFromImage(ample) > 0).any():
        return ample, None, {}
    found, facts = total_segmentator.face(asked.image, asked.modality, asked.where, asked.settings)
    return skull.mask_field(asked.grid, found), None, {"Model": facts}


@cache
def _template_face() -> sitk.Image:
    """Millimetres into the face region, over a box in template space that holds any image."""
    count = round(2 * BOX_MM / WORK_MM / 2)
    along = np.linspace(-BOX_MM, BOX_MM, count).astype(np.float32)
    rising = np.argsort(FACE_Z)
    front = np.interp(along, np.take(FACE_Z, rising), np.take(FACE_Y, rising))
    inside = np.minimum(along[None, :, None] - front, FACE_Z[0] - along)
    affine = np.diag([2 * BOX_MM, *[2 * BOX_MM / (count - 1)] * 2, 1.0])
    affine[:3, 3] = -BOX_MM
    # It is the same at every x: two voxels across hold it.
    return images.from_array(np.repeat(inside, 2, axis=0).astype(np.float32), affine)


def _shown(depth: sitk.Image) -> float:
    """The share of the template's brain that lies in view, from its depth on an image's grid.

    A head may be smaller or larger than the template, so this is a rough figure.
    """
    volume = np.count_nonzero(sitk.GetArrayViewFromImage(template.depth()) > 0)
    shown = np.count_nonzero(sitk.GetArrayViewFromImage(depth) > 0) * WORK_MM**3
    return min(shown / volume, 1.0)


BACKENDS: dict[str, Callable[[Asked], Answer]] = {
    "template": _from_template,
    "totalsegmentator": _from_parts,
    "totalsegmentator-face": _from_face_network,
}

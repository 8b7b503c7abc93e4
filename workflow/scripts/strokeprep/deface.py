"""The face: where it is.

A backend says what to remove; protecting the brain and counting are the same for all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import SimpleITK as sitk

from strokeprep import images, template
from strokeprep.errors import StrokeprepError

# The face in template space (MNI, RAS mm): at height z everything in front of y goes, without
# limit to the front, the sides and below, so that no ghost of a nose stays in the air. From the
# brows down: the skin over the brow, the orbits with what lies in them, then behind the maxilla
# and the mandible.
FACE_Z = (-15.0, -20.0, -24.0, -62.0, -78.0, -100.0)
FACE_Y = (80.0, 40.0, 24.0, 24.0, 38.0, 30.0)

# The face's surfaces are smooth: no finer grid is needed to hold them.
WORK_MM = 2.0

# Half the width of the box in template space: no image reaches further from a head's centre.
BOX_MM = 400.0
FAR_MM = 999.0

# A scan that shows less of the template's brain than this cannot be told from one that does not
# show the head at all.
SMALLEST_SHARE = 0.02


def region(
    image: sitk.Image,
    to_template: sitk.Transform,
    backend: str,
    margin_mm: float,
    where: str = "image",
) -> tuple[sitk.Image, dict[str, float]]:
    """The voxels to empty (uint8 on the image's grid) and numbers about them.

    Whatever the backend, nothing within ``margin_mm`` of the brain is touched.
    """
    coarse = template.cubic_grid(image, WORK_MM)
    depth = sitk.Resample(template.depth(), coarse, to_template, sitk.sitkLinear, -FAR_MM)
    share = _shown(depth)
    if share < SMALLEST_SHARE:
        raise StrokeprepError(
            f"Only {share:.1%} of a brain lies in the image, so its face cannot be located",
            where,
            "Remove the scan from the study, or give the session's whole-head scan as well.",
        )
    wanted = BACKENDS[backend](coarse, to_template)
    field = sitk.Minimum(wanted, -depth - margin_mm)
    mask = sitk.Resample(field, image, sitk.Transform(), sitk.sitkLinear) > 0
    voxel_ml = float(np.prod(image.GetSpacing())) / 1000
    removed = int(np.count_nonzero(sitk.GetArrayViewFromImage(mask)))
    return mask, {
        "BrainShown": round(share, 4),
        "RemovedVoxels": removed,
        "RemovedMl": round(removed * voxel_ml, 2),
        "BrainMarginMm": margin_mm,
    }


def _from_template(grid: sitk.Image, to_template: sitk.Transform) -> sitk.Image:
    """Millimetres into the template's face region, on ``grid``; positive inside."""
    return sitk.Resample(_template_face(), grid, to_template, sitk.sitkLinear, -FAR_MM)


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


BACKENDS: dict[str, Callable[[sitk.Image, sitk.Transform], sitk.Image]] = {
    "template": _from_template,
}

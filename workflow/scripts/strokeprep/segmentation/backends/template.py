"""Brain and face of the template, placed where the image's head lies. Needs no network."""

from __future__ import annotations

from functools import cache

import numpy as np
import SimpleITK as sitk

from strokeprep.io import grids, images, labels
from strokeprep.registration import template
from strokeprep.segmentation.faces import FAR_MM, WORK_MM, Answer
from strokeprep.segmentation.request import Request

# Where the pia lies from the edge of the template's brain (mm, outwards), by the contrast of the
# image that was located. Where fluid is dark, the fit takes it for skull and ends short of the pia;
# where it is bright, the fit takes in some of it.
EDGE_MM = {"ct": 0.1, "dark fluid": 0.3, "bright fluid": -0.3}

SURROUNDINGS_MM = 14.0

# How far beyond the template's brain an image is compared with it.
REACH_MM = 40.0

# On CT, bone and the air of the sinuses are taken out of the mask near its surface. What is bright
# deeper inside is calcium or blood.
BONE_HU, AIR_HU = 130, -150
BONE_NEAR_MM = 6.0

# The face in template space (MNI, RAS mm): at height z everything in front of y is emptied, without
# limit to the front, the sides and below, so that no ghost of a nose stays in the air. From the
# brows down: the skin over the brow, the orbits with what lies in them, then behind the maxilla
# and the mandible.
FACE_Z = (-15.0, -20.0, -24.0, -62.0, -78.0, -100.0)
FACE_Y = (80.0, 40.0, 24.0, 24.0, 26.0, 5.0)
# Where a face is looked for: at the mandible no further back than a network's face reaches.
PLACE_Y = (80.0, 40.0, 24.0, 24.0, 38.0, 30.0)

# The face keeps this far from the template's brain: a mask may end short of the brain at the
# frontal base. At 6 mm a CT keeps up to a tenth of the face within the view.
CLEAR_MM = 3.0

# The tips of the temporal lobes reach up to 7 mm beyond the template's, behind the orbits: below this height
# and behind this plane (MNI) the face keeps further away.
TIP_CLEAR_MM, TIP_Z, TIP_Y = 7.0, -20.0, 34.0

# No brow lies higher in the template than this.
HIGHEST_BROW_Z = FACE_Z[0] + 5.0

# Half the width of the box in template space: no image reaches further from a head's centre.
BOX_MM = 400.0


def brain(request: Request) -> tuple[sitk.Image, dict[str, float]]:
    """The template's brain, its contour corrected by the image; on CT, less bone and air there."""
    from strokeprep.segmentation import contour  # slow to load, and faces do without

    image, location = request.image, request.head()
    grid = grids.cubic_grid(image, contour.GRID_MM)
    there = sitk.Resample(
        _template_depth(), grid, location.to_template, sitk.sitkLinear, template.BEYOND_MM
    )
    edge = EDGE_MM[location.contrast]
    shown = images.with_air(image) if request.modality == "ct" else image
    found = contour.corrected(shown, location.contrast, there + edge)
    box, depth = finely(found.depth, image)
    inside = depth > 0
    if request.modality == "ct":
        inside &= (depth > BONE_NEAR_MM) | _soft(image, box)
    whole = np.zeros(image.GetSize(), np.uint8)
    whole[box] = labels.largest_part(inside)
    return images.like(whole, image), dict(location.metrics) | found.metrics


def face(request: Request, grid: sitk.Image) -> Answer:
    """The template's face region, clear of the template's brain."""
    to_template = request.head().to_template
    margin = sitk.Resample(_margin(), grid, to_template, sitk.sitkLinear, CLEAR_MM)
    clear = -template.depth_at(grid, to_template) - margin
    return Answer(sitk.Minimum(_in_front(FACE_Y, grid, to_template), clear), None, {})


def place_of_face_at(grid: sitk.Image, to_template: sitk.Transform) -> sitk.Image:
    """How deep (mm) each point of a grid lies in the place where a face is looked for."""
    return _in_front(PLACE_Y, grid, to_template)


def finely(depth: sitk.Image, image: sitk.Image) -> tuple[labels.Box, np.ndarray]:
    """The box of voxels the brain and its surroundings fill, and how deep in it each lies (mm).

    ``depth`` is on a coarser grid over the same space.
    """
    box = grids.box_on(image, images.array(depth) > -SURROUNDINGS_MM, depth)
    if any(part.start >= part.stop for part in box):
        return box, np.zeros([0, 0, 0], np.float32)
    fine = sitk.Resample(
        depth,
        image[box],
        sitk.Transform(),
        sitk.sitkLinear,
        -99.0,
        useNearestNeighborExtrapolator=True,
    )
    return box, images.array(fine)


def below_the_brow(grid: sitk.Image, to_template: sitk.Transform) -> sitk.Image:
    """How far (mm) each point of ``grid`` lies below the highest brow there is."""
    z = HIGHEST_BROW_Z
    ramp = np.tile(np.array([z + BOX_MM, z - BOX_MM], np.float32), (2, 2, 1))
    affine = np.diag([2 * BOX_MM, 2 * BOX_MM, 2 * BOX_MM, 1.0])
    affine[:3, 3] = -BOX_MM
    there = images.from_array(ramp, affine)
    return sitk.Resample(there, grid, to_template, sitk.sitkLinear, -FAR_MM)


def _soft(image: sitk.Image, box: tuple[slice, ...]) -> np.ndarray:
    """Neither bone nor air, on a CT smoothed by about half a millimetre against noise."""
    from scipy import ndimage  # slow to load, and needed on CT alone

    hu = images.array(image[box]).astype(np.float32)
    sigma = [min(0.6 / spacing, 1.0) for spacing in image.GetSpacing()]
    smooth = ndimage.gaussian_filter(hu, sigma, truncate=2.0)
    return (smooth < BONE_HU) & (smooth > AIR_HU)


@cache
def _template_depth() -> sitk.Image:
    """The depth in the template's brain, also beyond the edge of the template's image."""
    spacing = template.depth().GetSpacing()[0]
    margin = [round(REACH_MM / spacing)] * 3
    wider = sitk.ConstantPad(template.depth(), margin, margin, template.BEYOND_MM)
    far = grids.distance(wider > 0) + spacing / 2  # distances are between voxel centres
    known, beyond = images.array(wider), images.array(far)
    return images.like(np.where(known > template.BEYOND_MM, known, beyond), wider)


def _in_front(
    face_y: tuple[float, ...], grid: sitk.Image, to_template: sitk.Transform
) -> sitk.Image:
    """How far (mm) each point of a grid lies in front of a surface in template space (as FACE_Y)."""
    field = _field_in_front(face_y)
    return sitk.Resample(field, grid, to_template, sitk.sitkLinear, -FAR_MM)


@cache
def _field_in_front(face_y: tuple[float, ...]) -> sitk.Image:
    """The same, over a box in template space that holds any image."""
    along = _along()
    rising = np.argsort(FACE_Z)
    front = np.interp(along, np.take(FACE_Z, rising), np.take(face_y, rising))
    return _over_box(np.minimum(along[:, None] - front, FACE_Z[0] - along))


@cache
def _margin() -> sitk.Image:
    """How far (mm) the face keeps from the template's brain, over the same box."""
    is_tip = (_along()[:, None] < TIP_Y) & (_along() < TIP_Z)
    return _over_box(np.where(is_tip, TIP_CLEAR_MM, CLEAR_MM))


def _along() -> np.ndarray:
    """The coordinates of the box's voxels along y, and along z."""
    return np.linspace(-BOX_MM, BOX_MM, round(BOX_MM / WORK_MM)).astype(np.float32)


def _over_box(values: np.ndarray) -> sitk.Image:
    """Values by y and z as an image over the box in template space."""
    affine = np.diag([2 * BOX_MM, *[2 * BOX_MM / (len(values) - 1)] * 2, 1.0])
    affine[:3, 3] = -BOX_MM
    # They are the same at every x, so two voxels are enough across.
    return images.from_array(np.stack([values, values]).astype(np.float32), affine)

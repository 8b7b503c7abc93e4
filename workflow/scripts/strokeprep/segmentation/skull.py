"""From masks of brain and skull: what the skull encloses, and where the face is."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from strokeprep.io import grids, images, labels

WORK_MM = 2.0  # these shapes are smooth, so no finer grid is needed
FAR_MM = 999.0

# The brain mask is grown by this much towards the skull: between them lie fluid and the error of
# the network.
TO_THE_SKULL_MM = 2.0

# A network with voxels of 3 mm finds the skull to within about one voxel. Within REACH_MM of its
# skull, bone is what is brighter than BONE_HU. Inside its skull, THIN_BONE_HU is enough, because
# partial volume lowers the values of thin bone.
REACH_MM, BONE_HU, THIN_BONE_HU = 2.0, 250, 150
NOISE_MM = 0.6

# Landmarks of the brain, seen from the side, limit the face. Above, the brow: BROW_MM above the
# lowest point of the frontal lobes, which is sought within FRONT_MM of the frontal pole. Behind,
# the tips of the temporal lobes, which are sought more than BELOW_MM below the frontal lobes. Where
# a scan shows no temporal lobes, their tips are assumed TIPS_MM behind the frontal pole.
FRONT_MM, BROW_MM, BELOW_MM, TIPS_MM = 25.0, 12.0, 8.0, 48.0

# A plane with less brain than this does not count: networks call small spots elsewhere brain.
LEAST_MM2 = 100.0

# Smaller parts of a mask of the face are spots.
SPOT_ML = 5.0

# Skin in front of the bone is removed up to this far behind the tips of the temporal lobes.
CHEEKS_MM = 10.0


def refined(skull: sitk.Image, image: sitk.Image) -> sitk.Image:
    """A network's skull (uint8) with its borders corrected by the Hounsfield units of the scan."""
    box = _box_around(skull, REACH_MM)
    near = grids.distance(skull[box]) >= -REACH_MM
    smooth = _denoised(image[box])
    sure = sitk.And(near, smooth > BONE_HU)
    thin = sitk.And(skull[box] > 0, smooth > THIN_BONE_HU)
    return _pasted(sitk.Or(sure, thin), skull, box)


def inside(brain: sitk.Image, skull: sitk.Image) -> sitk.Image:
    """All that the skull encloses (uint8): the brain grown to the bone, in one piece, filled."""
    box = _box_around(brain, 2 * TO_THE_SKULL_MM)
    half = min(brain.GetSpacing()) / 2  # distances are from voxel centres, not from the surface
    grown = grids.distance(brain[box]) >= -TO_THE_SKULL_MM - half
    bare = sitk.And(grown, skull[box] == 0)
    one = labels.largest_object(bare)
    filled = sitk.And(sitk.BinaryFillhole(one), skull[box] == 0)
    return _pasted(filled, brain, box)


def face_field(
    grid: sitk.Image, brain: sitk.Image, skull: sitk.Image | None, to_template: sitk.Transform
) -> sitk.Image:
    """Millimetres into the face on ``grid``, positive inside; from landmarks of brain and skull.

    ``to_template`` only gives the directions of the head: front and back, up and down.
    """
    frame = _patient_frame(grid, brain, to_template)
    inner = images.array(sitk.Resample(brain, frame)) > 0
    bone = images.array(sitk.Resample(skull, frame)) > 0 if skull is not None else None
    region = images.like(_region(inner, bone).astype(np.uint8), frame)
    return sitk.Resample(grids.distance(region), grid, sitk.Transform(), sitk.sitkLinear, -FAR_MM)


def forward_field(grid: sitk.Image, face: sitk.Image, to_template: sitk.Transform) -> sitk.Image:
    """Millimetres into a face and all that lies in front of it, on ``grid``.

    A mask that ends at the skin would show the face that it marks.
    """
    frame = _patient_frame(grid, face, to_template)
    marked = sitk.Resample(face, frame, sitk.Transform(), sitk.sitkNearestNeighbor) > 0
    # A spot elsewhere shows no skin of a face.
    parts = sitk.RelabelComponent(
        sitk.ConnectedComponent(marked), round(SPOT_ML * 1000 / WORK_MM**3)
    )
    ahead = np.maximum.accumulate(images.array(parts > 0), axis=1) | images.array(marked)
    field = grids.distance(images.like(ahead, frame))
    return sitk.Resample(field, grid, sitk.Transform(), sitk.sitkLinear, -FAR_MM)


def mask_field(grid: sitk.Image, mask: sitk.Image) -> sitk.Image:
    """Millimetres into a mask on ``grid``, positive inside."""
    distance = grids.distance(grids.resampled(mask, WORK_MM, sitk.sitkNearestNeighbor))
    return sitk.Resample(distance, grid, sitk.Transform(), sitk.sitkLinear, -FAR_MM)


def carried(masks: Iterable[tuple[sitk.Image, sitk.Transform]], image: sitk.Image) -> sitk.Image:
    """The union (uint8 on ``image``) of masks of other images of the patient.

    Each comes with the transform of ``image``'s points to its own. Outside the image that a mask
    was made on, nothing is marked.
    """
    union = sitk.Image(image.GetSize(), sitk.sitkUInt8)
    union.CopyInformation(image)
    for mask, to_mask in masks:
        here = sitk.Resample(mask, image, to_mask, sitk.sitkNearestNeighbor, 0, sitk.sitkUInt8)
        union = sitk.Or(union, here > 0)
    return union


def _box_around(mask: sitk.Image, margin_mm: float) -> labels.Box:
    margins = [int(np.ceil(margin_mm / spacing)) + 1 for spacing in mask.GetSpacing()]
    return labels.bounding_box(images.array(mask) > 0, margins)


def _pasted(part: sitk.Image, whole: sitk.Image, box: tuple[slice, ...]) -> sitk.Image:
    """A mask of a box (uint8) on the grid of the whole image."""
    data = np.zeros(whole.GetSize(), np.uint8)
    data[box] = images.array(part)
    return images.like(data, whole)


def _denoised(image: sitk.Image) -> sitk.Image:
    """The image smoothed by about half a millimetre."""
    sigma = [min(NOISE_MM / spacing, 1.0) for spacing in image.GetSpacing()]
    data = ndimage.gaussian_filter(images.array(image).astype(np.float32), sigma, truncate=2.0)
    return images.like(data, image)


def _patient_frame(grid: sitk.Image, brain: sitk.Image, to_template: sitk.Transform) -> sitk.Image:
    """An empty grid over all of ``grid`` whose axes are the patient's right, front and up."""
    centre = np.array(_centre(brain))
    turned = _axes(to_template, centre)
    corners = [
        grid.TransformIndexToPhysicalPoint((i, j, k))
        for i in (0, grid.GetWidth() - 1)
        for j in (0, grid.GetHeight() - 1)
        for k in (0, grid.GetDepth() - 1)
    ]
    along = (np.array(corners) - centre) @ turned
    low, high = along.min(axis=0), along.max(axis=0)
    size = np.ceil((high - low) / WORK_MM).astype(int) + 1
    frame = sitk.Image(size.tolist(), sitk.sitkUInt8)
    frame.SetSpacing((WORK_MM,) * 3)
    frame.SetDirection(turned.ravel().tolist())
    frame.SetOrigin((centre + turned @ low).tolist())
    return frame


def _axes(to_template: sitk.Transform, at: np.ndarray) -> np.ndarray:
    """The template's right, front and up at a point (LPS), as columns of a rotation."""
    step = 10.0
    origin = np.array(to_template.TransformPoint(at.tolist()))
    ahead = [to_template.TransformPoint((at + step * unit).tolist()) for unit in np.eye(3)]
    jacobian = (np.array(ahead) - origin).T / step
    u, _, vt = np.linalg.svd(np.linalg.inv(jacobian))
    return (u @ vt) @ np.diag([-1.0, -1.0, 1.0])


def _centre(mask: sitk.Image) -> tuple[float, ...]:
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(mask)
    return shape.GetCentroid(1)


def _region(brain: np.ndarray, bone: np.ndarray | None) -> np.ndarray:
    """The face on a frame of right, front, up: in front of the temporal tips and below the brow.

    With bone, also the skin in front of it, and below it at the sides.
    """
    pole, brow, tips = _landmarks(brain)
    front = np.arange(brain.shape[1])[None, :, None]
    height = np.arange(brain.shape[2])[None, None, :]
    below = height < brow
    region = np.broadcast_to(below & (front > tips), brain.shape).copy()
    if bone is not None:
        solid = bone | brain
        no_bone_ahead = ~np.maximum.accumulate(solid[:, ::-1], axis=1)[:, ::-1]
        no_bone_under = ~np.maximum.accumulate(solid, axis=2)
        region |= below & (front > tips - CHEEKS_MM / WORK_MM) & no_bone_ahead & no_bone_under
    return region


def _landmarks(brain: np.ndarray) -> tuple[int, float, int]:
    """Indices of the frontal pole, of the brow above it, and of the temporal lobes' tips."""
    brain = labels.largest_part(brain)
    pole = int(_shown(brain, (0, 2))[-1])
    frontal = brain[:, max(0, pole - int(FRONT_MM / WORK_MM)) :]
    lowest = int(_shown(frontal, (0, 1))[0])
    under = brain[:, :, : max(0, lowest - int(BELOW_MM / WORK_MM))]
    ahead = _shown(under, (0, 2))
    tips = int(ahead[-1]) if len(ahead) else pole - int(TIPS_MM / WORK_MM)
    return pole, lowest + BROW_MM / WORK_MM, tips


def _shown(mask: np.ndarray, within: tuple[int, int]) -> np.ndarray:
    """Indices of the planes along two axes in which a mask fills at least ``LEAST_MM2``."""
    return np.flatnonzero(mask.sum(axis=within) * WORK_MM**2 >= LEAST_MM2)

"""Whether a face is left, and whether defacing removed any brain.

Two figures tell whether a face is left. :func:`face_voxels_left` counts what is still filled where
defacing should have emptied the image; it misses a face that lies outside the mask.
:func:`face_left_ml` looks for tissue where the template has its face, without the mask.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from strokeprep.io import frames, grids, images, transforms
from strokeprep.registration import template
from strokeprep.registration.location import Location
from strokeprep.segmentation import faces
from strokeprep.segmentation.request import Request
from strokeprep.settings.backends import FACES

# Head, not air: above this (HU), or this share of an MR image's bright end.
HEAD_HU = -300.0
HEAD_SHARE = 0.12
# The face is looked for on voxels of this size.
FACE_MM = 2.0
# Nothing this close to the border of the template's face, or to the brain, counts as face.
FACE_SLACK_MM = 6.0


def filled(values: np.ndarray, background: float, tolerance: float = 0.0) -> int:
    """How many voxels of a region that should be empty differ from the background.

    >>> filled(np.array([-1024, -1024, 40], np.int16), -1024)
    1
    """
    if not tolerance:
        return int(np.count_nonzero(values != background))
    return int(np.count_nonzero(np.abs(values - np.float32(background)) > tolerance))


def face_voxels_left(image: Path, mask: sitk.Image, background: float) -> int:
    """Voxels of a face mask that still hold something in a released image, in all its frames."""
    region = images.array(mask) > 0
    return sum(filled(frame[region], background) for frame in _frames(image))


def _frames(path: Path) -> Iterator[np.ndarray]:
    nifti = images.open_nifti(path)
    if nifti.ndim == 4:
        yield from frames.stream(path)
    else:
        yield images.voxels(nifti, path)


def face_left_ml(image: sitk.Image, modality: str, to_template: sitk.Transform) -> float:
    """Tissue in the template's face region; ``to_template`` maps points of the image there."""
    from scipy import ndimage  # slow to load, and not needed by those who count voxels alone

    coarse = grids.cubic_grid(image, FACE_MM)
    request = Request(coarse, modality, location=Location(to_template))
    brain = template.load().filled, to_template
    face, _ = faces.region(request, FACES["template"], brain, FACE_SLACK_MM)
    deep = ndimage.distance_transform_cdt(images.array(face) > 0) * FACE_MM > FACE_SLACK_MM
    outside = images.background(modality)
    grey = images.array(transforms.resample(image, coarse, [], transforms.NEAREST, outside))
    return float((deep & (grey > head_level(grey, modality))).sum() * FACE_MM**3 / 1000)


def head_level(grey: np.ndarray, modality: str) -> float:
    """The grey level above which a voxel is head rather than air."""
    return HEAD_HU if modality == "ct" else HEAD_SHARE * float(np.quantile(grey, 0.98))


def brain_voxels_removed(
    face: sitk.Image, brain: sitk.Image, brain_to_face: sitk.Transform | None
) -> int:
    """Voxels of a face mask in which there is brain.

    ``brain_to_face`` maps points of the brain's image to points of the face's; None if both lie on
    one grid.
    """
    chain = [brain_to_face.GetInverse()] if brain_to_face is not None else []
    carried = transforms.resample(brain, face, chain, transforms.NEAREST)
    return int(np.count_nonzero((images.array(face) > 0) & (images.array(carried) > 0)))

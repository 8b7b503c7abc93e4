"""Whether an image shows a face, and whether defacing removed any brain.

Two figures tell whether a face is left. :func:`face_voxels_left` counts what is still filled where
defacing should have emptied the image; it misses a face that lies outside the mask.
:func:`face_left_ml` looks for tissue where the template has its face, without the mask. With what
lies outside of the brain, :func:`evidence` tells a whole head from one that was defaced or
skull-stripped before it came.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import SimpleITK as sitk

from strokeprep.io import grids, images, labels, transforms
from strokeprep.registration import template
from strokeprep.segmentation import faces
from strokeprep.segmentation.backends.template import place_of_face_at
from strokeprep.settings.limits import LIMITS, PASS

# Head, not air: above this (HU), or this share of an MR image's bright end.
HEAD_HU = -300.0
HEAD_SHARE = 0.12
# The face is looked for on voxels of this size.
FACE_MM = faces.WORK_MM
# Nothing this close to the border of the template's face, or to the brain, counts as face.
FACE_SLACK_MM = 6.0
# A face lies this close to the brain. An image that shows less of that place shows no face.
FACE_NEAR_MM = 60.0
LEAST_IN_VIEW_ML = 20.0

# No lesion lies this far outside of the template's brain; the scalp ends 14 mm from it.
FAR_MM = 20.0

# What counts as outside of the brain lies this far from its mask, which may be too small. Of a
# skull-stripped image less than this share of it is not empty.
OUTSIDE_MM = 10.0
STRIPPED_SHARE = 0.01

WHOLE, DEFACED = "whole head", "defaced before"
STRIPPED, OUT_OF_VIEW = "skull-stripped before", "no face in view"


@dataclass(frozen=True)
class Evidence:
    """What an image shows where a face would be, and outside of the brain."""

    face_ml: float  # tissue where a face would be
    filled_ml: float  # what is not empty there, however dark
    in_view_ml: float  # how much of that place lies in the image
    filled_outside: float  # share of the voxels outside of the brain that are not empty
    empty: float | None  # the one value of most voxels in the place of a face, if there is one

    @property
    def shows_a_face(self) -> bool:
        """Whether there may be a face: noise in the air counts, since a dark face looks like it."""
        return LIMITS["face_left_ml"].verdict(self.filled_ml) != PASS

    @property
    def conclusion(self) -> str:
        """In words, what the image is."""
        if self.shows_a_face:
            return WHOLE
        if self.filled_outside < STRIPPED_SHARE:
            return STRIPPED
        return DEFACED if self.in_view_ml > LEAST_IN_VIEW_ML else OUT_OF_VIEW

    def metrics(self) -> dict[str, Any]:
        """The figures for a sidecar."""
        return {
            "Shows": self.conclusion,
            "FaceMl": round(self.face_ml, 2),
            "FaceFilledMl": round(self.filled_ml, 2),
            "FaceInViewMl": round(self.in_view_ml, 1),
            "FilledOutsideBrain": round(self.filled_outside, 4),
        }


def filled(values: np.ndarray, background: float, tolerance: float = 0.0) -> int:
    """How many voxels of a region that should be empty differ from the background.

    >>> filled(np.array([-1024, -1024, 40], np.int16), -1024)
    1
    """
    if not tolerance:
        return int(np.count_nonzero(values != background))
    return int(np.count_nonzero(np.abs(values - np.float32(background)) > tolerance))


def face_voxels_left(stored: Iterable[np.ndarray], mask: sitk.Image, background: float) -> int:
    """Voxels of a face mask that still hold something in a released image: in all frames, each as in its file."""
    # Places in the order of the file are looked up much faster than the mask itself.
    region = np.flatnonzero(images.array(mask).T)
    return sum(filled(frame[region], background) for frame in stored)


def face_left_ml(image: sitk.Image, modality: str, to_template: sitk.Transform) -> float:
    """Tissue in the template's face region; ``to_template`` maps points of the image there."""
    return tissue_ml(image, modality, place_of_face(image, to_template))


def place_of_face(image: sitk.Image, to_template: sitk.Transform) -> np.ndarray:
    """Where a face would be, on cubic voxels of FACE_MM over an image."""
    coarse = grids.cubic_grid(image, FACE_MM)
    return _place(coarse, to_template, template.depth_at(coarse, to_template))


def tissue_ml(image: sitk.Image, modality: str, place: np.ndarray) -> float:
    """Tissue of an image in the place of a face (:func:`place_of_face`)."""
    grey = _grey(image, grids.cubic_grid(image, FACE_MM), modality)
    return _ml(place & _tissue(grey, modality, _empty(grey[place])))


def evidence(
    image: sitk.Image, modality: str, to_template: sitk.Transform, in_brain: sitk.Image
) -> Evidence:
    """Whether an image shows a face, is without one, or shows the brain alone.

    ``in_brain`` is how deep in the brain each of its points lies (:func:`faces.depth_in`).
    """
    depth = template.depth_at(in_brain, to_template)
    place, grey = _place(in_brain, to_template, depth), _grey(image, in_brain, modality)
    empty = _empty(grey[place])
    not_empty = grey != empty if empty is not None else np.ones_like(place)
    outside = images.array(in_brain) < -OUTSIDE_MM
    near = images.array(depth) > -FACE_NEAR_MM
    return Evidence(
        face_ml=_ml(place & _tissue(grey, modality, empty)),
        filled_ml=_ml(place & not_empty),
        in_view_ml=_ml(place & near),
        filled_outside=float(not_empty[outside].mean()) if outside.any() else 0.0,
        empty=empty,
    )


class Outlying(NamedTuple):
    """How much of a label lies where a face would be, and how much far from the brain."""

    in_face_ml: float
    far_ml: float


def outlying(label: sitk.Image, to_template: sitk.Transform) -> Outlying:
    """What a label marks where no lesion is; ``to_template`` maps its points to the template."""
    coarse = grids.cubic_grid(label, FACE_MM)
    marked = images.array(transforms.resample(label, coarse, [], transforms.NEAREST, 0)) > 0
    depth = template.depth_at(coarse, to_template)
    far = images.array(depth) < -FAR_MM
    return Outlying(_ml(marked & _place(coarse, to_template, depth)), _ml(marked & far))


def place_points(image: sitk.Image, to_template: sitk.Transform, around_mm: float) -> np.ndarray:
    """Points (N×3, LPS) FACE_MM apart where a face would be, up to so far outside of the image."""
    margin = [round(around_mm / spacing) for spacing in image.GetSpacing()]
    coarse = grids.cubic_grid(sitk.ConstantPad(image, margin, margin), FACE_MM)
    index = np.argwhere(_place(coarse, to_template, template.depth_at(coarse, to_template)))
    lps = images.LPS @ images.affine(coarse)
    return index @ lps[:3, :3].T + lps[:3, 3]


def _place(coarse: sitk.Image, to_template: sitk.Transform, depth: sitk.Image) -> np.ndarray:
    """Where a face would be on a coarse grid, clear of its border and of the brain.

    ``depth`` is how deep in the template's brain each point lies.
    """
    place = place_of_face_at(coarse, to_template) - FACE_SLACK_MM
    clear = -depth - 2 * FACE_SLACK_MM
    return images.array(sitk.Minimum(place, clear)) > 0


def _grey(image: sitk.Image, coarse: sitk.Image, modality: str) -> np.ndarray:
    """Grey values on a coarse grid, as they are in the image."""
    outside = images.background(modality)
    return images.array(transforms.resample(image, coarse, [], transforms.NEAREST, outside))


def _empty(values: np.ndarray) -> float | None:
    """The one value that most voxels hold, such as the one that another tool emptied a face to."""
    different, counts = np.unique(values, return_counts=True)
    if not counts.size or 2 * counts.max() <= counts.sum():
        return None
    return float(different[counts.argmax()])


def _tissue(grey: np.ndarray, modality: str, empty: float | None) -> np.ndarray:
    """Which voxels are head. Some tools empty a CT to 0, which is brighter than air."""
    head = grey > head_level(grey, modality)
    return head & (grey != 0) if modality == "ct" and empty == 0 else head


def _ml(marked: np.ndarray) -> float:
    return float(np.count_nonzero(marked) * FACE_MM**3 / 1000)


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
    marked = face[labels.bounding_box(images.array(face) > 0)]
    carried = transforms.resample(brain, marked, chain, transforms.NEAREST)
    return int(np.count_nonzero((images.array(marked) > 0) & (images.array(carried) > 0)))

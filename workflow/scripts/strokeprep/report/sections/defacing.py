"""What defacing left: released images and the removed region, or heads before and after it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from strokeprep.drawing import pictures
from strokeprep.drawing.palette import ORANGE
from strokeprep.drawing.pictures import AXIAL, CORONAL, SAGITTAL, Layer, Scale, Slice
from strokeprep.io import images, labels
from strokeprep.quality.defacing import head_level
from strokeprep.quality.folder import Folder
from strokeprep.report import views
from strokeprep.report.plan import Face, Images
from strokeprep.report.sections import looks
from strokeprep.report.sections.parts import Figure, Section
from strokeprep.study import naming

HEAD_MM = 2.0
HIGH_MM = 100.0  # a lower slab has no surface worth a picture
BELOW_TOP = 8  # slices from the top of the removed region to the slice that shows it


def defacing(plan: Images, files: Folder) -> Section:
    """Released images alone: what was removed is shown as a region, never as it was."""
    figures = [figure for face in plan.faces for figure in _released(face, files)]
    return Section(
        "deface",
        "Defacing",
        "The released images. No nose, lips, chin or eyes may be left on the surfaces; the brain "
        "must be whole. Orange marks the removed region, air included. The image before is not "
        "shown here.",
        tuple(figures),
        tuple(f"deface {face.scan}" for face in plan.faces),
    )


def _released(face: Face, files: Folder) -> Iterator[Figure]:
    image = files.image(face.image)
    view = views.whole(image, HEAD_MM)
    grey = views.seen(image, view, None, images.background(face.modality))
    gone = (
        views.marked(files.image(face.mask), view) > 0 if face.mask else np.zeros_like(grey, bool)
    )
    head = solid(grey, face.modality)
    i, _, k = views.middle(head)
    top = int(np.flatnonzero(gone.any(axis=(0, 1)))[-1]) if gone.any() else k
    cuts = [Slice(SAGITTAL, i), Slice(AXIAL, k), Slice(AXIAL, max(top - BELOW_TOP, 0))]
    scale = _scale(grey, head, face.modality)
    frames = [("released image", looks.strip(grey, cuts, scale))]
    if face.mask:
        layer = Layer(gone, ORANGE, filled=True, name="removed")
        frames.insert(0, ("removed region", looks.strip(grey, cuts, scale, [layer])))
    name = face.title
    yield Figure(f"{name}: slices ({_came_as(face, files)})", tuple(frames))
    if _has_surface(head):
        surface = pictures.picture(pictures.renders(head))
        yield Figure(f"{name}: surface", (("surface", surface),))


def _came_as(face: Face, files: Folder) -> str:
    """What the image showed before defacing."""
    if not face.mask:
        return "declared defaced"
    return json.loads(files.path(naming.sidecar(face.mask)).read_text())["Metrics"]["Shows"]


def faces(plan: Images, files: Folder, raw: Mapping[str, sitk.Image]) -> Section:
    """Heads before and after defacing; only for those who may see the raw images."""
    figures = [
        figure
        for face in plan.faces
        if face.scan in raw
        for figure in _before_and_after(face, files, raw[face.scan])
    ]
    return Section(
        "faces",
        "Before and after defacing",
        "What could be recognised before must be gone after: nose, lips, chin, eyes. This page shows "
        "faces and is no part of the dataset.",
        tuple(figures),
    )


def _before_and_after(face: Face, files: Folder, before: sitk.Image) -> Iterator[Figure]:
    view = views.whole(before, HEAD_MM)
    outside = images.background(face.modality)
    pair = [
        (name, views.seen(image, view, None, outside))
        for name, image in (("before", before), ("after", files.image(face.image)))
    ]
    head = solid(pair[0][1], face.modality)
    scale = _scale(pair[0][1], head, face.modality)
    i, j, k = views.middle(head)
    cuts = [Slice(SAGITTAL, i), Slice(AXIAL, k), Slice(CORONAL, j)]
    name = face.title
    slices = tuple((when, looks.strip(grey, cuts, scale)) for when, grey in pair)
    yield Figure(f"{name}: slices", slices)
    if _has_surface(head):
        heads = tuple(
            (when, pictures.picture(pictures.renders(solid(grey, face.modality))))
            for when, grey in pair
        )
        yield Figure(f"{name}: surface", heads)


def _has_surface(head: np.ndarray) -> bool:
    return head.shape[2] * HEAD_MM > HIGH_MM


def _scale(grey: np.ndarray, head: np.ndarray, modality: str) -> Scale:
    return looks.BONE_HU if modality == "ct" else looks.mr_scale(grey, head)


def solid(grey: np.ndarray, modality: str) -> np.ndarray:
    """The largest solid part of an image: noise in the air before the face is left out."""
    level = head_level(grey, modality)
    return labels.largest_part(ndimage.gaussian_filter(grey, 0.7) > level)

"""Look where a face would be: in every released image of a head, in every frame, in every drawn label.

What a step emptied, and what the config says of the input, does not matter here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import frames, images, labels
from strokeprep.privacy.leaks import Leak, relative
from strokeprep.quality import defacing
from strokeprep.quality.defacing import Evidence
from strokeprep.segmentation import faces
from strokeprep.segmentation.head_files import HeadFiles
from strokeprep.settings.limits import FAIL, LIMITS

IN_MNI = re.compile(r"(_space|^tpl)-MNI[A-Za-z0-9]*_")
LABEL = re.compile(r"_(mask|dseg)\.nii\.gz$")
NO_HEAD = re.compile(r"_(mask|dseg|probseg)\.nii\.gz$")  # shows where something lies

# A part of the face may move into view from as far outside.
MOST_MOVED_MM = 50.0

Files = tuple[str, Sequence[str], str | None]  # as in HeadFiles

# Of a label that was drawn in the brain less than this lies in the place of a face, or far from the
# template's brain. The face's part of a skin one voxel thick has 20 ml and more.
LABEL_IN_FACE_ML = 1.0
LABEL_FAR_ML = 5.0


class Head(NamedTuple):
    """A released image of a head, and what tells where the head lies in it."""

    image: str
    seen: str  # the 3D image that is looked at in its place: of a series, the mean
    modality: str
    declared: bool  # the config says that it came without a face
    files: Files

    def evidence(self, root: Path) -> Evidence:
        """What the released image shows where a face would be, whatever was emptied."""
        place, brain = HeadFiles(*self.files).read()
        image = images.read(root / self.seen)
        return defacing.evidence(
            image, self.modality, place.to_template, faces.depth_in(brain, image)
        )


class Drawn(NamedTuple):
    """A released label that was drawn by hand, and what tells where the head lies in it."""

    label: str
    files: Files


def of_heads(root: Path, heads: Iterable[Head]) -> Iterator[Leak]:
    """Images that show a face, or whose head lies another way up than was believed."""
    for head in heads:
        try:
            found = list(_faults(root, head))
        except StrokeprepError as error:
            yield Leak("file", error.what, head.image)
            continue
        for what in found:
            yield Leak("face", what, head.image)


def of_template_space(root: Path, paths: Iterable[Path]) -> Iterator[Leak]:
    """Images in MNI space that show a face: there its place is known from the name alone."""
    places: dict[tuple[float, ...], np.ndarray] = {}
    for path in paths:
        if not IN_MNI.search(path.name) or NO_HEAD.search(path.name) or not path.is_file():
            continue
        where = relative(path, root)
        try:
            image = images.read(path)
        except StrokeprepError as error:
            yield Leak("file", error.what, where)
            continue
        grid = (*image.GetSize(), *images.affine(image).ravel().tolist())
        if grid not in places:
            places[grid] = defacing.place_of_face(image, sitk.Transform())
        modality = "ct" if path.parent.name == "ct" else "mr"
        face_ml = defacing.tissue_ml(image, modality, places[grid])
        if LIMITS["face_left_ml"].verdict(face_ml) == FAIL:
            yield Leak("face", f"{face_ml:.0f} ml of tissue lie where a face would be", where)


def _faults(root: Path, head: Head) -> Iterator[str]:
    """What is wrong with one image of a head."""
    from strokeprep.registration.head import way_up  # slow to load

    place, _ = HeadFiles(*head.files).read()
    seen = images.read(root / head.seen)
    face_ml, which = defacing.face_left_ml(seen, head.modality, place.to_template), ""
    if head.image != head.seen:
        face_ml, which = max((face_ml, which), _worst_frame(root, head, place.to_template))
    if LIMITS["face_left_ml"].verdict(face_ml) == FAIL:
        said = "study.defaced is true, but " if head.declared else ""
        yield f"{said}{face_ml:.0f} ml of tissue lie where a face would be{which}"
    # Of other heads, the step that finds the face has seen the raw image.
    elif head.declared and not way_up.lies_as_located(seen, head.modality, place.to_template):
        yield "the head seems to lie another way up than its header says"


def _worst_frame(root: Path, head: Head, to_template: sitk.Transform) -> tuple[float, str]:
    """The frame of a series that shows most where a face would be, since the head may have moved in it."""
    from strokeprep.series import frame_poses  # slow to load

    path = root / head.image
    points = defacing.place_points(images.read_grid(path), to_template, MOST_MOVED_MM)
    affine = images.open_nifti(path).affine
    poses = frame_poses.of_frames(frames.stream(path), affine, head.modality)
    counts = [poses.tissue(frame, points) for frame in range(len(poses.frames))]
    worst = int(np.argmax(counts))
    return counts[worst] * defacing.FACE_MM**3 / 1000, f" in frame {worst}"


def of_drawn(root: Path, drawn: Iterable[Drawn]) -> Iterator[Leak]:
    """Labels that mark what lies far from any brain, such as the skin."""
    for each in drawn:
        try:
            place, _ = HeadFiles(*each.files).read()
            found = defacing.outlying(labels.read(root / each.label), place.to_template)
        except StrokeprepError as error:
            yield Leak("file", error.what, each.label)
            continue
        if found.in_face_ml > LABEL_IN_FACE_ML:
            yield Leak("face", f"{found.in_face_ml:.0f} ml lie where a face would be", each.label)
        elif found.far_ml > LABEL_FAR_ML:
            yield Leak("face", f"{found.far_ml:.0f} ml lie far from the brain", each.label)

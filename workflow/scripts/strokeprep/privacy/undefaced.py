"""Find images that show a face: by the sources that they name, and by their voxels."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
from scipy import ndimage

from strokeprep.errors import StrokeprepError
from strokeprep.io import images, labels
from strokeprep.privacy.leaks import Leak, relative
from strokeprep.privacy.shown import LABEL, Head
from strokeprep.quality import defacing
from strokeprep.series.extremes import Extremes
from strokeprep.study import naming

RAW_SOURCE, OWN_SOURCE = "bids:raw:", "bids::"
DEFACED, FACE_MASK = "_desc-defaced_", "_label-face_mask"

# After motion correction the border of the emptied face lies up to this far from where it was.
MOST_MOTION_MM = 10.0
# Interpolation leaves non-empty voxels in up to this share of a region; a face fills most of it.
INTERPOLATED_SHARE = 0.02
FILL_TOLERANCE = 1.0  # from the fill value, in the image's unit
MOST_LABELS = 128  # a segmentation has a few dozen
SLICES = 16  # read at a time


# --- Sources --------------------------------------------------------------------------------


def of_sources(
    root: Path, paths: Iterable[Path], every_image: set[str], declared_defaced: bool
) -> Iterator[Leak]:
    """Images that are not derived from a defaced image or from a label.

    Each image is checked for the step that made it. If all pass, every chain of steps is sound.
    ``every_image`` are the names of all images of the subject, those not in ``paths`` included.
    """
    for path in paths:
        where = relative(path, root)
        for what in _source_faults(where, _sources(path), every_image, declared_defaced):
            yield Leak("source", what, where)


def _sources(image: Path) -> list[str] | None:
    """The sources that an image's sidecar names, or None if it names none."""
    sidecar = Path(naming.sidecar(str(image)))
    try:
        sources = json.loads(sidecar.read_text())["Sources"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    texts = isinstance(sources, list) and all(isinstance(source, str) for source in sources)
    return sources if texts else None


def _source_faults(
    name: str, sources: list[str] | None, every_image: set[str], declared_defaced: bool
) -> Iterator[str]:
    """What is wrong with the sources of one image."""
    if not sources:
        yield "its sidecar names no sources"
        return
    raw = [source for source in sources if source.startswith(RAW_SOURCE)]
    own = [source[len(OWN_SOURCE) :] for source in sources if source.startswith(OWN_SOURCE)]
    if len(raw) + len(own) < len(sources):
        yield "it names a source outside of the dataset"
    if raw and DEFACED in name:
        if not declared_defaced and not any(FACE_MASK in source for source in own):
            yield "it was made from a raw image without a face mask"
    elif raw and not LABEL.search(name):
        yield "it was made from a raw image"
    for source in own:
        if source.endswith(naming.IMAGE) and source not in every_image:
            yield "a source of it is missing, or another subject's"
    if not raw and not any(source.endswith(naming.IMAGE) for source in own):
        yield "it was made from no image"


# --- Voxels ---------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _FaceMask:
    """The region that defacing emptied, on one grid."""

    path: Path
    affine: np.ndarray
    region: np.ndarray

    @classmethod
    def read(cls, path: Path) -> _FaceMask:
        nifti = images.open_nifti(path)
        return cls(path, nifti.affine, images.voxels(nifti, path) > 0)

    @cached_property
    def core(self) -> np.ndarray:
        """The voxels far enough from the border of the region to be empty after motion."""
        core = np.zeros_like(self.region)
        if self.region.any():
            box = labels.bounding_box(self.region)
            part = self.region[box].view(np.uint8)
            for axis, size in enumerate(np.linalg.norm(self.affine[:3, :3], axis=0)):
                width = 2 * int(np.ceil(MOST_MOTION_MM / size)) + 1
                part = ndimage.minimum_filter1d(part, width, axis, mode="constant", cval=0)
            core[box] = part > 0
        return core

    def fits(self, nifti: nib.Nifti1Image) -> bool:
        """Whether an image is on the grid of the mask."""
        return nifti.shape[:3] == self.region.shape and np.allclose(
            nifti.affine, self.affine, atol=1e-3
        )


def of_voxels(
    root: Path,
    paths: Iterable[Path],
    face_masks: Iterable[Path],
    raw_digests: Mapping[str, tuple[int, ...]],
    heads: Sequence[Head] = (),
    extremes: Path | None = None,
) -> Iterator[Leak]:
    """Images that are not empty in a face mask of their grid, or equal an undefaced image.

    An image may equal one that came without a face; its ``heads`` tell. A series is read unless its
    ``extremes``, the folder of what was noted when it was written, show it to be empty in every frame.
    """
    masks: list[_FaceMask] = []
    equal: dict[str, list[str]] = defaultdict(list)
    for path in face_masks:
        try:
            masks.append(_FaceMask.read(path))
        except StrokeprepError as error:
            yield Leak("file", error.what, relative(path, root))
    for path in paths:
        if not path.is_file():
            continue
        where = relative(path, root)
        try:
            if LABEL.search(path.name):
                yield from _of_label(path, where)
            else:
                note = extremes / naming.extremes(where) if extremes else None
                yield from _of_image(path, where, masks, raw_digests, equal, note)
        except StrokeprepError as error:
            yield Leak("file", error.what, where)
    for names in equal.values():
        yield from _of_equal(root, names, heads)


def _of_image(
    path: Path,
    where: str,
    masks: list[_FaceMask],
    raw_digests: Mapping[str, tuple[int, ...]],
    equal: dict[str, list[str]],
    note: Path | None,
) -> Iterator[Leak]:
    """Whether an image shows a face in any frame; one with the voxels of a raw image joins ``equal``."""
    nifti = images.open_nifti(path)
    regions = _empty_regions(path, nifti, masks)
    fill = images.background("ct" if path.parent.name == "ct" else "mr")
    if noted := note and Extremes.of_unchanged(note, path):
        regions = [each for each in regions if not _is_empty_throughout(noted, each, fill)]
    may_be_raw = nifti.shape in raw_digests.values()
    if not regions and not may_be_raw:
        return
    digest = hashlib.blake2b(digest_size=16)
    depth = nifti.shape[2]
    shown = False
    for frame, block in enumerate(images.blocks(nifti, path, depth)):
        if may_be_raw:
            digest.update(block.data)
        if not shown and any(_shows_face(block, region, fill, nifti) for region in regions):
            shown = True
            which = f" in frame {frame}" if len(nifti.shape) == 4 else ""
            yield Leak("face", f"the region of the face is not empty{which}", where)
    if may_be_raw and digest.hexdigest() in raw_digests:
        equal[digest.hexdigest()].append(where)


def _of_equal(root: Path, names: list[str], heads: Sequence[Head]) -> Iterator[Leak]:
    """Released images that equal one raw image, unless it is seen to have come without a face."""
    seen = [head.evidence(root) for head in heads if head.image in names]
    if not seen or any(each.shows_a_face for each in seen):
        face = "".join(f" with {each.filled_ml:.0f} ml where a face would be" for each in seen[:1])
        for where in names:
            yield Leak("raw", f"its voxels are those of an undefaced image{face}", where)


class _EmptyRegion(NamedTuple):
    """A region of an image that has to be empty, and how much may be left there."""

    voxels: np.ndarray  # where they lie in a frame, in the order of the file
    tolerance: float = 0.0  # from the background
    most_filled: float = 0.0  # share of the region


def _empty_regions(
    path: Path, nifti: nib.Nifti1Image, masks: list[_FaceMask]
) -> list[_EmptyRegion]:
    """Regions of an image that have to be empty.

    On the mask that a defaced image was made with nothing may be left, as in the audit of its
    subject. On another mask of the same grid, the scan was resampled or shares its grid with another,
    and only the core of the mask has to be empty.
    """
    made_with = [source.removeprefix(OWN_SOURCE) for source in _sources(path) or ()]
    exact = [
        mask
        for mask in masks
        if DEFACED in path.name and any(mask.path.as_posix().endswith(name) for name in made_with)
    ]
    others = [mask for mask in masks if mask not in exact]
    return [_EmptyRegion(_places(mask.region)) for mask in exact if mask.fits(nifti)] + [
        _EmptyRegion(_places(mask.core), FILL_TOLERANCE, INTERPOLATED_SHARE)
        for mask in others
        if mask.fits(nifti) and mask.core.any()
    ]


def _places(region: np.ndarray) -> np.ndarray:
    """Where the voxels of a region lie in a frame: much faster to look up than the region itself."""
    return np.flatnonzero(region.T)


def _shows_face(
    block: np.ndarray, region: _EmptyRegion, background: float, nifti: nib.Nifti1Image
) -> bool:
    """Whether a frame (slices, columns, rows) holds more in a region than it may."""
    values = block.reshape(-1)[region.voxels].astype(np.float32)
    scaled = values * np.float32(nifti.dataobj.slope) + np.float32(nifti.dataobj.inter)
    left = defacing.filled(scaled, background, region.tolerance)
    return left > region.most_filled * len(values)


def _is_empty_throughout(noted: Extremes, region: _EmptyRegion, background: float) -> bool:
    """Whether the voxels that differ from the background in any frame are no more than one may hold."""
    differing = noted.differing(region.voxels, background, region.tolerance)
    return differing <= region.most_filled * len(region.voxels)


def _of_label(path: Path, where: str) -> Iterator[Leak]:
    """Whether a file named as a label is really an image: faces are not searched in labels."""
    nifti = images.open_nifti(path)
    dtype = nifti.get_data_dtype()
    if (
        dtype.kind != "u"
        or dtype.itemsize > 2
        or (nifti.dataobj.slope, nifti.dataobj.inter) != (1, 0)
    ):
        yield Leak("source", "a label that is not stored as plain small numbers", where)
        return
    values: set[int] = set()
    for block in images.blocks(nifti, path, SLICES):
        if block.max() >= MOST_LABELS:  # otherwise there cannot be too many
            values.update(np.unique(block).tolist())
    if len(values) > MOST_LABELS:
        yield Leak("source", "a label with as many values as an image has", where)

"""Steps that read raw images: align, find the face, deface."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import SimpleITK as sitk

from strokeprep.bids import sidecars
from strokeprep.corrections.given import Given
from strokeprep.errors import StrokeprepError
from strokeprep.io import images, json_files, transforms
from strokeprep.kinds import FACE, Kind
from strokeprep.privacy.allowed import releasable
from strokeprep.quality import defacing
from strokeprep.segmentation import faces
from strokeprep.segmentation.faces import Marked
from strokeprep.segmentation.head_files import HeadFiles
from strokeprep.segmentation.request import Request
from strokeprep.series import timing
from strokeprep.settings.backends import FACES, NetworkSettings
from strokeprep.settings.registration import FitSettings
from strokeprep.study import naming

# A frame in which no part of the face moved farther than this is emptied as the others are.
STILL_MM = 2.0
# The most of a brain mask that a face drawn by hand may cover; its edge is taken off such a face.
MOST_BRAIN_ML = 1.0


class NearbyFiles(NamedTuple):
    """The face mask of another image of the session.

    The transforms resample this image and that one onto the reference; None for what lies on it.
    """

    mask: str
    to_reference: str | None
    its_to_reference: str | None

    def read(self) -> Marked:
        """The mask and the transform of this image's points to it."""
        steps = [transforms.read(self.to_reference).GetInverse()] if self.to_reference else []
        steps += [transforms.read(self.its_to_reference)] if self.its_to_reference else []
        return images.read(self.mask), transforms.chain(steps)


def approach(source: str, head: str, target: str, *, fit: FitSettings, seed: int) -> None:
    """Write the transform from a raw scan to the raw reference, accurate to some tenths of a mm."""
    from strokeprep.registration import linear  # takes longest to import

    registration = linear.rigid(
        images.read(head),
        images.read_mean(source),
        resolution="coarse",
        fit=fit,
        seed=seed,
        where=source,
    )
    transforms.write(registration.transform, target)


def face(
    source: str,
    head: HeadFiles,
    target: str,
    *,
    modality: str,
    backend: str,
    margin_mm: float,
    networks: NetworkSettings,
    nearby: NearbyFiles | None = None,
    correction: Given | None = None,
) -> dict[str, Any]:
    """Write the mask of the voxels that defacing empties; returns its sidecar.

    The sidecar also says what the image shows where a face would be, which tells those that were
    defaced or skull-stripped before. ``nearby`` is a face that was found on another image of the
    session. ``networks`` says how networks run. A ``correction`` takes the place of the mask that is
    found; the audits of faces judge it as any other.
    """
    from strokeprep.registration.head import way_up  # slow to load, and no other step needs it

    place, brain = head.read()
    request = Request(images.read_mean(source), modality, source, networks, place)
    way_up.check_location(request.image, modality, place.to_template, source)
    depth = faces.depth_in(brain, request.image)
    shown = defacing.evidence(request.image, modality, place.to_template, depth)

    def found() -> tuple[sitk.Image, dict[str, Any]]:
        carried = [nearby.read()] if nearby else []
        mask, metrics = faces.region(request, FACES[backend], brain, depth, margin_mm, carried)
        return mask if shown.shows_a_face else _not_empty(mask, request.image, shown.empty), metrics

    metrics: dict[str, Any] = {}
    if correction:
        mask = _clear_of_brain(images.read(correction.file), brain, request)
        said = sidecars.label(FACE, "corrected by hand")
        said |= correction.sidecar(lambda path: images.write(found()[0], path, source))
    else:
        mask, metrics = found()
        also = " and on another of the session" if nearby else ""
        said = sidecars.label(FACE, f"found on this image{also}") | {"Backend": backend}
    images.write(mask, target, source)
    return said | sidecars.figures(metrics | faces.removed(mask) | shown.metrics())


def _clear_of_brain(mask: sitk.Image, brain: Marked, request: Request) -> sitk.Image:
    """A face that a person drew, without the edge of the brain; refused if it reaches into it."""
    there = sitk.Resample(brain[0], request.image, brain[1], transforms.NEAREST) > 0
    lost = faces.removed(sitk.And(sitk.Cast(mask, sitk.sitkUInt8), there))["RemovedMl"]
    if lost > MOST_BRAIN_ML:
        raise StrokeprepError(
            f"The corrected face mask covers {lost:.1f} ml of the brain",
            request.where,
            "Erase it there, or correct the brain mask as well if that is wrong.",
        )
    return faces.clear_of(brain, mask)


def _not_empty(mask: sitk.Image, image: sitk.Image, empty: float | None) -> sitk.Image:
    """The part of a mask that is not empty yet: an image without a face is left as it came."""
    filled = (images.array(mask) > 0) & (images.array(image) != empty)
    return images.like(filled.astype(np.uint8), mask)


def image(
    source: str, metadata: str | None, mask: str | None, target: str, *, kind: Kind
) -> dict[str, Any]:
    """Write an image without the face and with a new header; returns its sidecar.

    ``mask`` marks the face in every frame; it is None only if the config declares input defaced.
    Whether the scan came skull-stripped is said by the sidecar of the mask, else by its own.
    """
    nifti = images.open_nifti(Path(source))
    voxels = images.voxels(nifti, Path(source))
    if kind.ndim == 3 and voxels.ndim == 4:
        voxels = voxels[..., 0]
    if mask:
        _empty(voxels, images.read(mask), nifti.affine, kind.modality)
    said = json_files.read(metadata) if metadata else {}
    images.write_array(
        voxels,
        nifti.affine,
        target,
        source,
        frame_seconds=timing.header_interval(nifti) if kind.ndim == 4 else None,
    )
    how = "with the face emptied" if mask else "as it came, already defaced"
    description = f"The {kind.called} {how}, header written anew"
    stripped = _came_stripped(mask) if mask else said.get("SkullStripped") is True
    return releasable(said) | sidecars.image(kind, description, stripped)


def _empty(voxels: np.ndarray, face: sitk.Image, affine: np.ndarray, modality: str) -> None:
    """Empty a face; in a series also where it lies in each frame, if the head moved."""
    marked, outside = images.array(face) > 0, images.background(modality)
    moved = []
    if voxels.ndim == 4 and marked.any():
        moved = _where_it_moved(voxels, face, affine, modality)
    np.copyto(voxels.T, outside, where=marked.T)  # in the order of the file, every frame
    for number, there in moved:
        voxels[there, number] = outside


def _where_it_moved(
    voxels: np.ndarray, face: sitk.Image, affine: np.ndarray, modality: str
) -> list[tuple[int, np.ndarray]]:
    """The frames in which the head lies elsewhere than on average, and where the face lies there."""
    from strokeprep.series import frame_poses  # slow to load, and needed for series alone

    frames = (voxels[..., frame] for frame in range(voxels.shape[3]))
    poses = frame_poses.of_frames(frames, affine, modality)
    found = []
    for frame, pose in enumerate(poses.matrices()):
        if frame_poses.moved_mm(pose, face) > STILL_MM:
            back = transforms.linear(np.linalg.inv(pose))
            # What lies out of view on average may come into view: there the face goes on.
            there = sitk.Resample(
                face, face, back, transforms.NEAREST, 0, useNearestNeighborExtrapolator=True
            )
            found.append((frame, images.array(there) > 0))
    return found


def _came_stripped(mask: str) -> bool:
    """Whether the scan of a face mask was seen to show the brain alone."""
    sidecar = Path(naming.sidecar(mask))
    seen = json_files.read(sidecar)["Metrics"]["Shows"] if sidecar.exists() else None
    return bool(seen == defacing.STRIPPED)

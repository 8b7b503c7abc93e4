"""Steps that read raw images: locate the head, align, find the face, deface."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from strokeprep.bids import sidecars
from strokeprep.io import images, transforms
from strokeprep.io.json_files import read as read_sidecar
from strokeprep.kinds import FACE, Kind
from strokeprep.privacy.allowed import releasable
from strokeprep.registration import location
from strokeprep.segmentation import faces
from strokeprep.segmentation.request import Request
from strokeprep.series import timing
from strokeprep.settings.backends import FACES, NetworkSettings
from strokeprep.settings.registration import FitSettings, HeadSettings


def locate(source: str, transform: str, facts: str, *, modality: str, limits: HeadSettings) -> None:
    """Write the position in the template of the head in a raw whole-head image."""
    location.write(location.locate(images.read(source), modality, source, limits), transform, facts)


def approach(source: str, head: str, target: str, *, fit: FitSettings, seed: int) -> None:
    """Write the transform from a raw scan to the raw whole head, accurate to some tenths of a mm."""
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
    located: Sequence[str],
    to_head: str | None,
    target: str,
    *,
    modality: str,
    backend: str,
    margin_mm: float,
    networks: NetworkSettings,
    nearby: str | None = None,
    head_to_nearby: str | None = None,
) -> dict[str, Any]:
    """Write the mask of the voxels that defacing empties; returns its sidecar.

    ``located`` are the files with the location of the whole head; ``to_head`` is the transform that
    resamples this image onto that head, None if it is that head itself. ``nearby`` is the face mask
    of another image of the session, ``head_to_nearby`` the transform that resamples that image onto
    the head. ``networks`` says how networks run.
    """
    place = location.read(*located)
    to_nearby = [transforms.read(head_to_nearby)] if head_to_nearby else []
    if to_head:
        onto_head = transforms.read(to_head).GetInverse()
        place, to_nearby = place.of(onto_head), [onto_head, *to_nearby]
    request = Request(images.read_mean(source), modality, source, networks, place)
    carried = [(images.read(nearby), transforms.chain(to_nearby))] if nearby else []
    mask, metrics = faces.region(request, FACES[backend], margin_mm, carried)
    images.write(mask, target, source)
    where = "found on this image and on another of the session" if nearby else "found on this image"
    return sidecars.label(FACE, where) | sidecars.by_backend(backend, metrics)


def image(
    source: str, metadata: str | None, mask: str | None, target: str, *, kind: Kind
) -> dict[str, Any]:
    """Write an image without the face and with a new header; returns its sidecar.

    ``mask`` marks the face in every frame; it is None only if the config declares input defaced.
    """
    nifti = images.open_nifti(Path(source))
    voxels = images.voxels(nifti, Path(source))
    if kind.ndim == 3 and voxels.ndim == 4:
        voxels = voxels[..., 0]
    if mask:
        face_voxels = images.array(images.read(mask)) > 0
        voxels[face_voxels] = images.background(kind.modality)
    kept = releasable(read_sidecar(metadata) if metadata else {})
    images.write_array(
        voxels,
        nifti.affine,
        target,
        source,
        frame_seconds=timing.header_interval(nifti) if kind.ndim == 4 else None,
    )
    how = "with the face emptied" if mask else "as it came, already defaced"
    description = f"The {kind.called} {how}, header written anew"
    return kept | sidecars.image(kind, description, skull_stripped=False)

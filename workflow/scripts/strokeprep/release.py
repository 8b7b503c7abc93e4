"""What is let out of a raw image: where its face lies, and a copy without it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from strokeprep import deface, images, sidecars, transforms
from strokeprep.errors import StrokeprepError
from strokeprep.study import KINDS


def locate(source: str, target: str, *, modality: str) -> None:
    """Write the transform of a raw whole-head image to the template."""
    transforms.write(deface.locate(images.read(source), modality, where=source), target)


def face(
    source: str,
    guide: str | None,
    located: str,
    target: str,
    *,
    backend: str,
    settings: Mapping[str, Any],
    seed: int,
) -> dict[str, Any]:
    """Write the mask of the voxels to empty; returns its sidecar.

    ``located`` is the transform of ``guide``, or of the image itself where there is no guide.
    """
    image = images.read_mean(source)
    to_template = transforms.read(located)
    if guide:
        to_template = deface.through(image, images.read(guide), to_template, seed, source)
    mask, metrics = deface.region(image, to_template, backend, settings["brain_margin_mm"], source)
    images.write(mask, target, source)
    return sidecars.label("face", "found on this image") | {"Backend": backend, "Metrics": metrics}


def image(
    source: str, metadata: str | None, mask: str | None, target: str, *, kind: str
) -> dict[str, Any]:
    """Write an image without face and private header; returns its sidecar.

    ``mask`` marks the face in every frame; it is None only for input that was declared defaced.
    """
    nifti = images.open_nifti(Path(source))
    voxels = images.voxels(nifti, Path(source))
    of_kind = KINDS[kind]
    if of_kind.ndim == 3 and voxels.ndim == 4:
        voxels = voxels[..., 0]
    if mask:
        face_voxels = images.array(images.read(mask)) > 0
        voxels[face_voxels] = images.background(of_kind.modality)
    kept = deface.allowed_metadata(_read_json(metadata))
    images.write_array(
        voxels,
        nifti.affine,
        target,
        source,
        frame_seconds=float(nifti.header["pixdim"][4]) if of_kind.ndim == 4 else None,
    )
    how = "with the face emptied" if mask else "as it came, already defaced"
    description = f"The {sidecars.CALLED[kind]} {how}, header written anew"
    return kept | sidecars.image(of_kind, description, skull_stripped=False)


def _read_json(path: str | None) -> Mapping[str, Any]:
    if path is None:
        return {}
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise StrokeprepError(
            "The sidecar is not valid JSON", path, "Mend or remove it."
        ) from error
    if not isinstance(content, dict):
        raise StrokeprepError("The sidecar holds no keys", path, "Mend or remove it.")
    return content

"""From an image file to a mask file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from strokeprep import brain as brains
from strokeprep import images, location, sidecars, transforms


def brain(
    source: str,
    located: Sequence[str],
    to_head: str | None,
    target: str,
    *,
    modality: str,
    backend: str,
) -> dict[str, Any]:
    """Write the brain mask of an image on its own grid; returns its sidecar.

    ``located`` and ``to_head`` say where the head lies, as for :func:`release.face`.
    """
    place = location.read(*located)
    if to_head:
        place = place.of(transforms.read(to_head).GetInverse())
    mask, metrics = brains.mask(images.read(source), modality, backend, source, location=place)
    images.write(mask, target, source)
    return sidecars.label("brain", "segmented on this image") | {
        "Backend": backend,
        "Metrics": metrics,
    }

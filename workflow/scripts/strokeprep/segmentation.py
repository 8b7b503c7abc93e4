"""From an image file to a mask file."""

from __future__ import annotations

from typing import Any

from strokeprep import brain as brains
from strokeprep import images, sidecars


def brain(source: str, target: str, *, modality: str, backend: str) -> dict[str, Any]:
    """Write the brain mask of an image on its own grid; returns its sidecar."""
    mask, metrics = brains.mask(images.read(source), modality, backend, where=source)
    images.write(mask, target, source)
    return sidecars.label("brain", "segmented on this image") | {
        "Backend": backend,
        "Metrics": metrics,
    }

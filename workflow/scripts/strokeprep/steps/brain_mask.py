"""Brain mask from an image file to a mask file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from strokeprep.bids import sidecars
from strokeprep.io import images, transforms
from strokeprep.kinds import BRAIN
from strokeprep.registration import location
from strokeprep.segmentation import brains
from strokeprep.segmentation.request import Request
from strokeprep.settings.backends import BRAINS, NetworkSettings


def brain(
    source: str,
    located: Sequence[str] | None,
    to_head: str | None,
    target: str,
    *,
    modality: str,
    backend: str,
    networks: NetworkSettings,
) -> dict[str, Any]:
    """Write the brain mask of an image on its own grid; returns its sidecar.

    ``located`` and ``to_head`` say where the head lies, as in :func:`deface.face`; they are only
    given to a backend that needs them. ``networks`` says how networks run.
    """
    place = location.read(*located) if located else None
    if place and to_head:
        place = place.of(transforms.read(to_head).GetInverse())
    request = Request(images.read(source), modality, source, networks, place)
    mask, metrics = brains.mask(request, BRAINS[backend])
    images.write(mask, target, source)
    about = sidecars.label(BRAIN, "segmented on this image")
    return about | sidecars.by_backend(backend, metrics)

"""From an image file to a mask file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from strokeprep.bids import sidecars
from strokeprep.io import images, transforms
from strokeprep.registration import location
from strokeprep.segmentation import brains


def brain(
    source: str,
    located: Sequence[str] | None,
    to_head: str | None,
    target: str,
    *,
    modality: str,
    backend: str,
    networks: Mapping[str, Any],
    threads: int,
) -> dict[str, Any]:
    """Write the brain mask of an image on its own grid; returns its sidecar.

    ``located`` and ``to_head`` say where the head lies, as for :func:`release.face`; only the
    template backend needs them. ``networks`` is the config's section ``models``, for the others.
    """
    if backend == "template":
        place = location.read(*located)
        if to_head:
            place = place.of(transforms.read(to_head).GetInverse())
        options = {"location": place}
    else:
        from strokeprep.settings.networks import NetworkSettings  # jobs load what they use

        options = {"settings": NetworkSettings.of(networks, threads)}
    mask, metrics = brains.mask(images.read(source), modality, backend, source, **options)
    images.write(mask, target, source)
    found = sidecars.label("brain", "segmented on this image")
    return found | sidecars.by_backend(backend, metrics)

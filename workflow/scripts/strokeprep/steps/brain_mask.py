"""Brain mask and location of a head, from an image file to a mask and a transform file."""

from __future__ import annotations

from typing import Any

from strokeprep.bids import sidecars
from strokeprep.corrections.given import Given
from strokeprep.io import images
from strokeprep.kinds import BRAIN
from strokeprep.registration import location
from strokeprep.segmentation import brains
from strokeprep.segmentation.request import Request
from strokeprep.settings.backends import BRAINS, NetworkSettings
from strokeprep.settings.registration import HeadSettings


def brain(
    source: str,
    mask: str,
    located: tuple[str, str],
    *,
    modality: str,
    backend: str,
    limits: HeadSettings,
    networks: NetworkSettings,
    correction: Given | None = None,
) -> dict[str, Any]:
    """Write the brain mask of an image on its own grid, and where its head lies in the template.

    ``located`` are the files of the location: its transform, and what is known about it.
    ``networks`` says how networks run. Returns the mask's sidecar. A ``correction`` takes the place
    of the mask that is found, and the head is located by it.
    """
    request = Request(images.read_mean(source), modality, source, networks)
    if correction:
        found = brains.drawn(request, images.read(correction.file), limits)
        about = sidecars.label(BRAIN, "corrected by hand") | {"Metrics": found.facts}
        about |= correction.sidecar(
            lambda path: images.write(
                brains.found(request, BRAINS[backend], limits).mask, path, source
            )
        )
    else:
        found = brains.found(request, BRAINS[backend], limits)
        about = sidecars.label(BRAIN, "segmented on this image")
        about |= sidecars.by_backend(backend, found.facts)
    images.write(found.mask, mask, source)
    location.write(found.location, *located)
    return about

"""Brain mask and location of a head, from an image file to a mask and a transform file."""

from __future__ import annotations

from typing import Any

from strokeprep.bids import sidecars
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
) -> dict[str, Any]:
    """Write the brain mask of an image on its own grid, and where its head lies in the template.

    ``located`` are the files of the location: its transform, and what is known about it.
    ``networks`` says how networks run. Returns the mask's sidecar.
    """
    request = Request(images.read_mean(source), modality, source, networks)
    found = brains.found(request, BRAINS[backend], limits)
    images.write(found.mask, mask, source)
    location.write(found.location, *located)
    about = sidecars.label(BRAIN, "segmented on this image")
    return about | sidecars.by_backend(backend, found.facts)

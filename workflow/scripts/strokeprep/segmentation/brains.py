"""Brain masks: grey and white matter and the fluid inside the pia, filled, on the image's own grid.

A backend is a function that takes a :class:`~strokeprep.segmentation.request.Request` and returns
the mask (uint8) and what is known about it. What every mask must be is checked here, whichever
backend made it, and every head is located: before its brain is found if the backend asks for that,
else by the brain.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import grids
from strokeprep.registration import location
from strokeprep.registration.location import Location
from strokeprep.segmentation.request import Request
from strokeprep.settings.backends import Backend
from strokeprep.settings.registration import HEAD, HeadSettings

SMALLEST_ML, LARGEST_ML = 50.0, 2600.0


class Brain(NamedTuple):
    """A brain mask (uint8 on its image's grid), the location of its head, and figures of both."""

    mask: sitk.Image
    location: Location
    facts: dict[str, Any]


def found(request: Request, backend: Backend, limits: HeadSettings = HEAD) -> Brain:
    """The brain of a head, and where the head lies in the template."""
    about = request.image, request.modality, request.where, limits
    if backend.needs_location:
        place = location.locate(*about)
        brain, facts = mask(replace(request, location=place), backend)
        if place.is_cut:
            place = location.locate(*about, brain=brain)
    else:
        brain, facts = mask(request, backend)
        place = location.locate(*about, brain=brain)
    return Brain(brain, place, dict(place.metrics) | facts)


def drawn(request: Request, mask: sitk.Image, limits: HeadSettings = HEAD) -> Brain:
    """A brain that a person drew, and where it says that the head lies in the template."""
    about = request.image, request.modality, request.where, limits
    place = location.locate(*about, brain=mask)
    return Brain(mask, place, {**place.metrics, "BrainVolumeMl": round(volume_ml(mask), 1)})


def mask(request: Request, backend: Backend) -> tuple[sitk.Image, dict[str, Any]]:
    """The brain of a head as uint8 on its grid, and numbers about it."""
    brain, metrics = backend.run(request)
    if not grids.same_grid(brain, request.image):
        raise ValueError(f"backend {backend.name} left the grid of {request.where}")
    volume = volume_ml(brain)
    if not SMALLEST_ML < volume < LARGEST_ML:
        raise StrokeprepError(
            f"The brain mask holds {volume:.0f} ml",
            request.where,
            "Look at the image; choose another brain backend if it shows a head.",
        )
    return brain, {"BrainBackend": backend.name, "BrainVolumeMl": round(volume, 1), **metrics}


def volume_ml(image: sitk.Image) -> float:
    """The volume of a mask."""
    count = np.count_nonzero(sitk.GetArrayViewFromImage(image))
    return count * float(np.prod(image.GetSpacing())) / 1000

"""Brain masks: grey and white matter and the fluid inside the pia, filled, on the image's own grid.

A backend is a function ``(image, modality, where, **options) -> (mask, facts)``; what every mask
must be is checked here, whichever backend made it. The template takes ``location``, a network
``settings``.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, floor
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import grids, images, labels
from strokeprep.registration import template
from strokeprep.registration.location import Location

if TYPE_CHECKING:  # jobs load what they use
    from strokeprep.settings.networks import NetworkSettings

# Where the pia lies from the template's edge as a location places it (mm, outwards), by what was
# located: the fit takes the dark fluid over a T1w's cortex for skull and ends short of the pia.
EDGE_MM = {"ct": 0.1, "dark fluid": 0.6, "bright fluid": 0.0}

WORK_MM = 2.0  # the warped template is a smooth surface: no finer grid is needed to hold it

SURROUNDINGS_MM = 14.0

# Near its surface a CT mask gives way to bone and to the sinuses' air. Deeper in, what is bright is
# calcium or blood.
BONE_HU, AIR_HU = 130, -150
BONE_NEAR_MM = 6.0

SMALLEST_ML, LARGEST_ML = 50.0, 2600.0


def mask(
    image: sitk.Image,
    modality: str,
    backend: str = "template",
    where: str = "image",
    **options,
) -> tuple[sitk.Image, dict[str, Any]]:
    """The brain of a head (``modality`` ct or mr) as uint8 on its grid, and numbers about it."""
    found, metrics = BACKENDS[backend](image, modality, where, **options)
    if not grids.same_grid(found, image):
        raise ValueError(f"backend {backend} left the grid of {where}")
    volume = volume_ml(found)
    if not SMALLEST_ML < volume < LARGEST_ML:
        raise StrokeprepError(
            f"The brain mask holds {volume:.0f} ml",
            where,
            "Look at the image; choose another brain backend if it shows a head.",
        )
    return found, {"BrainBackend": backend, "BrainVolumeMl": round(volume, 1), **metrics}


def volume_ml(found: sitk.Image) -> float:
    """The volume of a mask."""
    count = np.count_nonzero(sitk.GetArrayViewFromImage(found))
    return count * float(np.prod(found.GetSpacing())) / 1000


def from_template(
    image: sitk.Image, modality: str, where: str = "image", *, location: Location
) -> tuple[sitk.Image, dict[str, float | str]]:
    """The template's brain where the image's head lies; on CT, bone has the last word."""
    box, depth = depth_on(image, location.to_template)
    inside = depth > -EDGE_MM[location.contrast]
    if modality == "ct":
        inside &= (depth > BONE_NEAR_MM) | _soft(image, box)
    whole = np.zeros(image.GetSize(), np.uint8)
    whole[box] = labels.largest_part(inside)
    return images.like(whole, image), dict(location.metrics)


def depth_on(
    image: sitk.Image, to_template: sitk.Transform
) -> tuple[tuple[slice, ...], np.ndarray]:
    """The box of voxels the brain and its surroundings fill, and how deep in it each lies (mm)."""
    grid = grids.cubic_grid(image, WORK_MM)
    coarse = sitk.Resample(template.depth(), grid, to_template, sitk.sitkLinear, -99.0)
    box = _box_of_brain(coarse, image)
    if any(part.start >= part.stop for part in box):
        return box, np.zeros([0, 0, 0], np.float32)
    fine = sitk.Resample(
        coarse,
        image[box],
        sitk.Transform(),
        sitk.sitkLinear,
        -99.0,
        useNearestNeighborExtrapolator=True,
    )
    return box, images.array(fine)


def _box_of_brain(depth: sitk.Image, image: sitk.Image) -> labels.Box:
    """The voxels of ``image`` around which ``depth``, on a coarser grid, says there is brain."""
    coarse = labels.bounding_box(images.array(depth) > -SURROUNDINGS_MM)
    scale = np.array(depth.GetSpacing()) / image.GetSpacing()
    return tuple(
        slice(max(floor((part.start - 1) * per), 0), min(ceil((part.stop + 1) * per), size))
        if part.stop
        else part
        for part, per, size in zip(coarse, scale, image.GetSize(), strict=True)
    )


def _soft(image: sitk.Image, box: tuple[slice, ...]) -> np.ndarray:
    """Neither bone nor air, on a CT smoothed by about half a millimetre against noise."""
    from scipy import ndimage  # slow to load, and needed on CT alone

    hu = images.array(image[box]).astype(np.float32)
    sigma = [min(0.6 / spacing, 1.0) for spacing in image.GetSpacing()]
    smooth = ndimage.gaussian_filter(hu, sigma, truncate=2.0)
    return (smooth < BONE_HU) & (smooth > AIR_HU)


def _by_hd_bet(image: sitk.Image, modality: str, where: str, *, settings: NetworkSettings):
    from strokeprep.segmentation import hd_bet

    found, facts = hd_bet.mask(image, modality, where, settings)
    return found, {"Model": facts}


def _by_total_segmentator(
    image: sitk.Image, modality: str, where: str, *, settings: NetworkSettings
):
    from strokeprep.segmentation import total_segmentator

    found, facts = total_segmentator.mask(image, modality, where, settings)
    return found, {"Model": facts}


BACKENDS: dict[str, Callable[..., tuple[sitk.Image, dict[str, Any]]]] = {
    "template": from_template,
    "hd-bet": _by_hd_bet,
    "totalsegmentator": _by_total_segmentator,
}

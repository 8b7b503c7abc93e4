"""The face: where it is, how it is emptied, and which words about a scan may stay.

A backend says what to remove; protecting the brain and counting are the same for all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import SimpleITK as sitk

from strokeprep import images, pose, registration, template, transforms, warp
from strokeprep.errors import StrokeprepError

# The face in template space (MNI, RAS mm): at height z everything in front of y goes, without
# limit to the front, the sides and below, so that no ghost of a nose stays in the air. From the
# brows down: the skin over the brow, the orbits with what lies in them, then behind the maxilla
# and the mandible.
FACE_Z = (-15.0, -20.0, -24.0, -62.0, -78.0, -100.0)
FACE_Y = (80.0, 40.0, 24.0, 24.0, 38.0, 30.0)

# The face's surfaces are smooth: no finer grid is needed to hold them.
WORK_MM = 2.0

# Half the width of the box in template space: no image reaches further from a head's centre.
BOX_MM = 400.0
FAR_MM = 999.0

# A scan that shows less of the template's brain than this cannot be told from one that does not
# show the head at all.
SMALLEST_SHARE = 0.02


def locate(image: sitk.Image, modality: str, where: str = "image") -> sitk.Transform:
    """The transform that maps points of a raw whole-head image to points of the template.

    What cannot be located is refused: its face could not be removed.
    """
    return warp.refine(image, modality, pose.locate(image, modality, where), where).to_template


def through(
    image: sitk.Image,
    guide: sitk.Image,
    guide_to_template: sitk.Transform,
    seed: int = 1,
    where: str = "image",
) -> sitk.Transform:
    """The same for a partial scan or another contrast, through a whole head of the same patient."""
    found = registration.rigid(guide, image, resolution="coarse", seed=seed, where=where)
    return transforms.chain([found.inverse, guide_to_template])


def region(
    image: sitk.Image,
    to_template: sitk.Transform,
    backend: str,
    margin_mm: float,
    where: str = "image",
) -> tuple[sitk.Image, dict[str, float]]:
    """The voxels to empty (uint8 on the image's grid) and numbers about them.

    Whatever the backend, nothing within ``margin_mm`` of the brain is touched.
    """
    coarse = template.cubic_grid(image, WORK_MM)
    depth = sitk.Resample(template.depth(), coarse, to_template, sitk.sitkLinear, -FAR_MM)
    share = _shown(depth)
    if share < SMALLEST_SHARE:
        raise StrokeprepError(
            f"Only {share:.1%} of a brain lies in the image, so its face cannot be located",
            where,
            "Remove the scan from the study, or give the session's whole-head scan as well.",
        )
    wanted = BACKENDS[backend](coarse, to_template)
    field = sitk.Minimum(wanted, -depth - margin_mm)
    mask = sitk.Resample(field, image, sitk.Transform(), sitk.sitkLinear) > 0
    voxel_ml = float(np.prod(image.GetSpacing())) / 1000
    removed = int(np.count_nonzero(sitk.GetArrayViewFromImage(mask)))
    return mask, {
        "BrainShown": round(share, 4),
        "RemovedVoxels": removed,
        "RemovedMl": round(removed * voxel_ml, 2),
        "BrainMarginMm": margin_mm,
    }


def _from_template(grid: sitk.Image, to_template: sitk.Transform) -> sitk.Image:
    """Millimetres into the template's face region, on ``grid``; positive inside."""
    return sitk.Resample(_template_face(), grid, to_template, sitk.sitkLinear, -FAR_MM)


@cache
def _template_face() -> sitk.Image:
    """Millimetres into the face region, over a box in template space that holds any image."""
    count = round(2 * BOX_MM / WORK_MM / 2)
    along = np.linspace(-BOX_MM, BOX_MM, count).astype(np.float32)
    rising = np.argsort(FACE_Z)
    front = np.interp(along, np.take(FACE_Z, rising), np.take(FACE_Y, rising))
    inside = np.minimum(along[None, :, None] - front, FACE_Z[0] - along)
    affine = np.diag([*[2 * BOX_MM / (count - 1)] * 3, 1.0])
    affine[:3, 3] = -BOX_MM
    return images.from_array(np.repeat(inside, count, axis=0).astype(np.float32), affine)


def _shown(depth: sitk.Image) -> float:
    """The share of the template's brain that lies in view, from its depth on an image's grid.

    A head may be smaller or larger than the template, so this is a rough figure.
    """
    volume = np.count_nonzero(sitk.GetArrayViewFromImage(template.depth()) > 0)
    shown = np.count_nonzero(sitk.GetArrayViewFromImage(depth) > 0) * WORK_MM**3
    return min(shown / volume, 1.0)


BACKENDS: dict[str, Callable[[sitk.Image, sitk.Transform], sitk.Image]] = {
    "template": _from_template,
}


# --- Metadata -------------------------------------------------------------------------------

NUMBER = "number"
NUMBERS = "numbers"
WORD = "word"

# The only keys of a raw sidecar that are carried over, and what each must hold. Physics of the
# acquisition and timing; nothing that dates it, places it or names anybody.
ALLOWED: dict[str, str] = {
    "Manufacturer": WORD,
    "ManufacturersModelName": WORD,
    "Modality": WORD,
    "ConvolutionKernel": WORD,
    "ContrastBolusIngredient": WORD,
    "PhaseEncodingDirection": WORD,
    "SequenceVariant": WORD,
    "MRAcquisitionType": WORD,
    "Units": WORD,
    "KVP": NUMBER,
    "XRayTubeCurrent": NUMBER,
    "XRayExposure": NUMBER,
    "ExposureTime": NUMBER,
    "GantryDetectorTilt": NUMBER,
    "SpiralPitchFactor": NUMBER,
    "SliceThickness": NUMBER,
    "SpacingBetweenSlices": NUMBER,
    "MagneticFieldStrength": NUMBER,
    "EchoTime": NUMBER,
    "InversionTime": NUMBER,
    "FlipAngle": NUMBER,
    "PixelBandwidth": NUMBER,
    "EffectiveEchoSpacing": NUMBER,
    "TotalReadoutTime": NUMBER,
    "RepetitionTime": NUMBER,
    "DiffusionBValue": NUMBER,
    "FrameTimesStart": NUMBERS,
    "FrameDuration": NUMBERS,
    "VolumeTiming": NUMBERS,
    "SliceTiming": NUMBERS,
}
# Dates, identifiers and seconds since an epoch are larger than anything a scanner measures.
LARGEST_NUMBER = 1e6

# A word is a model, kernel or unit; a date, a full name or a sentence is none.
WORDS = re.compile(r"[A-Za-z0-9µ/*^_.+-]{1,24}( [A-Za-z0-9µ/*^_.+-]{1,24}){0,2}")
DATE = re.compile(r"\d{6}|\d{4}-?\d{2}-?\d{2}|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\^")


def allowed_metadata(raw: Mapping[str, Any]) -> dict[str, Any]:
    """What of a raw sidecar may be released: known keys whose values are what they should be."""
    return {key: raw[key] for key, kind in ALLOWED.items() if key in raw and _FITS[kind](raw[key])}


def _is_number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and abs(value) < LARGEST_NUMBER


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and bool(WORDS.fullmatch(value)) and not DATE.search(value)


_FITS: dict[str, Callable[[Any], bool]] = {
    NUMBER: _is_number,
    NUMBERS: lambda value: isinstance(value, list) and all(map(_is_number, value)),
    WORD: _is_word,
}

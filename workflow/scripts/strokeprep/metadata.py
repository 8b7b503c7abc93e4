"""Which words about a raw scan may be released: physics and timing, nothing that names anybody."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

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


def releasable(raw: Mapping[str, Any]) -> dict[str, Any]:
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

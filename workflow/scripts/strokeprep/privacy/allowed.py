"""Which words about a raw scan may be released: physics and timing, nothing that names anybody."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

NUMBER = "number"
NUMBERS = "numbers"
TABLE = "numbers, or lists of numbers"
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
    "SliceTiming": TABLE,
    "SliceEncodingDirection": WORD,
}
# Keys that the workflow itself writes. A new one is added here once it is clear that nothing of the
# input gets into its value; until then the privacy audit fails the run.
_WRITTEN = """
    Description Sources SpatialReference SkullStripped Type Manual Resolution Interpolation
    Transforms SpatialInterpolations Audit Metrics Backend Device Method Package Software Seed
    LesionMasked Frames SourceTiming FirstFrameTime InterpolatedInTime CoveredShare
    AllStill StillFrames StillThresholdMm OutlierFrames MaxDisplacementMm MeanDisplacementMm
    MeanFramewiseMm Levels Thresholds Constants Range Warnings ArterialScale
    BaselineFrames PreContrastFrames BolusHu NoiseHu InPlaneSmoothing Contrast
    Columns Model
    """
WRITTEN = frozenset(_WRITTEN.split())

PERSON_KEY = re.compile(r"(Patient|Physician|Operator).*Name|Physician|Operator", re.IGNORECASE)

# Dates, identifiers and seconds since an epoch are larger than anything a scanner measures.
LARGEST_NUMBER = 1e6

# A word is a model, kernel or unit; a date, a full name or a sentence is none.
WORDS = re.compile(r"[A-Za-z0-9µ/*^_.+-]{1,24}( [A-Za-z0-9µ/*^_.+-]{1,24}){0,2}")
DATE = re.compile(r"\d{6}|\d{4}-?\d{2}-?\d{2}|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\^")


def releasable(raw: Mapping[str, Any]) -> dict[str, Any]:
    """What of a raw sidecar may be released: known keys whose values are what they should be."""
    names = _names(raw)
    return {
        key: raw[key]
        for key, kind in ALLOWED.items()
        if key in raw and _FITS[kind](raw[key]) and not _is_one_of(names, raw[key])
    }


def _names(raw: Mapping[str, Any]) -> list[set[str]]:
    """The names of people in a sidecar, each as its parts."""
    people = (value for key, value in raw.items() if PERSON_KEY.search(key))
    return [_parts(person) for person in people if isinstance(person, str)]


def _is_one_of(names: list[set[str]], value: Any) -> bool:
    """Whether a word is somebody's whole name: half a name may well be a scanner's."""
    return isinstance(value, str) and any(name and name <= _parts(value) for name in names)


def _parts(text: str) -> set[str]:
    return {part for part in re.split(r"[\W_]+", text.casefold()) if len(part) > 1}


def _is_number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and abs(value) < LARGEST_NUMBER


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and bool(WORDS.fullmatch(value)) and not DATE.search(value)


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_number, value))


def _is_table(value: Any) -> bool:
    return _are_numbers(value) or (isinstance(value, list) and all(map(_are_numbers, value)))


_FITS: dict[str, Callable[[Any], bool]] = {
    NUMBER: _is_number,
    NUMBERS: _are_numbers,
    TABLE: _is_table,
    WORD: _is_word,
}

"""The keys of sidecars that may be released, and the form that their values must have."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

# Dates, identifiers and Unix times are larger than anything that a scanner measures.
LARGEST_NUMBER = 1e6
# Up to three short words, such as a model, a kernel or a unit, but not a date or a DICOM name.
WORDS = re.compile(r"[A-Za-z0-9µ/*^_.+-]{1,24}( [A-Za-z0-9µ/*^_.+-]{1,24}){0,2}")
DATE_OR_NAME = re.compile(r"\d{6}|\d{4}-?\d{2}-?\d{2}|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\^")
PERSON_KEY = re.compile(r"(Patient|Physician|Operator).*Name|Physician|Operator", re.IGNORECASE)


def _is_number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and abs(value) < LARGEST_NUMBER


def _are_words(value: Any) -> bool:
    return (
        isinstance(value, str) and bool(WORDS.fullmatch(value)) and not DATE_OR_NAME.search(value)
    )


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_number, value))


def _is_table(value: Any) -> bool:
    """Whether a value is a list of numbers, or of such lists."""
    return _are_numbers(value) or (isinstance(value, list) and all(map(_are_numbers, value)))


# The only keys of a raw sidecar that are carried over, each with the test of its value: timing and
# physics of the acquisition, nothing that identifies a date, a place or a person.
ALLOWED: dict[str, Callable[[Any], bool]] = {
    "Manufacturer": _are_words,
    "ManufacturersModelName": _are_words,
    "Modality": _are_words,
    "ConvolutionKernel": _are_words,
    "ContrastBolusIngredient": _are_words,
    "PhaseEncodingDirection": _are_words,
    "SequenceVariant": _are_words,
    "MRAcquisitionType": _are_words,
    "Units": _are_words,
    "KVP": _is_number,
    "XRayTubeCurrent": _is_number,
    "XRayExposure": _is_number,
    "ExposureTime": _is_number,
    "GantryDetectorTilt": _is_number,
    "SpiralPitchFactor": _is_number,
    "SliceThickness": _is_number,
    "SpacingBetweenSlices": _is_number,
    "MagneticFieldStrength": _is_number,
    "EchoTime": _is_number,
    "InversionTime": _is_number,
    "FlipAngle": _is_number,
    "PixelBandwidth": _is_number,
    "EffectiveEchoSpacing": _is_number,
    "TotalReadoutTime": _is_number,
    "RepetitionTime": _is_number,
    "DiffusionBValue": _is_number,
    "FrameTimesStart": _are_numbers,
    "FrameDuration": _are_numbers,
    "VolumeTiming": _are_numbers,
    "SliceTiming": _is_table,
    "SliceEncodingDirection": _are_words,
}
# The keys that the workflow writes. Until a new one is listed, the privacy audit fails the run: make
# sure first that nothing of the input gets into its value.
_WRITTEN = """
    Description Sources SpatialReference SkullStripped Type Manual Resolution Interpolation
    Transforms SpatialInterpolations Audit Metrics Backend Engine Device Method Package Software Seed
    LesionMasked Frames SourceTiming FirstFrameTime InterpolatedInTime CoveredShare
    AllStill StillFrames StillThresholdMm OutlierFrames MaxDisplacementMm MeanDisplacementMm
    MeanFramewiseMm Levels Thresholds Constants Range Warnings ArterialScale ArterialScaleSD MethodVersion
    BaselineFrames PreContrastFrames BolusHu NoiseHu InPlaneSmoothing Contrast
    Columns Model
    """
WRITTEN = frozenset(_WRITTEN.split())


def releasable(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a raw sidecar that may be released: listed keys with values of the right form."""
    people = _people(raw)
    return {
        key: raw[key]
        for key, fits in ALLOWED.items()
        if key in raw and fits(raw[key]) and not _is_person(raw[key], people)
    }


def _people(raw: Mapping[str, Any]) -> list[set[str]]:
    """The people named in a sidecar, each as the parts of the name."""
    people = (value for key, value in raw.items() if PERSON_KEY.search(key))
    return [_parts(person) for person in people if isinstance(person, str)]


def _is_person(value: Any, people: list[set[str]]) -> bool:
    """Whether a text holds a whole name; a part of one may also be the name of a scanner."""
    return isinstance(value, str) and any(name and name <= _parts(value) for name in people)


def _parts(text: str) -> set[str]:
    return {part for part in re.split(r"[\W_]+", text.casefold()) if len(part) > 1}

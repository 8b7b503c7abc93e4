"""The keys of sidecars that may be released, and the form that their values must have."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from strokeprep.gate.spellings import fold, spellings
from strokeprep.privacy import shapes

# Dates, identifiers and Unix times are larger than anything that a scanner measures.
LARGEST_NUMBER = 1e5
# No series starts later than this many seconds after time zero: it is a time of day, or since 1970.
LATEST_START_S = 600.0
TIMES = ("FrameTimesStart", "VolumeTiming")
# Up to three short words, such as a model, a kernel or a unit, but not a date or a DICOM name.
WORDS = re.compile(r"[A-Za-z0-9µ/*^_.+-]{1,24}( [A-Za-z0-9µ/*^_.+-]{1,24}){0,2}")
LONG_NUMBER_OR_NAME = re.compile(r"\d{6}|\d{4}-?\d{2}-?\d{2}|\^")
PERSON_KEY = re.compile(r"(Patient|Physician|Operator).*Name|Physician|Operator", re.IGNORECASE)
# Keys of what names one machine, place, patient or examination.
NAMING_KEY = re.compile(r"Station|Institution|Serial|Accession|ID$|IDs$|UID|Address")
SHORTEST_NAMED, SHORTEST_JOINED = 3, 5
WORD = re.compile(r"[^\W_]+")


def _is_number(value: Any) -> bool:
    return _is_measured(value) and abs(value) < LARGEST_NUMBER


def _are_words(value: Any) -> bool:
    return (
        isinstance(value, str)
        and bool(WORDS.fullmatch(value))
        and not LONG_NUMBER_OR_NAME.search(value)
        and not any(shapes.looks_like(value))
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
    Description Sources SpatialReference SkullStripped Type Manual Corrections Resolution Interpolation
    Transforms SpatialInterpolations Audit Metrics Backend Engine Device Method Package Software Seed
    LesionMasked Frames SourceTiming FirstFrameTime InterpolatedInTime CoveredShare
    AllStill StillFrames StillThresholdMm OutlierFrames MaxDisplacementMm MeanDisplacementMm
    MeanFramewiseMm Levels Thresholds Constants Range Warnings ArterialCourse ArterialScale ArterialScaleSD MethodVersion
    ArterialLikeness ArterialCourseLikeness BaselineFrames PreContrastFrames BolusHu NoiseHu InPlaneSmoothing Contrast
    Columns Model N MostInAVoxel AtLeast Subset Session Excluded
    ArterialInput ArterialInputs Territories TerritoriesBlendMm TerritoriesWithOwnInput
    """
WRITTEN = frozenset(_WRITTEN.split())


def releasable(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a raw sidecar that may be released: listed keys with values of the right form."""
    people, named = _people(raw), _named(raw)
    known = {key: raw[key] for key in ALLOWED if key in raw}
    known |= {key: _from_zero(known[key]) for key in TIMES if key in known}
    return {
        key: value
        for key, value in known.items()
        if ALLOWED[key](value) and not _is_person(value, people) and not _names(value, named)
    }


def _from_zero(times: Any) -> Any:
    """Frame times since the first frame where they tell the time of day or the date of the scan."""
    if not (isinstance(times, list) and times and all(map(_is_measured, times))):
        return times
    first = times[0] if abs(times[0]) > LATEST_START_S else 0
    return [round(time - first, 6) for time in times] if first else times


def _is_measured(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _people(raw: Mapping[str, Any]) -> list[set[str]]:
    """The people named in a sidecar, each as the parts of the name."""
    people = (value for key, value in raw.items() if PERSON_KEY.search(key))
    texts = (text for value in people for person in texts_in(value) for text in spellings(person))
    return [parts for parts in map(_parts, texts) if parts]


def texts_in(value: Any) -> Iterator[str]:
    """The texts in a JSON value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from texts_in(each)


def _is_person(value: Any, people: list[set[str]]) -> bool:
    """Whether a text holds a whole name; a part of one may also be the name of a scanner."""
    texts = spellings(value) if isinstance(value, str) else ()
    return any(_holds(text, name) for text in texts for name in people)


def _holds(text: str, name: set[str]) -> bool:
    """Whether a text holds all parts of a name, as words or, if they are long enough, run together."""
    letters = "".join(WORD.findall(text))
    long = len(name) > 1 and sum(map(len, name)) >= SHORTEST_JOINED
    return name <= _parts(text) or (long and all(part in letters for part in name))


def _named(raw: Mapping[str, Any]) -> list[str]:
    """What a sidecar says of the place, the machine and the examination, each between spaces.

    A station that is called like its maker is not told from others by that.
    """
    found = ((key, value) for key, value in raw.items() if NAMING_KEY.search(key))
    folded = ((key, _words(text)) for key, value in found for text in texts_in(value))
    maker = _words(str(raw.get("Manufacturer", "")))
    return [
        text
        for key, text in folded
        if len(text) >= SHORTEST_NAMED + 2 and not ("Station" in key and text == maker)
    ]


def _names(value: Any, named: list[str]) -> bool:
    """Whether a text holds one of these as a whole; a maker that the place is called after does not."""
    return isinstance(value, str) and any(text in _words(value) for text in named)


def _words(text: str) -> str:
    """The words of a text in lower case, between single spaces."""
    return f" {' '.join(WORD.findall(fold(text)))} "


def _parts(text: str) -> set[str]:
    """The words of a folded text."""
    return {part for part in WORD.findall(text) if len(part) > 1}

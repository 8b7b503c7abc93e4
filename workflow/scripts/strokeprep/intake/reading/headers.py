"""Read the headers of DICOM files: one :class:`Slice` for each slice, with what is known of it.

Only tags that are used are read, and pixels are not. Values of the wrong form count as missing, and
no message holds a value of a header.
"""

from __future__ import annotations

import math
import re
import struct
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any, BinaryIO

from strokeprep.intake.reading import diffusion, pixels, quick
from strokeprep.intake.reading.diffusion import DIRECTION
from strokeprep.intake.reading.files import Source, Unreadable
from strokeprep.intake.reading.pixels import EXPLICIT, IMPLICIT, LOSSY, Pixels

if TYPE_CHECKING:  # takes a fifth of a second to load
    from pydicom import Dataset

DAY = 86400.0
ENHANCED = tuple(f"1.2.840.10008.5.1.4.1.1.{tail}" for tail in ("2.1", "2.2", "4.1", "4.4"))
LONGEST_TEXT = 512
MOST_REMEMBERED = 20_000  # slices whose headers stay in memory: some 10 studies, 100 MB
SETTLED_NS = 2_000_000_000  # of file systems, the coarsest clock counts two seconds
LARGEST_SCALE = 1e6  # of slope and intercept
# Numbers that are stored in binary, by value representation.
BINARY = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d"}

# Who and when: all that the list of studies is made from.
IDENTITY = (
    "PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "StudyInstanceUID",
    "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "Modality", "SeriesNumber",
    "SeriesDescription", "StudyDate", "StudyTime", "PatientAge", "PatientSex",
)  # fmt: skip
TEXTS = (
    "Manufacturer", "ManufacturerModelName", "ConvolutionKernel", "ContrastBolusAgent",
    "BodyPartExamined", "ProtocolName", "SequenceName", "MRAcquisitionType",
    "PhotometricInterpretation", "BurnedInAnnotation", "ConversionType",
    "LossyImageCompression", "RescaleType", "DiffusionDirectionality", "SeriesDate", "SeriesTime",
    "AngioFlag", "EchoPulseSequence", "EchoPlanarPulseSequence", "InversionRecovery",
)  # fmt: skip
LISTS = ("ImageType", "FrameType", "ScanningSequence", "SequenceVariant", "ScanOptions")
NUMBERS = (
    "InstanceNumber", "SamplesPerPixel", "BitsAllocated", "BitsStored", "PixelRepresentation",
    "Rows", "Columns", "NumberOfFrames", "SliceThickness", "KVP", "XRayTubeCurrent", "Exposure",
    "ExposureTime", "GantryDetectorTilt", "SpiralPitchFactor", "MagneticFieldStrength", "EchoTime",
    "RepetitionTime", "InversionTime", "FlipAngle", "RescaleSlope", "RescaleIntercept",
    "PixelPaddingValue", "TriggerTime", "TemporalPositionIdentifier", "AcquisitionNumber",
    "DiffusionBValue", "TemporalPositionIndex", "EffectiveEchoTime", "InversionTimes",
)  # fmt: skip
VECTORS = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
TIMES = (
    "FrameAcquisitionDateTime",
    "AcquisitionDateTime",
    "AcquisitionDate",
    "AcquisitionTime",
    "ContentDate",
    "ContentTime",
)
PLAIN_TAGS = (*IDENTITY, *TEXTS, *LISTS, *NUMBERS, *VECTORS, *TIMES, DIRECTION)
GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
DIRECTIONS = "DiffusionGradientDirectionSequence"
# What is the same in every character set: no escape, no part that pydicom would split off.
PLAIN_TEXT = re.compile(rb"[A-Za-z0-9 .,:;_()/+*^-]*")
DECODED = ("PatientName", "PatientID", "IssuerOfPatientID", "SeriesDescription", "ProtocolName")
# What may differ from frame to frame of one file, and what it is called where it stands alone.
OF_FRAMES = (*VECTORS, *TIMES, *NUMBERS, *TEXTS, DIRECTION)
RENAMED = {
    "FrameType": "ImageType",
    "FrameAcquisitionDateTime": "AcquisitionDateTime",
    "TemporalPositionIndex": "TemporalPositionIdentifier",
    "EffectiveEchoTime": "EchoTime",
    "InversionTimes": "InversionTime",
}


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice: a file, or a frame of one."""

    source: Source
    index: int  # of the frame in its file
    facts: Mapping[str, Any]  # by DICOM keyword
    clocks: Mapping[str, float]  # seconds or counts, by the tag that says them
    b_value: float | None
    pixels: Pixels
    direction: tuple[float, ...] | None = None  # of the diffusion gradient, a unit vector

    @property
    def uid(self) -> str:
        """The SOPInstanceUID of its file."""
        return str(self.facts["SOPInstanceUID"])


@dataclass(frozen=True, slots=True)
class Told:
    """What a file tells: who and when, and its slices, or why none of them can be used."""

    identity: Mapping[str, Any]
    slices: tuple[Slice, ...]
    why: str = ""


def identity(source: Source) -> Mapping[str, Any]:
    """Who, which study and when: what the list of studies needs of a file."""
    return _told(source).identity


def read(source: Source) -> tuple[Slice, ...]:
    """The slices of a file; an ``Unreadable`` if it has none that can be used."""
    told = _told(source)
    if told.why:
        raise Unreadable(told.why)
    return told.slices


_REMEMBERED: dict[Source, tuple[tuple[int, int, int], Told]] = {}


def _told(source: Source) -> Told:
    """What a file tells, read once unless it changed: list, plan and conversion ask for it in turn."""
    state = source.state()
    known = _REMEMBERED.get(source)
    if known and known[0] == state:
        return known[1]
    told = _read_now(source)
    # Of a file that is being written, the state may stay the same while the content does not.
    is_settled = time.time_ns() - max(state[1:]) > SETTLED_NS
    has_room = known is not None or len(_REMEMBERED) < MOST_REMEMBERED
    if is_settled and has_room and len(told.slices) <= 1:  # files of many frames are few
        _REMEMBERED[source] = state, told
    return told


def _read_now(source: Source) -> Told:
    with source.open() as file:
        header, syntax, offset = _header(file)
        size = file.seek(0, 2)
        file.seek(offset)
        start = pixels.start(file, syntax)
    facts = _facts(header, PLAIN_TAGS)
    who = {name: facts[name] for name in IDENTITY if name in facts}
    try:
        return Told(who, tuple(_slices(source, header, facts, syntax, start, size)))
    except Unreadable as error:
        return Told(who, (), str(error))
    except (OSError, RuntimeError, EOFError) as error:
        return Told(who, (), f"it cannot be read ({type(error).__name__})")


def _slices(
    source: Source, header: Dataset, facts: dict[str, Any], syntax: str, start: int, size: int
) -> list[Slice]:
    try:
        if "SOPInstanceUID" not in facts:
            raise Unreadable("it has no UID, so that copies of it cannot be told")
        facts = diffusion.private_facts(header, facts) | facts
        if syntax in LOSSY:
            facts["LossyImageCompression"] = "01"
        frames = _frames(header, facts)
        _refuse_impossible_scale(frames)
        return [
            Slice(
                source, index, own, _clocks(own), diffusion.b_value(header, own), stored, direction
            )
            for index, own in enumerate(frames)
            for stored in [pixels.of_frame(own, start, index, len(frames), syntax, size)]
            for direction in [diffusion.direction(header, own)]
        ]
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise Unreadable("its header contradicts itself") from error


def _header(file: BinaryIO) -> tuple[Dataset, str, int]:
    """The wanted part of a header, the transfer syntax, and where the pixels begin."""
    from pydicom import config, dcmread

    config.settings.reading_validation_mode = config.IGNORE
    if plain := quick.header(file.read(quick.START), wanted_tags(), EXPLICIT):
        return plain
    file.seek(0)
    try:
        with warnings.catch_warnings():  # they hold values
            warnings.simplefilter("ignore")
            made = dcmread(file, stop_before_pixels=True, specific_tags=list(wanted_tags()))
    except Exception as error:  # pydicom has no common error for damaged files
        raise Unreadable("its header cannot be read") from error
    return made, str(made.file_meta.get("TransferSyntaxUID", IMPLICIT)), file.tell()


@cache
def wanted_tags() -> frozenset[int]:
    """All tags that are read: to make them of keywords for each file takes as long as reading it."""
    from pydicom.tag import Tag

    return frozenset(
        [*map(Tag, (*PLAIN_TAGS, *GROUPS)), *(Tag(each) for each in diffusion.PRIVATE)]
    )


def _facts(header: Dataset, keywords: tuple[str, ...]) -> dict[str, Any]:
    """The values of a header that have the form they must have."""
    facts: dict[str, Any] = {}
    wanted, signed = _keywords(keywords), False
    for tag in tuple(header.keys()):
        keyword = wanted.get(int(tag))
        if keyword is None:
            continue
        try:
            value = _value(keyword, header.get_item(tag), header, signed)
        except Exception:  # pydicom converts some when they are asked for
            value = None
        if value is not None and value != "":
            facts[keyword] = value
            signed = signed or (keyword == "PixelRepresentation" and value == 1)
    return facts


@cache
def _keywords(keywords: tuple[str, ...]) -> dict[int, str]:
    """The keywords by their tags."""
    from pydicom.datadict import tag_for_keyword

    return {tag: each for each in keywords for tag in [tag_for_keyword(each)] if tag is not None}


def _value(keyword: str, element: Any, header: Dataset, signed: bool) -> Any:
    """A value as number, numbers, list or text; None where its form is wrong.

    Read from the bytes, since what pydicom makes of all of them takes five times as long.
    """
    content = element.value
    if content is None:  # an empty number
        return None
    if keyword in DECODED and isinstance(content, bytes) and PLAIN_TEXT.fullmatch(content):
        return content.decode("ascii").rstrip()[:LONGEST_TEXT]
    if keyword in DECODED or not isinstance(content, bytes):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return str(header[element.tag].value)[:LONGEST_TEXT]
    if keyword in NUMBERS:
        return _number(content, _representation(element, signed), element.is_little_endian)
    if keyword == DIRECTION:
        return struct.unpack(f"{'<' if element.is_little_endian else '>'}3d", content)
    text = content.decode("ascii", "replace").rstrip(" \0")
    if keyword in VECTORS:
        return tuple(map(float, text.split("\\")))
    if keyword in LISTS:
        return tuple(each.strip() for each in text.split("\\"))
    return text.strip()[:LONGEST_TEXT]


def _representation(element: Any, signed: bool) -> str:
    """The VR of a number: as the file gives it, else as the standard has it."""
    from pydicom.datadict import dictionary_VR

    given = element.VR if element.VR not in (None, "UN") else dictionary_VR(element.tag)
    return ("SS" if signed else "US") if given == "US or SS" else given


def _number(content: bytes, representation: str, is_little: bool) -> float | None:
    """The first of the numbers, which is finite."""
    form = BINARY.get(representation)
    if form:
        value = float(struct.unpack_from(("<" if is_little else ">") + form, content)[0])
    else:
        value = float(content.split(b"\\")[0])
    return value if math.isfinite(value) else None


# --- Frames of one file ---------------------------------------------------------------------


def _frames(header: Dataset, facts: dict[str, Any]) -> list[dict[str, Any]]:
    """What is known of each frame of a file."""
    if facts.get("SOPClassUID") not in ENHANCED:
        if facts.get("NumberOfFrames", 1) > 1:
            raise Unreadable("it holds several frames without saying where each lies")
        return [facts]
    shared = _group(next(iter(header.get(GROUPS[0]) or ()), None))
    listed = header.get(GROUPS[1]) or ()
    frames = [facts | shared | _group(group) for group in listed]
    if len(frames) != int(facts.get("NumberOfFrames", len(frames))) or not frames:
        raise Unreadable("it describes another number of frames than it holds")
    return frames


def _group(group: Dataset | None) -> dict[str, Any]:
    """The facts of a functional group, whatever sequence of the standard they are in.

    Philips adds a private sequence with another position, that of the corner of the first voxel.
    """
    facts: dict[str, Any] = {}
    for element in group or ():
        if element.VR != "SQ" or element.tag.is_private:
            continue
        for item in (each for one in element.value for each in (one, *(one.get(DIRECTIONS) or ()))):
            own = _facts(item, (*OF_FRAMES, *RENAMED))
            facts |= {RENAMED.get(name, name): value for name, value in own.items()}
    return facts


# --- Clocks --------------------------------------------------------------------------------


def _clocks(facts: Mapping[str, Any]) -> dict[str, float]:
    """When, or as which, a slice was taken, by each tag that says it."""
    clocks: dict[str, float] = {}
    stamp = facts.get("AcquisitionDateTime", "")
    moments = {
        "AcquisitionDateTime": moment(stamp[:8], stamp[8:]),
        "AcquisitionTime": moment(facts.get("AcquisitionDate"), facts.get("AcquisitionTime")),
        "ContentTime": moment(facts.get("ContentDate"), facts.get("ContentTime")),
        "TriggerTime": facts["TriggerTime"] / 1000 if "TriggerTime" in facts else None,
    }
    counts = {key: facts.get(key) for key in ("TemporalPositionIdentifier", "AcquisitionNumber")}
    for name, value in (moments | counts).items():
        if value is not None:
            clocks[name] = float(value)
    return clocks


def moment(day: str | None, time: str | None) -> float | None:
    """Seconds of a DICOM date and time since a day long past; without a date, since midnight.

    >>> moment("20010101", "000001.5") - moment("20001231", "235959")
    2.5
    """
    clock = re.match(r"(\d\d)(\d\d)?(\d\d)?(\.\d+)?", (time or "").replace(":", ""))
    if not clock:
        return None
    hours, minutes, seconds, part = clock.groups()
    since = 3600 * int(hours) + 60 * int(minutes or 0) + int(seconds or 0) + float(part or 0)
    digits = re.fullmatch(r"(\d{4})[.]?(\d\d)[.]?(\d\d)", day or "")
    try:
        return since + DAY * date(*map(int, digits.groups())).toordinal() if digits else since
    except ValueError:
        return since


def _refuse_impossible_scale(frames: Iterable[Mapping[str, Any]]) -> None:
    for own in frames:
        slope, intercept = own.get("RescaleSlope", 1.0), own.get("RescaleIntercept", 0.0)
        if not 0 < abs(slope) < LARGEST_SCALE or abs(intercept) > LARGEST_SCALE:
            raise Unreadable("the scale of its values is impossible")


def each(sources: list[Source]) -> Iterator[tuple[Source, list[Slice] | str]]:
    """The slices of every file, or why it has none."""
    for source in sources:
        try:
            yield source, list(read(source))
        except Unreadable as error:
            yield source, str(error)
        except (OSError, RuntimeError, EOFError) as error:
            yield source, f"it cannot be read ({type(error).__name__})"

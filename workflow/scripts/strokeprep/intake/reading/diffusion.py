"""How strongly, and in which direction, a slice was weighted by diffusion."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pydicom import Dataset

SIEMENS_B, GE_B, PHILIPS_B = (0x0019, 0x100C), (0x0043, 0x1039), (0x2001, 0x1003)
# The direction of the gradient: by the standard, Siemens, and GE and Philips, a number each.
DIRECTION, SIEMENS_DIRECTION = "DiffusionGradientOrientation", (0x0019, 0x100E)
AXES = {
    "GE": ((0x0019, 0x10BB), (0x0019, 0x10BC), (0x0019, 0x10BD)),
    "PHILIPS": ((0x2005, 0x10B0), (0x2005, 0x10B1), (0x2005, 0x10B2)),
}
# What Philips says in private tags alone: the kind of direction, and the echoes of an echo train.
PHILIPS_DIRECTION, PHILIPS_EPI_FACTOR = (0x2001, 0x1004), (0x2001, 0x1013)
PRIVATE = (
    *(SIEMENS_B, GE_B, PHILIPS_B, SIEMENS_DIRECTION, PHILIPS_DIRECTION, PHILIPS_EPI_FACTOR),
    *(tag for axes in AXES.values() for tag in axes),
)
PHILIPS_BINARY = dict.fromkeys((PHILIPS_B, *AXES["PHILIPS"]), "<f") | {PHILIPS_EPI_FACTOR: "<i"}
# Of directions that are evenly spread, the mean of n n' is a third of the identity.
EVEN_SPREAD = 0.03


def b_value(header: Dataset, facts: Mapping[str, Any]) -> float | None:
    """The diffusion weighting (s/mm2), by the standard tag, the maker's own, or the sequence's name."""
    if facts.get("Modality") != "MR":
        return None
    if "DiffusionBValue" in facts:
        return float(facts["DiffusionBValue"])
    maker = str(facts.get("Manufacturer", "")).upper()
    for word, tag in (("SIEMENS", SIEMENS_B), ("GE", GE_B), ("PHILIPS", PHILIPS_B)):
        value = _private_number(header, tag) if maker.startswith(word) else None
        if value is not None:
            return value % 1e9 if tag == GE_B else value  # GE adds 1e9 as a mark
    named = re.search(r"(?:^|[_*\W])(?:ep)?_?b(\d{1,4})", facts.get("SequenceName", ""))
    return float(named[1]) if named else None


def direction(header: Dataset, facts: Mapping[str, Any]) -> tuple[float, ...] | None:
    """The direction of the diffusion gradient by the standard tag or the maker's own."""
    if facts.get("Modality") != "MR":
        return None
    maker = str(facts.get("Manufacturer", "")).upper()
    given = facts.get(DIRECTION)
    if given is None and maker.startswith("SIEMENS") and SIEMENS_DIRECTION in header:
        value = header[SIEMENS_DIRECTION].value
        is_raw = isinstance(value, bytes) and len(value) == 24
        given = struct.unpack("<3d", value) if is_raw else value
    for word, axes in AXES.items():
        if given is None and maker.startswith(word):
            given = [_private_number(header, tag) for tag in axes]
    try:
        vector = tuple(float(each) for each in given or ())
    except (TypeError, ValueError):
        return None
    length = math.hypot(*vector)
    # A gradient without a direction, as of b = 0 or of a trace, is three zeros.
    return tuple(each / length for each in vector) if len(vector) == 3 and length > 0.5 else None


def private_facts(header: Dataset, facts: Mapping[str, Any]) -> dict[str, str]:
    """What Philips says in private tags, by the keywords that the standard has for it."""
    if not str(facts.get("Manufacturer", "")).upper().startswith("PHILIPS"):
        return {}
    told: dict[str, str] = {}
    if PHILIPS_DIRECTION in header and b_value(header, facts):
        kind = header[PHILIPS_DIRECTION].value
        text = kind.decode("ascii", "replace") if isinstance(kind, bytes) else str(kind)
        told |= {"DiffusionDirectionality": "ISOTROPIC"} if text.strip() == "I" else {}
    if (_private_number(header, PHILIPS_EPI_FACTOR) or 0) > 1:
        told["EchoPlanarPulseSequence"] = "YES"
    return told


def _private_number(header: Dataset, tag: tuple[int, int]) -> float | None:
    """The first number of a private tag, whose form may be lost."""
    if tag not in header:
        return None
    value = header[tag].value
    try:
        if isinstance(value, bytes) and tag in PHILIPS_BINARY:
            return float(struct.unpack(PHILIPS_BINARY[tag], value[:4])[0])
        text = value.decode("ascii") if isinstance(value, bytes) else str(value)
        return float(re.split(r"[\\,]", text.strip("[]"))[0].strip("' "))
    except (ValueError, TypeError, IndexError, struct.error):
        return None


def are_evenly_spread(directions: Sequence[tuple[float, ...]]) -> bool:
    """Whether the geometric mean over the directions is weighted by the trace alone.

    >>> are_evenly_spread([(1, 0, 0), (0, 1, 0), (0, 0, 1)])
    True
    """
    vectors = np.array(directions, float)
    spread = vectors.T @ vectors / len(vectors)
    return bool(np.abs(spread - np.eye(3) / 3).max() <= EVEN_SPREAD)

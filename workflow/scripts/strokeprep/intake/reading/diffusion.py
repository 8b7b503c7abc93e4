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
# The direction of the gradient: by the standard, Siemens, and GE, a number each.
DIRECTION, SIEMENS_DIRECTION = "DiffusionGradientOrientation", (0x0019, 0x100E)
GE_DIRECTION = ((0x0019, 0x10BB), (0x0019, 0x10BC), (0x0019, 0x10BD))
PRIVATE = (SIEMENS_B, GE_B, PHILIPS_B, SIEMENS_DIRECTION, *GE_DIRECTION)
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
    if given is None and maker.startswith("GE"):
        given = [_private_number(header, tag) for tag in GE_DIRECTION]
    try:
        vector = tuple(float(each) for each in given or ())
    except (TypeError, ValueError):
        return None
    length = math.hypot(*vector)
    # A gradient without a direction, as of b = 0 or of a trace, is three zeros.
    return tuple(each / length for each in vector) if len(vector) == 3 and length > 0.5 else None


def _private_number(header: Dataset, tag: tuple[int, int]) -> float | None:
    """The first number of a private tag, whose form may be lost."""
    if tag not in header:
        return None
    value = header[tag].value
    try:
        if isinstance(value, bytes) and tag == PHILIPS_B:
            return float(struct.unpack("<f", value[:4])[0])
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

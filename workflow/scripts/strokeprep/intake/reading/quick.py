"""Read plain headers quickly: explicit VR, little endian, all lengths known, within the first bytes.

Nearly all slices of CT are so, and a study has thousands. It takes a fraction of the time of pydicom,
which reads whatever is not plain.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydicom import Dataset

START = 1 << 16  # bytes of a file that may hold a plain header
BEGIN = 132  # behind the preamble
COMMAND, META, ITEM = 0x0000, 0x0002, 0xFFFE  # groups
SYNTAX, CHARACTERS = 0x00020010, 0x00080005
PIXELS = frozenset((0x7FE00008, 0x7FE00009, 0x7FE00010))
UNKNOWN_LENGTH = 0xFFFFFFFF
CHARACTER_SETS = (b"", b"ISO_IR 6", b"ISO_IR 100", b"ISO_IR 192")

_ELEMENT, _LONG = struct.Struct("<HH2sH"), struct.Struct("<I")


def header(
    start: bytes, wanted: Collection[int], syntaxes: Collection[str]
) -> tuple[Dataset, str, int] | None:
    """The wanted elements of a plain header, its transfer syntax, and where its pixels begin.

    None for any other header, and for a transfer syntax that is not among those given, all of which
    are explicit and little endian.
    """
    from pydicom.dataelem import RawDataElement, empty_value_for_VR
    from pydicom.tag import BaseTag

    found: dict[int, RawDataElement] = {}
    known = _representations()
    syntax, at, is_meta, end = "", BEGIN, True, len(start)
    while at + 12 <= end:
        group, element, letters, length = _ELEMENT.unpack_from(start, at)
        tag, value_at = group << 16 | element, at + 8
        if letters not in known:
            return None
        name, is_long = known[letters]
        if is_long:
            length, value_at = _LONG.unpack_from(start, value_at)[0], at + 12
        if is_meta and group != META:
            is_meta = False
            if syntax not in syntaxes or group == COMMAND:
                return None
        if tag in PIXELS:
            return _dataset(found, syntax, at)
        if length == UNKNOWN_LENGTH or group == ITEM or value_at + length > end:
            return None
        if tag == SYNTAX and is_meta:
            syntax = start[value_at : value_at + length].decode("ascii", "replace").rstrip("\0 ")
        elif tag in wanted or tag == CHARACTERS:
            value: Any = start[value_at : value_at + length] or empty_value_for_VR(name, raw=True)
            found[tag] = RawDataElement(BaseTag(tag), name, length, value, value_at, False, True)
        at = value_at + length
    return None


def _dataset(found: dict, syntax: str, at: int) -> tuple[Dataset, str, int] | None:
    """What was found as pydicom has it, so that it can convert what it is asked for."""
    from pydicom import Dataset
    from pydicom.charset import convert_encodings

    named = (found[CHARACTERS].value or b"").strip() if CHARACTERS in found else b""
    if named not in CHARACTER_SETS:
        return None
    made = Dataset({each.tag: each for each in found.values()})
    encodings = convert_encodings([named.decode()]) if named else "iso8859"
    made.set_original_encoding(False, True, encodings)
    return made, syntax, at


@cache
def _representations() -> dict[bytes, tuple[str, bool]]:
    """The value representations by their letters, and whether their lengths have four bytes."""
    from pydicom.valuerep import EXPLICIT_VR_LENGTH_32, VR

    return {each.encode(): (str(each), each in EXPLICIT_VR_LENGTH_32) for each in VR}

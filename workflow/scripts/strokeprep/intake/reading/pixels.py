"""Where the stored values of a slice lie in its file, and how they are packed."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from strokeprep.intake.reading.files import Unreadable

LITTLE, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
PLAIN = {LITTLE: "<", IMPLICIT: "<", BIG: ">"}  # transfer syntaxes whose pixels are not packed
# Those that can be unpacked: RLE, JPEG, JPEG-LS, JPEG 2000; and those of them that lose grey values.
PACKED = (
    "1.2.840.10008.1.2.5",
    *(f"1.2.840.10008.1.2.4.{end}" for end in (50, 51, 57, 70, 80, 81, 90, 91)),
)
EXPLICIT = (LITTLE, *PACKED)  # and little endian
LOSSY = tuple(f"1.2.840.10008.1.2.4.{end}" for end in (50, 51, 81))


@dataclass(frozen=True, slots=True)
class Pixels:
    """Where the stored values of one slice lie in their file; ``dtype`` is empty if packed."""

    offset: int
    rows: int
    columns: int
    dtype: str
    bits: int
    syntax: str = LITTLE
    frames: int = 1  # of the file

    @property
    def length(self) -> int:
        """Bytes of the slice."""
        return self.rows * self.columns * int(self.dtype[-1] or 0) if self.dtype else 0


def start(file: BinaryIO, syntax: str) -> int:
    """Where the stored values begin, behind the tag and its length; -1 if there are none."""
    begin = file.tell()
    head = file.read(12)
    order = "<" if PLAIN.get(syntax, "<") == "<" else ">"
    if len(head) < 12 or struct.unpack(f"{order}HH", head[:4]) != (0x7FE0, 0x0010):
        return -1
    return begin + (8 if syntax == IMPLICIT else 12)


def of_frame(
    facts: Mapping[str, Any], begin: int, index: int, frames: int, syntax: str, size: int
) -> Pixels:
    """Where a frame's values lie; refused where the file is cut short."""
    if begin < 0:
        raise Unreadable("it holds no pixels")
    rows, columns = int(facts.get("Rows", 0)), int(facts.get("Columns", 0))
    bits = int(facts.get("BitsAllocated", 0))
    if not (0 < rows <= 65535 and 0 < columns <= 65535 and bits in (8, 16, 32)):
        raise Unreadable("its header gives no usable matrix")
    stored = int(facts.get("BitsStored", bits))
    if syntax in PACKED:
        return Pixels(begin, rows, columns, "", stored, syntax, frames)
    if syntax not in PLAIN:
        raise Unreadable("it is packed in a way that is not known here; export it uncompressed")
    kind = "i" if facts.get("PixelRepresentation") else "u"
    dtype = f"{PLAIN[syntax]}{kind}{bits // 8}"
    each = rows * columns * int(facts.get("SamplesPerPixel", 1)) * bits // 8
    if begin + each * frames > size:
        raise Unreadable("it is cut short")
    return Pixels(begin + index * each, rows, columns, dtype, stored, syntax, frames)

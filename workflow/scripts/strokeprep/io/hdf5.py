"""Remove the times from the HDF5 files that ITK writes, so that equal transforms give equal bytes.

ITK stores in every object header when it was written and has no option against it, so the times are set
to zero afterwards. A header (format specification, "Version 2 Data Object Header Prefix") ends in a
checksum. It tells a real header from data that looks like one, and is computed anew.

Linear transforms are text files and need none of this. Writing the others by h5py instead would add a
dependency and this module's knowledge of ITK's layout, and would change the bytes of published files.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

SIGNATURE = b"OHDR\x02"
FLAGS_AT = 5
HAS_TIMES, HAS_PHASES, SIZE_BITS = 0x20, 0x10, 0x03
TIMES = 16  # bytes: access, modification, change, birth
CHECKSUM = 4

ROTATIONS = ((0, 2, 4), (1, 0, 6), (2, 1, 8), (0, 2, 16), (1, 0, 19), (2, 1, 4))
FINAL_ROTATIONS = (
    (2, 1, 14),
    (0, 2, 11),
    (1, 0, 25),
    (2, 1, 16),
    (0, 2, 4),
    (1, 0, 14),
    (2, 1, 24),
)
WORD = 0xFFFFFFFF


def forget_times(path: str | Path) -> int:
    """Set the times in a file's object headers to zero; returns the number of headers."""
    path = Path(path)
    content = bytearray(path.read_bytes())
    headers = list(_headers(bytes(content)))
    for start, end in headers:
        content[start + FLAGS_AT + 1 : start + FLAGS_AT + 1 + TIMES] = bytes(TIMES)
        content[end : end + CHECKSUM] = _checksum(bytes(content[start:end]))
    path.write_bytes(content)
    return len(headers)


def _headers(content: bytes) -> Iterator[tuple[int, int]]:
    """The offsets of object headers with times, and of their checksums."""
    start = content.find(SIGNATURE)
    while start >= 0:
        flags = content[start + FLAGS_AT]
        at = start + FLAGS_AT + 1 + TIMES + (4 if flags & HAS_PHASES else 0)
        width = 1 << (flags & SIZE_BITS)
        end = at + width + int.from_bytes(content[at : at + width], "little")
        if flags & HAS_TIMES and content[end : end + CHECKSUM] == _checksum(content[start:end]):
            yield start, end
        start = content.find(SIGNATURE, start + 1)


def _checksum(content: bytes) -> bytes:
    """The checksum of HDF5: Bob Jenkins' lookup3 ("hashlittle")."""
    state = [(0xDEADBEEF + len(content)) & WORD] * 3
    whole = max(0, len(content) - 1) // 12 * 12
    for at in range(0, whole, 12):
        _add(state, content[at : at + 12])
        for one, other, bits in ROTATIONS:
            state[one] = (state[one] - state[other]) & WORD
            state[one] ^= _rotated(state[other], bits)
            state[other] = (state[other] + state[3 - one - other]) & WORD
    _add(state, content[whole:].ljust(12, b"\0"))
    for one, other, bits in FINAL_ROTATIONS:
        state[one] = ((state[one] ^ state[other]) - _rotated(state[other], bits)) & WORD
    return state[2].to_bytes(CHECKSUM, "little")


def _add(state: list[int], block: bytes) -> None:
    for index in range(3):
        value = int.from_bytes(block[4 * index : 4 * index + 4], "little")
        state[index] = (state[index] + value) & WORD


def _rotated(value: int, bits: int) -> int:
    return (value << bits | value >> (32 - bits)) & WORD

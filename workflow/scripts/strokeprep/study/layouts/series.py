"""Which files are diffusion series, as far as can be told before any image is read whole."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from strokeprep.errors import StrokeprepError

if TYPE_CHECKING:
    from strokeprep.settings.config import Config
    from strokeprep.study.layouts.engine import _File

# Up to this b-value (s/mm2) a volume counts as one without diffusion weighting, as converters do.
NO_WEIGHTING = 50.0
# Where a NIfTI-1 header has its number of dimensions and their sizes.
SIZES = struct.Struct("<8h"), struct.Struct(">8h")
SIZES_AT = 40


def b_values(path: str | Path) -> list[float]:
    """The numbers of a bval file."""
    try:
        return [float(word) for word in Path(path).read_text().split()]
    except (OSError, ValueError) as error:
        raise StrokeprepError(
            "The b-values cannot be read",
            path,
            "Give one number for each volume, separated by blanks, or remove the file.",
        ) from error


def is_shell(file: _File, config: Config) -> bool:
    """Whether a file's bval lists a b-value that is wanted, and a volume without weighting."""
    if not file.b_values:
        return False
    low, high = config.intensity.b_values
    values = b_values(file.b_values)
    return any(b <= NO_WEIGHTING for b in values) and any(low <= b <= high for b in values)


def has_frames(file: _File, config: Config) -> bool:
    """Whether the header says 4D, where a name does not tell a series from a volume."""
    opened = gzip.open if file.path.endswith(".gz") else open
    try:
        with opened(file.path, "rb") as start:
            sizes = start.read(SIZES_AT + SIZES[0].size)[SIZES_AT:]
        dims = next(d for each in SIZES if 1 <= (d := each.unpack(sizes))[0] <= 7)
    except (OSError, EOFError, zlib.error, struct.error, StopIteration):
        return False  # the gate says what is wrong with the file
    return dims[0] == 4 and dims[4] > 1

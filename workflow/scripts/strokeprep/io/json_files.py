"""Files that the workflow was given: what of them may be opened at all, and how JSON is read.

Whatever is wrong with such a file is a ``StrokeprepError``, so that the gate refuses its subject.
"""

from __future__ import annotations

import json
import os
import stat
import time
from pathlib import Path
from typing import Any

from strokeprep.errors import StrokeprepError

MOST_AHEAD_S = 60.0  # Snakemake takes what is older than its inputs for unfinished
MOST_JSON_BYTES = 64 << 20  # the largest sidecars, with a list for each slice and frame, have 10 MB


def require_file(path: str | Path, most_bytes: int | None = None) -> None:
    """Refuse what is no regular file that may be read: a pipe would be waited for without end."""
    try:
        state = os.stat(path)
    except FileNotFoundError:
        raise StrokeprepError("File is missing", path, "Restore it and run again.") from None
    except OSError as error:
        what = f"The file cannot be reached ({error.strerror})"
        raise StrokeprepError(what, path, "Mend the link or the folder it is in.") from error
    if not stat.S_ISREG(state.st_mode):
        raise StrokeprepError("This is no file", path, "Put the file itself there.")
    if state.st_mtime > time.time() + MOST_AHEAD_S:
        what = "By its time of change the file is of the future"
        raise StrokeprepError(what, path, "Set the clock right, and touch the file.")
    if not os.access(path, os.R_OK):
        raise StrokeprepError("The file may not be read", path, "Allow it: chmod u+r.")
    if most_bytes is not None and state.st_size > most_bytes:
        what = f"The file is larger than {most_bytes >> 20} MiB"
        raise StrokeprepError(what, path, "Mend or remove it.")


def read(path: str | Path) -> dict[str, Any]:
    """The content of a raw sidecar."""
    require_file(path, MOST_JSON_BYTES)
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8-sig"), parse_int=_integer)
    except (
        OSError,
        ValueError,
        RecursionError,
    ) as error:  # JSON's and UTF-8's errors are ValueErrors
        raise StrokeprepError(
            "The sidecar is not valid JSON", path, "Mend or remove it."
        ) from error
    if not isinstance(content, dict):
        raise StrokeprepError("The sidecar holds no keys", path, "Mend or remove it.")
    return content


def _integer(digits: str) -> int:
    """An integer; ValueError beyond 30 digits, which no scanner writes and float cannot hold."""
    if len(digits) > 30:
        raise ValueError("a number too long to be one")
    return int(digits)

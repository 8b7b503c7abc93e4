"""Read JSON files of unknown origin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from strokeprep.errors import StrokeprepError

# More digits than any number of a scanner has; int and float would fail on some of them.
MOST_DIGITS = 30


def read(path: str | Path) -> dict[str, Any]:
    """The keys of a raw sidecar, whatever they are."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8-sig"), parse_int=_whole)
    except FileNotFoundError:
        raise StrokeprepError("File is missing", path, "Restore it and run again.") from None
    except (OSError, ValueError, RecursionError) as error:  # both JSON's and UTF-8's are values
        raise StrokeprepError(
            "The sidecar is not valid JSON", path, "Mend or remove it."
        ) from error
    if not isinstance(content, dict):
        raise StrokeprepError("The sidecar holds no keys", path, "Mend or remove it.")
    return content


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError("a number too long to be one")
    return int(digits)

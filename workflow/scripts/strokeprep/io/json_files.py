"""Read JSON files of unknown origin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from strokeprep.errors import StrokeprepError


def read(path: str | Path) -> dict[str, Any]:
    """The content of a raw sidecar."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8-sig"), parse_int=_integer)
    except FileNotFoundError:
        raise StrokeprepError("File is missing", path, "Restore it and run again.") from None
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

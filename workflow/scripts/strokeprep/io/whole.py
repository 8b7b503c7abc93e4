"""Files that are whole or absent, whoever is killed or writes the same file at the same time."""

from __future__ import annotations

import glob
import json
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PARTIAL = ".partial-"
DIGITS = 8  # of a number that no other writer has
_PARTIAL_NAME = re.compile(rf"{re.escape(PARTIAL)}[0-9a-f]{{{DIGITS}}}-(.+)")


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """Yields where to write; the file gets its name when the block ends well.

    Every writer has a place of its own: a job that was thought lost and its second attempt may run
    at once, and must not write into one file. What killed writers of the same file left goes.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f"{PARTIAL}{'?' * DIGITS}-{glob.escape(path.name)}"):
        left.unlink(missing_ok=True)
    partial = path.with_name(f"{PARTIAL}{uuid.uuid4().hex[:DIGITS]}-{path.name}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def final_name(name: str) -> str:
    """The name a file that is being written will have in the end."""
    found = _PARTIAL_NAME.fullmatch(name)
    return found[1] if found else name


def write_json(content: Any, path: str | Path) -> None:
    """Write JSON whole or not at all."""
    with whole(path) as partial:
        partial.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_text(content: str, path: str | Path) -> None:
    """Write text whole or not at all."""
    with whole(path) as partial:
        partial.write_text(content)

"""Write files so that they are complete or absent, even if writers are killed or run at the same time;
and tell one version of a file from another.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BLOCK = 1 << 22  # bytes that are digested at a time
PARTIAL = ".partial-"
DIGITS = 8  # of the random number in a partial file's name
_PARTIAL_NAME = re.compile(rf"{re.escape(PARTIAL)}[0-9a-f]{{{DIGITS}}}-(.+)")


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """Yield a partial file to write to, which is renamed to ``path`` if the block ends without error.

    Every writer has a partial file of its own: a job that was thought lost and its second attempt may run
    at once. Partial files that killed writers of the same file left are removed.
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
    """The name that a partial file will have in the end; other names are unchanged.

    >>> final_name(".partial-0a1b2c3d-sub-01_ct.nii.gz")
    'sub-01_ct.nii.gz'
    """
    partial = _PARTIAL_NAME.fullmatch(name)
    return partial[1] if partial else name


@dataclass(frozen=True)
class State:
    """A file as it was: its digest, and what tells without reading it that it is the same."""

    sha256: str
    bytes: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, path: Path) -> State:
        """The state of a file now."""
        state = path.stat()
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(digest, state.st_size, state.st_mtime_ns, state.st_ctime_ns)

    @classmethod
    def once(cls, path: Path) -> State:
        """The state of a file now; one that was read before is read again only if it was touched."""
        known = _READ.get(path)
        _READ[path] = known.renewed(path) if known else cls.of(path)
        return _READ[path]

    def is_of(self, path: Path, *, read: bool = False) -> bool:
        """Whether a file is still this one; ``read`` it even if it looks untouched."""
        if path.stat().st_size != self.bytes:
            return False
        now = State.of(path) if read else self.renewed(path)
        return now.sha256 == self.sha256

    def renewed(self, path: Path) -> State:
        """The state of a file now; it is read only if it does not look untouched."""
        state = path.stat()
        now = (state.st_size, state.st_mtime_ns, state.st_ctime_ns)
        return self if now == (self.bytes, self.mtime_ns, self.ctime_ns) else State.of(path)


_READ: dict[Path, State] = {}  # by this process


def write_json(content: Any, path: str | Path) -> None:
    """Write JSON, completely or not at all."""
    with whole(path) as partial:
        partial.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_text(content: str, path: str | Path) -> None:
    """Write text, completely or not at all."""
    with whole(path) as partial:
        partial.write_text(content)


def digest(path: Path) -> str:
    """The BLAKE2b digest of a file, as ``b2sum -l 256`` prints it; faster than SHA-256."""
    made = hashlib.blake2b(digest_size=32)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            made.update(block)
    return f"blake2b-256:{made.hexdigest()}"

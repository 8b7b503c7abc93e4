"""Which local patient is which case of a release, and the secret behind altered values.

Both are made once, at random, and never change, so that every release of a study speaks of the
same cases. They are private: only the user who runs the export may read them.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from strokeprep.errors import StrokeprepError
from strokeprep.io import tables
from strokeprep.release.archive import Archive

PRIVATE = 0o600
COLUMNS = ("participant_id", "number")


def numbers(people: Sequence[str], archive: Archive, path: Path) -> dict[str, int]:
    """The number of each patient; patients without one get one, in a file that is added to."""
    known = {row["participant_id"]: int(row["number"]) for row in _read(path)}
    new = [person for person in sorted(people) if person not in known]
    if archive.numbers < len(known) + len(new):
        raise StrokeprepError("The archive has no numbers left", path, "Release fewer patients.")
    for person in new:
        known[person] = _free(archive.numbers, set(known.values()))
    if new:
        rows = [{"participant_id": person, "number": known[person]} for person in sorted(known)]
        _write(tables.render(rows, COLUMNS), path)
    return {person: known[person] for person in people}


def _free(most: int, taken: set[int]) -> int:
    """A random number from 1 to ``most`` that is not taken."""
    while (number := secrets.randbelow(most) + 1) in taken:
        pass
    return number


def secret(path: Path) -> bytes:
    """The key of altered values; it is made when it is first asked for."""
    if not path.exists():
        _write(secrets.token_hex(32), path)
    return bytes.fromhex(path.read_text().strip())


def _read(path: Path) -> list[dict[str, str]]:
    return tables.read(path) if path.exists() else []


def _write(text: str, path: Path) -> None:
    """Write a file that nobody else can read at any time, and that is whole after a crash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.new")
    partial.unlink(missing_ok=True)
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with open(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)

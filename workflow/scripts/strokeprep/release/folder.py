"""The folder of a release: made beside the old one, and put in its place when it is complete."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from strokeprep.errors import StrokeprepError
from strokeprep.io.whole import write_text
from strokeprep.release.files import digest

MANIFEST = "manifest-sha256.txt"
OURS = (
    "README.md",
    "LICENSE",
    "CITATION.cff",
    "demographics.tsv",
    "phenotype",
    "preview",
    MANIFEST,
)
PARTIAL, OLD = ".partial", ".old"


@contextmanager
def replaced(folder: Path, roots: frozenset[str]) -> Iterator[Path]:
    """Yield an empty folder that takes the place of ``folder`` if the block ends without error.

    ``roots`` are what a release may hold beside the files that every release has. A folder that
    holds anything else is no release, and stays.
    """
    partial, old = (folder.with_name(folder.name + ending) for ending in (PARTIAL, OLD))
    if old.exists() and not any(folder.glob("*")):  # a kill came between the last two renames
        shutil.rmtree(folder, ignore_errors=True)
        old.rename(folder)
    _refuse_other(folder, {*OURS, *roots})
    for left in (partial, old):
        shutil.rmtree(left, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    if folder.exists():
        folder.rename(old)
    partial.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _refuse_other(folder: Path, known: set[str]) -> None:
    others = sorted(path.name for path in folder.glob("*") if path.name not in known)
    if folder.exists() and others:
        raise StrokeprepError(
            f"The folder of the release holds what is not of a release ({others[0]})",
            folder,
            "It would be replaced: set release.folder to a folder of its own, or empty it.",
        )


def place(file: Mapping[str, Any], target: Path) -> None:
    """Put a file into the release: as a link that takes no room, or as a copy on another disk."""
    source = Path(file["source"])
    found = source.stat()
    if (found.st_size, found.st_mtime_ns) != (file["bytes"], file["changed"]):
        raise StrokeprepError(
            "File was changed after it was checked",
            source,
            "Run again: it will be checked anew.",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)


def write_manifest(folder: Path, known: Mapping[str, str]) -> None:
    """Write the SHA-256 of every file; ``known`` has those of files that were read before."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [path.relative_to(folder).as_posix() for path in paths]
    lines = [
        f"{known.get(name) or digest(path)}  {name}\n"
        for name, path in zip(names, paths, strict=True)
    ]
    write_text("".join(lines), folder / MANIFEST)

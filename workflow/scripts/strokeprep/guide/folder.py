"""What lies in a folder of any kind: images, DICOM exports, links, and what cannot be read.

Folders are entered as the readers of layouts enter them: links are followed, hidden folders are not.
Of the files only names are read, and of a few in each folder the first bytes, to tell DICOM.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from strokeprep.errors import StrokeprepError
from strokeprep.intake.reading import files as exports
from strokeprep.study.layouts.engine import EXTENSIONS

# Images of other formats, which have to be converted first.
OTHER_FORMATS = (".nrrd", ".nhdr", ".mha", ".mhd", ".mgz", ".mgh", ".mnc", ".img", ".par", ".rec")
# Files that accompany images. None of them is DICOM.
TEXTS = (
    ".json",
    ".tsv",
    ".csv",
    ".xlsx",
    ".txt",
    ".md",
    ".bval",
    ".bvec",
    ".yaml",
    ".html",
    ".pdf",
)
LOOKED_AT = 3  # files of a folder, or members of an archive, of which the first bytes are read
MOST_LINKED = 5  # folders that links lead to, above which the folder that holds them all is named


@dataclass
class Contents:
    """What was found at and below ``root``. All paths are absolute."""

    root: Path
    files: int = 0
    images: list[str] = field(default_factory=list)  # NIfTI
    dicom: list[str] = field(default_factory=list)  # folders and archives
    other_formats: Counter[str] = field(default_factory=Counter)  # by ending
    unreadable: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)  # links that lead nowhere
    outside: list[str] = field(default_factory=list)  # folders that links lead out to


def contents(root: Path) -> Contents:
    """Everything in a folder that matters to the question what it is."""
    if not root.is_dir():
        what = "This is not a folder" if root.exists() else "There is no such folder"
        raise StrokeprepError(what, root, "Give the folder that holds the scans of all patients.")
    found = Contents(root)
    targets: set[str] = set()
    for folder, entries in _folders(root, found):
        candidates = []
        for entry in entries:
            if entry.is_symlink():
                _follow(entry, found, targets)
            if not os.path.isdir(entry.path):
                found.files += 1
                candidates += _told_by_name(entry, found)
        found.dicom += _exports(folder, candidates)
    found.outside = _fewest(targets)
    return found


def _folders(root: Path, found: Contents) -> Iterator[tuple[str, list[os.DirEntry]]]:
    """Every folder with its entries, each read once although links may lead to it again."""
    stack, seen = [str(root)], set()
    while stack:
        folder = stack.pop()
        try:
            about = os.stat(folder)
            if (about.st_dev, about.st_ino) in seen:
                continue
            seen.add((about.st_dev, about.st_ino))
            with os.scandir(folder) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except OSError:
            found.unreadable.append(folder)
            continue
        yield folder, entries
        below = [each for each in entries if not each.name.startswith(".")]
        stack += [each.path for each in reversed(below) if os.path.isdir(each.path)]


def _follow(entry: os.DirEntry, found: Contents, targets: set[str]) -> None:
    """Note where a link leads, if that is nowhere or out of the folder."""
    real = Path(os.path.realpath(entry.path))
    if not real.exists():
        found.broken.append(entry.path)
    elif not real.is_relative_to(os.path.realpath(found.root)):
        targets.add(str(real if real.is_dir() else real.parent))


def _told_by_name(entry: os.DirEntry, found: Contents) -> list[str]:
    """File an image by its name; a file whose name tells nothing is returned."""
    name = entry.name.lower()
    other = next((ending for ending in OTHER_FORMATS if name.endswith(ending)), None)
    if entry.name.endswith(EXTENSIONS):
        if os.path.exists(entry.path):
            found.images.append(entry.path)
    elif other:
        found.other_formats[other] += 1
    elif not name.endswith(TEXTS) and not name.startswith("."):
        return [entry.path]
    return []


def _exports(folder: str, candidates: list[str]) -> list[str]:
    """The folder, if a few of its files are DICOM; else those of its archives that hold some."""
    archives = [path for path in candidates if path.lower().endswith(".zip")]
    plain = [path for path in candidates if path not in archives]
    if any(_is_dicom(path) for path in plain[:LOOKED_AT]):
        return [folder]
    return [path for path in archives if _is_dicom(path)]


def _is_dicom(path: str) -> bool:
    """Whether a file is DICOM, or an archive that begins with some."""
    first = islice(exports.found(Path(path)), LOOKED_AT) if os.path.isfile(path) else ()
    return any(isinstance(each, exports.Source) for each in first)


def _fewest(targets: Iterable[str]) -> list[str]:
    """The folders, without those inside of others; where they are many, the one that holds all."""
    kept: list[str] = []
    for each in sorted(targets):
        if not any(Path(each).is_relative_to(other) for other in kept):
            kept.append(each)
    return kept if len(kept) <= MOST_LINKED else [os.path.commonpath(kept)]

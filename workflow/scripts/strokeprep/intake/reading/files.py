"""Find the DICOM files of an export: in folders of any depth and in zip archives, whatever their names.

Nothing is unpacked and no link is followed out of the export, so names inside an archive or a
DICOMDIR lead nowhere. Files are opened one at a time.
"""

from __future__ import annotations

import io
import os
import stat
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from strokeprep.errors import StrokeprepError

PREAMBLE, MAGIC = 128, b"DICM"
START = 1024  # bytes that hold the magic and the transfer syntax
# A file of 2 GiB holds 4,000 slices; more is no scan, or an archive made to fill the memory.
MOST_BYTES = 1 << 31
DEFLATED = b"1.2.840.10008.1.2.1.99"
DIRECTORY = b"1.2.840.10008.1.3.10"
# The files of an export that are none of its images, by the reason that is given for them.
NOT_DICOM, IS_DIRECTORY = "no DICOM", "DICOMDIR"
LINK, SPECIAL, UNREADABLE = "a link out of the export", "no plain file", "cannot be read"
TOO_LARGE, COMPRESSED = "larger than 2 GiB", "a deflated DICOM file"
BAD_ARCHIVE, EMPTY = "an archive that cannot be read", "an empty file"
REPEATED = "a name that is there more than once in its archive: pack it anew"


class Unreadable(Exception):
    """A file that is no usable image; the text says why and holds nothing of the file."""


@dataclass(frozen=True, order=True)
class Source:
    """A file of an export: a path, and inside an archive a member of it."""

    path: str
    member: str | None = None

    def open(self) -> BinaryIO:
        """The file, opened; a member of an archive is unpacked into memory, within limits."""
        if self.member is None:
            return open(self.path, "rb")
        size, modified, _ = self.state()
        return io.BytesIO(_member(self.path, self.member, modified, size))

    def state(self) -> tuple[int, int, int]:
        """What tells without reading it that a file, or its archive, is as it was: size and two times."""
        about = os.stat(self.path)
        return about.st_size, about.st_mtime_ns, about.st_ctime_ns


@lru_cache(maxsize=1)
def _member(path: str, member: str, changed: int, size: int) -> bytes:
    """A member of an archive, unpacked; a file of many frames is asked for once a frame."""
    with _archive(path, changed, size).open(member) as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise OSError(TOO_LARGE)
    return content


@lru_cache(maxsize=2)
def _archive(path: str, changed: int, size: int) -> zipfile.ZipFile:
    """An open archive, as it was then; to read its directory again for every member takes seconds."""
    return zipfile.ZipFile(path)


@dataclass(frozen=True)
class Passed:
    """A file that is none of the export's images, and why."""

    source: Source
    why: str


def found(root: Path) -> Iterator[Source | Passed]:
    """Every file of an export in a fixed order, each either a DICOM file or passed over."""
    if not root.exists():
        raise StrokeprepError("There is no such export", root, "Give a folder or a zip archive.")
    for path in [str(root)] if root.is_file() else _paths(str(root), os.path.realpath(root)):
        if isinstance(path, Passed):
            yield path
        elif _is_archive(path):
            yield from _members(path)
        else:
            yield _judged(Source(path))


def _paths(folder: str, root: str) -> Iterator[str | Passed]:
    """Every file below a folder; a link is followed to a file inside the export alone."""
    stack = [folder]
    while stack:
        here = stack.pop()
        try:
            with os.scandir(here) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except OSError:
            yield Passed(Source(here), UNREADABLE)
            continue
        folders = []
        for entry in entries:
            if entry.is_symlink():
                yield (
                    Passed(Source(entry.path), LINK) if _leads_out(entry.path, root) else entry.path
                )
            elif entry.is_dir():
                folders.append(entry.path)
            else:
                yield entry.path
        stack += reversed(folders)


def _leads_out(path: str, root: str) -> bool:
    """Whether a link leads anywhere but to a file of the export."""
    real = os.path.realpath(path)
    return not (os.path.isfile(real) and os.path.commonpath([real, root]) == root)


def _is_archive(path: str) -> bool:
    """Whether a file begins like a zip archive; the name does not matter."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return False
        with open(path, "rb") as file:
            return file.read(4) == b"PK\x03\x04"
    except OSError:
        return False


def _members(path: str) -> Iterator[Source | Passed]:
    """The files of an archive, by their names in it, which are used as labels alone."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            named = Counter(member.filename for member in members)
            for member in sorted(members, key=lambda member: member.filename):
                source = Source(path, member.filename)
                if named[member.filename] > 1:  # the name leads to the last of them alone
                    yield Passed(source, REPEATED)
                else:
                    yield _judged_member(archive, member, source)
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError):
        yield Passed(Source(path), BAD_ARCHIVE)


def _judged_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, source: Source
) -> Source | Passed:
    if member.file_size > MOST_BYTES:
        return Passed(source, TOO_LARGE)
    try:
        with archive.open(member) as file:
            return _by_start(source, file.read(START))
    except Exception:  # damaged, encrypted, or packed in a way that this Python does not know
        return Passed(source, UNREADABLE)


def _judged(source: Source) -> Source | Passed:
    try:
        about = os.stat(source.path)
        if not stat.S_ISREG(about.st_mode):
            return Passed(source, SPECIAL)
        if about.st_size > MOST_BYTES:
            return Passed(source, TOO_LARGE)
        with open(source.path, "rb") as file:
            return _by_start(source, file.read(START))
    except OSError:
        return Passed(source, UNREADABLE)


def _by_start(source: Source, start: bytes) -> Source | Passed:
    """What the first bytes of a file say it is."""
    if not start:
        return Passed(source, EMPTY)
    if start[PREAMBLE : PREAMBLE + len(MAGIC)] != MAGIC:
        return Passed(source, NOT_DICOM)
    if DEFLATED in start:  # inflating it has no bounds
        return Passed(source, COMPRESSED)
    if DIRECTORY in start:
        return Passed(source, IS_DIRECTORY)
    return source

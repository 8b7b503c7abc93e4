"""Find private content in one file of the dataset: its name, header, text or pictures."""

from __future__ import annotations

import base64
import gzip
import json
import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
from nibabel.spatialimages import HeaderDataError

from strokeprep.bids import dataset
from strokeprep.io.whole import PARTIAL
from strokeprep.privacy import allowed
from strokeprep.privacy.leaks import Leak
from strokeprep.privacy.private_words import DATE, TEXT_FIELDS, PrivateWords
from strokeprep.privacy.vocabulary import vocabulary
from strokeprep.study import naming
from strokeprep.study.layouts import engine

TEXTS = (".json", ".tsv", ".txt", ".h5", ".md", ".bib", ".html", ".svg", ".bidsignore", "CHANGES", "LICENSE")  # fmt: skip

# What a subject's files are named.
ENTITY = re.compile(r"_([a-z]+)-([A-Za-z0-9]+)")
KNOWN_ENTITIES = frozenset({"sub", "ses", *naming.ORDER, *engine.KEPT})
KNOWN_DESC = frozenset(dataset.DESCRIPTIONS) | {"motion", "aif", "coverage"}
STEM = re.compile(r"sub-[A-Za-z0-9]+(_[a-z]+-[A-Za-z0-9]+)*_[A-Za-z0-9-]+")

# A page holds its pictures as text. These chunks of a PNG hold pixels, or say how to show them.
INLINE_PNG = re.compile(rb"data:image/png;base64,([A-Za-z0-9+/=]+)")
PNG = b"\x89PNG\r\n\x1a\n"
PIXEL_CHUNKS = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"pHYs", b"sRGB", b"gAMA", b"tRNS", b"bKGD"}

# Below the top level of a sidecar, a key is a plain word, a number or the name of a column.
INNER_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+ -]{0,39}")
WORDS_OF_KEY = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
# Values of these keys are not searched: versions and digests may look like dates.
FREE_VALUES = frozenset({"Software", "Digest", "Weights"})
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
SUSPICIOUS = {
    "a date": DATE,
    "a path": re.compile(r"(?<![\w:/.])(?:/[\w.-]+){2,}|[A-Za-z]:\\\\|file://|~/"),
    "a person's name": re.compile(r"\w\^(?!\d)\w"),  # a digit behind it is an exponent: 10^9
}


def of_file(path: Path, where: str, words: PrivateWords) -> Iterator[Leak]:
    """All private content in a file, except for what its voxels show."""
    yield from _of_name(path, where)
    if path.name.endswith(naming.IMAGE):
        yield from _of_header(path, where)
    elif path.suffix == ".png":
        yield from _of_picture(path.read_bytes(), where)
    elif path.name.endswith(TEXTS):
        content = path.read_bytes()
        for origin in words.found_in(content):
            yield Leak("word", f"the file holds {origin}", where)
        if path.suffix == ".json":
            yield from _of_json(content, path, where)
        elif path.suffix == ".html":
            yield from _of_page(content, where)


def _of_name(path: Path, where: str) -> Iterator[Leak]:
    """Whether the dataset uses files of this type, and names with these entities."""
    known = path.name.endswith((naming.IMAGE, ".png", *TEXTS))
    if not known or path.name.startswith(PARTIAL):
        yield Leak("file", "no file of a finished dataset", where)
        return
    if not where.startswith("sub-"):
        return
    stem = path.name.partition(".")[0]
    entities = ENTITY.findall(f"_{stem}")
    unknown = [key for key, _ in entities if key not in KNOWN_ENTITIES]
    desc = dict(entities).get("desc")
    if not STEM.fullmatch(stem) or unknown or (desc and desc not in KNOWN_DESC):
        yield Leak("file", "a name this dataset does not use", where)


def _of_header(path: Path, where: str) -> Iterator[Leak]:
    """Whatever an image's header, or that of its gzip, holds besides geometry."""
    with path.open("rb") as file:
        start = file.read(10)
    if len(start) < 10 or start[:2] != b"\x1f\x8b":
        yield Leak("header", "the file is no gzip", where)
        return
    if start[3] & 0b11100 or any(start[4:8]):
        yield Leak("header", "the gzip carries a file name, a comment or a time", where)
    try:
        with gzip.open(path) as file:
            block = file.read(352)
        header = nib.Nifti1Header(block[:348], check=False)
    except (OSError, EOFError, ValueError, HeaderDataError):
        yield Leak("header", "the header cannot be read", where)
        return
    filled = [field for field in TEXT_FIELDS if bytes(header[field].item()).strip(b"\0 ")]
    unused = ("extents", "session_error", "toffset", "glmax", "glmin")
    filled += [field for field in unused if header[field] != 0]
    if filled:
        yield Leak("header", f"the header's {', '.join(filled)} is not empty", where)
    if any(block[348:352]) or float(header["vox_offset"]) != 352:
        yield Leak("header", "the header has an extension or hidden bytes", where)


def _of_page(content: bytes, where: str) -> Iterator[Leak]:
    """Extra data in the pictures of a page."""
    for picture in INLINE_PNG.finditer(content):
        yield from _of_picture(base64.b64decode(picture[1]), where)


def _of_picture(content: bytes, where: str) -> Iterator[Leak]:
    """Whatever a PNG holds besides its pixels."""
    position = len(PNG)
    if not content.startswith(PNG):
        yield Leak("picture", "the file is no PNG", where)
        return
    while position + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[position : position + 8])
        if kind not in PIXEL_CHUNKS:
            yield Leak("picture", f"it holds {kind.decode('ascii', 'replace')}", where)
        position += 12 + length
    if position != len(content):
        yield Leak("picture", "bytes follow its end", where)


def _of_json(content: bytes, path: Path, where: str) -> Iterator[Leak]:
    """Keys and values of a JSON file that may not be released."""
    try:
        keys = json.loads(content)
    except ValueError:
        yield Leak("file", "no JSON", where)
        return
    yield from _of_values(keys, where)
    if where.startswith("sub-") and isinstance(keys, Mapping):
        columns = _columns(path)
        for key, value in keys.items():
            if key not in allowed.WRITTEN and key not in allowed.ALLOWED and key not in columns:
                yield Leak("key", f"the key {_shown(key)} is not on the list", where)
            elif isinstance(value, Mapping) and not _has_plain_keys(value):
                yield Leak("key", f"the section {key} holds a key that is no plain word", where)
        raw = {key: keys[key] for key in allowed.ALLOWED if key in keys}
        for key in raw.keys() - allowed.releasable(raw).keys():
            yield Leak("value", f"{key} is not what it should be", where)


def _columns(sidecar: Path) -> set[str]:
    """The columns of the table that a sidecar describes."""
    table = sidecar.with_suffix(".tsv")
    return set(table.read_text().partition("\n")[0].split("\t")) if table.is_file() else set()


def _has_plain_keys(section: Mapping[str, Any]) -> bool:
    """Whether no key of a section, at any depth, can hold a name or a date."""
    return all(
        INNER_KEY.fullmatch(key) and not DATE.search(key) and
        (not isinstance(value, Mapping) or _has_plain_keys(value))
        for key, value in section.items()
    )  # fmt: skip


def _shown(key: str) -> str:
    """A key as the report may name it; one with a word not on the list could be a name."""
    known = all(part.casefold() in vocabulary() for part in WORDS_OF_KEY.findall(key))
    return key if known and key.isalnum() else "(not shown)"


def _of_values(value: Any, where: str, key: str = "") -> Iterator[Leak]:
    """Values at any depth that look like a date, a path or a name, whatever the input holds."""
    if key in FREE_VALUES:
        return
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _of_values(inner, where, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _of_values(inner, where, key)
    elif isinstance(value, str) and not DIGEST.fullmatch(value):
        for what, pattern in SUSPICIOUS.items():
            if pattern.search(value):
                yield Leak("value", f"{_shown(key)} looks like {what}", where)

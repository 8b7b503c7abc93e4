"""Find private content in one file of the dataset: its name, header, text or pictures."""

from __future__ import annotations

import base64
import gzip
import json
import math
import os
import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
from nibabel.spatialimages import HeaderDataError

from strokeprep.bids import dataset
from strokeprep.io.images import TEXT_FIELDS
from strokeprep.io.tables import is_number
from strokeprep.io.whole import PARTIAL
from strokeprep.privacy import allowed, shapes
from strokeprep.privacy.leaks import Leak
from strokeprep.privacy.private_words import PrivateWords
from strokeprep.privacy.vocabulary import vocabulary
from strokeprep.study import naming
from strokeprep.study.layouts import engine

TEXTS = (".json", ".tsv", ".txt", ".h5", ".md", ".bib", ".html", ".svg", ".bidsignore", "CHANGES", "LICENSE")  # fmt: skip

# What the files of a subject, or of all in the space of a template, are named.
WITH_ENTITIES = ("sub-", "tpl-")
ENTITY = re.compile(r"_([a-z]+)-([A-Za-z0-9]+)")
KNOWN_ENTITIES = frozenset({"sub", "ses", "tpl", "cohort", *naming.ORDER, *engine.KEPT})
KNOWN_DESC = frozenset(dataset.DESCRIPTIONS) | {"motion", "aif", "coverage"}
STEM = re.compile(r"(sub|tpl)-[A-Za-z0-9]+(_[a-z]+-[A-Za-z0-9]+)*_[A-Za-z0-9-]+")

# A page holds its pictures as text. These chunks of a PNG hold pixels, or say how to show them.
INLINE_PNG = re.compile(rb"data:image/png;base64,([A-Za-z0-9+/=]+)")
INLINE = b"data:image/"
REMOTE = re.compile(
    rb"<(?:script|img|iframe|link|object|embed|source)\b[^>]{0,500}\b(?:src|href|data)=[\"']?(?:https?:)?//"
)
PNG = b"\x89PNG\r\n\x1a\n"
PIXEL_CHUNKS = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"pHYs", b"sRGB", b"gAMA", b"tRNS", b"bKGD"}

# Below the top level of a sidecar, a key is a plain word, a number or the name of a column.
INNER_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+ -]{0,39}")
WORDS_OF_KEY = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
# Values of these keys are versions and digests, which may look like dates.
FREE_VALUES = frozenset({"Software", "Digest", "Weights"})
AUTHORS = ("dataset_description.json", "Authors")  # of the dataset, whom the config names
DIGEST = re.compile(r"(?:sha256|(?:voxels-)?blake2b(?:-256)?):[0-9a-f]{32,64}")
VERSION = re.compile(
    r"v?\d{1,3}(?:\.\d{1,3}){0,3}(?:[.+-]?(?:post|rc|dev|a|b|cpu|cu)\d{0,4}){0,2}|[0-9a-f]{32,64}"
)
# Fields of a header that images of this dataset leave empty.
UNUSED = ("extents", "session_error", "toffset", "glmax", "glmin", "cal_max", "cal_min", "dim_info",
          "slice_duration", "slice_code", "slice_start", "slice_end",
          "intent_p1", "intent_p2", "intent_p3", "intent_code")  # fmt: skip


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
        elif path.suffix == ".tsv":
            yield from _of_table(content, where)
        elif path.suffix == ".html":
            yield from _of_page(content, where)


def _of_name(path: Path, where: str) -> Iterator[Leak]:
    """Whether the dataset uses files of this type, and names with these entities."""
    known = path.name.endswith((naming.IMAGE, ".png", *TEXTS))
    if not known or path.name.startswith(PARTIAL):
        yield Leak("file", "no file of a finished dataset", where)
        return
    if not where.startswith(WITH_ENTITIES):
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
    filled += [field for field in UNUSED if header[field] != 0]
    filled += ["pixdim"] if not set(header["pixdim"][5:].tolist()) <= {0.0, 1.0} else []
    if filled:
        yield Leak("header", f"the header's {', '.join(filled)} is not empty", where)
    if any(block[348:352]) or float(header["vox_offset"]) != 352:
        yield Leak("header", "the header has an extension or hidden bytes", where)
    elif _length(path) != _expected_length(header) % (1 << 32):
        yield Leak("header", "bytes follow the voxels", where)


def _length(path: Path) -> int:
    """The unpacked size that the end of a gzip gives, modulo 4 GiB."""
    with path.open("rb") as file:
        file.seek(-4, os.SEEK_END)
        return int.from_bytes(file.read(4), "little")


def _expected_length(header: nib.Nifti1Header) -> int:
    """The unpacked size of an image by its header: one gzip, and nothing behind the voxels."""
    return 352 + math.prod(map(int, header.get_data_shape())) * header.get_data_dtype().itemsize


def _of_page(content: bytes, where: str) -> Iterator[Leak]:
    """Extra data in the pictures of a page, and whatever it would load from elsewhere."""
    inline = 0
    for picture in INLINE_PNG.finditer(content):
        inline += 1
        try:
            yield from _of_picture(base64.b64decode(picture[1], validate=True), where)
        except ValueError:
            yield Leak("picture", "a picture of the page cannot be read", where)
    if content.count(INLINE) != inline:
        yield Leak("picture", "the page holds a picture that is no PNG", where)
    if REMOTE.search(content):
        yield Leak("file", "the page loads something from elsewhere", where)


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
    except (ValueError, RecursionError):
        yield Leak("file", "no JSON", where)
        return
    yield from _of_values(keys, where)
    if where.startswith(WITH_ENTITIES) and isinstance(keys, Mapping):
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
        INNER_KEY.fullmatch(key) and not shapes.DATE.search(key) and
        (not isinstance(value, Mapping) or _has_plain_keys(value))
        for key, value in section.items()
    )  # fmt: skip


def _shown(key: str) -> str:
    """A key as the report may name it; one with a word not on the list could be a name."""
    known = all(part.casefold() in vocabulary() for part in WORDS_OF_KEY.findall(key))
    return key if known and key.isalnum() else "(not shown)"


def _of_values(value: Any, where: str, key: str = "", free: bool = False) -> Iterator[Leak]:
    """Keys and values at any depth that look like a date, a path or a name, whatever the input holds."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _of_text(str(name), "a key", where)
            if (where, name) != AUTHORS:
                yield from _of_values(inner, where, name, free or name in FREE_VALUES)
    elif isinstance(value, list):
        for inner in value:
            yield from _of_values(inner, where, key, free)
    elif isinstance(value, str) and not (free and VERSION.fullmatch(value)):
        yield from _of_text(value, _shown(key), where)
    elif isinstance(value, int | float) and shapes.is_time(value, key):
        yield Leak("value", f"{_shown(key)} looks like a time", where)


def _of_text(text: str, what: str, where: str) -> Iterator[Leak]:
    """Whether a text looks like something that must not be released."""
    if not DIGEST.fullmatch(text):
        for shape in shapes.looks_like(text):
            yield Leak("value", f"{what} looks like {shape}", where)


def _of_table(content: bytes, where: str) -> Iterator[Leak]:
    """Headings and cells of a table that look like something that must not be released."""
    first, *rows = content.decode("utf-8", "replace").splitlines() or [""]
    headings, of_people = first.split("\t"), not where.startswith(("docs/", "sub-"))
    for heading in headings:
        yield from _of_text(heading, "a heading", where)
    for row in rows:
        for heading, cell in zip(headings, row.split("\t"), strict=False):
            if is_number(cell) and shapes.is_time(float(cell), heading):
                yield Leak("value", "a cell looks like a time", where)
            elif of_people or not is_number(cell):  # figures of images may have eight digits
                yield from _of_text(cell, "a cell", where)

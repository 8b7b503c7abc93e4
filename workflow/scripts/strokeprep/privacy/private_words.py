"""What the input says that must not be said again: names, numbers, dates, paths, free text.

The words stay in memory. What is found is told by where it comes from, never by repeating it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from strokeprep.errors import StrokeprepError
from strokeprep.io import images, json_files
from strokeprep.io.tables import is_number
from strokeprep.privacy import allowed as metadata

# Whatever is shorter is found everywhere and tells nothing.
SHORTEST_WORD, SHORTEST_TEXT, SHORTEST_CODE = 4, 6, 4
SMALLEST_NUMBER = 10_000
TEXT_FIELDS = ("descrip", "aux_file", "db_name", "intent_name", "data_type")
TEXT_KEY = re.compile(r"Description|Comment|Protocol|Procedure|Reason|Histor|Address|Diagnos")
NAME_KEY = re.compile(r"Name|Physician|Operator|Referring|Institution|Station", re.IGNORECASE)
DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)[-./]?(0[1-9]|1[0-2])[-./]?([0-2]\d|3[01])(?!\d)")
WORD = re.compile(rf"[^\W\d_]{{{SHORTEST_WORD},}}")
# Embedded pictures and libraries of a page are noise to a search for words.
BLOBS = re.compile(rb"base64,[A-Za-z0-9+/=\s]+|<script[^>]*>[^<]{50000,}?</script>")
# Folders every study has.
_COMMON_FOLDERS = """
    data study studies images bids raw rawdata raw_data raw-data sourcedata derivatives manual
    train test training testing anat dwi perf func home users scratch dwi-mask perfusion-maps
"""
COMMON_FOLDERS = frozenset(_COMMON_FOLDERS.split())


class PrivateWords:
    """The private words of one or more subjects, each with what it is."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}
        self._pattern: re.Pattern[bytes] | None = None

    def add(self, text: str, what: str) -> None:
        """Search for a text from now on."""
        self._words.setdefault(text.casefold(), what)
        self._pattern = None

    def merge(self, others: PrivateWords) -> None:
        """Search for another subject's words as well."""
        for text, what in others._words.items():
            self.add(text, what)

    def __len__(self) -> int:
        return len(self._words)

    def found_in(self, content: bytes | str) -> list[str]:
        """What is told by a content that should tell nothing."""
        if not self._words:
            return []
        if self._pattern is None:
            self._pattern = _any_of(self._words)
        data = content.encode() if isinstance(content, str) else BLOBS.sub(b"", content)
        folded = data.decode("utf-8", "replace").casefold().encode()
        hits = {match[0].decode() for match in self._pattern.finditer(folded)}
        return sorted({self._words[hit] for hit in hits})


def _any_of(words: Iterable[str]) -> re.Pattern[bytes]:
    """A pattern of whole words, the longest first."""
    options = b"|".join(re.escape(w.encode()) for w in sorted(words, key=len, reverse=True))
    return re.compile(rb"(?<![a-z0-9])(?:" + options + rb")(?![a-z0-9])")


def of_files(paths: Iterable[str], root: str | None, released: Iterable[str]) -> PrivateWords:
    """The private words of raw images, their headers, sidecars and paths.

    ``root`` is the study's folder; ``released`` are names and texts that the dataset bears openly.
    """
    found, open_words = PrivateWords(), set()
    for text in released:
        open_words |= {text.casefold(), *_words(text)}
    for path in map(Path, paths):
        if path.suffix == ".json":
            for key, text in _of_sidecar(path, open_words):
                found.add(text, f"{key} of a sidecar")
        else:
            for field, text in _of_header(path):
                for word in (*_texts(text), *_unusual(_words(text))):
                    found.add(word, f"{field} of a header")
        for text in _of_path(path, Path(root) if root else None, open_words):
            found.add(text, "the path of an input")
    for word in open_words:
        found._words.pop(word, None)
    return found


def _of_sidecar(path: Path, open_words: set[str]) -> Iterator[tuple[str, str]]:
    try:
        content = json_files.read(path)
    except StrokeprepError:
        return  # the gate has its say about it
    released = metadata.releasable(content)
    allowed = open_words | set(_words(" ".join(map(str, released.values()))))
    for key, value in content.items():
        if key not in released:
            for text in _flat(value):
                for each in _spellings(key, text):
                    if each.casefold() not in allowed:
                        yield key, each


def _flat(value: Any) -> Iterator[str]:
    """The texts and long numbers of a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) >= SMALLEST_NUMBER:
        yield str(value)
    elif isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _flat(each)


def _spellings(key: str, text: str) -> Iterator[str]:
    """A value as it might turn up: whole, a date in other forms, a name in other orders."""
    yield from _texts(text)
    if NAME_KEY.search(key):
        parts = [part for part in re.split(r"[\^\s,=_.-]+", text) if part]
        for order in (parts, parts[::-1]) if 1 < len(parts) <= 4 else ():
            yield from (mark.join(order) for mark in ("", " ", "^", "_", "-", ", ", "."))
        yield from _unusual(parts)
    if TEXT_KEY.search(key):
        yield from _unusual(_words(text))


def _texts(text: str) -> Iterator[str]:
    """A text if it is telling, and the dates in it in every form."""
    text = text.strip()
    code = re.fullmatch(rf"(?=.*\d)\S{{{SHORTEST_CODE},}}", text) and not is_number(text)
    long_number = re.fullmatch(r"\d{5,}", text)
    if code or long_number or (len(text) >= SHORTEST_TEXT and _unusual(_words(text))):
        yield text
    if "^" in text:
        yield from _unusual(_words(text))
    for year, month, day in DATE.findall(text):
        yield from (mark.join((year, month, day)) for mark in ("", "-", ".", "/", "_"))
        yield from (mark.join((day, month, year)) for mark in ("", "-", ".", "/"))
        yield f"{month}/{day}/{year}"


def _words(text: str) -> list[str]:
    return [word.casefold() for word in WORD.findall(text)]


def _unusual(words: Iterable[str]) -> list[str]:
    """Words this project never uses itself, so that finding one means something."""
    known = vocabulary()
    return [word for word in words if len(word) >= SHORTEST_WORD and word.casefold() not in known]


def is_own(text: str) -> bool:
    """Whether a text is of this project's making: its words are, and it holds no long number."""
    return not _unusual(_words(text)) and not re.search(rf"\d{{{SHORTEST_CODE},}}", text)


@cache
def vocabulary() -> frozenset[str]:
    """Every word of the project's own code, whose texts and names the outputs are made of."""
    sources = sorted(Path(__file__).parents[1].rglob("*.py"))
    return frozenset(word for path in sources for word in _words(path.read_text(encoding="utf-8")))


def _of_header(path: Path) -> Iterator[tuple[str, str]]:
    """The texts in a raw image's header."""
    try:
        nifti = images.open_nifti(path)
    except StrokeprepError:
        return
    for field in TEXT_FIELDS:
        if field in nifti.header:
            yield field, _printable(bytes(nifti.header[field].item()))
    for extension in nifti.header.extensions:
        content = extension.get_content()
        raw = content if isinstance(content, bytes) else str(content).encode()
        for line in _printable(raw).splitlines():
            yield "an extension", line
            yield from (("an extension", part) for part in re.split(r"[=:;|]\s*", line)[1:])


def _printable(raw: bytes) -> str:
    return re.sub(r"[^\w\s^.,:;=/|()-]+", "\n", raw.decode("utf-8", "replace")).strip()


def _of_path(path: Path, root: Path | None, open_words: set[str]) -> Iterator[str]:
    """A raw file's place: the study's folder as a whole, and what below it is not common."""
    if root is not None:
        yield from (str(each) for each in {root, root.absolute(), root.resolve()} if _deep(each))
    below = path.relative_to(root) if root and path.is_relative_to(root) else path
    if _deep(path):
        yield str(path)
    for part in below.parts[:-1]:
        if len(part) >= SHORTEST_WORD and part.casefold() not in COMMON_FOLDERS | open_words:
            yield part
    stem = path.name.removesuffix(".gz").rpartition(".")[0]
    if len(stem) >= SHORTEST_WORD and stem.casefold() not in open_words:
        yield stem


def _deep(path: Path) -> bool:
    """Whether a path says more than a common word."""
    return len([part for part in path.parts if part not in ("/", ".")]) > 1

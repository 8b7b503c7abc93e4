"""Collect the words of the input that could identify a patient, and search outputs for them.

They come from headers, sidecars and paths: names, numbers, dates, free text. They stay in memory.
A finding is described by where the word comes from, never by repeating the word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from strokeprep.errors import StrokeprepError
from strokeprep.io import images, json_files
from strokeprep.io.tables import is_number
from strokeprep.privacy import allowed
from strokeprep.privacy.vocabulary import SHORTEST_WORD, vocabulary, words_of

# Shorter texts, codes and numbers occur by chance in any file; searching for them would only give
# false alarms.
SHORTEST_TEXT, SHORTEST_CODE = 6, 4
SMALLEST_NUMBER = 10_000
TEXT_FIELDS = ("descrip", "aux_file", "db_name", "intent_name", "data_type")
TEXT_KEY = re.compile(r"Description|Comment|Protocol|Procedure|Reason|Histor|Address|Diagnos")
NAME_KEY = re.compile(r"Name|Physician|Operator|Referring|Institution|Station", re.IGNORECASE)
DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)[-./]?(0[1-9]|1[0-2])[-./]?([0-2]\d|3[01])(?!\d)")
# Pictures and large scripts embedded in a page: random letters in them would match words.
BLOBS = re.compile(rb"base64,[A-Za-z0-9+/=\s]+|<script[^>]*>[^<]{50000,}?</script>")
# Folder names that many studies share, so that they identify none.
_COMMON_FOLDERS = """
    data study studies images bids raw rawdata raw_data raw-data sourcedata derivatives manual
    train test training testing anat dwi perf func home users scratch dwi-mask perfusion-maps
"""
COMMON_FOLDERS = frozenset(_COMMON_FOLDERS.split())


class PrivateWords:
    """Texts to search for, each with a description of where it was read."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}
        self._pattern: re.Pattern[bytes] | None = None

    def add(self, text: str, origin: str) -> None:
        """Search for this text, too; where it is added twice, the first origin counts."""
        self._words.setdefault(text.casefold(), origin)
        self._pattern = None

    def without(self, texts: Iterable[str]) -> PrivateWords:
        """The words less those that are public."""
        rest = PrivateWords()
        public = set(texts)
        rest._words = {text: origin for text, origin in self._words.items() if text not in public}
        return rest

    def __len__(self) -> int:
        return len(self._words)

    def found_in(self, content: bytes | str) -> list[str]:
        """The origins of all private words that occur in a file's content."""
        if not self._words:
            return []
        if self._pattern is None:
            self._pattern = _any_of(self._words)
        data = content.encode() if isinstance(content, str) else BLOBS.sub(b"", content)
        folded = data.decode("utf-8", "replace").casefold().encode()
        hits = {match[0].decode() for match in self._pattern.finditer(folded)}
        return sorted({self._words[hit] for hit in hits})


def _any_of(words: Iterable[str]) -> re.Pattern[bytes]:
    """A pattern that matches any of the words as a whole word; of several, the longest."""
    options = b"|".join(re.escape(w.encode()) for w in sorted(words, key=len, reverse=True))
    return re.compile(rb"(?<![a-z0-9])(?:" + options + rb")(?![a-z0-9])")


def of_files(paths: Iterable[str], root: str | None, released: Iterable[str]) -> PrivateWords:
    """The private words in the headers, sidecars and paths of raw images.

    ``root`` is the study's folder; ``released`` are names and texts that the dataset publishes.
    """
    private, public = PrivateWords(), set()
    for text in released:
        public |= {text.casefold(), *words_of(text)}
    for path in map(Path, paths):
        if path.suffix == ".json":
            for key, text in _of_sidecar(path, public):
                private.add(text, f"{key} of a sidecar")
        else:
            for field, text in _of_header(path):
                for word in (*_identifying(text), *_unknown(words_of(text))):
                    private.add(word, f"{field} of a header")
        for text in _of_path(path, Path(root) if root else None, public):
            private.add(text, "the path of an input")
    return private.without(public)


def _of_sidecar(path: Path, public: set[str]) -> Iterator[tuple[str, str]]:
    """The values of a sidecar that may not be released, in all spellings, each with its key."""
    try:
        content = json_files.read(path)
    except StrokeprepError:
        return  # the gate reports it
    released = allowed.releasable(content)
    known = public | set(words_of(" ".join(map(str, released.values()))))
    for key, value in content.items():
        if key not in released:
            for text in _texts_in(value):
                for spelling in _spellings(key, text):
                    if spelling.casefold() not in known:
                        yield key, spelling


def _texts_in(value: Any) -> Iterator[str]:
    """The texts and long numbers in a JSON value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) >= SMALLEST_NUMBER:
        yield str(value)
    elif isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _texts_in(each)


def _spellings(key: str, text: str) -> Iterator[str]:
    """The forms in which a value could occur: as it is, dates rewritten, names reordered."""
    yield from _identifying(text)
    if NAME_KEY.search(key):
        parts = [part for part in re.split(r"[\^\s,=_.-]+", text) if part]
        for order in (parts, parts[::-1]) if 1 < len(parts) <= 4 else ():
            yield from (mark.join(order) for mark in ("", " ", "^", "_", "-", ", ", "."))
        yield from _unknown(parts)
    if TEXT_KEY.search(key):
        yield from _unknown(words_of(text))


def _identifying(text: str) -> Iterator[str]:
    """A text if it could identify a patient, and the dates in it in all notations."""
    text = text.strip()
    code = re.fullmatch(rf"(?=.*\d)\S{{{SHORTEST_CODE},}}", text) and not is_number(text)
    long_number = re.fullmatch(r"\d{5,}", text)
    if code or long_number or (len(text) >= SHORTEST_TEXT and _unknown(words_of(text))):
        yield text
    if "^" in text:
        yield from _unknown(words_of(text))
    for year, month, day in DATE.findall(text):
        yield from (mark.join((year, month, day)) for mark in ("", "-", ".", "/", "_"))
        yield from (mark.join((day, month, year)) for mark in ("", "-", ".", "/"))
        yield f"{month}/{day}/{year}"


def _unknown(words: Iterable[str]) -> list[str]:
    """The words that the project never writes itself, so that finding one means something."""
    known = vocabulary()
    return [word for word in words if len(word) >= SHORTEST_WORD and word.casefold() not in known]


def is_own(text: str) -> bool:
    """Whether a text holds only the project's own words, and no long number."""
    return not _unknown(words_of(text)) and not re.search(rf"\d{{{SHORTEST_CODE},}}", text)


def _of_header(path: Path) -> Iterator[tuple[str, str]]:
    """The texts in a raw image's header and its extensions, each with its field."""
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
    """The legible parts of a header field, one a line."""
    return re.sub(r"[^\w\s^.,:;=/|()-]+", "\n", raw.decode("utf-8", "replace")).strip()


def _of_path(path: Path, root: Path | None, public: set[str]) -> Iterator[str]:
    """The study's folder, the whole path of a raw file, and the unusual names in that path."""
    if root is not None:
        folders = {root, root.absolute(), root.resolve()}
        yield from (str(folder) for folder in folders if _is_nested(folder))
    below = path.relative_to(root) if root and path.is_relative_to(root) else path
    if _is_nested(path):
        yield str(path)
    for part in below.parts[:-1]:
        if len(part) >= SHORTEST_WORD and part.casefold() not in COMMON_FOLDERS | public:
            yield part
    stem = path.name.removesuffix(".gz").rpartition(".")[0]
    if len(stem) >= SHORTEST_WORD and stem.casefold() not in public:
        yield stem


def _is_nested(path: Path) -> bool:
    """Whether a path has several parts; a single folder name may be a common word."""
    return len([part for part in path.parts if part not in ("/", ".")]) > 1

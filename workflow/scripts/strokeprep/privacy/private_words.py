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
from strokeprep.gate.spellings import fold, spellings
from strokeprep.io import images, json_files
from strokeprep.io.tables import is_number
from strokeprep.privacy import allowed
from strokeprep.privacy.shapes import COMMON_SHORT, CONTEXT, MONTHS
from strokeprep.privacy.vocabulary import SHORTEST_WORD, vocabulary, words_of

# Shorter texts, codes and numbers occur by chance in any file; searching for them would only give
# false alarms.
SHORTEST_TEXT, SHORTEST_CODE = 6, 4
SMALLEST_NUMBER = 10_000
TEXT_KEY = re.compile(r"Description|Comment|Protocol|Procedure|Reason|Histor|Address|Diagnos")
NAME_KEY = re.compile(r"Name|Physician|Operator|Referring|Institution|Station", re.IGNORECASE)
DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)[-./]?(0[1-9]|1[0-2])[-./]?([0-2]\d|3[01])(?!\d)")
# Pictures and volumes embedded in a page: random letters in them would match words.
TOKEN = re.compile(r"[^\W_]+")
INSIDE = re.compile(r"[^\W_]{2}")
CAMEL_CASE = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])")
GAPS, LONG = re.compile(r"(?<=\d)[ -](?=\d)"), re.compile(r"\d{8,}")
BLOBS = re.compile(rb"[A-Za-z0-9+/=]{200,}")
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
        self._short: dict[str, str] = {}

    def add(self, text: str, origin: str) -> None:
        """Search for this text, too; where it is added twice, the first origin counts."""
        for spelling in spellings(text):
            self._words.setdefault(spelling, origin)

    def add_short(self, text: str, origin: str) -> None:
        """Search for a text that occurs by chance, where what stands before it announces a person."""
        for spelling in spellings(text):
            self._short.setdefault(spelling, origin)

    def without(self, texts: Iterable[str]) -> PrivateWords:
        """The words less those that are public."""
        rest, public = PrivateWords(), {fold(text) for text in texts}
        rest._words = {text: self._words[text] for text in self._words if text not in public}
        rest._short = {text: self._short[text] for text in self._short if text not in public}
        return rest

    def __len__(self) -> int:
        return len(self._words) + len(self._short)

    def found_in(self, content: bytes | str) -> list[str]:
        """The origins of all private words that occur in a file's content, in whatever spelling."""
        raw = (
            content
            if isinstance(content, str)
            else BLOBS.sub(b"", content).decode(errors="replace")
        )
        hits = set()
        for reading in {fold(raw), fold(CAMEL_CASE.sub(" ", raw))}:
            tokens = set(TOKEN.findall(reading))
            hits |= {self._words[word] for word in self._among(self._words, tokens, reading)}
            near = self._among(self._short, tokens, reading)
            hits |= {self._short[word] for word in near if _is_announced(word, reading)}
        joined = GAPS.sub("", fold(raw))
        long = [word for word in self._words if LONG.fullmatch(word)]
        found = self._among(long, set(TOKEN.findall(joined)), joined)
        return sorted(hits | {self._words[word] for word in found})

    @staticmethod
    def _among(words: Iterable[str], tokens: set[str], text: str) -> list[str]:
        """The words that occur in a text as whole words; linear in the text, however many they are."""
        found = []
        for word in words:
            parts = TOKEN.findall(word)
            if parts and tokens.issuperset(parts) and _occurs(word, text, alone=parts == [word]):
                found.append(word)
        return found


def _occurs(word: str, text: str, *, alone: bool) -> bool:
    """Whether a word stands in a text as a whole; ``alone`` where its letters are known to do so."""
    if word.isdigit():  # not as a fraction of another number
        return bool(re.search(rf"(?<![^\W_])(?<!\d\.){word}(?![^\W_])(?!\.\d\d)", text))
    at = -1 if alone else text.find(word)
    while at >= 0:
        end = at + len(word)
        starts = INSIDE.match(text[max(at - 1, 0) : at + 1]) is None
        if starts and INSIDE.match(text[end - 1 : end + 1]) is None:
            return True
        at = text.find(word, at + 1)
    return alone


def _is_announced(word: str, text: str) -> bool:
    """Whether a short word follows one that announces a person, or is all that a cell says."""
    escaped = re.escape(word)
    before = rf"(?<![a-z])(?:{CONTEXT})[^a-z0-9]{{1,4}}0*"
    alone = rf"[\"\t\n>]\s?{escaped}\s?[\"\t\n<]"
    return bool(re.search(rf"{before}{escaped}(?![a-z0-9])|{alone}", text))


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
            for key, text in _short_of_sidecar(path):
                private.add_short(text, f"{key} of a sidecar")
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


def _short_of_sidecar(path: Path) -> Iterator[tuple[str, str]]:
    """Short names and identifiers of persons, which are searched for where the text is about one."""
    try:
        content = json_files.read(path)
    except StrokeprepError:
        return
    for key, value in content.items():
        for text in map(str, _plain_values(value)):
            if allowed.PERSON_KEY.search(key):
                parts = {part.casefold() for part in re.split(r"[\W\d_]+", text)}
                yield from ((key, part) for part in parts - COMMON_SHORT if len(part) in (2, 3))
            elif key == "PatientID" and (number := re.fullmatch(r"0*([1-9]\d{2,3})(?:\.0)?", text)):
                yield key, number[1]


def _plain_values(value: Any) -> Iterator[Any]:
    """Texts and numbers at any depth."""
    if isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _plain_values(each)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield value


def _texts_in(value: Any) -> Iterator[str]:
    """The texts and long numbers in a JSON value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if SMALLEST_NUMBER <= abs(value) < 1e15 and value == int(value):
            yield str(int(value))
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
    if long_number and len(text.lstrip("0")) >= len(str(SMALLEST_NUMBER)):
        yield text.lstrip("0")
    if code or long_number or (len(text) >= SHORTEST_TEXT and _unknown(words_of(text))):
        yield text
    if "^" in text:
        yield from _unknown(words_of(text))
    for year, month, day in DATE.findall(text):
        yield from (mark.join((year, month, day)) for mark in ("", "-", ".", "/", "_"))
        yield from (mark.join((day, month, year)) for mark in ("", "-", ".", "/"))
        yield f"{month}/{day}/{year}"
        yield from _written(year, month, day)


def _written(year: str, month: str, day: str) -> Iterator[str]:
    """A date as people write it: without zeros, with a short year, with the month's name."""
    d, m, name = int(day), int(month), MONTHS[int(month) - 1]
    for whole in (year, year[2:]):
        yield from (mark.join((str(d), str(m), whole)) for mark in (".", "/", "-", "_"))
        yield from (f"{day}{mark}{month}{mark}{whole}" for mark in (".", "/", "-", "_"))
        yield from (f"{m}/{d}/{whole}", f"{d}-{name[:3]}-{whole}", f"{d} {name[:3]} {whole}")
    yield from (f"{d} {name} {year}", f"{d}. {name} {year}", f"{name} {d}, {year}")
    yield from (f"{name[:3]} {d}, {year}", f"{day}{name[:3]}{year}")


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
    for field, text in images.header_texts(nifti):
        yield field, text
        if field not in images.TEXT_FIELDS:
            yield from ((field, part) for part in re.split(r"[=:;|]\s*", text)[1:])


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

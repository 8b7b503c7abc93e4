"""Check that no label of a file name (``sub-``, ``ses-``, ``acq-``) identifies a patient.

The release bears these labels, so nothing later may take offence at them. They are held against
what the sidecars and headers say, against the shapes of dates and numbers, and against the table of
pseudonyms, if the study has one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strokeprep.gate.checks import Finding
from strokeprep.gate.spellings import bare, plain
from strokeprep.kinds import SCANS

# Keys of sidecars by what their values say.
PERSON = re.compile(r"Patients?Name|Physician|Operator|BirthName|Person")
PLACE = re.compile(r"Institution|Address|Hospital")
IDENTIFIER = re.compile(r"ID(s|_|$)|Number$|Accession|Record")
PATIENT_NAME = re.compile(r"Patients?Name$")

_MONTHS = "jan|feb|mar|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez"
DAY, MONTH, YEAR = r"(?:0[1-9]|[12]\d|3[01])", r"(?:0[1-9]|1[0-2])", r"(?:19|20)\d\d"
DATE_SHAPE = re.compile(
    rf"(?<!\d)(?:{YEAR}{MONTH}{DAY}|{DAY}{MONTH}{YEAR}|{MONTH}{DAY}{YEAR})(?!\d)"
    rf"|\d{{1,2}}(?:{_MONTHS})[a-z]*\d{{2,4}}|(?:{_MONTHS})[a-z]*\d{{4}}|{YEAR}(?:{_MONTHS})",
    re.IGNORECASE,
)
DATE = re.compile(
    rf"({YEAR})[-./:]?({MONTH})[-./:]?({DAY})(?!\d)|({DAY})[-./]({MONTH})[-./]({YEAR})"
)
NUMBER_SHAPE = re.compile(r"\d{7,}")
HEADER_NUMBER = re.compile(r"\d{5,}")

# Words of pseudonyms, of scans and of institutions, which name no one. A file, because the words of
# Python strings count as ours in the privacy audit (privacy/vocabulary.py).
WORDS = Path(__file__).with_name("neutral_words.txt").read_text(encoding="utf-8").split()
NEUTRAL = frozenset(WORDS) | {name.casefold() for name in SCANS}
_NEUTRAL_RUN = re.compile("(?:" + "|".join(sorted(NEUTRAL, key=len, reverse=True)) + ")+")
SHORTEST_PART, SHORTEST_PLACE, MOST_DIGITS, MOST_LETTERS = 4, 5, 4, 3


@dataclass(frozen=True)
class Pseudonyms:
    """A lab's table: the pseudonyms, and everything else that it says of patients."""

    names: frozenset[str]
    others: frozenset[str]

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, str]]) -> Pseudonyms:
        """From the rows of a table whose first column holds the pseudonyms."""
        cells = [[plain(cell or "") for cell in row.values()] for row in rows]
        names = frozenset(row[0].removeprefix("sub") for row in cells if row)
        others = frozenset(cell for row in cells for cell in row[1:] if len(cell) > 1)
        return cls(names, others - names)


def of_labels(
    entities: Iterable[str],
    sidecars: Mapping[str, Mapping[str, Any]],
    headers: Mapping[str, Iterable[str]],
    where: str,
    pseudonyms: Pseudonyms | None = None,
) -> Iterator[Finding]:
    """Everything that the labels of a subject give away.

    ``entities`` are its labels, as ``ses-01``; ``sidecars`` and ``headers`` what its files say, by
    path; ``where`` is a file that bears the labels.
    """
    said = {path: list(_texts(content)) for path, content in sidecars.items()}
    for entity in entities:
        key, _, label = entity.partition("-")
        listed = pseudonyms is not None and key == "sub"
        if listed and pseudonyms:
            yield from _unlisted(entity, label, pseudonyms, where)
        found = [
            finding
            for path, texts in said.items()
            for finding in _against_sidecar(entity, label, texts, path)
        ]
        found += [
            finding
            for path, texts in headers.items()
            for finding in _against_header(entity, label, texts, path)
        ]
        yield from found[:1] or ([] if listed else _by_shape(entity, label, where))


def _unlisted(entity: str, label: str, pseudonyms: Pseudonyms, where: str) -> Iterator[Finding]:
    if plain(label) not in pseudonyms.names:
        what = f"{entity} is not in the first column of the table of pseudonyms"
        yield Finding.of("named_pseudonym", what, where, "Add it, or rename the subject.")
    elif plain(label) in pseudonyms.others:
        what = f"{entity} is what the table of pseudonyms has in another column"
        yield Finding.of("named_pseudonym", what, where, "Rename the subject to its pseudonym.")


def _by_shape(entity: str, label: str, where: str) -> Iterator[Finding]:
    if DATE_SHAPE.search(label):
        yield _date(entity, "looks like a date", where)
    elif NUMBER_SHAPE.search(label):
        yield _number(entity, "holds a number as long as a hospital's", where)


def _against_sidecar(
    entity: str, label: str, texts: list[tuple[str, str]], path: str
) -> Iterator[Finding]:
    """What a label says that the sidecar says of persons, places, identifiers and dates."""
    own = any(PATIENT_NAME.search(key) and _is_pseudonym_of(text, label) for key, text in texts)
    for key, text in texts:
        dates = any(spelling in label for spelling in _dates(text))
        if PERSON.search(key) and not own and _names(text, label, SHORTEST_PART):
            yield _name(entity, f"holds a name ({key} of the sidecar)", path)
        elif PLACE.search(key) and _names(text, label, SHORTEST_PLACE):
            yield _name(entity, f"holds the name of a place ({key} of the sidecar)", path)
        elif dates:
            yield _date(entity, f"is a date of the patient's ({key} of the sidecar)", path)
        elif IDENTIFIER.search(key) and not own and _identifies(text, label):
            yield _number(entity, f"is an identifier ({key} of the sidecar)", path)


def _against_header(entity: str, label: str, texts: Iterable[str], path: str) -> Iterator[Finding]:
    for text in texts:
        if any(spelling in label for spelling in _dates(text)):
            yield _date(entity, "is a date in the header", path)
        elif any(number in label for number in HEADER_NUMBER.findall(text)):
            yield _number(entity, "holds a number in the header", path)
        elif "^" in text and _names(text, label, SHORTEST_PART):
            yield _name(entity, "holds a name in the header", path)


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Texts and whole numbers at any depth, each with its key at the top."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(inner, key or str(name))
    elif isinstance(value, list):
        for inner in value[:1000]:
            yield from _texts(inner, key)
    elif isinstance(value, str | int) and not isinstance(value, bool):
        yield key, str(value)


def _names(text: str, label: str, shortest: int) -> bool:
    """Whether a label holds a part of a name; of short ones, as a word of its own."""
    whole = re.split(r"[\W\d_]+", unicodedata.normalize("NFC", text))
    parts = {written for part in whole for written in (plain(part), bare(part.casefold()))}
    words = {plain(word) for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", label)}
    inside = plain(label)
    return any(
        part in words or (len(part) >= shortest and part in inside)
        for part in parts
        if len(part) > 1 and not _NEUTRAL_RUN.fullmatch(part)
    )


def _identifies(text: str, label: str) -> bool:
    """Whether a label is, or holds, an identifier that is no plain pseudonym such as P-0012."""
    identifier = plain(text)
    runs = re.findall(r"[a-z]+|\d+", identifier)
    is_plain = all(
        len(run) <= (MOST_DIGITS if run.isdigit() else MOST_LETTERS) or _NEUTRAL_RUN.fullmatch(run)
        for run in runs
    )
    if is_plain:
        return False
    ours = plain(label)
    same = identifier.removeprefix("sub").lstrip("0") == ours.lstrip("0")
    return same or (len(identifier) > MOST_DIGITS and identifier in ours)


def _is_pseudonym_of(name: str, label: str) -> bool:
    """Whether a patient is called what the label says: no person's name holds a number."""
    return plain(name).removeprefix("sub") == plain(label) and any(map(str.isdigit, label))


def _dates(text: str) -> Iterator[str]:
    """The dates in a text as a label could spell them."""
    for match in DATE.finditer(text):
        year, month, day = match[1] or match[6], match[2] or match[5], match[3] or match[4]
        for whole in (year, year[2:]):
            yield from (f"{whole}{month}{day}", f"{day}{month}{whole}", f"{month}{day}{whole}")
        yield from (f"{year}{month}", f"{month}{year}")


def _name(entity: str, what: str, where: str) -> Finding:
    remedy = "Rename the files: the release bears this label."
    return Finding.of("named_person", f"{entity} {what}", where, remedy)


def _date(entity: str, what: str, where: str) -> Finding:
    remedy = "Rename the files, as ses-01, ses-02: the release bears this label."
    return Finding.of("named_date", f"{entity} {what}", where, remedy)


def _number(entity: str, what: str, where: str) -> Finding:
    remedy = (
        "Rename the files to a pseudonym: the release bears this label. If it is one, list it in the "
        "table that study.pseudonyms names."
    )
    return Finding.of("named_number", f"{entity} {what}", where, remedy)

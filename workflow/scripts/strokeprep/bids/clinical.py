"""Clinical tables: which there are, and what of them is released."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from strokeprep.errors import StrokeprepError
from strokeprep.io.tables import MISSING

# Where a raw dataset may have tables of patients, and of what sorts; CSV and TSV can be read.
TABLES = (".csv", ".tsv", ".xlsx", ".xls", ".ods")


TABLE_FOLDERS = (".", "train", "ATLAS*", "documentation", "phenotype", "train/phenotype")


TABLE_FOLDERS_OF_PATIENTS = ("phenotype", "train/phenotype", "Training*/*", "ATLAS*/Training*/*")


NO_TABLE_OF_PATIENTS = re.compile(r"description|dictionary", re.IGNORECASE)


# The only columns of participants.tsv.
PARTICIPANT_COLUMNS: dict[str, dict[str, str]] = {
    "age": {"Description": "Age; 89 stands for 89 and above", "Units": "year"},
    "sex": {"Description": "Sex, as the source table gives it"},
    "handedness": {"Description": "Handedness, as the source table gives it"},
    "species": {"Description": "Species, as the source table gives it"},
    "group": {"Description": "Group of the study the participant belongs to"},
}


COLUMN_ALIASES = {"gender": "sex"}


# Headings (as `_words` writes them) and values that may identify a person.
PRIVATE_HEADING = re.compile(
    r"name|birth|date|accession|address|phone|mail|postcode|identif"
    r"|(patient|subject|participant|case|study)_?id\b"
    r"|(^|_)(dob|mrn|pid|ssn|uid|id|zip|initials|hospital|institution|physician|operator"
    r"|comments?|notes?|remarks?)(_|$)"
    r"|^(patient|subject|participant|case)?$"
)


PRIVATE_VALUE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}"
    r"|\b(19|20)\d{2}(0[1-9]|1[0-2])([0-2]\d|3[01])\b|\d{1,2}\.? ?[A-Za-z]{3,9} ?\d{4}|@"
)


# Higher ages are rare enough to identify a person; BIDS caps them here.
MAX_AGE = 89


AGE_HEADING = re.compile(r"^(patient_)?age(_(y|yrs|years|at_\w+))?$")


AGE_VALUE = re.compile(r"(?P<years>\d+(\.\d+)?) *(\+|y|yrs|years)?", re.IGNORECASE)


@dataclass
class Table:
    """A table with one row per participant, its column descriptions, and what was dropped."""

    columns: list[str]
    rows: dict[str, dict[str, str]]
    meanings: dict[str, Any] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)


def clinical_tables(raw_root: Path | None) -> list[str]:
    """The names of the raw dataset's clinical tables, from a look at file names alone."""
    return list(_tools(raw_root))


def sources(raw_root: Path | None) -> list[str]:
    """The raw files that :func:`write` reads: tables, and what JSON says of their columns."""
    beside = ((path, path.with_suffix(".json")) for path in _read(raw_root))
    return [str(path) for pair in beside for path in pair if path.is_file()]


def _participants(
    raw_root: Path | None, people: Sequence[str], tables: Mapping[str, Table]
) -> Table:
    """Allow-listed columns of the raw participants.tsv, gaps filled from the clinical tables."""
    found = [_read_table(path, people) for path in _participant_tables(raw_root)]
    values: dict[str, dict[str, str]] = {person: {} for person in people}
    for table in [*found, *tables.values()]:
        for column in table.columns:
            wanted = COLUMN_ALIASES.get(_words(column), _words(column))
            for person, row in table.rows.items():
                if wanted in PARTICIPANT_COLUMNS and row[column] != MISSING:
                    values[person].setdefault(wanted, row[column])
    columns = [name for name in PARTICIPANT_COLUMNS if any(name in row for row in values.values())]
    meanings = {name: PARTICIPANT_COLUMNS[name] for name in columns}
    return Table(columns, values, meanings)


def _phenotype(raw_root: Path | None, people: Sequence[str]) -> dict[str, Table]:
    """The clinical tables of the raw dataset, one row per participant."""
    return {tool: _read_tool(paths, people) for tool, paths in _tools(raw_root).items()}


def _bases(raw_root: Path | None) -> list[Path]:
    """Where tables may lie: ISLES'24 comes with a ``train`` folder around everything."""
    return [] if raw_root is None else [raw_root, raw_root / "train"]


def _participant_tables(raw_root: Path | None) -> list[Path]:
    """Tables of the patients themselves, the foremost first; that of JHU lies apart."""
    places = ("participants.tsv", "documentation/participants.tsv")
    files = (base / place for base in _bases(raw_root) for place in places)
    return [path for path in files if path.is_file()]


def _tools(raw_root: Path | None) -> dict[str, list[Path]]:
    """Clinical tables by name: BIDS has one file each, ISLES'24 one per patient and session."""
    tools: dict[str, list[Path]] = {}
    for base in _bases(raw_root):
        for path in sorted((base / "phenotype").glob("*.[ct]sv")):
            tools.setdefault(path.stem, []).append(path)
        for path in sorted((base / "phenotype").glob("sub-*/ses-*/sub-*_ses-*_*.csv")):
            tools.setdefault(path.stem.split("_", 2)[2], []).append(path)
    return tools


def _read(raw_root: Path | None) -> list[Path]:
    """Every raw table that is read."""
    tools = [path for paths in _tools(raw_root).values() for path in paths]
    return [*_participant_tables(raw_root), *tools]


def _unread(raw_root: Path | None) -> list[str]:
    """Tables of patients, below the root, that are not read, also not saved in another format."""
    if raw_root is None:
        return []
    read = {path.stem for path in _read(raw_root)}
    patterns = [f"{folder}/*" for folder in TABLE_FOLDERS]
    patterns += [f"{folder}/sub-*/ses-*/sub-*" for folder in TABLE_FOLDERS_OF_PATIENTS]
    return sorted(
        path.relative_to(raw_root).as_posix()
        for pattern in patterns
        for path in raw_root.glob(pattern)
        if path.suffix in TABLES
        and path.stem not in read
        and not path.name.startswith(".")
        and not NO_TABLE_OF_PATIENTS.search(path.stem)
    )


def _read_tool(paths: Sequence[Path], people: Sequence[str]) -> Table:
    """One table of one or many files; a patient must not appear in two of them."""
    merged = Table([], {})
    for table, path in ((_read_table(path, people), path) for path in paths):
        twice = merged.rows.keys() & table.rows.keys()
        if twice:
            raise _ambiguous(path, min(twice))
        merged.rows |= table.rows
        merged.meanings |= table.meanings
        merged.dropped = list(dict.fromkeys(merged.dropped + table.dropped))
        merged.columns = list(dict.fromkeys(merged.columns + table.columns))
    # Private in one patient's file is private in all.
    merged.columns = [name for name in merged.columns if name not in merged.dropped]
    return merged


def _read_table(path: Path, people: Iterable[str]) -> Table:
    """The harmless columns of the rows of ``people`` in a table, or of a patient's one row."""
    header, *lines = _cells(path)
    owner = path.stem.split("_")[0] if path.stem.startswith("sub-") else None
    key = None if owner else _key_column(header, path)
    wanted, rows = set(people), {}
    for line in lines:
        row = dict(zip(header, line, strict=True))
        person = owner or "sub-" + row[key].removeprefix("sub-")
        if person in rows:
            raise _ambiguous(path, person)
        if person in wanted:
            rows[person] = row
    dropped = [name for name in header if name != key and _is_private(name, rows.values())]
    columns = [name for name in header if name not in (key, *dropped)]
    rows = {
        person: {name: _cleaned(name, row[name]) for name in columns}
        for person, row in rows.items()
    }
    return Table(columns, rows, _meanings(path, columns), dropped)


def _cells(path: Path) -> list[list[str]]:
    """The stripped cells of a table line by line; the header's are distinct."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise StrokeprepError("Table is not UTF-8", path, "Save it as UTF-8.") from error
    first = text.partition("\n")[0]
    delimiter = "\t" if path.suffix == ".tsv" else max(",;\t", key=first.count)
    lines = [
        [" ".join(cell.split()) for cell in line]
        for line in csv.reader(text.splitlines(), delimiter=delimiter)
        if line
    ]
    if not lines:
        raise StrokeprepError("Table is empty", path, "Fill it or remove it from the study.")
    for number, line in enumerate(lines, start=1):
        if len(line) != len(lines[0]) or len(set(lines[0])) != len(lines[0]):
            raise StrokeprepError(
                f"Table has repeated headings, or line {number} has another number of cells",
                path,
                "Correct the table or remove it from the study.",
            )
    return lines


def _key_column(header: Sequence[str], path: Path) -> str:
    if "participant_id" not in header:
        raise StrokeprepError(
            "Table has no participant_id column", path, "Name that column as BIDS does."
        )
    return "participant_id"


def _ambiguous(path: Path, person: str) -> StrokeprepError:
    return StrokeprepError(
        f"More than one row for {person}",
        path,
        "Keep one row per patient and table, or split the table by session.",
    )


def _words(heading: str) -> str:
    """A heading as lower-case words joined by underscores: ``PatientID`` gives ``patient_id``."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", heading)
    return re.sub(r"[^a-z0-9]+", "_", split.lower()).strip("_")


def _is_private(heading: str, rows: Iterable[Mapping[str, str]]) -> bool:
    """Whether a column may identify a person, by its heading or by any value."""
    if PRIVATE_HEADING.search(_words(heading)):
        return True
    return any(PRIVATE_VALUE.search(row[heading]) for row in rows)


def _cleaned(heading: str, value: str) -> str:
    """A cell with gaps as BIDS marks them and ages capped."""
    if value.lower() in ("", MISSING, "na", "nan", "none"):
        return MISSING
    if not AGE_HEADING.search(_words(heading)):
        return value
    age = AGE_VALUE.fullmatch(value)
    return f"{min(float(age['years']), MAX_AGE):g}" if age else MISSING


def _meanings(path: Path, columns: Sequence[str]) -> dict[str, Any]:
    """What the table's own JSON says of the columns that are kept."""
    dictionary = path.with_suffix(".json")
    try:
        known = json.loads(dictionary.read_text()) if dictionary.is_file() else {}
    except ValueError as error:
        raise StrokeprepError(f"Not JSON ({error})", dictionary, "Correct the file.") from error
    return {name: known.get(name, {"Description": "As in the source table"}) for name in columns}

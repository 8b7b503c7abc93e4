"""Find the clinical tables of a raw dataset, and read the columns that may be released."""

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

# Formats of tables, and folders of a raw dataset in which tables may lie. Only CSV and TSV are read.
TABLES = (".csv", ".tsv", ".xlsx", ".xls", ".ods")
TABLE_FOLDERS = (".", "train", "ATLAS*", "documentation", "phenotype", "train/phenotype")
TABLE_FOLDERS_OF_PATIENTS = ("phenotype", "train/phenotype", "Training*/*", "ATLAS*/Training*/*")
NO_TABLE_OF_PATIENTS = re.compile(r"description|dictionary", re.IGNORECASE)

MAX_AGE = 89  # BIDS: higher ages are so rare that they may identify a person
# The only columns of participants.tsv.
PARTICIPANT_COLUMNS: dict[str, dict[str, str]] = {
    "age": {"Description": f"Age; {MAX_AGE} stands for {MAX_AGE} and above", "Units": "year"},
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

AGE_HEADING = re.compile(r"^(patient_)?age(_(y|yrs|years|at_\w+))?$")
AGE_VALUE = re.compile(r"(?P<years>\d+(\.\d+)?) *(\+|y|yrs|years)?", re.IGNORECASE)


@dataclass
class Table:
    """A table with one row per participant."""

    columns: list[str]
    rows: dict[str, dict[str, str]]
    meanings: dict[str, Any] = field(default_factory=dict)  # of the columns
    dropped: list[str] = field(default_factory=list)  # columns that may identify a person


def clinical_tables(raw_root: Path | None) -> list[str]:
    """The names of the raw dataset's clinical tables, from file names alone."""
    return list(_tools(raw_root))


def sources(raw_root: Path | None) -> list[str]:
    """The raw files that are read: tables, and the JSON files that describe their columns."""
    pairs = ((path, path.with_suffix(".json")) for path in _tables_read(raw_root))
    return [str(path) for pair in pairs for path in pair if path.is_file()]


def participants_table(
    raw_root: Path | None, people: Sequence[str], tables: Mapping[str, Table]
) -> Table:
    """The listed columns of the raw participants.tsv; gaps are filled from the clinical tables."""
    main = [_read_table(path, people) for path in _participant_tables(raw_root)]
    values: dict[str, dict[str, str]] = {person: {} for person in people}
    for table in [*main, *tables.values()]:
        for column in table.columns:
            wanted = COLUMN_ALIASES.get(_words(column), _words(column))
            for person, row in table.rows.items():
                if wanted in PARTICIPANT_COLUMNS and row[column] != MISSING:
                    values[person].setdefault(wanted, row[column])
    columns = [name for name in PARTICIPANT_COLUMNS if any(name in row for row in values.values())]
    meanings = {name: PARTICIPANT_COLUMNS[name] for name in columns}
    return Table(columns, values, meanings)


def phenotype_tables(raw_root: Path | None, people: Sequence[str]) -> dict[str, Table]:
    """The clinical tables of the raw dataset, one row per participant."""
    return {tool: _read_tool(paths, people) for tool, paths in _tools(raw_root).items()}


def _bases(raw_root: Path | None) -> list[Path]:
    """The folders in which tables may lie; in ISLES'24 the dataset is in a folder ``train``."""
    return [] if raw_root is None else [raw_root, raw_root / "train"]


def _participant_tables(raw_root: Path | None) -> list[Path]:
    """The tables ``participants.tsv``, the more important first; JHU has one in a subfolder."""
    places = ("participants.tsv", "documentation/participants.tsv")
    files = (base / place for base in _bases(raw_root) for place in places)
    return [path for path in files if path.is_file()]


def _tools(raw_root: Path | None) -> dict[str, list[Path]]:
    """Files by clinical table: one file in BIDS, one per patient and session in ISLES'24."""
    tools: dict[str, list[Path]] = {}
    for base in _bases(raw_root):
        for path in sorted((base / "phenotype").glob("*.[ct]sv")):
            tools.setdefault(path.stem, []).append(path)
        for path in sorted((base / "phenotype").glob("sub-*/ses-*/sub-*_ses-*_*.csv")):
            tools.setdefault(path.stem.split("_", 2)[2], []).append(path)
    return tools


def _tables_read(raw_root: Path | None) -> list[Path]:
    """The raw tables that are read."""
    tools = [path for paths in _tools(raw_root).values() for path in paths]
    return [*_participant_tables(raw_root), *tools]


def unread_tables(raw_root: Path | None) -> list[str]:
    """Tables of patients (relative paths) that are not read, in this or another format."""
    if raw_root is None:
        return []
    read = {path.stem for path in _tables_read(raw_root)}
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
    """The table of one or several files; a patient may be in only one of them."""
    merged = Table([], {})
    for table, path in ((_read_table(path, people), path) for path in paths):
        twice = merged.rows.keys() & table.rows.keys()
        if twice:
            raise _ambiguous(path, min(twice))
        merged.rows |= table.rows
        merged.meanings |= table.meanings
        merged.dropped = list(dict.fromkeys(merged.dropped + table.dropped))
        merged.columns = list(dict.fromkeys(merged.columns + table.columns))
    # A column that is private in one file is dropped from all.
    merged.columns = [name for name in merged.columns if name not in merged.dropped]
    return merged


def _read_table(path: Path, people: Iterable[str]) -> Table:
    """The columns of a table that identify nobody, and its rows of ``people``.

    A file that is named after a patient has a single row, and no column of participants.
    """
    header, *lines = _cells(path)
    owner = path.stem.split("_")[0] if path.stem.startswith("sub-") else None
    key = None if owner else _key_column(header, path)
    wanted, rows = set(people), {}
    for line in lines:
        row = dict(zip(header, line, strict=True))
        person = owner or "sub-" + row[str(key)].removeprefix("sub-")
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
    """The cells of a table by line, white space stripped; headings are distinct."""
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
    """A cell with gaps marked as in BIDS, and with ages capped."""
    if value.lower() in ("", MISSING, "na", "nan", "none"):
        return MISSING
    if not AGE_HEADING.search(_words(heading)):
        return value
    age = AGE_VALUE.fullmatch(value)
    return f"{min(float(age['years']), MAX_AGE):g}" if age else MISSING


def _meanings(path: Path, columns: Sequence[str]) -> dict[str, Any]:
    """The descriptions of columns in the JSON of the table."""
    dictionary = path.with_suffix(".json")
    try:
        known = json.loads(dictionary.read_text()) if dictionary.is_file() else {}
    except ValueError as error:
        raise StrokeprepError(f"Not JSON ({error})", dictionary, "Correct the file.") from error
    return {name: known.get(name, {"Description": "As in the source table"}) for name in columns}

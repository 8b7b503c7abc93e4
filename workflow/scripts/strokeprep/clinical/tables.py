"""The clinical tables of a raw dataset, with a row for each patient and known columns alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from strokeprep.clinical import columns, sheets, values
from strokeprep.clinical.columns import KNOWN, squashed
from strokeprep.clinical.sheets import Sheet
from strokeprep.errors import StrokeprepError
from strokeprep.io.tables import MISSING
from strokeprep.settings.study import Column, StudySettings

# Formats of tables, and folders of a raw dataset in which tables of patients may lie.
FORMATS = (*sheets.READ, ".xls", ".ods")
FOLDERS = (".", "train", "ATLAS*", "documentation", "phenotype", "train/phenotype")
FOLDERS_OF_PATIENTS = ("phenotype", "train/phenotype", "Training*/*", "ATLAS*/Training*/*")
NO_TABLE_OF_PATIENTS = re.compile(r"description|dictionary", re.IGNORECASE)
# ATLAS has its table beside the images.
PLACES = ("phenotype/*", "phenotype/sub-*/ses-*/sub-*_ses-*_*", "*_MetaData.*")

# The words of which the name of a released table may consist. A table of another name, which may
# be a patient's, is released under the name of COMMON.
WORDS = re.compile(
    r"((admission|assessment|baseline|clinical|data|demographics?|discharge|factors|followup|history"
    r"|imaging|lab|laboratory|labs|lesions?|medications?|metadata|mrs|nihss|outcomes?|phenotype|risk"
    r"|scores?|stroke|times|treatment|workflow|(24|48|72)h|[1-9]d|(30|90)d|(3|6|12)m)(_|$))+"
)
COMMON = "clinical"

STUDY = StudySettings(layout="bids")  # for what is read without a config

OF_PARTICIPANTS = ("age", "sex", "handedness")  # what participants.tsv has, wherever it is known

KEYS = frozenset(("participantid", "subjectid", "subject", "participant"))
PATIENT = re.compile(r"(?:sub-)?([A-Za-z0-9]+)", re.ASCII)


@dataclass
class Table:
    """A table with one row per participant, and what was left out of it."""

    columns: list[str] = field(default_factory=list)
    rows: dict[str, dict[str, str]] = field(default_factory=dict)
    meanings: dict[str, dict[str, Any]] = field(default_factory=dict)  # of the columns
    unknown: list[str] = field(default_factory=list)  # headings that are not to be released
    refused: list[str] = field(default_factory=list)  # cells, each with its place and the reason
    others: list[str] = field(default_factory=list)  # rows of nobody who is asked for
    unread: list[str] = field(
        default_factory=list
    )  # workbooks, each with its sheets beside the first

    def add(self, person: str, row: Mapping[str, str], path: Path) -> None:
        """Take the values of a patient; two that contradict one another are refused."""
        mine = self.rows.setdefault(person, {})
        for name, value in row.items():
            if mine.get(name, MISSING) not in (MISSING, value) and value != MISSING:
                raise _ambiguous(path, person)
            if mine.get(name, MISSING) == MISSING:
                mine[name] = value


def names(raw_root: Path | None) -> list[str]:
    """The names of the released clinical tables, from file names alone."""
    return list(_tools(raw_root))


def sources(raw_root: Path | None) -> list[str]:
    """The raw files that are read."""
    return [str(path) for path in _read(raw_root)]


def participants(
    raw_root: Path | None,
    people: Sequence[str],
    clinical: Mapping[str, Table],
    settings: StudySettings = STUDY,
) -> Table:
    """The raw participants.tsv; its gaps are filled from the clinical tables."""
    table = _merged(raw_root, _participant_files(raw_root), people, settings)
    for other in clinical.values():
        for column in [name for name in OF_PARTICIPANTS if name in other.columns]:
            table.meanings[column] = other.meanings[column]
            for person, row in other.rows.items():
                mine = table.rows.setdefault(person, {})
                if mine.get(column, MISSING) == MISSING:
                    mine[column] = row[column]
    table.columns = list(dict.fromkeys([*table.columns, *table.meanings]))
    return table


def phenotype(
    raw_root: Path | None, people: Sequence[str], settings: StudySettings = STUDY
) -> dict[str, Table]:
    """The clinical tables of the raw dataset by the name they are released under."""
    return {
        tool: _merged(raw_root, paths, people, settings) for tool, paths in _tools(raw_root).items()
    }


def unread(raw_root: Path | None) -> list[str]:
    """Tables of patients (relative paths) that are not read, in this or another format."""
    if raw_root is None:
        return []
    read = {path.stem for path in _read(raw_root)}
    patterns = [f"{folder}/*" for folder in FOLDERS]
    patterns += [f"{folder}/sub-*/ses-*/sub-*" for folder in FOLDERS_OF_PATIENTS]
    return sorted(
        path.relative_to(raw_root).as_posix()
        for pattern in patterns
        for path in raw_root.glob(pattern)
        if path.suffix in FORMATS
        and path.stem not in read
        and not _is_hidden(path)
        and not NO_TABLE_OF_PATIENTS.search(path.stem)
    )


# --- Files --------------------------------------------------------------------------------------


def _bases(raw_root: Path | None) -> list[Path]:
    """The folders in which tables may lie: ISLES'24 is in ``train``, ATLAS in ``ATLAS_2``."""
    return [] if raw_root is None else [raw_root, raw_root / "train", *raw_root.glob("ATLAS*")]


def _participant_files(raw_root: Path | None) -> list[Path]:
    """The tables ``participants.tsv``, the more important first; JHU has one in a subfolder."""
    places = ("participants.tsv", "documentation/participants.tsv")
    files = (base / place for base in _bases(raw_root) for place in places)
    return [path for path in files if path.is_file()]


def _tools(raw_root: Path | None) -> dict[str, list[Path]]:
    """Files by clinical table: one file in BIDS, one per patient and session in ISLES'24."""
    tools: dict[str, list[Path]] = {}
    for base in _bases(raw_root):
        for place in PLACES:
            for path in _one_format(base.glob(place)):
                tools.setdefault(_released_name(path), []).append(path)
    return tools


def _one_format(paths: Iterable[Path]) -> list[Path]:
    """Tables in a format that is read, each in one format alone."""
    found: dict[Path, Path] = {}
    for path in sorted(paths, key=lambda each: (each.stem, each.suffix)):
        whole = path.suffix in sheets.READ and path.is_file() and not _is_hidden(path)
        if whole and not NO_TABLE_OF_PATIENTS.search(path.stem):
            best = found.setdefault(path.with_suffix(""), path)
            if sheets.READ.index(path.suffix) < sheets.READ.index(best.suffix):
                found[path.with_suffix("")] = path
    return list(found.values())


def _is_hidden(path: Path) -> bool:
    """Whether a file is of the system or of an editor: Excel marks an open workbook by one."""
    return path.name.startswith((".", "~$"))


def _released_name(path: Path) -> str:
    """The name of a table in the release."""
    stem = path.stem.split("_", 2)[2] if _owner(path) else path.stem
    name = re.sub(r"[^a-z0-9]+", "_", stem.casefold()).strip("_")
    return name if WORDS.fullmatch(name) else COMMON


def _owner(path: Path) -> str | None:
    """The patient whose table a file is, from its name."""
    return path.stem.split("_")[0] if path.stem.startswith("sub-") else None


def _read(raw_root: Path | None) -> list[Path]:
    """The raw tables that are read."""
    tools = [path for paths in _tools(raw_root).values() for path in paths]
    return [*_participant_files(raw_root), *tools]


# --- Cells --------------------------------------------------------------------------------------


def _merged(
    raw_root: Path | None, paths: Sequence[Path], people: Iterable[str], settings: StudySettings
) -> Table:
    """One table of several files."""
    merged, wanted = Table(), set(people)
    within = [Path(each).resolve() for each in (raw_root, *settings.links) if each]
    for path in paths:
        if not any(path.resolve().is_relative_to(folder) for folder in within):
            raise StrokeprepError(
                "Table is a link that leads out of the study",
                path,
                "Copy the table into the study, or list the folder it leads to in study.links.",
            )
        _add(merged, sheets.read(path), wanted, KNOWN | settings.columns)
    merged.columns = list(dict.fromkeys(merged.columns))
    merged.unknown = list(dict.fromkeys(merged.unknown))
    return merged


def _add(table: Table, sheet: Sheet, wanted: set[str], known: Mapping[str, Column]) -> None:
    """Add the known columns of a sheet, and its rows of the patients that are wanted."""
    owner = _owner(sheet.path)
    key = None if owner else _key(sheet)
    taken = _columns(sheet, key, known)
    table.columns += taken.values()
    table.meanings |= {name: columns.meaning(known[name]) for name in taken.values()}
    table.unknown += [
        name for index, name in enumerate(sheet.headings) if index not in taken and index != key
    ]
    seen: set[str] = set()
    table.unread += [f"{sheet.path.name} ({sheet.further})"] if sheet.further else []
    for number, line in sheet.lines:
        person, place = owner or _person(line[key or 0]), f"{sheet.path.name}, row {number}"
        if person in seen:
            raise _ambiguous(sheet.path, person)
        if person in wanted:
            seen.add(person)
            row, faults = _row(line, taken, sheet, known)
            table.refused += [f"{place}, {fault}" for fault in faults]
            table.add(person, row, sheet.path)
        elif not owner:
            table.others.append(place)


def _row(
    line: Sequence[str], taken: Mapping[int, str], sheet: Sheet, known: Mapping[str, Column]
) -> tuple[dict[str, str], list[str]]:
    """The values of a line by column, and what is wrong with those that are refused."""
    row, faults = {}, []
    for index, name in taken.items():
        row[name], fault = _value(line[index], known[name])
        if fault:
            faults.append(f"column {sheet.headings[index]}: {fault}")
    return row, faults


def _value(cell: str, column: Column) -> tuple[str, str]:
    """A cell's value, and what is wrong with it, if anything is."""
    if cell in sheets.NO_VALUE:
        return MISSING, sheets.NO_VALUE[cell]
    try:
        return values.parsed(cell, column), ""
    except ValueError as error:
        return MISSING, str(error)


def _columns(sheet: Sheet, key: int | None, known: Mapping[str, Column]) -> dict[int, str]:
    """The known columns of a sheet by their position; of two with one meaning, none is taken."""
    names = {
        index: columns.known_as(heading, known)
        for index, heading in enumerate(sheet.headings)
        if index != key and heading
    }
    taken = [name for name in names.values() if name]
    twice = sorted({name for name in taken if taken.count(name) > 1})
    if twice:
        raise StrokeprepError(
            f"Two columns of the table are both {twice[0]}", sheet.path, "Keep one of them."
        )
    return {index: name for index, name in names.items() if name}


def _key(sheet: Sheet) -> int:
    """The column that names the patients."""
    for index, heading in enumerate(sheet.headings):
        if squashed(heading) in KEYS:
            return index
    raise StrokeprepError(
        "Table has no participant_id column", sheet.path, "Name that column as BIDS does."
    )


def _person(cell: str) -> str:
    match = PATIENT.fullmatch(cell)
    return f"sub-{match[1]}" if match else ""


def _ambiguous(path: Path, person: str) -> StrokeprepError:
    return StrokeprepError(
        f"More than one row for {person}, or two that differ",
        path,
        "Keep one row per patient and table, or split the table by session.",
    )

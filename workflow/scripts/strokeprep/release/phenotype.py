"""The clinical tables of a release: for each case, for all cases, and what their columns mean."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from strokeprep.clinical import anonymity, outgoing, workbook
from strokeprep.clinical.alteration import told as told_of_alteration
from strokeprep.clinical.columns import FLAG, KNOWN
from strokeprep.io.tables import render
from strokeprep.io.whole import write_text
from strokeprep.release.archive import Archive, Table
from strokeprep.settings.finished.release import ReleaseSettings
from strokeprep.settings.study import Column

WRITERS = {"csv": workbook.write_csv, "tsv": workbook.write_tsv, "xlsx": workbook.write_xlsx}
DICTIONARY_SHEET = "Suppl. Tab. 1"
DICTIONARY_COLUMNS = ("Timepoint", "Parameter", "Unit", "Data type", "Description")
DATA_TYPES = {"flag": "0/1", "duration": "hh:mm:ss", "level": "text", "age": "integer"}
GROUPS = ("patients", "group")


def columns(archive: Archive) -> list[str]:
    """The columns of all tables of an archive."""
    return [name for table in archive.tables for name in table.columns]


def check(rows: Mapping[str, Mapping[str, str]], settings: ReleaseSettings, report: Path) -> None:
    """Refuse tables by which somebody may find a patient; the report lists all groups."""
    told = {name for row in rows.values() for name in row} - {*settings.withheld}
    by = [name for name in settings.grouped_by if name in told]
    found = anonymity.groups(rows.values(), by, settings.age_band_years)
    listed = [{"patients": g.patients, "group": ", ".join(g.values)} for g in found]
    write_text(render(listed, GROUPS), report)
    anonymity.refuse_small(found, by, settings.smallest_group, report)


def write(
    folder: Path,
    archive: Archive,
    rows: Mapping[str, Mapping[str, str]],
    settings: ReleaseSettings,
) -> None:
    """Write all clinical tables of a release; ``rows`` has the values of each case."""
    inside = folder / archive.root
    for table in archive.tables:
        for case, values in rows.items() if table.path else ():
            place = inside / archive.place(table.path, case)
            _write_case(place, table, values, archive, settings)
        about = f"Clinical data: {table.name}, all cases"
        place = folder / "phenotype" / table.name
        outgoing.write_phenotype(place, about, rows, table.columns, settings)
    if archive.dictionary:
        explained = _dictionary(archive, settings)
        workbook.write_xlsx(explained, inside / f"{archive.dictionary}.xlsx", DICTIONARY_SHEET)


def _write_case(
    stem: Path,
    table: Table,
    values: Mapping[str, str],
    archive: Archive,
    settings: ReleaseSettings,
) -> None:
    cells = [outgoing.cell(values[name], KNOWN[name]) for name in table.columns]
    for form in formats(archive, settings):
        WRITERS[form]([outgoing.headings(table.columns), cells], Path(f"{stem}.{form}"))


def formats(archive: Archive, settings: ReleaseSettings) -> list[str]:
    """The formats of the tables of each case."""
    return [form for form in archive.formats if form in settings.tables]


def _dictionary(archive: Archive, settings: ReleaseSettings) -> list[tuple[str | None, ...]]:
    """What each column means, below a title and an empty line."""
    explained = [
        (table.timepoint, KNOWN[name].title, *_explained(name, KNOWN[name], settings))
        for table in archive.tables
        for name in table.columns
    ]
    title = "Clinical data: what the columns mean. An empty cell says that a value is not known."
    return [(title,), (None,), DICTIONARY_COLUMNS, *explained]


def _explained(name: str, column: Column, settings: ReleaseSettings) -> tuple[str | None, ...]:
    levels = FLAG if column.type == "flag" else column.levels
    listed = "; ".join(code if code == says else f"{code}: {says}" for code, says in levels.items())
    altered = told_of_alteration(settings.altered_by) if name in settings.altered else ""
    text = ". ".join(part for part in (column.description, listed, altered) if part)
    unit = {"age": "years", "duration": "h:min:s"}.get(column.type, column.unit)
    return unit or None, DATA_TYPES.get(column.type, column.type), text

"""Read the cells of a clinical table: CSV, TSV or XLSX, as hospitals keep them."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path
from typing import Any

from strokeprep.errors import StrokeprepError
from strokeprep.io.tables import plain

READ = (".tsv", ".csv", ".xlsx")  # of two formats of one table, the first is read
LARGEST_BYTES, LARGEST_UNPACKED = 50_000_000, 500_000_000
LONGEST_CELL = 10_000

# What stands in place of a cell that says no value, and what is said of it; no column takes it.
FORMULA, MERGED, DATE = "=formula", "=merged cells", "=date"
NO_VALUE = {FORMULA: "a formula", MERGED: "merged with other cells", DATE: "a date"}
MOST_LINES_ABOVE = 5  # titles above the headings of a spreadsheet


@dataclass(frozen=True)
class Sheet:
    """The headings of a table and its lines, each with the number that an editor gives it.

    ``further`` is how many more sheets its workbook has, which are not read.
    """

    path: Path
    headings: tuple[str, ...]
    lines: tuple[tuple[int, tuple[str, ...]], ...]
    further: int = 0


def read(path: Path) -> Sheet:
    """The table in a file; one that cannot be read for certain is refused."""
    _refuse_irregular(path)
    try:
        cells, further = _spreadsheet(path) if path.suffix == ".xlsx" else (list(_text(path)), 0)
    except OSError as error:
        raise StrokeprepError(
            f"Table cannot be read ({error.strerror})", path, "Let the user who runs this read it."
        ) from error
    lines = [(number, line) for number, line in enumerate(cells, start=1) if any(line)]
    if path.suffix == ".xlsx":
        lines = _below_titles(lines)
    if not lines:
        raise StrokeprepError("Table is empty", path, "Fill it or remove it from the study.")
    (_, headings), *rest = lines
    _refuse_uneven(path, headings, rest)
    return Sheet(path, headings, tuple(rest), further)


def _refuse_irregular(path: Path) -> None:
    if not path.is_file() or path.stat().st_size > LARGEST_BYTES:
        raise StrokeprepError(
            f"Table is no file of at most {LARGEST_BYTES // 10**6} MB",
            path,
            "Remove it from the study.",
        )


def _refuse_uneven(
    path: Path, headings: tuple[str, ...], lines: list[tuple[int, tuple[str, ...]]]
) -> None:
    named = [each for each in headings if each]
    if len(set(named)) != len(named):
        raise StrokeprepError(
            "Table has repeated headings", path, "Name each column once, in the first row."
        )
    for number, line in lines:
        if len(line) != len(headings):
            raise StrokeprepError(
                f"Row {number} of the table has another number of cells than there are headings",
                path,
                "Correct the table or remove it from the study.",
            )


def _text(path: Path) -> Iterator[tuple[str, ...]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise StrokeprepError("Table is not UTF-8", path, "Save it as UTF-8.") from error
    first = text.partition("\n")[0]
    # BIDS has no quotes in TSV: one in a cell would swallow the rows that follow.
    is_tsv = path.suffix == ".tsv"
    rows = csv.reader(
        text.split("\n"),
        delimiter="\t" if is_tsv else max(",;\t", key=first.count),
        quoting=csv.QUOTE_NONE if is_tsv else csv.QUOTE_MINIMAL,
        strict=True,
    )
    csv.field_size_limit(LONGEST_CELL)
    try:
        for line in rows:
            yield tuple(" ".join(cell.split()) for cell in line)
    except csv.Error as error:
        raise StrokeprepError(
            f"Table cannot be read ({error})", path, "Save it again as CSV, in UTF-8."
        ) from error


def _spreadsheet(path: Path) -> tuple[list[tuple[str, ...]], int]:
    """The cells of the first sheet of a workbook, and how many others have any."""
    first, *others = _sheets(path)
    return list(_cells(first)), sum(any(map(any, sheet.values)) for sheet in others)


def _sheets(path: Path) -> list[Any]:
    from openpyxl import load_workbook  # slow to load, and needed for XLSX alone
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(each.file_size for each in archive.infolist())
        if unpacked > LARGEST_UNPACKED:
            raise zipfile.BadZipFile(f"{unpacked // 10**6} MB when it is unpacked")
        sheets = load_workbook(path).worksheets
        if not sheets:
            raise KeyError("without sheets")
        return sheets
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError) as error:
        raise StrokeprepError(
            f"Table is no workbook ({error})", path, "Save it again as XLSX or CSV."
        ) from error


def _cells(sheet: Any) -> Iterator[tuple[str, ...]]:
    merged = {
        cell for each in sheet.merged_cells.ranges for cell in each.cells
    }  # of (row, column); a value in one of them may be about several
    for row in sheet.iter_rows():
        yield tuple(
            MERGED if (cell.row, cell.column) in merged and cell.row > 1 else _shown(cell)
            for cell in row
        )


def _shown(cell: Any) -> str:
    """A cell of a workbook as text."""
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "f":
        return FORMULA
    if isinstance(value, timedelta):
        seconds = round(value.total_seconds())
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if isinstance(value, time):
        return value.strftime("%H:%M:%S")
    if hasattr(value, "isoformat"):
        return DATE
    if isinstance(value, float):
        return plain(value, 10)
    return " ".join(str(value).split())


def _below_titles(
    lines: list[tuple[int, tuple[str, ...]]],
) -> list[tuple[int, tuple[str, ...]]]:
    """The lines from the headings on: above them, a title fills a single cell."""
    wide = [sum(map(bool, line)) > 1 for _, line in lines[: MOST_LINES_ABOVE + 1]]
    return lines[wide.index(True) :] if any(wide) else lines

"""Write tables as CSV and XLSX. The same table gives the same bytes."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from strokeprep.io.tables import MISSING
from strokeprep.io.whole import whole, write_text

Cell = str | int | float | None
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the first time that a ZIP archive can tell
CORE = "docProps/core.xml"
WIDEST = 60  # characters of a column, so that a sheet stays in view
STAMP = re.compile(rb"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z?")


def write_csv(rows: Sequence[Sequence[Cell]], path: Path) -> None:
    """Write rows as CSV; None is an empty cell."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    write_text(buffer.getvalue(), path)


def write_tsv(rows: Sequence[Sequence[Cell]], path: Path) -> None:
    """Write rows as TSV, where a cell without a value is n/a, as BIDS has it."""
    buffer = io.StringIO()
    told = ([MISSING if cell is None else cell for cell in row] for row in rows)
    csv.writer(buffer, delimiter="\t", lineterminator="\n").writerows(told)
    write_text(buffer.getvalue(), path)


def write_xlsx(rows: Sequence[Sequence[Cell]], path: Path, sheet: str = "Sheet1") -> None:
    """Write rows as a workbook of one sheet; None is an empty cell.

    Columns are as wide as their cells. A title, alone in its row, may reach over others.
    """
    from openpyxl import Workbook  # slow to load
    from openpyxl.utils import get_column_letter

    book = Workbook()
    page = book.active
    page.title = sheet
    for row in rows:
        page.append(list(row))
    for number, width in enumerate(_widths(rows), start=1):
        page.column_dimensions[get_column_letter(number)].width = width
    buffer = io.BytesIO()
    book.save(buffer)
    with whole(path) as partial:
        partial.write_bytes(_timeless(buffer.getvalue()))


def _widths(rows: Sequence[Sequence[Cell]]) -> list[int]:
    """The characters of each column's longest cell, with some room."""
    columns = zip_longest(*(row for row in rows if len(row) > 1))
    longest = (max(len(str("" if cell is None else cell)) for cell in cells) for cells in columns)
    return [min(WIDEST, 2 + each) for each in longest]


def _timeless(book: bytes) -> bytes:
    """A workbook without the time at which it was written."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(book)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in sorted(old.namelist()):
            content = old.read(name)
            if name == CORE:
                content = STAMP.sub(b"1980-01-01T00:00:00Z", content)
            new.writestr(zipfile.ZipInfo(name, LONG_AGO), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()

"""Write tables as CSV and XLSX. The same table gives the same bytes."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

from strokeprep.io.tables import MISSING
from strokeprep.io.whole import whole, write_text

Cell = str | int | float | None
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the first time that a ZIP archive can tell
CORE = "docProps/core.xml"
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
    """Write rows as a workbook of one sheet; None is an empty cell."""
    from openpyxl import Workbook  # slow to load

    book = Workbook()
    page = book.active
    page.title = sheet
    for row in rows:
        page.append(list(row))
    buffer = io.BytesIO()
    book.save(buffer)
    with whole(path) as partial:
        partial.write_bytes(_timeless(buffer.getvalue()))


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

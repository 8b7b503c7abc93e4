"""Read and write small tab-separated tables, as BIDS prescribes them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

MISSING = "n/a"


def is_number(text: str) -> bool:
    """Whether a cell holds a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def plain(value: float, digits: int) -> str:
    """A number of so many digits without an exponent, as people write it.

    >>> plain(1574.6, 3), plain(0.0000123, 3), plain(-0.0, 3)
    ('1570', '0.0000123', '0')
    """
    return format(Decimal(f"{value + 0.0:.{digits}g}"), "f")


def render(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Rows as tab-separated text with a header."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def read(path: str | Path) -> list[dict[str, str]]:
    """The rows of a tab-separated file."""
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))

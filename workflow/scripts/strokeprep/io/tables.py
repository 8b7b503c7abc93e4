"""Read and write small tab-separated tables, as BIDS prescribes them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
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

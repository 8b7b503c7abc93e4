"""Small tables of named rows: tab-separated, as BIDS wants them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MISSING = "n/a"


@dataclass(frozen=True)
class Check:
    """One measured value and the limit it must keep: at least, or at most, ``limit``."""

    subject: str
    step: str
    metric: str
    value: float
    unit: str
    limit: float | None = None
    at_least: bool = False

    @property
    def passed(self) -> bool | None:
        """Whether the limit holds; None where there is none."""
        if self.limit is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def row(self) -> dict[str, str]:
        """The check as a table row."""
        sign = "≥" if self.at_least else "≤"
        return {
            "subject": f"sub-{self.subject}",
            "step": self.step,
            "metric": self.metric,
            "value": f"{self.value:.6g}",
            "unit": self.unit,
            "limit": MISSING if self.limit is None else f"{sign} {self.limit:g}",
            "pass": {True: "yes", False: "no", None: MISSING}[self.passed],
        }


CHECK_COLUMNS = ("subject", "step", "metric", "value", "unit", "limit", "pass")


def is_number(text: str) -> bool:
    """Whether a cell reads as a number."""
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

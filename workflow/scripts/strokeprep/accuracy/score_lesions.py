"""The table of lesions in the built-in study against the lesions that were simulated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from strokeprep.io import tables

SIDES = {"L": "left", "R": "right"}


def errors(table: Path, true: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, float]]:
    """How many lesions too many or too few there are, and how many have a wrong side or type.

    Each true lesion is held against the one that lies nearest. Without an atlas lesions have no type.
    """
    found = tables.read(table)
    yield "count_error", abs(len(found) - len(true))
    pairs = [(nearest(each["centre"], found), each) for each in true] if found else []
    yield "side_errors", sum(row["side"] != SIDES[each["side"]] for row, each in pairs)
    if any(row["type"] != tables.MISSING for row in found):
        yield "type_errors", sum(row["type"] != each["region"] for row, each in pairs)


def nearest(centre: Sequence[float], found: Sequence[dict[str, str]]) -> dict[str, str]:
    """The row whose lesion lies nearest to a point (MNI, mm)."""

    def distance(row: Mapping[str, str]) -> float:
        here = [row[axis] for axis in "xyz"]
        if tables.MISSING in here:
            return np.inf
        return float(np.linalg.norm(np.subtract([float(value) for value in here], centre)))

    return min(found, key=distance)

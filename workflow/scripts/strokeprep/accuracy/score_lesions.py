"""The tables of lesions in the built-in study against the lesions that were simulated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from strokeprep.io import images, tables

SIDES = {"L": "left", "R": "right"}
OTHER = "other"  # the region that the table of a patient does not count by side
SMALLEST_ML = 1e-3


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


def row_errors(table: Path, facts: Mapping[str, Any]) -> int:
    """How many cells of a patient's row differ from the truth: number, side, and number by type and side."""
    (row,) = tables.read(table)
    lesions = facts["lesions"]
    wanted = Counter(
        f"lesions_{OTHER}"
        if each["region"] == OTHER
        else f"lesions_{SIDES[each['side']]}_{each['region']}"
        for each in lesions
    )
    side = tables.MISSING if facts["side"] == "none" else facts["side"]
    types = [name for name in row if name.startswith("lesions_") and name != "lesions_by_faces"]
    wrong = [int(row["lesions"]) != len(lesions), row["side"] != side]
    return sum([*wrong, *(int(row[name]) != wanted[name] for name in types)])


def volume_error(table: Path, column: str, mask: sitk.Image) -> float:
    """The relative error of the volume of all lesions, by a count of the voxels of a mask."""
    found = sum(float(row[column]) for row in tables.read(table))
    counted = np.count_nonzero(images.array(mask)) * float(np.prod(mask.GetSpacing())) / 1000
    return abs(found - counted) / max(counted, SMALLEST_ML)


def outside_error(table: Path, mask: sitk.Image, brain: sitk.Image) -> float:
    """The error of the share of lesions outside of a brain; both lie on the template's grid."""
    lesion = images.array(mask) > 0
    outside = np.count_nonzero(lesion & (images.array(brain) == 0))
    found = sum(int(row["outside_brain_voxels"]) for row in tables.read(table))
    return abs(found - outside) / max(int(np.count_nonzero(lesion)), 1)

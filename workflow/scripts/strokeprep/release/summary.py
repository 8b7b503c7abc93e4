"""A release in numbers: its patients, scanners and grids, made from the data."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from strokeprep.clinical.columns import KNOWN, meaning
from strokeprep.io.tables import MISSING
from strokeprep.release.archive import Archive
from strokeprep.settings.study import Column

Case = Mapping[str, Any]  # as release.case.prepared has it
DEMOGRAPHICS = ("column", "cases", "value")
GRIDS = ("image", "cases", "voxel_mm", "matrix", "frames", "seconds")
SCANNERS = ("scanner", "images")
HOSPITAL = KNOWN["center"]  # a number that stands for a name
SMALL = 10  # values below are told with two decimals


def demographics(
    rows: Mapping[str, Mapping[str, str]], columns: Sequence[str]
) -> list[dict[str, str | int]]:
    """A row for each column or level: how many cases tell it; mean ± SD, or the share of all."""
    found: list[dict[str, str | int]] = []
    for name in columns:
        values = [row[name] for row in rows.values() if row[name] != MISSING]
        if values:
            found += _described(KNOWN[name], values)
    return found


def _described(column: Column, values: Sequence[str]) -> list[dict[str, str | int]]:
    if column.type in ("flag", "level") or column is HOSPITAL:
        return [
            {
                "column": f"{column.title}{f': {called}' if called else ''}",
                "cases": len(values),
                "value": f"{count} ({count / len(values):.0%})",
            }
            for called, count in _counted(column, values)
        ]
    unit = meaning(column).get("Units", "1")
    return [
        {
            "column": f"{column.title}{f' ({unit})' if unit != '1' else ''}",
            "cases": len(values),
            "value": spread([float(value) for value in values]),
        }
    ]


def _counted(column: Column, values: Sequence[str]) -> list[tuple[str, int]]:
    """How often each level was told, or how often a flag was yes."""
    counts = Counter(values)
    if column.type == "flag":
        return [("", counts["1"])]
    order = list(column.levels) or sorted(counts)
    return [(column.levels.get(code, code), counts[code]) for code in order if counts[code]]


def spread(values: Sequence[float]) -> str:
    """Mean ± standard deviation.

    >>> spread([60, 70, 80])
    '70.0 ± 10.0'
    """
    sd = statistics.stdev(values) if len(values) > 1 else 0.0
    digits = 2 if max(map(abs, values)) < SMALL else 1
    return f"{statistics.fmean(values):.{digits}f} ± {sd:.{digits}f}"


def grids(cases: Sequence[Case], archive: Archive) -> list[dict[str, str | int]]:
    """The voxels of images on their own grids and of series, the smallest and the largest."""
    by_path: dict[str, list[Case]] = {}
    for case in cases:
        for file in case["files"]:
            by_path.setdefault(file["path"], []).append(file)
    return [
        {
            "image": image.path.replace("{case}", "*"),
            "cases": len(by_path[image.path]),
            "voxel_mm": _along_axes([file["mm"] for file in by_path[image.path]]),
            "matrix": _along_axes([file["shape"][:3] for file in by_path[image.path]]),
            "frames": _reach([n for file in by_path[image.path] for n in file["shape"][3:]]),
            "seconds": _reach([f["seconds"] for f in by_path[image.path] if "seconds" in f]),
        }
        for image in archive.images
        if image.path in by_path and (image.content == "series" or not image.on_reference)
    ]


def scanners(cases: Sequence[Case]) -> list[dict[str, str | int]]:
    """How many images of their own grid came from which scanner, as far as sidecars tell."""
    counted = Counter(
        " ".join(str(value) + ("T" if key == "MagneticFieldStrength" else "")
                 for key, value in file["scanner"].items())
        for case in cases
        for file in case["files"]
        if file["scanner"]
    )  # fmt: skip
    return [{"scanner": name, "images": count} for name, count in sorted(counted.items())]


def _along_axes(values: Sequence[Sequence[float]]) -> str:
    return " × ".join(_reach(axis) for axis in zip(*values, strict=True))


def _reach(values: Sequence[float]) -> str:
    """From the smallest to the largest, or the one that all are."""
    if not values:
        return MISSING
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g}–{high:g}"

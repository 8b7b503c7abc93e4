"""Print the accuracy of the built-in study and check it against the limits."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path

from strokeprep.accuracy.figures import SCORED
from strokeprep.io import tables
from strokeprep.quality.judgement import CHECK_COLUMNS
from strokeprep.study import naming


def accuracy(path: Path) -> tuple[str, bool]:
    """One line per measure of the accuracy table (mean and worst), and whether all passed."""
    worst: dict[tuple[str, str], dict[str, str]] = {}
    values: dict[tuple[str, str], list[float]] = {}
    for row in tables.read(path):
        key = (row["step"], row["metric"])
        values.setdefault(key, []).append(float(row["value"]))
        if key not in worst or _badness(row) > _badness(worst[key]):
            worst[key] = row
    lines = [f"{'step':<22}{'metric':<16}{'mean':>9}{'worst':>9}  {'limit':<10}pass"]
    for (step, metric), row in worst.items():
        mean = sum(values[step, metric]) / len(values[step, metric])
        lines.append(
            f"{step:<22}{metric:<16}{mean:>9.4g}{float(row['value']):>9.4g}"
            f"  {row['limit']:<10}{row['pass']} {row['unit'] if row['unit'] != 'ratio' else ''}"
        )
    failed = [row for row in worst.values() if row["pass"] == "no"]
    return "\n".join(lines), not failed


def joined(paths: Iterable[Path]) -> str:
    """One table of several, of those that are there."""
    rows = [row for path in paths if path.exists() for row in tables.read(path)]
    return tables.render(rows, CHECK_COLUMNS)


def _badness(row: Mapping[str, str]) -> tuple[bool, float]:
    """A key by which the worse of two subjects is the larger."""
    return row["pass"] == "no", SCORED[row["metric"]].badness(float(row["value"]))


def main() -> int:
    """Print the accuracy of the built-in study; fails if a measure is beyond its limit."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path, help="the folder that holds derivatives/")
    derivatives = parser.parse_args().folder / "derivatives"
    table = derivatives / naming.ACCURACY
    lines, passed = accuracy(table)
    print(f"\n{lines}\n")
    print(f"Derivatives    {derivatives}")
    print(f"Accuracy table {table}")
    print("Every limit is kept." if passed else "Some limits are NOT kept, see 'no' above.")
    return 0 if passed else 1

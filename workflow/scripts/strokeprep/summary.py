"""How a run ended: one line per subject, and the accuracy table of the built-in study."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from strokeprep import naming, tables
from strokeprep.job import FAILURE


def text(wanted: Mapping[str, Sequence[str]], work: Path, derivatives: Path) -> str:
    """Who is done, who stopped and why; ``wanted`` lists the files each subject should have."""
    failures = [json.loads(path.read_text()) for path in sorted(work.glob(f"logs/**/*{FAILURE}"))]
    lines = [_line(name, files, failures) for name, files in wanted.items()]
    done = sum(": done" in line for line in lines)
    return "\n".join(
        ["", *lines, f"{done} of {len(lines)} subjects done. Derivatives: {derivatives}", ""]
    )


def _line(name: str, files: Sequence[str], failures: Sequence[Mapping[str, str]]) -> str:
    own = [failure for failure in failures if f"/sub-{name}" in failure["log"]]
    if own:
        reasons = "\n".join(
            f"    {failure['rule']}: {failure['message']}\n    log: {failure['log']}"
            for failure in own
        )
        return f"  sub-{name}: stopped\n{reasons}"
    present = sum(Path(path).exists() for path in files)
    if present == len(files):
        return f"  sub-{name}: done, {present} files"
    return f"  sub-{name}: unfinished, {present} of {len(files)} files"


def accuracy(path: Path) -> tuple[str, bool]:
    """The accuracy table shortened to one line per figure (its worst subject), and its verdict."""
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


def _badness(row: Mapping[str, str]) -> tuple[bool, float]:
    value = float(row["value"])
    return row["pass"] == "no", -value if row["limit"].startswith("≥") else value


def main() -> int:
    """Print where the built-in study's outputs are and what passed; fails if a figure did not."""
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


if __name__ == "__main__":
    sys.exit(main())

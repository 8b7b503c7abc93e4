"""Print every figure of a finished study that warns or fails."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from strokeprep.io import tables
from strokeprep.report import plan
from strokeprep.settings.limits import FAIL, WARN

SHOWN = ("participant_id", "verdict", "step", "metric", "value", "unit", "pass_range")


def flagged(root: Path) -> tuple[list[dict[str, str]], int]:
    """The rows that warn or fail, and how many figures there are."""
    rows = [
        row
        for path in sorted((root / plan.FOLDER).glob("sub-*/sub-*_qc.tsv"))
        for row in tables.read(path)
    ]
    return [row for row in rows if row["verdict"] in (WARN, FAIL)], len(rows)


def main() -> int:
    """Print them; the exit status is 1 if one fails, and 2 if there is no figure at all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("derivatives", type=Path, help="the folder that holds docs/qc")
    rows, count = flagged(parser.parse_args().derivatives)
    for row in rows:
        print("\t".join(row[name] for name in SHOWN))
    failed = sum(row["verdict"] == FAIL for row in rows)
    print(f"{count} figures: {failed} fail, {len(rows) - failed} warn", file=sys.stderr)
    return 2 if not count else int(failed > 0)

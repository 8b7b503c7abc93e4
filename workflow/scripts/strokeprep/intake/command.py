"""Take DICOM exports in as raw BIDS: what is certain is converted, what is not waits and says why.

strokeprep intake EXPORT ... --output RAW --work FOLDER --plan     say what would become of each series
strokeprep intake EXPORT ... --output RAW --work FOLDER --people TABLE          convert what is certain

An export is a folder or a zip archive. TABLE is tab-separated, with the columns patient, issuer and
subject; it stays with the lab. The plan, its pages and the notes of what was written are in FOLDER.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from strokeprep.errors import StrokeprepError
from strokeprep.intake import stage
from strokeprep.intake.stage import Request


def main(arguments: list[str] | None = None) -> int:
    """Plan, and convert unless only the plan is wanted; returns the exit status."""
    options = _parser().parse_args(arguments)
    request = Request(
        tuple(options.exports),
        options.output,
        options.work,
        options.people,
        options.draw,
        options.overrides,
    )
    try:
        if not options.plan and options.people is None:
            raise StrokeprepError(
                "Nothing says which code each patient gets",
                "--people",
                "Give the table of patients, with --draw to have codes drawn, or --plan alone.",
            )
        return _run(request, options.plan)
    except StrokeprepError as error:
        print(f"strokeprep: {error}", file=sys.stderr)
        return 1


def _run(request: Request, only_plan: bool) -> int:
    rows = stage.planned(request, stage.listed(request))
    decisions = Counter(row["decision"] for row in rows)
    files = sum(int(row["files"]) for row in rows)
    told = ", ".join(f"{count} {decision}" for decision, count in sorted(decisions.items()))
    print(f"{files} files in {len(rows)} rows: {told}. See {request.work / 'plan.tsv'}")
    if only_plan:
        return 0
    lines = [line for each in stage.index(request) for line in _taken_in(request, each["key"])]
    print("\n".join(lines))
    return 1 if any(": refused" in line or ": failed" in line for line in lines) else 0


def _taken_in(request: Request, key: str) -> list[str]:
    """How the series of one study ended; whatever is wrong with it, the next study is taken in."""
    try:
        return list(stage.taken_in(request, key))
    except Exception as error:  # a message of an unforeseen error may hold what a header says
        return [f"study {key}: failed ({type(error).__name__})"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("exports", type=Path, nargs="+", metavar="EXPORT")
    parser.add_argument("--output", type=Path, required=True, help="the raw BIDS dataset")
    parser.add_argument("--work", type=Path, required=True, help="a folder for plan and notes")
    parser.add_argument("--people", type=Path, help="the table of patients and their codes")
    parser.add_argument("--draw", action="store_true", help="draw codes for patients not listed")
    parser.add_argument("--overrides", type=Path, help="decisions on series, in YAML")
    parser.add_argument("--plan", action="store_true", help="write the plan and nothing else")
    return parser

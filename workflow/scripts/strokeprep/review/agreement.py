"""Whether two raters agree: share and Cohen's kappa of each step, and where they differ.

strokeprep agreement verdicts_one.tsv verdicts_two.tsv [--out FOLDER]

Prints a table of the steps, then one of the disagreements. Steps that one of them judged alone, or
that were made again in between, are counted and left out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from math import isnan, nan
from pathlib import Path
from typing import NamedTuple

import numpy as np

from strokeprep.errors import StrokeprepError
from strokeprep.io.tables import MISSING, render
from strokeprep.io.whole import write_text
from strokeprep.metrics import raters
from strokeprep.review import verdicts
from strokeprep.review.verdicts import VERDICTS, Rater
from strokeprep.settings.study import SEED

STEPS = ("step", "judged_by_both", "share", "kappa", "low", "high")
DIFFERING = ("participant_id", "step", "first", "second")
ALL = "all"


class Pair(NamedTuple):
    """What two raters said of one step of a case."""

    case: str
    step: str
    first: str
    second: str


class Compared(NamedTuple):
    """The steps that both judged, and how many cannot be compared."""

    pairs: list[Pair]
    single: int  # judged by one
    apart: int  # judged by both, in different versions


def compared(one: Rater, other: Rater) -> Compared:
    """What can be compared of two raters."""
    judged = [
        {key: each for key, each in rater.verdicts.items() if each.verdict in VERDICTS}
        for rater in (one, other)
    ]
    both = sorted(judged[0].keys() & judged[1].keys())
    same = [key for key in both if judged[0][key].version == judged[1][key].version]
    pairs = [Pair(*key, judged[0][key].verdict, judged[1][key].verdict) for key in same]
    single = len(judged[0].keys() ^ judged[1].keys())
    return Compared(pairs, single, len(both) - len(same))


def of_steps(pairs: Sequence[Pair], seed: int = SEED) -> Iterator[dict[str, str | int]]:
    """Share and kappa of each step and of all, with an interval over cases drawn at random."""
    for step in [*sorted({pair.step for pair in pairs}), ALL]:
        own = [pair for pair in pairs if step in (pair.step, ALL)]
        by_case = _counts(own)
        kappa = _kappa(by_case)
        low, high = (nan, nan) if isnan(kappa) else raters.bootstrapped(by_case, _kappa, seed)
        share = sum(pair.first == pair.second for pair in own) / len(own)
        told = {"share": share, "kappa": kappa, "low": low, "high": high}
        shown = {name: MISSING if isnan(value) else f"{value:.3f}" for name, value in told.items()}
        yield {"step": step, "judged_by_both": len(own), **shown}


def differing(pairs: Sequence[Pair]) -> list[dict[str, str]]:
    """The steps on which they differ."""
    return [dict(zip(DIFFERING, pair, strict=True)) for pair in pairs if pair.first != pair.second]


def _counts(pairs: Sequence[Pair]) -> np.ndarray:
    """How often which two verdicts met, a row for each case."""
    cases = {name: n for n, name in enumerate(sorted({pair.case for pair in pairs}))}
    counts = np.zeros((len(cases), len(VERDICTS), len(VERDICTS)))
    for pair in pairs:
        counts[cases[pair.case], VERDICTS.index(pair.first), VERDICTS.index(pair.second)] += 1
    return counts.reshape(len(cases), -1)


def _kappa(by_case: np.ndarray) -> float:
    return raters.kappa(by_case.sum(axis=0).reshape(len(VERDICTS), -1))


def main() -> int:
    """Compare two files; returns the exit status."""
    options = _parser().parse_args()
    try:
        one, other = (verdicts.read(path) for path in (options.first, options.second))
        found = compared(one, other)
        if not found.pairs:
            raise StrokeprepError(
                "They judged no step both", options.second, "Give two raters' files of one study."
            )
    except StrokeprepError as error:
        print(f"strokeprep: {error}", file=sys.stderr)
        return 1
    steps = render(of_steps(found.pairs, options.seed), STEPS)
    where = render(differing(found.pairs), DIFFERING)
    print(f"{steps}\n{where}", end="")
    print(f"first: {one.name}, second: {other.name}; {found.single} steps were judged by one of them "
          f"alone, {found.apart} in different versions", file=sys.stderr)  # fmt: skip
    if options.out:
        write_text(steps, options.out / "agreement.tsv")
        write_text(where, options.out / "disagreements.tsv")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("first", type=Path, help="the file of one rater")
    parser.add_argument("second", type=Path, help="that of another")
    parser.add_argument("--seed", type=int, default=SEED, help="of the intervals")
    parser.add_argument("--out", type=Path, help="a folder for both tables")
    return parser

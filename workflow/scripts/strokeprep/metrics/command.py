"""Score predicted lesion masks against true ones, or two raters against each other.

strokeprep metrics PREDICTED TRUE               two folders; masks are paired by subject and session
strokeprep metrics PREDICTED TRUE --inside DIR  within the brain masks of a third folder
strokeprep metrics RATER1 RATER2 --raters       agreement: Dice, volume difference, ICC(A,1)

Masks may be of any editor that corrections may be of (docs/corrections.md). Prints a table of the cases, then one of the cohort. --out
FOLDER writes both as TSV.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np

from strokeprep.corrections.masks import together
from strokeprep.corrections.targets import MASKS
from strokeprep.errors import StrokeprepError
from strokeprep.io import tables
from strokeprep.io.whole import write_text
from strokeprep.metrics import masks, raters
from strokeprep.settings.study import SEED

CASE = re.compile(r"sub-[A-Za-z0-9]+(_ses-[A-Za-z0-9]+)?")
COHORT = ("figure", "mean", "sd", "median", "low", "high", "cases")
MEASURED, OF_RATERS = masks.FIGURES[:6], masks.FIGURES[:3]


class Pair(NamedTuple):
    """The masks of one case, and the mask within which they are compared, if there is one."""

    case: str
    predicted: Path
    true: Path
    inside: Path | None


def main(arguments: list[str] | None = None) -> int:
    """Score two folders; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        pairs = paired(options.predicted, options.true, options.inside)
        scored = {pair.case: of_pair(pair) for pair in pairs}
    except StrokeprepError as error:
        print(f"strokeprep: {error}", file=sys.stderr)
        return 1
    cases = tables.render(
        [{"case": case} | _shown(each) for case, each in scored.items()],
        ["case", *masks.FIGURES],
    )
    cohort = tables.render(of_cohort(list(scored.values()), options.raters, options.seed), COHORT)
    print(f"{cases}\n{cohort}", end="")
    if options.out:
        write_text(cases, options.out / "cases.tsv")
        write_text(cohort, options.out / "cohort.tsv")
    return 0


def paired(predicted: Path, true: Path, inside: Path | None) -> list[Pair]:
    """The cases of two folders; one that only one of them has is an error."""
    found, wanted = by_case(predicted), by_case(true)
    within = by_case(inside) if inside else {}
    refuse_single(predicted, found, wanted)
    if inside:
        refuse_single(inside, within, wanted, may_be_more=True)
    return [Pair(case, found[case], wanted[case], within.get(case)) for case in sorted(wanted)]


def refuse_single(
    folder: Path, found: Collection[str], wanted: Collection[str], *, may_be_more: bool = False
) -> None:
    """Refuse cases that only one of two folders has."""
    single = sorted(set(wanted) - set(found) if may_be_more else set(wanted) ^ set(found))
    if single:
        raise StrokeprepError(
            f"{len(single)} cases have no partner, {single[0]} among them",
            folder,
            "Give an empty mask where nothing was found; nothing is left out in silence.",
        )


def of_pair(pair: Pair) -> dict[str, float]:
    """The figures of one case."""
    paths = [pair.true, pair.predicted, *([pair.inside] if pair.inside else [])]
    (other, one, *insides), grid = together(paths)
    one, other = one > 0, other > 0
    for inside in insides:
        one, other = one & (inside > 0), other & (inside > 0)
    return masks.agreement(one, other, float(np.prod(grid.GetSpacing())) / 1000)


def of_cohort(
    scored: list[dict[str, float]], is_raters: bool, seed: int = SEED
) -> list[dict[str, str | int]]:
    """Mean, spread and confidence interval of each figure over the cases."""
    names = OF_RATERS if is_raters else MEASURED
    rows: list[dict[str, str | int]] = []
    for name in names:
        values = np.array([each[name] for each in scored], float)
        low, high = raters.bootstrapped(values, lambda drawn: float(drawn.mean()), seed)
        told = {"mean": values.mean(), "sd": _sd(values), "median": np.median(values)}
        rows.append(
            {"figure": name, **_shown(told | {"low": low, "high": high}), "cases": len(values)}
        )
    return [*rows, _icc(scored, seed)] if is_raters and len(scored) > 2 else rows


def _icc(scored: list[dict[str, float]], seed: int) -> dict[str, str | int]:
    volumes = np.array([(each["predicted_ml"], each["true_ml"]) for each in scored])
    low, high = raters.bootstrapped(volumes, raters.icc_a1, seed)
    told = {"mean": raters.icc_a1(volumes), "low": low, "high": high}
    gaps = {"sd": tables.MISSING, "median": tables.MISSING}
    return {"figure": "icc_a1_volume", **gaps, **_shown(told), "cases": len(scored)}


def _sd(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def _shown(figures: dict[str, float]) -> dict[str, str]:
    return {name: f"{value:.6g}" for name, value in figures.items()}


def by_case(folder: Path) -> dict[str, Path]:
    """The masks of a folder by subject and session."""
    found: dict[str, Path] = {}
    for path in sorted(Path(folder).rglob("*")):
        match = CASE.match(path.name) if path.name.endswith(MASKS) else None
        if match and match[0] in found:
            raise StrokeprepError(
                f"Two masks of {match[0]}", path, "Keep one mask for each subject and session."
            )
        if match:
            found[match[0]] = path
    if not found:
        raise StrokeprepError(
            "The folder holds no masks", folder, "Name them sub-LABEL[_ses-LABEL]_….nii.gz."
        )
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("predicted", type=Path)
    parser.add_argument("true", type=Path)
    parser.add_argument("--inside", type=Path, help="brain masks, by the same names")
    parser.add_argument("--raters", action="store_true", help="both folders are raters'")
    parser.add_argument("--seed", type=int, default=SEED, help="of the confidence intervals")
    parser.add_argument("--out", type=Path, help="a folder for cases.tsv and cohort.tsv")
    return parser

"""The HTML of the cohort's page."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from strokeprep.io.statistics import MAD_TO_SD
from strokeprep.report import plan
from strokeprep.report.methods import Methods
from strokeprep.report.pages.members import Member
from strokeprep.report.render import render
from strokeprep.report.resources import Taken
from strokeprep.run import endings as run_endings
from strokeprep.settings.limits import FAIL, LIMITS, ORDER, WARN

# Columns of the page: those that show outliers at a glance. The table beside it has every figure.
SHOWN = (
    "off_mm",
    "contour_edge_mm",
    "contour_short_mm",
    "contour_moved_mm",
    "contour_worst_mm",
    "contour_halves_mm",
    "brain_missing_ml",
    "brain_outlying_ml",
    "template_dice",
    "template_off_mm",
    "brain_ml",
    "framewise_max_mm",
    "face_left_ml",
    "snr",
    "aif_peak_hu",
    "core_ml",
)
# Robust distance from the cohort's median, in standard deviations of a normal distribution.
OUTLIER_SD = 3.5
# Least spread of a figure, relative and absolute: figures that are all but equal have no outliers.
LEAST_SPREAD, TINY = 1e-3, 1e-9
FEWEST = 8  # subjects, below which nothing is called an outlier
# A message with one of these may name a file, and is not shown.
PLACE = re.compile(r"[/\\\\]")
FIRST_ROWS = 120  # laid out when the page opens; the others when they are scrolled to
MOST_NAMED = 90  # characters
GRAVE = {WARN: 1, FAIL: 2}
PARTS = (run_endings.IMAGES, run_endings.PERFUSION)


@dataclass(frozen=True)
class State:
    """How a part of a subject ended, with the page to open and the cause of a failure."""

    text: str
    page: str = ""
    cause: str = ""
    log: str = ""


@dataclass(frozen=True)
class Row:
    """A subject's row of the page's table."""

    name: str
    page: str
    verdict: str
    order: int  # of the verdict, the gravest highest
    thumbnails: Sequence[tuple[str, str, str]]  # part, page, picture
    states: Sequence[State]
    figures: Sequence[Mapping[str, str]]  # empty where a subject has none


@dataclass(frozen=True)
class Plot:
    """One figure of all subjects."""

    metric: str
    unit: str
    low: float
    high: float
    far: str  # names of the outliers
    steps: Sequence[str]
    points: Sequence[tuple[int, float, int, int]]  # subject, value, how grave, step


def html(members: Sequence[Member], work: Path, taken: Taken, methods: Methods) -> str:
    """The cohort's page."""
    metrics = {row["metric"] for member in members for row in member.rows}
    plots = [_plot(members, name) for name in LIMITS if name in metrics]
    return render(
        "cohort.html",
        title="Cohort",
        done=sum(member.is_done for member in members),
        rows=[_row(member, work) for member in members],
        first_rows=FIRST_ROWS,
        metrics=SHOWN,
        plots=plots,
        points=_points(members, plots),
        steps=_steps(members),
        taken=taken,
        methods=methods,
        links=[
            ("table of all figures", plan.link(plan.COHORT_TABLE)),
            ("methods.md", plan.link(plan.METHODS)),
            ("methods.bib", plan.link(plan.REFERENCES)),
        ],
    )


def _row(member: Member, work: Path) -> Row:
    return Row(
        f"sub-{member.name}",
        member.pages.get(run_endings.IMAGES, ""),
        member.verdict,
        ORDER.index(member.verdict),
        [
            (part, member.pages[part], file)
            for part, file in member.thumbnails.items()
            if part in member.pages
        ],
        [_state(member, part, work) for part in PARTS],
        [member.gravest(metric) or {} for metric in SHOWN],
    )


def _state(member: Member, part: str, work: Path) -> State:
    """How a part ended: done, skipped because …, failed at …, with the cause and the log."""
    ending = next((each for each in member.endings if each.part == part), None)
    page = member.pages.get(part, "") if part == run_endings.PERFUSION else ""
    if ending is None:
        return State("none")
    if ending.status == "skipped":
        return State("skipped because the config says so", page)
    if ending.status == "unfinished":
        return State(f"unfinished: {ending.present} of {ending.files} files", page)
    if not ending.failures:
        return State(ending.status, page)
    first = ending.failures[0]
    log = Path(first["log"])
    if log.is_relative_to(work.resolve()):
        log = log.relative_to(work.resolve())
    return State(f"failed at {first['rule']}", page, _cause(first), log.as_posix())


def _cause(failure: Mapping[str, str]) -> str:
    """Why a step failed, in words of the project only: this page may be released.

    It is written after the privacy audit, so nothing that could come from the input is repeated.
    """
    from strokeprep.privacy import private_words  # which loads what reads images

    if failure.get("reason"):
        return failure["reason"]
    what = failure["message"].partition(": ")[0].partition(" (")[0]
    told = what and not PLACE.search(what) and private_words.is_own(what)
    return what if told else "see the log"


def _plot(members: Sequence[Member], metric: str) -> Plot:
    rows = [(n, row) for n, member in enumerate(members) if (row := member.gravest(metric))]
    values = [float(row["value"]) for _, row in rows]
    far = outliers(values)
    steps = sorted({row["step"] for _, row in rows})
    named = ", ".join(f"sub-{members[n].name}" for (n, _), o in zip(rows, far, strict=True) if o)
    return Plot(
        metric,
        LIMITS[metric].unit,
        min(values),
        max(values),
        named[:MOST_NAMED],
        steps,
        [
            (n, value, GRAVE.get(FAIL if outlier else row["verdict"], 0), steps.index(row["step"]))
            for (n, row), value, outlier in zip(rows, values, far, strict=True)
        ],
    )


def _points(members: Sequence[Member], plots: Sequence[Plot]) -> dict[str, Any]:
    """What the script of the plots reads: drawn by the browser, a thousand subjects stay light."""
    return {
        "subjects": [f"sub-{member.name}" for member in members],
        "pages": [next(iter(member.pages.values()), "") for member in members],
        "plots": [{"steps": plot.steps, "points": plot.points} for plot in plots],
    }


def _steps(members: Sequence[Member]) -> dict[str, Any]:
    """What the script of the review reads: the pages of each case, and the version of each step."""
    names = sorted({each.step for member in members for each in member.steps})
    return {
        "steps": names,
        "cases": {
            f"sub-{member.name}": {
                "pages": list(member.pages.values()),
                "versions": [[names.index(each.step), each.version] for each in member.steps],
            }
            for member in members
            if member.steps
        },
    }


def outliers(values: Sequence[float]) -> list[bool]:
    """Which values lie far from the others, by median and median absolute deviation."""
    if len(values) < FEWEST:
        return [False] * len(values)
    middle = median(values)
    away = [abs(value - middle) for value in values]
    limit = OUTLIER_SD * max(MAD_TO_SD * median(away), LEAST_SPREAD * abs(middle), TINY)
    return [each > limit for each in away]

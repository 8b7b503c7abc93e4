"""The cohort: every subject's state and figures on one light page, one click from each overlay.

Made in the end of a run from what is there, whatever failed. Pictures are files beside the page
and are loaded as they scroll into view, so a thousand subjects open at once. Snakemake's own process
makes it, so it needs the standard library alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from statistics import median
from typing import Any

from strokeprep.io import tables
from strokeprep.io.statistics import MAD_TO_SD
from strokeprep.io.whole import write_json, write_text
from strokeprep.quality.judge import worst
from strokeprep.report import methods, plan, resources
from strokeprep.report.pages import page, style
from strokeprep.run import endings as run_endings
from strokeprep.settings.limits import FAIL, LIMITS, NONE, ORDER, WARN

# Columns of the page: what tells outliers at a glance. The table beside it has every figure.
SHOWN = (
    "off_mm",
    "template_dice",
    "brain_ml",
    "framewise_max_mm",
    "face_left_ml",
    "snr",
    "aif_peak_hu",
    "core_ml",
)
# Robust distance from the cohort's median, in standard deviations of a normal distribution.
OUTLIER_SD = 3.5
# Figures that are all but equal have no outliers.
LEAST_SPREAD, TINY = 1e-3, 1e-9
# A message that speaks of a file's place is not shown.
PLACE = re.compile(r"[/\\\\]")
FEWEST = 8  # subjects that an outlier can be told from
FIRST_ROWS = 120  # are laid out when the page opens, the others when they are scrolled to
MOST_NAMED = 90  # characters
GRAVE = {WARN: 1, FAIL: 2}


@dataclass(frozen=True)
class Member:
    """A subject: how its parts ended, and its figures."""

    name: str
    endings: tuple[run_endings.Ending, ...]
    rows: tuple[Mapping[str, str], ...]
    pages: Mapping[str, str] = field(default_factory=dict)  # by part, where there is one
    thumbnails: Mapping[str, str] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """The gravest verdict of its figures."""
        return worst([row["verdict"] for row in self.rows])

    def gravest(self, metric: str) -> Mapping[str, str] | None:
        """The row of a figure; of several steps', the gravest, and of those the most extreme."""
        rows = [row for row in self.rows if row["metric"] == metric and row["value"] != NONE]
        if not rows:
            return None
        return max(rows, key=lambda row: (ORDER.index(row["verdict"]), _badness(row)))


def write(ended: Sequence[run_endings.Ending], root: Path, work: Path) -> None:
    """The cohort's page, tables and methods text, from the reports and benchmarks that are there."""
    members = read(ended, root)
    rows, columns = wide(members)
    _write_table(rows, {name: _described(name) for name in columns}, root / plan.COHORT_TABLE)
    taken = resources.by_rule(resources.jobs(work))
    _write_table(taken, resources.COLUMNS, root / plan.RESOURCES)
    words, references = methods.text(_nodes(members, root))
    write_text(words + "\n", root / plan.METHODS)
    write_text(methods.bib(references), root / plan.REFERENCES)
    write_text(html(members, work, taken, methods.as_html(words, references)), root / plan.COHORT)


def _write_table(rows: Sequence[Mapping[str, str]], columns: Mapping[str, str], path: Path) -> None:
    """A table, and what its columns mean beside it."""
    write_text(tables.render(rows, list(columns)), path)
    about = {name: {"Description": text} for name, text in columns.items()}
    write_json(about, path.with_suffix(".json"))


def _nodes(members: Sequence[Member], root: Path) -> dict[str, Any]:
    """What was made of all members, and how."""
    names = [
        names(member.name).provenance
        for member in members
        for names in (plan.image_names, plan.perfusion_names)
    ]
    paths = [path for name in names if (path := root / name).exists()]
    return {
        file: node for path in paths for file, node in json.loads(path.read_text())["Files"].items()
    }


def read(ended: Iterable[run_endings.Ending], root: Path) -> list[Member]:
    """The members of a cohort, in the order they come."""
    by_name: dict[str, list[run_endings.Ending]] = {}
    for ending in ended:
        by_name.setdefault(ending.subject, []).append(ending)
    return [_member(name, endings, root) for name, endings in by_name.items()]


def _member(name: str, endings: list[run_endings.Ending], root: Path) -> Member:
    rows: list[Mapping[str, str]] = []
    pages, thumbnails = {}, {}
    parts = {
        run_endings.IMAGES: plan.image_names(name),
        run_endings.PERFUSION: plan.perfusion_names(name),
    }
    for part, names in parts.items():
        if (root / names.table).exists():
            rows.extend(tables.read(root / names.table))
        if (root / names.page).exists():
            pages[part] = plan.link(names.page)
        if (root / names.thumbnail).exists():
            thumbnails[part] = plan.link(names.thumbnail)
    return Member(name, tuple(endings), tuple(rows), pages, thumbnails)


def wide(members: Sequence[Member]) -> tuple[list[dict[str, str]], list[str]]:
    """One row per subject: its verdict and every figure, named ``step.metric``."""
    found = [
        {f"{row['step']}.{row['metric']}".replace(" ", "_"): row["value"] for row in member.rows}
        for member in members
    ]
    names = sorted({name for values in found for name in values})
    rows = [
        {"participant_id": f"sub-{member.name}", "verdict": member.verdict}
        | {name: values.get(name, NONE) for name in names}
        for member, values in zip(members, found, strict=True)
    ]
    return rows, ["participant_id", "verdict", *names]


def _described(name: str) -> str:
    metric = name.rpartition(".")[2]
    if metric in LIMITS:
        return f"{LIMITS[metric].reason} ({LIMITS[metric].unit})"
    return {"participant_id": "The patient"}.get(name, "The gravest verdict of its figures")


def outliers(values: Sequence[float]) -> list[bool]:
    """Which values lie far from the others (by median and median absolute deviation)."""
    if len(values) < FEWEST:
        return [False] * len(values)
    middle = median(values)
    away = [abs(value - middle) for value in values]
    limit = OUTLIER_SD * max(MAD_TO_SD * median(away), LEAST_SPREAD * abs(middle), TINY)
    return [each > limit for each in away]


def html(
    members: Sequence[Member],
    work: Path,
    taken: Sequence[dict[str, str]] = (),
    methods_words: str = "",
) -> str:
    """The cohort's page."""
    counts = {verdict: sum(m.verdict == verdict for m in members) for verdict in (FAIL, WARN)}
    done = sum(all(e.status in ("done", "skipped") for e in m.endings) for m in members)
    head = (
        f"<h1>{len(members)} subjects</h1><div class=note>{done} done; figures of {counts[FAIL]} "
        f"fail, of {counts[WARN]} warn. Click a heading to sort, a subject to open its page.</div>"
        + page.nav(
            [
                ("#subjects", "Subjects", ""),
                ("#spread", "Distributions", ""),
                ("#resources", "Time and memory", ""),
                ("#methods", "Methods", ""),
            ],
            [
                ("table of all figures", plan.link(plan.COHORT_TABLE)),
                ("methods.md", plan.link(plan.METHODS)),
                ("methods.bib", plan.link(plan.REFERENCES)),
            ],
        )
    )
    body = (
        '<section id="subjects"><h2>Subjects</h2><p class="look"><b>What to look for.</b> Sort by '
        "verdict to see who fails, by a figure to see outliers; the picture shows the brain under "
        'the template’s outline, then Tmax.</p><input type="search" placeholder="find a '
        f'subject or a word" aria-label="find">{_table(members, work)}</section>'
        '<section id="spread"><h2>Distributions</h2><p class="look">Each point is a subject and a '
        "link to its page; orange warns, red fails or lies far from the others.</p>"
        f"{_plots(members)}</section>"
        '<section id="resources"><h2>Time and memory</h2><p class="look"><b>What to look for.</b> '
        "Where a run spends its time, and what a job must be given; a job far above the mean of its "
        f"rule has an unusual scan.</p>{resources.html(taken)}</section>"
        '<section id="methods"><h2>Methods</h2><p class="look">From the steps that really ran, ready '
        f"to paste.</p>{methods_words}</section>"
    )
    return page.document("Cohort", head, body, style.SORT + style.ROWS + style.PLOTS, "wide")


def _table(members: Sequence[Member], work: Path) -> str:
    names = ["subject", "verdict", "images", "perfusion", *SHOWN]
    head = "".join(f"<th data-sort>{escape(name).replace('_', '_<wbr>')}</th>" for name in names)
    head = head.replace("<th data-sort>images", "<th>pictures</th><th data-sort>images", 1)
    rows = "".join(_row(member, work, n >= FIRST_ROWS) for n, member in enumerate(members))
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f'<tbody>{rows}</tbody></table></div><div id="more"></div>'
        "<noscript><style>tr[hidden]{display:table-row}</style></noscript>"
    )


def _row(member: Member, work: Path, later: bool) -> str:
    first = member.pages.get(run_endings.IMAGES)
    name = f"sub-{escape(member.name)}"
    link = f'<a href="{escape(first)}">{name}</a>' if first else name
    states = "".join(
        f"<td>{_state(member, part, work)}</td>"
        for part in (run_endings.IMAGES, run_endings.PERFUSION)
    )
    cells = "".join(_cell(member, metric) for metric in SHOWN)
    pictures = "".join(
        f'<a href="{escape(member.pages[part])}"><img class="thumb" loading="lazy" width="150" '
        f'height="48" src="{escape(file)}" alt="{part} of {name}"></a>'
        for part, file in member.thumbnails.items()
        if part in member.pages
    )
    order = ORDER.index(member.verdict)
    return (
        f'<tr{" hidden" if later else ""}><td>{link}</td><td data-value="{order}">{page.badge(member.verdict)}</td>'
        f"<td>{pictures}</td>{states}{cells}</tr>"
    )


def _state(member: Member, part: str, work: Path) -> str:
    ending = next((each for each in member.endings if each.part == part), None)
    if ending is None:
        return "none"
    said = _said(ending, work)
    if part == run_endings.PERFUSION and part in member.pages:
        return f'<a href="{escape(member.pages[part])}">{said}</a>'
    return said


def _said(ending: run_endings.Ending, work: Path) -> str:
    """done, skipped because …, failed at …, with the cause and the log."""
    if ending.status == "skipped":
        return "skipped because the config says so"
    if ending.status == "unfinished":
        return f"unfinished: {ending.present} of {ending.files} files"
    if not ending.failures:
        return ending.status
    first = ending.failures[0]
    log = Path(first["log"])
    if log.is_relative_to(work.resolve()):
        log = log.relative_to(work.resolve())
    return (
        f"failed at {escape(first['rule'])}"
        f'<div class="why">{escape(_cause(first))}<br>log: {escape(log.as_posix())}</div>'
    )


def _cause(failure: Mapping[str, str]) -> str:
    """Why a step failed, without the file that it names: this page may be released.

    It is written when the audit is over, so it takes no word that could come from the input.
    """
    from strokeprep.privacy import private_words  # which loads what reads images

    if failure.get("reason"):
        return failure["reason"]
    what = failure["message"].partition(": ")[0].partition(" (")[0]
    told = what and not PLACE.search(what) and private_words.is_own(what)
    return what if told else "see the log"


def _cell(member: Member, metric: str) -> str:
    row = member.gravest(metric)
    if row is None:
        return '<td class="n" data-value=""></td>'
    mark = f" {page.badge(row['verdict'])}" if row["verdict"] in (WARN, FAIL) else ""
    return f'<td class="n" data-value="{row["value"]}">{float(row["value"]):.4g}{mark}</td>'


def _metrics(members: Sequence[Member]) -> list[str]:
    """The figures of the cohort, in the order of the limits."""
    found = {row["metric"] for member in members for row in member.rows}
    return [name for name in LIMITS if name in found]


def _plots(members: Sequence[Member]) -> str:
    """A drawing for each figure, and its points as data: a thousand subjects are no burden so."""
    found = [_plot(members, metric) for metric in _metrics(members)]
    content = {
        "subjects": [f"sub-{member.name}" for member in members],
        "pages": [next(iter(member.pages.values()), "") for member in members],
        "plots": [points for _, points in found],
    }
    figures = "".join(
        f'<figure><canvas data-plot="{n}" role="img" width="520" height="108" '
        f'aria-label="{escape(points["metric"])}"></canvas>{caption}</figure>'
        for n, (caption, points) in enumerate(found)
    )
    data = json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")
    return f'<div class="plots">{figures}</div><script type="application/json" id="points">{data}</script>'


def _plot(members: Sequence[Member], metric: str) -> tuple[str, dict[str, Any]]:
    """The caption of a figure's drawing, and its points: subject, value, how grave, step."""
    rows = [(n, row) for n, member in enumerate(members) if (row := member.gravest(metric))]
    values = [float(row["value"]) for _, row in rows]
    far = outliers(values)
    steps = sorted({row["step"] for _, row in rows})
    points = [
        [n, value, GRAVE.get(FAIL if outlier else row["verdict"], 0), steps.index(row["step"])]
        for (n, row), value, outlier in zip(rows, values, far, strict=True)
    ]
    named = ", ".join(f"sub-{members[n].name}" for (n, _), o in zip(rows, far, strict=True) if o)
    note = f"; far off: {named[:MOST_NAMED]}" if named else ""
    unit = LIMITS[metric].unit
    caption = (
        f"<figcaption><span>{min(values):.4g}</span><span>{max(values):.4g}</span><div><b>"
        f"{escape(metric)}</b> ({escape(unit)}){escape(note)}</div></figcaption>"
    )
    return caption, {"metric": metric, "steps": steps, "points": points}


def _badness(row: Mapping[str, str]) -> float:
    """How bad a value is on its own scale: low where least is asked, high otherwise."""
    limit = LIMITS[row["metric"]]
    value = float(row["value"])
    return -value if limit.warn[0] is not None and limit.warn[1] is None else value

"""A subject's page: one HTML file that holds everything it shows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from strokeprep.quality.judge import Number, worst
from strokeprep.report.pages import style
from strokeprep.settings.limits import FAIL, NONE, WARN

if TYPE_CHECKING:  # pictures need imaging packages, which Snakemake's own process may lack
    from strokeprep.report.sections.parts import Figure, Section, Viewer

CONVENTION = (
    "All slices are radiological: the patient's right is on the left of the picture, "
    "and R and L mark the sides."
)
CALLED = {NONE: "no limit"}


def html(
    title: str,
    sections: Sequence[Section],
    numbers: Sequence[Number],
    viewer: Viewer | None = None,
    links: Sequence[tuple[str, str]] = (),
    methods: str = "",
) -> str:
    """The page; ``links`` are name and address of others, ``methods`` a paragraph of HTML."""
    named = [(section.name, section.title, _verdict(section, numbers)) for section in sections]
    if viewer:
        named.append(("viewer", "Viewer", ""))
    body = [*(_section(section, numbers) for section in sections)]
    if viewer:
        body.append(_viewer(viewer))
    if numbers:
        named.append(("numbers", "All numbers", ""))
        body.append(_all(numbers))
    if methods:
        named.append(("methods", "Methods", ""))
        body.append(f'<section id="methods"><h2>Methods</h2>{methods}</section>')
    overall = worst([number.verdict for number in numbers])
    head = (
        f"<h1>{escape(title)} {badge(overall) if numbers else ''}</h1><div class=note>{_tally(numbers)} "
        f"{CONVENTION}</div>"
        + nav([(f"#{name}", text, verdict) for name, text, verdict in named], links)
    )
    return document(title, head, "".join(body), style.FLICK + style.SORT + style.VIEWER)


def document(title: str, head: str, body: str, script: str, kind: str = "page") -> str:
    """A whole HTML document; ``kind`` is the class of its body."""
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{style.CSS}</style></head>"
        f'<body class="{escape(kind)}">'
        f"<header>{head}</header><main>{body}</main><script>{script}</script></body></html>\n"
    )


def nav(inside: Iterable[tuple[str, str, str]], links: Iterable[tuple[str, str]]) -> str:
    """Links to sections, with their verdicts, and to other pages."""
    own = "".join(
        f'<span><a href="{escape(to)}">{escape(text)}</a>'
        f"{' ' + badge(verdict) if verdict in (WARN, FAIL) else ''}</span>"
        for to, text, verdict in inside
    )
    others = "".join(
        f'<span><a href="{escape(to)}">{escape(text)} →</a></span>' for text, to in links
    )
    return f"<nav>{own}{others}</nav>"


def badge(verdict: str) -> str:
    """A verdict as a word on a colour."""
    return f'<span class="badge {escape(verdict)}">{escape(CALLED.get(verdict, verdict))}</span>'


def table(numbers: Sequence[Number], why: bool = True) -> str:
    """Numbers with their limits and reasons; sortable."""
    names = ["step", "figure", "value", "unit", "passes", "fails beyond", "verdict"]
    head = "".join(f"<th data-sort>{name}</th>" for name in names) + ("<th>why</th>" if why else "")
    rows = "".join(_row(number, why) for number in numbers)
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row(number: Number, why: bool) -> str:
    limit = number.limit
    return (
        f"<tr><td>{escape(number.step)}</td><td>{escape(number.metric)}</td>"
        f'<td class="n">{number.value:.4g}</td><td>{escape(limit.unit)}</td>'
        f"<td>{escape(limit.text(limit.warn))}</td><td>{escape(limit.text(limit.fail))}</td>"
        f"<td>{badge(number.verdict)}</td>"
        + (f'<td class="why">{escape(limit.reason)}</td>' if why else "")
        + "</tr>"
    )


def _verdict(section: Section, numbers: Sequence[Number]) -> str:
    return worst([number.verdict for number in numbers if number.step in section.steps])


def _tally(numbers: Sequence[Number]) -> str:
    if not numbers:
        return ""
    counts = {
        verdict: sum(number.verdict == verdict for number in numbers) for verdict in (FAIL, WARN)
    }
    return f"{counts[FAIL]} of {len(numbers)} figures fail, {counts[WARN]} warn."


def _section(section: Section, numbers: Sequence[Number]) -> str:
    own = [number for number in numbers if number.step in section.steps]
    figures = "".join(_figure(figure) for figure in section.figures)
    judged = table(own, why=False) if own else ""
    return (
        f'<section id="{escape(section.name)}"><h2>{escape(section.title)} '
        f"{badge(_verdict(section, numbers)) if own else ''}</h2>"
        f'<p class="look"><b>What to look for.</b> {escape(section.look)}</p>{figures}{judged}'
        "</section>"
    )


def _figure(figure: Figure) -> str:
    if figure.svg:
        return f"<h3>{escape(figure.title)}</h3>{figure.svg}"
    buttons = "".join(
        f'<button type="button" aria-pressed="{str(n == 0).lower()}">{escape(name)}</button>'
        for n, (name, _) in enumerate(figure.frames)
    )
    pictures = "".join(
        f'<img{" class=on" if n == 0 else ""} src="{picture.uri}" width="{picture.width}" '
        f'alt="{escape(figure.title)}: {escape(name)}">'
        for n, (name, picture) in enumerate(figure.frames)
    )
    shown = f"<div>{buttons}</div>" if len(figure.frames) > 1 else ""
    return f'<h3>{escape(figure.title)}</h3><div class="flick">{shown}{pictures}</div>'


def _viewer(viewer: Viewer) -> str:
    about = {
        "shape": viewer.shape,
        "across": viewer.across,
        "volumes": [{"name": name, "uri": picture.uri} for name, picture in viewer.volumes],
        "overlays": [{"name": name, "uri": picture.uri} for name, picture in viewer.overlays],
    }
    buttons = "".join(
        f'<button type="button" data-{kind}="{n}">{escape(name)}</button>'
        for kind, pictures in (("volume", viewer.volumes), ("overlay", viewer.overlays))
        for n, (name, _) in enumerate(pictures)
    )
    return (
        '<section id="viewer"><h2>Viewer</h2><p class="look">All volumes on the reference, at '
        f"{viewer.mm:g} mm. Click or drag to move the cross, scroll to change the slice; press an "
        f"overlay again to hide it.</p><div class=viewer>{buttons}"
        '<div class="views"><canvas class="axial"></canvas><canvas class="coronal"></canvas>'
        '<canvas class="sagittal"></canvas></div>'
        f'<script type="application/json">{json.dumps(about)}</script></div></section>'
    )


def _all(numbers: Sequence[Number]) -> str:
    return (
        '<section id="numbers"><h2>All numbers</h2><p class="look">A figure passes inside the '
        "first range, fails outside the second, and warns between. Limits can be set in the "
        f"config.</p>{table(numbers)}</section>"
    )

"""Curves over time or grey levels, drawn by matplotlib: as SVG for a page, or on axes of a larger figure."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from strokeprep.drawing.palette import GREY, INK, RULE, SHADE, VERMILION, Colour, css

if TYPE_CHECKING:  # matplotlib takes longer to load than many a job takes
    from matplotlib.axes import Axes
    from matplotlib.ticker import MaxNLocator

SOLID, DASHED, DOTTED = "-", "--", ":"
# Of an SVG drawing, in pixels: its width, the margins around its axes, the gap between them.
WIDTH, LEFT, RIGHT, TOP, FOOT, GAP = 960, 70, 190, 12, 40, 14
FONT = 12
MOST_TICKS = 6
POINTS_PER_INCH = 72  # matplotlib's unit of SVG files, here taken for pixels
# Text stays text, and the same drawing gives the same bytes.
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "strokeprep",
    "font.size": FONT,
    "font.sans-serif": ["DejaVu Sans"],
    "text.color": css(INK),
    "axes.labelcolor": css(INK),
    "xtick.color": css(INK),
    "ytick.color": css(INK),
    "axes.edgecolor": css(GREY),
    "lines.linewidth": 1.8,
}
# Addresses of name spaces; a style for all of a page; what is so without being said. Of the last,
# the word for a plain end of a line, which begins with b, is a surname as well: it is not to be
# among the words that the privacy audit passes over.
NEEDLESS = re.compile(
    r' xmlns(:\w+)?="[^"]*"|<style.*?</style>|; stroke-line(cap: b|join: m)[a-z]+', re.DOTALL
)


@dataclass(frozen=True)
class Line:
    """A curve with its name, colour and kind of line."""

    name: str
    values: np.ndarray
    colour: Colour
    kind: str = SOLID


@dataclass(frozen=True)
class Panel:
    """One pair of axes; the panels of a chart share their x."""

    label: str
    height: int  # pixels
    lines: tuple[Line, ...] = ()
    bars: Line | None = None
    level: tuple[str, float] | None = None  # name and value of a dashed line across


@dataclass(frozen=True)
class Spans:
    """Stretches of x that are shaded on every panel, and what the shade means."""

    name: str
    ends: tuple[tuple[float, float], ...]
    colour: Colour = SHADE


@dataclass(frozen=True)
class Chart:
    """Panels one below the other over the same x."""

    x: np.ndarray
    label: str
    panels: tuple[Panel, ...]
    spans: Spans


def svg(chart: Chart) -> str:
    """A chart as an SVG element that a page can hold."""
    import matplotlib
    from matplotlib.figure import Figure

    heights = [panel.height for panel in chart.panels]
    total = TOP + sum(heights) + GAP * (len(heights) - 1) + FOOT
    with matplotlib.rc_context(STYLE):
        figure = Figure((WIDTH / POINTS_PER_INCH, total / POINTS_PER_INCH), facecolor="none")
        rows = figure.subplots(
            len(heights), sharex=True, squeeze=False, height_ratios=heights
        )[:, 0]  # fmt: skip
        figure.subplots_adjust(
            LEFT / WIDTH, FOOT / total, 1 - RIGHT / WIDTH, 1 - TOP / total,
            hspace=GAP * len(heights) / sum(heights),
        )  # fmt: skip
        for axes, panel in zip(rows, chart.panels, strict=True):
            draw(axes, chart, panel)
            axes.legend(loc="upper left", bbox_to_anchor=(1.015, 1), borderaxespad=0, frameon=False)
        rows[-1].set_xlabel(chart.label)
        figure.align_ylabels(rows)
        drawn = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(drawn, format="svg", metadata=nothing)
    return _inline(drawn.getvalue(), total, "; ".join(panel.label for panel in chart.panels))


def draw(axes: Axes, chart: Chart, panel: Panel) -> None:
    """Draw one panel of a chart on axes; whoever calls adds the legend."""
    x = chart.x
    for n, (start, end) in enumerate(chart.spans.ends):
        name = chart.spans.name if n == 0 else None
        axes.axvspan(start, end, facecolor=css(chart.spans.colour), label=name, zorder=0)
    axes.axhline(0, color=css(RULE), linewidth=1, zorder=0.5)
    if panel.bars:
        wide = 0.7 * (x[-1] - x[0]) / max(len(x) - 1, 1)
        axes.bar(x, panel.bars.values, wide, color=css(panel.bars.colour), label=panel.bars.name)
    for line in panel.lines:
        axes.plot(x, line.values, line.kind, color=css(line.colour), label=line.name)
    if panel.level:
        name, value = panel.level
        axes.axhline(value, color=css(VERMILION), linestyle=DASHED, label=name)
    half = (x[-1] - x[0]) / max(len(x) - 1, 1) / 2
    axes.set_xlim(x[0] - half, x[-1] + half)
    axes.set_ylabel(panel.label)
    axes.xaxis.set_major_locator(round_numbers())
    axes.yaxis.set_major_locator(round_numbers())
    axes.grid(axis="y", color=css(RULE))
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def round_numbers() -> MaxNLocator:
    """Ticks at round numbers, few enough to be read."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(MOST_TICKS - 1, steps=[1, 2, 5, 10])


def _inline(document: str, height: int, label: str) -> str:
    """The SVG element of a file, less what HTML does not need."""
    element = document[document.index("<svg") :].partition(">")[2]
    return (
        f'<svg class="curves" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img" '
        f'aria-label="{escape(label)}">{NEEDLESS.sub("", element)}'
    )

"""Courses over time, drawn as SVG: sharp, small, and legible with any colour vision."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from strokeprep.series.motion import Motion

ARTERY, VEIN, THIRD = "#D55E00", "#0072B2", "#009E73"
GREY, SHADE, YELLOW = "#73777d", "#e4e6e9", "#f0e442"
WIDTH, LEFT, RIGHT, TOP, FOOT = 960, 70, 175, 12, 40
MOST_TICKS = 6


@dataclass(frozen=True)
class Line:
    """A course with its name, colour and dashes."""

    name: str
    values: np.ndarray
    colour: str
    dashes: str = ""


@dataclass(frozen=True)
class Panel:
    """One pair of axes; panels of a drawing share their x."""

    label: str
    height: int
    lines: tuple[Line, ...] = ()
    bars: Line | None = None
    level: tuple[str, float] | None = None  # a dashed line across, and its name


def motion_traces(course: Motion, limit_mm: float) -> str:
    """Shifts, turns and steps of a head over the frames of a series, outliers marked."""
    styles = ((ARTERY, ""), (VEIN, "7 4"), (THIRD, "2 3"))

    def axes(first: int) -> tuple[Line, ...]:
        return tuple(
            Line(name, course.moves[:, first + n], *style)
            for n, (name, style) in enumerate(zip("xyz", styles, strict=True))
        )

    steps = Line("between frames", course.framewise_mm, GREY)
    panels = (
        Panel("shift (mm)", 110, axes(0)),
        Panel("turn (°)", 110, axes(3)),
        Panel("step (mm)", 110, bars=steps, level=("warns above", limit_mm)),
    )
    out = [(frame - 0.5, frame + 0.5) for frame in np.flatnonzero(course.outlier)]
    frames = np.arange(len(course.matrices), dtype=float)
    return _drawing(frames, "frame (yellow: left out)", panels, out, YELLOW)


def vessel_curves(time: np.ndarray, aif: np.ndarray, vof: np.ndarray | None, baseline: int) -> str:
    """The arterial input and the venous outflow; grey is before the contrast arrives."""
    lines = [Line("arterial input, as used", aif, ARTERY)]
    if vof is not None:
        lines.append(Line("venous outflow", vof, VEIN, "7 4"))
    before = [(time[0], time[max(baseline - 1, 0)])]
    panel = Panel("enhancement (HU)", 240, tuple(lines))
    return _drawing(time, "time (s); grey: before contrast", (panel,), before, SHADE)


def _drawing(
    x: np.ndarray,
    label: str,
    panels: Sequence[Panel],
    spans: Sequence[tuple[float, float]],
    shade: str,
) -> str:
    low, high = float(x[0]) - 0.5, float(x[-1]) + 0.5

    def across(value: float) -> float:
        return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    parts, top = [], TOP
    for panel in panels:
        bottom = top + panel.height
        parts += [
            f'<rect x="{across(a):.1f}" y="{top}" width="{max(across(b) - across(a), 1):.1f}" '
            f'height="{panel.height}" fill="{shade}"/>'
            for a, b in spans
        ]
        parts += _panel(panel, [across(value) for value in x], top)
        parts += [_text(across(tick), bottom + 15, f"{tick:g}") for tick in ticks(x[0], x[-1])]
        top = bottom + 26
    total = top + FOOT - 26
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, total - 4, label))
    return (
        f'<svg class="curves" viewBox="0 0 {WIDTH} {total}" width="{WIDTH}" role="img" '
        f'aria-label="{escape("; ".join(panel.label for panel in panels))}">{"".join(parts)}</svg>'
    )


def _panel(panel: Panel, x: Sequence[float], top: int) -> Iterable[str]:
    named = [*panel.lines, *([panel.bars] if panel.bars else [])]
    values = np.concatenate([line.values for line in named] + [[0.0]])
    if panel.level:
        values = np.append(values, panel.level[1])
    low, high = float(values.min()), float(values.max())
    room = 0.05 * (high - low) or 1.0
    low, high = low - room * (low < 0), high + room

    def down(value: float) -> float:
        return top + (high - value) / (high - low) * panel.height

    edge = WIDTH - RIGHT
    for tick in ticks(low, high):
        y = down(tick)
        yield f'<line x1="{LEFT - 4}" x2="{edge}" y1="{y:.1f}" y2="{y:.1f}" stroke="#d8dce2"/>'
        yield _text(LEFT - 8, y + 4, f"{tick:g}", "end")
    middle = top + panel.height / 2
    turned = f' transform="rotate(-90 16 {middle:.0f})"'
    yield _text(16, middle, panel.label, extra=turned)
    if panel.bars:
        yield from _bars(panel.bars, x, down)
    for line in panel.lines:
        points = " ".join(f"{a:.1f},{down(b):.1f}" for a, b in zip(x, line.values, strict=True))
        yield f'<polyline points="{points}" {_stroke(line.colour, line.dashes)}/>'
    if panel.level:
        y = down(panel.level[1])
        yield f'<path d="M{LEFT} {y:.1f}H{edge}" {_stroke(ARTERY, "5 4")}/>'
        named.append(Line(panel.level[0], np.zeros(0), ARTERY, "5 4"))
    for n, line in enumerate(named):
        y = top + 10 + 18 * n
        yield f'<path d="M{edge + 10} {y}h26" {_stroke(line.colour, line.dashes)}/>'
        yield _text(edge + 42, y + 4, line.name, "start")


def _bars(bars: Line, x: Sequence[float], down) -> Iterable[str]:
    wide = 0.7 * (x[-1] - x[0]) / max(len(x) - 1, 1)
    for a, value in zip(x, bars.values, strict=True):
        tall = down(0) - down(value)
        yield (
            f'<rect x="{a - wide / 2:.1f}" y="{down(value):.1f}" width="{wide:.1f}" '
            f'height="{tall:.1f}" fill="{bars.colour}"/>'
        )


def _stroke(colour: str, dashes: str) -> str:
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'fill="none" stroke="{colour}" stroke-width="1.8"{dashed}'


def _text(x: float, y: float, text: str, anchor: str = "middle", extra: str = "") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="12" fill="#1c1f24" '
        f'text-anchor="{anchor}"{extra}>{escape(text)}</text>'
    )


def ticks(low: float, high: float) -> list[float]:
    """Round numbers between two ends, MOST_TICKS at most."""
    rough = (high - low) / (MOST_TICKS - 1) or 1.0
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(power * n for n in (1, 2, 5, 10) if power * n >= rough)
    first = int(np.ceil(low / step - 1e-9))
    last = int(np.floor(high / step + 1e-9))
    return [round(n * step, 10) for n in range(first, last + 1)]

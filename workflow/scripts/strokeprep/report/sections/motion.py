"""How a head moved during a perfusion series, and what of the brain the series shows."""

from __future__ import annotations

import numpy as np

from strokeprep.drawing import curves
from strokeprep.drawing.curves import DASHED, DOTTED, SOLID, Chart, Line, Panel, Spans
from strokeprep.drawing.palette import BLUE, GREEN, GREY, ORANGE, SKY, VERMILION, YELLOW
from strokeprep.drawing.pictures import Layer
from strokeprep.quality.judgement import Judge
from strokeprep.report.plan import Series
from strokeprep.report.scene import Scene
from strokeprep.report.sections import looks
from strokeprep.report.sections.parts import Figure, Section
from strokeprep.series import motion as head_motion
from strokeprep.series.motion import Motion

AXES = {"x": (VERMILION, SOLID), "y": (BLUE, DASHED), "z": (GREEN, DOTTED)}
PANEL_HEIGHT = 110


def motion(scene: Scene, series: Series, judge: Judge) -> Section:
    """Motion traces, and the volume that every frame shows."""
    course = head_motion.read(scene.root / series.motion)
    covered = scene.marked(series.coverage) > 0
    limit = judge.limits["framewise_max_mm"].warn[1]
    layers = [
        Layer(covered, SKY, name="shown in every frame"),
        Layer(scene.brain, ORANGE, name="brain"),
    ]
    scale = looks.scale_of_reference(scene)
    picture = looks.strip(scene.grey, looks.cuts(scene.brain, 3), scale, layers)
    return Section(
        "motion",
        "Motion during CT perfusion",
        "Slow drift is corrected. Look for jumps between frames (bars), worst while the bolus "
        "passes, and for frames left out (yellow). Below: what of the brain the slab shows.",
        (
            Figure("Position of the head", svg=curves.svg(traces(course, limit or 0.0))),
            Figure("Coverage", (("coverage", picture),)),
        ),
        ("ctp motion",),
    )


def traces(course: Motion, limit_mm: float) -> Chart:
    """Shifts, turns and steps of a head over the frames of a series, outliers marked."""
    shifts, turns = (
        tuple(
            Line(name, course.moves[:, first + n], *look)
            for n, (name, look) in enumerate(AXES.items())
        )
        for first in (0, 3)
    )
    steps = Line("between frames", course.framewise_mm, GREY)
    out = [(float(frame) - 0.5, float(frame) + 0.5) for frame in np.flatnonzero(course.outlier)]
    return Chart(
        np.arange(len(course.matrices), dtype=float),
        "frame",
        (
            Panel("shift (mm)", PANEL_HEIGHT, shifts),
            Panel("turn (°)", PANEL_HEIGHT, turns),
            Panel("step (mm)", PANEL_HEIGHT, bars=steps, level=("warns above", limit_mm)),
        ),
        Spans("left out", tuple(out), YELLOW),
    )

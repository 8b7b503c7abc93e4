"""The figure beside the perfusion maps: the curves of the chosen vessels and where they lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from strokeprep.drawing import curves
from strokeprep.drawing.curves import DASHED, Chart, Line, Panel, Spans
from strokeprep.drawing.palette import BLUE, GREEN, ORANGE, PURPLE, VERMILION, Colour, css
from strokeprep.io.whole import whole

if TYPE_CHECKING:  # the report, which draws the same curves, needs none of them
    from matplotlib.axes import Axes

    from strokeprep.perfusion.curves import Series
    from strokeprep.perfusion.inputs.local import Local
    from strokeprep.perfusion.inputs.vessels import Vessels

ARTERY, VEIN = VERMILION, BLUE
OWN = (ORANGE, PURPLE, GREEN)  # of territories' arteries
WINDOW_HU = (0, 120)
CURVES_HEIGHT = 240


def vessels(series: Series, chosen: Vessels, own: Sequence[Local], target: str) -> None:
    """Draw the curves of artery, vein and the territories' own arteries, and the slices the first two lie in."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.6), layout="constrained", dpi=100)
    left, *slices = figure.subplots(1, 3, width_ratios=(2, 1, 1))
    _curves(left, series.dt, chosen, own)
    brightest = series.hu.max(axis=3)
    for axes, voxels, name, colour in (
        (slices[0], chosen.aif_voxels, "artery", ARTERY),
        (slices[1], chosen.vof_voxels, "vein", VEIN),
    ):
        _slice(axes, brightest, series, voxels, name, colour)
    with whole(target) as partial:
        figure.savefig(partial, format="png", metadata={"Software": None})


def bolus(
    time: np.ndarray,
    artery: tuple[str, np.ndarray],
    vein: np.ndarray | None,
    baseline: int,
    own: Mapping[str, np.ndarray] = MappingProxyType({}),
) -> Chart:
    """The arterial input (its name and values), those of territories, and the venous outflow, the baseline shaded."""
    lines = [Line(*artery, ARTERY)]
    for (name, values), colour in zip(own.items(), cycle(OWN)):
        lines.append(Line(own_input(name), values, colour))
    if vein is not None:
        lines.append(Line("venous outflow", vein, VEIN, DASHED))
    panel = Panel("enhancement (HU)", CURVES_HEIGHT, tuple(lines))
    before = Spans("before contrast", ((time[0], time[max(baseline - 1, 0)]),))
    return Chart(time, "time (s)", (panel,), before)


def own_input(territory: str) -> str:
    """What the input of a territory is called."""
    return f"input, {territory}"


def _curves(axes: Axes, dt: float, chosen: Vessels, own: Sequence[Local]) -> None:
    scaled = f", scaled × {chosen.scale:.2f}" if chosen.scale != 1 else ""
    time = np.arange(len(chosen.aif)) * dt
    artery = (f"arterial input{scaled}", chosen.aif)
    others = {local.territory: local.vessels.aif for local in own}
    chart = bolus(time, artery, chosen.vof, chosen.baseline_frames, others)
    curves.draw(axes, chart, chart.panels[0])
    axes.set_xlabel(chart.label)
    axes.legend(frameon=False, fontsize="small")


def _slice(
    axes: Axes, volume: np.ndarray, series: Series, voxels: np.ndarray, name: str, colour: Colour
) -> None:
    """Draw the slice with most of a vessel's voxels, in radiological view (from below)."""
    axes.set_axis_off()
    if not len(voxels):
        axes.set_title(f"no {name} found", fontsize="small")
        return
    level = int(np.bincount(voxels[:, 2]).argmax())
    flips = [-1 if flipped else 1 for flipped in _flips(series.affine)]
    image = volume[:: flips[0], :: flips[1], level].T
    here = voxels[voxels[:, 2] == level, :2]
    shape = np.array(volume.shape[:2])
    here = np.where(np.array(flips) < 0, shape - 1 - here, here)
    axes.imshow(
        image, cmap="gray", vmin=WINDOW_HU[0], vmax=WINDOW_HU[1],
        aspect=series.spacing[1] / series.spacing[0],
    )  # fmt: skip
    axes.scatter(here[:, 0], here[:, 1], s=40, facecolors="none", edgecolors=css(colour))
    axes.set_title(f"{name}: {len(voxels)} voxels", fontsize="small")
    axes.text(0.01, 0.5, "R", transform=axes.transAxes, color="white", fontsize="small")


def _flips(affine: np.ndarray) -> tuple[bool, bool]:
    """Whether to flip each in-plane axis so that columns run right to left, rows front to back."""
    return affine[0, 0] > 0, affine[1, 1] > 0

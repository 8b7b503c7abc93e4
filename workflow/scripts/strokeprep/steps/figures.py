"""Figures of results, drawn with matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np

from strokeprep.io.whole import whole
from strokeprep.perfusion.curves import Series
from strokeprep.perfusion.vessels import Vessels

# Orange and blue of Okabe and Ito, distinguishable with any colour vision.
ARTERY, VEIN = "#D55E00", "#0072B2"
WINDOW_HU = (0, 120)


def vessels(series: Series, chosen: Vessels, target: str) -> None:
    """Draw the curves of the chosen artery and vein, and the slices they lie in."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.6), layout="constrained", dpi=100)
    curves, *slices = figure.subplots(1, 3, width_ratios=(2, 1, 1))
    _curves(curves, series.dt, chosen)
    brightest = series.hu.max(axis=3)
    for axes, voxels, name, colour in (
        (slices[0], chosen.aif_voxels, "artery", ARTERY),
        (slices[1], chosen.vof_voxels, "vein", VEIN),
    ):
        _slice(axes, brightest, series, voxels, name, colour)
    _save(figure, target)


def _curves(axes: Any, dt: float, chosen: Vessels) -> None:
    seconds = np.arange(len(chosen.aif)) * dt
    scaled = f", scaled × {chosen.scale:.2f}" if chosen.scale != 1 else ""
    axes.plot(seconds, chosen.aif, color=ARTERY, label=f"arterial input{scaled}")
    if chosen.vof is not None:
        axes.plot(seconds, chosen.vof, color=VEIN, label="venous outflow")
    axes.axvspan(0, (chosen.baseline_frames - 1) * dt, color="0.9", label="baseline")
    axes.set(xlabel="time (s)", ylabel="enhancement (HU)")
    axes.legend(frameon=False, fontsize="small")


def _slice(
    axes: Any, volume: np.ndarray, series: Series, voxels: np.ndarray, name: str, colour: str
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
    axes.scatter(*here.T, s=40, facecolors="none", edgecolors=colour)
    axes.set_title(f"{name}: {len(voxels)} voxels", fontsize="small")
    axes.text(0.01, 0.5, "R", transform=axes.transAxes, color="white", fontsize="small")


def _flips(affine: np.ndarray) -> tuple[bool, bool]:
    """Whether to flip each in-plane axis so that columns run right to left, rows front to back."""
    return affine[0, 0] > 0, affine[1, 1] > 0


def _save(figure: Any, target: str) -> None:
    with whole(target) as partial:
        figure.savefig(partial, format="png", metadata={"Software": None})

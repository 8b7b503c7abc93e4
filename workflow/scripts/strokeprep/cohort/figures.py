"""The pictures of a cohort's page: maps on the template, volumes and sides of lesions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
from PIL import Image

from strokeprep.drawing import palette
from strokeprep.drawing.pictures import Picture, picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI, WIDE = 100, 11.0  # inches
SLICES = (-40, -25, -10, 5, 20, 35, 50, 65)  # mm above the origin
COLOURS = tuple(palette.css(each) for each in palette.ON_GREY)
SIDES = ("left", "right", "bilateral")
SMALLEST_ML = 1e-3


@dataclass(frozen=True)
class Background:
    """What maps are drawn over: the template on its own grid."""

    voxels: np.ndarray
    affine: np.ndarray

    @property
    def image(self) -> nib.Nifti1Image:
        """The template as nilearn takes it."""
        return nib.Nifti1Image(self.voxels, self.affine)


def shares(share: np.ndarray, patients: int, affine: np.ndarray, over: Background) -> Picture:
    """A map of shares of patients, as slices."""
    from nilearn import plotting

    figure = _figure(WIDE, 2.4)
    plotting.plot_stat_map(
        nib.Nifti1Image(share, affine),
        bg_img=over.image,
        **_of_shares(share, patients),
        **_cuts(),
        figure=figure,
    )
    return _drawn(figure)


def glass(share: np.ndarray, patients: int, affine: np.ndarray) -> Picture:
    """The same as the highest values along three directions of sight."""
    from nilearn import plotting

    figure = _figure(WIDE * 0.72, 2.8)
    plotting.plot_glass_brain(
        nib.Nifti1Image(share, affine),
        **_of_shares(share, patients),
        display_mode="lyrz",
        colorbar=True,
        figure=figure,
    )
    return _drawn(figure)


def grey(values: np.ndarray, affine: np.ndarray) -> Picture:
    """An image of brightness, as slices."""
    from nilearn import plotting

    shown = values[values != 0]
    low, high = map(float, np.percentile(shown, [1, 99])) if shown.size else (0.0, 1.0)
    figure = _figure(WIDE, 2.4)
    plotting.plot_img(
        nib.Nifti1Image(np.where(values == 0, low, values), affine),
        cmap="gray",
        cbar_tick_format="%.3g",
        vmin=low,
        vmax=high if high > low else low + 1,
        colorbar=True,
        black_bg=True,
        **_cuts(),
        figure=figure,
    )
    return _drawn(figure)


def volumes(ml: Mapping[str, Sequence[float]]) -> Picture:
    """How many lesions of each group have which volume, on a logarithmic axis."""
    from matplotlib.ticker import MaxNLocator

    figure = _figure(7.0, 3.0)
    axes = figure.subplots()
    everything = [max(each, SMALLEST_ML) for values in ml.values() for each in values]
    low, high = np.log10([min(everything), max(everything)])
    bins = np.logspace(np.floor(low), max(np.ceil(high), np.floor(low) + 1), 25)
    axes.hist(
        [np.maximum(values, SMALLEST_ML) for values in ml.values()],
        bins=bins.tolist(),
        stacked=True,
        label=[f"{name} (n={len(values)})" for name, values in ml.items()],
        color=[COLOURS[n % len(COLOURS)] for n in range(len(ml))],
    )
    axes.set(
        xscale="log", xlabel="volume of the lesion (ml, space of the template)", ylabel="patients"
    )
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)
    return _drawn(_plain(figure))


def bars(counts: Mapping[str, Mapping[str, float]], label: str) -> Picture:
    """Bars by group, side by side: ``counts`` of each group by what they are about."""
    from matplotlib.ticker import MaxNLocator

    names = list(dict.fromkeys(name for values in counts.values() for name in values))
    figure = _figure(7.0, 0.9 + 0.32 * len(names))
    axes = figure.subplots()
    height = 0.8 / len(counts)
    for number, (group, values) in enumerate(counts.items()):
        places = np.arange(len(names)) + (number - (len(counts) - 1) / 2) * height
        axes.barh(
            places,
            [values.get(name, 0) for name in names],
            height,
            label=group,
            color=COLOURS[number % len(COLOURS)],
        )
    axes.set(yticks=range(len(names)), yticklabels=names, xlabel=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.invert_yaxis()
    if len(counts) > 1:
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return _drawn(_plain(figure))


# --- Parts ------------------------------------------------------------------------------------------


def _of_shares(share: np.ndarray, patients: int) -> dict[str, Any]:
    """Colours from the first patient to the most that any voxel has."""
    return {
        "threshold": 0.5 / patients,
        "vmin": 0,
        "vmax": float(max(share.max(), 1 / patients)),
        "cmap": "inferno",
        "cbar_tick_format": "%.2g",
        "symmetric_cbar": False,
    }


def _cuts() -> dict[str, Any]:
    return {"display_mode": "z", "cut_coords": SLICES, "draw_cross": False, "annotate": True}


def _figure(width: float, height: float) -> Figure:
    """A figure that no window shows."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout=None)
    FigureCanvasAgg(figure)
    return figure


def _plain(figure: Figure) -> Figure:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return figure


def _drawn(figure: Figure) -> Picture:
    """The figure as a picture that holds nothing but its pixels."""
    canvas = figure.canvas
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]  # type: ignore[attr-defined]
    return picture(Image.fromarray(np.ascontiguousarray(pixels)), colours=256)

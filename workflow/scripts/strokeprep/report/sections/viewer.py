"""What a page holds to walk through: the volumes of a subject, and the curves of a perfusion series."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import SimpleITK as sitk

from strokeprep.drawing import pictures
from strokeprep.drawing.palette import GREEN, GREY, WHITE, css
from strokeprep.drawing.pictures import Scale
from strokeprep.io import images, tables
from strokeprep.perfusion.cells import CELL_MM, Cells
from strokeprep.perfusion.inputs.local import WHOLE
from strokeprep.quality.folder import Folder
from strokeprep.report import views
from strokeprep.report.plan import Perfused
from strokeprep.report.scene import Scene
from strokeprep.report.sections import looks
from strokeprep.report.sections.parts import Curves, Viewer
from strokeprep.report.sections.perfusion import MAPS, Sight
from strokeprep.steps import figures
from strokeprep.steps.perfused import curves as cells_file
from strokeprep.steps.perfused import inputs

VIEWER_MM = 2.0
MARGIN_MM = 12.0
MOST = 2**15 - 1  # of a number of 16 bits


def viewer(scene: Scene) -> Viewer:
    """The reference and all scans on it, with the brain mask and the manual masks."""
    view = views.around(scene.brain_image, VIEWER_MM, MARGIN_MM)
    volumes = [(scene.plan.reference, scene.grey, scene.plan.modality)]
    volumes += [(shown.plan.scan, shown.after, shown.plan.modality) for shown in scene.shown]
    shown, across = [], 1
    for name, values, modality in volumes:
        coarse = views.seen(scene.as_image(values), view)
        mosaic, across = pictures.mosaic(coarse, looks.scale(values, modality, name, scene.brain))
        shown.append((scene.plan.titles[name], mosaic))
    masks = [("brain mask", scene.brain_image)]
    masks += [(label.title, scene.read(label.on_reference)) for label in scene.plan.labels]
    overlays = tuple(
        (name, pictures.mosaic(views.marked(mask, view) > 0, Scale(0, 1))[0])
        for name, mask in masks
    )
    return Viewer(tuple(view.GetSize()), VIEWER_MM, across, tuple(shown), overlays)


def curves(plan: Perfused, files: Folder, seen: Sight) -> Curves:
    """The curves of the cells that the slices of the maps show, with artery and vein."""
    cells = cells_file.read(plan.beside.cells)
    to_cells = np.linalg.inv(cells.affine) @ images.affine(seen.view)
    numbers = np.full(cells.shape, -1)
    numbers[tuple(cells.index.T)] = np.arange(len(cells.index))
    levels = tuple(cut.index for cut in seen.cuts)
    shown = np.unique(numbers[_cells_on(levels, seen.view, to_cells, cells.shape)])
    shown = shown[shown >= 0]
    numbers[...] = -1
    numbers[tuple(cells.index[shown].T)] = np.arange(len(shown))
    width, height, _ = seen.view.GetSize()
    content = {
        "section": "maps",
        "size": (width, height),
        "zoom": pictures.ZOOM,
        "pitch": round(width * pictures.ZOOM) + pictures.GAP,
        "edge": CELL_MM / looks.MAP_MM,
        "levels": levels,
        "cells": to_cells.tolist(),
        "shape": cells.shape,
        "numbers": _packed(numbers),
        "colours": {"tissue": css(GREY), "fit": css(GREEN), "place": css(WHITE)},
    }
    rows = tables.read(files.path(plan.vessels))
    columns = {name: inputs.column(name) for name in cells.inputs.tolist()}
    own = {name: column for name, column in columns.items() if column in rows[0]}
    return Curves(
        CELL_MM,
        content
        | _vessels(rows, own)
        | _own_inputs(rows, own, cells, shown)
        | _tissue(cells, shown)
        | {"values": [
            {"name": title, "unit": scale.unit, "each": _rounded(cells.maps[name][shown]),
             "sd": _rounded(cells.maps[f"{name}_sd"][shown])}
            for name, (title, scale) in MAPS.items()
            if name in cells.maps
        ]},
    )  # fmt: skip


def _vessels(rows: Sequence[Mapping[str, str]], own: Mapping[str, str]) -> dict[str, Any]:
    """The times of the frames, and the curves of artery and vein; territories may have arteries of their own."""
    artery = figures.own_input(WHOLE) if own else "artery, as used"
    named = {"aif": (artery, figures.ARTERY), "vof": ("vein", figures.VEIN)}
    return {
        "time": [float(row["time"]) for row in rows],
        "vessels": [
            {"name": name, "colour": css(colour), "values": [float(row[key]) for row in rows]}
            for key, (name, colour) in named.items()
            if rows[0][key] != tables.MISSING
        ],
    }


def _own_inputs(
    rows: Sequence[Mapping[str, str]], own: Mapping[str, str], cells: Cells, shown: np.ndarray
) -> dict[str, Any]:
    """The arterial inputs of territories by their columns, and which one each of some cells has.

    None stands for that of the whole brain.
    """
    if not own:
        return {}
    colours = dict(zip(own, cycle(figures.OWN)))
    return {
        "inputs": [
            {"name": figures.own_input(name), "colour": css(colours[name]),
             "values": [float(row[own[name]]) for row in rows]}
            if name in own else None
            for name in cells.inputs.tolist()
        ],
        "input": cells.input[shown].tolist(),
    }  # fmt: skip


def _tissue(cells: Cells, shown: np.ndarray) -> dict[str, Any]:
    """The curves of some cells as whole numbers of so many steps, and their fits."""
    curves = cells.curves[shown]
    step = float(np.abs(curves).max(initial=0)) / MOST or 1.0
    fits = np.stack([each[shown] for each in (cells.entry, cells.amplitude, cells.offset)], axis=1)
    return {
        "step": step,
        "tissue": _packed(curves / step),
        "shapes": _packed(cells.shapes * MOST),  # of unit length
        "fits": [[int(entry), *_rounded(rest)] for entry, *rest in fits.tolist()],
    }


def _packed(values: np.ndarray) -> str:
    """Numbers as text: 16 bits each, the lower byte first."""
    return base64.b64encode(values.round().astype("<i2").tobytes()).decode()


def _rounded(values: Iterable[float]) -> list[float]:
    return [float(f"{value:.3g}") for value in values]


def _cells_on(
    levels: tuple[int, ...], view: sitk.Image, to_cells: np.ndarray, shape: tuple[int, ...]
) -> tuple[np.ndarray, ...]:
    """The cells in which the voxels of axial slices of a view lie."""
    width, height, _ = view.GetSize()
    index = np.stack(np.meshgrid(np.arange(width), np.arange(height), levels), axis=-1)
    cells = np.rint(index.reshape(-1, 3) @ to_cells[:3, :3].T + to_cells[:3, 3]).astype(int)
    inside = np.all((cells >= 0) & (cells < shape), axis=1)
    return tuple(cells[inside].T)

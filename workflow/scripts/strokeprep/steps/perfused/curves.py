"""The curves of coarse cells as a file of the work folder, for the page on perfusion."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from strokeprep.io.whole import whole
from strokeprep.perfusion import cells, regions
from strokeprep.perfusion.cells import Cells
from strokeprep.perfusion.pipeline import Perfusion
from strokeprep.settings.perfusion import PerfusionSettings

MAP = "map_"  # begins the names of maps in the file


def write(done: Perfusion, settings: PerfusionSettings, target: str | Path) -> None:
    """Write the cells of a series whose maps were computed."""
    box, series = done.slab.box, done.slab.series
    volumes = {name: volume[box] for name, volume in done.maps.items()}
    tissue = regions.tissue_of(volumes, settings)
    found = cells.cells_of(series, tissue, done.vessels, settings, done.local)
    arrays: dict[str, Any] = {
        each.name: getattr(found, each.name) for each in fields(found) if each.name != "maps"
    }
    arrays |= {f"{MAP}{name}": each for name, each in found.maps.items()}
    with whole(target) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)


def read(path: str | Path) -> Cells:
    """The cells that :func:`write` wrote."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    maps = {n.removeprefix(MAP): arrays.pop(n) for n in list(arrays) if n.startswith(MAP)}
    shape = tuple(arrays.pop("shape").tolist())
    return Cells(shape=shape, maps=maps, **arrays)

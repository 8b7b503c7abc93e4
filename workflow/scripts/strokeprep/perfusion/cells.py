"""Mean curves of coarse cells of tissue with the vascular model's fit, for people to look at."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from strokeprep.perfusion import mixture, vascular
from strokeprep.perfusion.curves import Series, over_baseline, standardised
from strokeprep.perfusion.inputs.local import LocalInputs, Served, served
from strokeprep.perfusion.inputs.vessels import Vessels
from strokeprep.settings.perfusion import PerfusionSettings

CELL_MM = 8.0  # edge in plane, about as far as single voxels are blurred anyway
THICK_MM = 5.0  # along the slices
LEAST_SHARE = 0.3  # of a cell's voxels that are tissue


@dataclass(frozen=True)
class Cells:
    """Cells of a series that hold tissue; arrays have one row for each of them."""

    index: np.ndarray  # cells × 3, in the grid of cells
    shape: tuple[int, ...]  # of that grid
    affine: np.ndarray  # from cells to world mm, RAS
    curves: np.ndarray  # cells × frames, HU over baseline
    inputs: np.ndarray  # names of the arterial inputs,
    input: np.ndarray  # and which of them counts most in each cell
    shapes: np.ndarray  # entries × frames: curves of the dictionary of the vascular model
    entry: np.ndarray  # the one that explains each curve best,
    amplitude: np.ndarray  # by how much it is multiplied (HU),
    offset: np.ndarray  # and what is added (HU)
    maps: dict[str, np.ndarray]  # of these curves, by the vascular model, with their deviations


def cells_of(
    series: Series,
    tissue: np.ndarray,
    vessels: Vessels,
    settings: PerfusionSettings,
    local: LocalInputs | None = None,
) -> Cells:
    """The cells of a series with their curves; ``tissue`` marks the voxels that count."""
    edge = np.maximum(np.rint(np.array([CELL_MM, CELL_MM, THICK_MM]) / series.spacing), 1)
    shape = tuple(int(n) for n in np.ceil(np.array(tissue.shape) / edge))
    voxels = np.nonzero(tissue.T)[::-1]  # as frames lie in memory
    own = tuple((axis // step).astype(np.intp) for axis, step in zip(voxels, edge, strict=True))
    numbers = np.ravel_multi_index(own, shape)
    count = np.bincount(numbers, minlength=int(np.prod(shape)))
    kept = np.flatnonzero(count >= LEAST_SHARE * edge.prod())
    at = np.ravel_multi_index(voxels, tissue.shape, order="F")
    frames = [
        np.bincount(numbers, series.hu[..., n].ravel("F")[at], len(count))[kept] / count[kept]
        for n in range(series.hu.shape[3])
    ]
    curves = over_baseline(np.stack(frames, axis=1), vessels.baseline_frames).astype(np.float32)
    affine = series.affine @ np.diag([*edge, 1])
    affine[:3, 3] = series.affine[:3, :3] @ ((edge - 1) / 2) + series.affine[:3, 3]
    of_voxels = served(vessels, local, voxels)
    shares = [np.bincount(numbers, each, len(count))[kept] for each in of_voxels.shares]
    of_cells = replace(of_voxels, shares=np.asarray(shares / count[kept], np.float32))
    found = mixture.model_of(curves, of_cells, series.dt, settings)
    deviations = {f"{name}_sd": values for name, values in found.sd.items()}
    return Cells(
        np.stack(np.unravel_index(kept, shape), axis=1),
        shape,
        affine,
        curves,
        np.array([each.name for each in of_cells.inputs]),
        of_cells.shares.argmax(0),
        *_fits(curves, of_cells, series.dt, settings),
        found.maps | deviations,
    )


def _fits(
    curves: np.ndarray, of_cells: Served, dt: float, settings: PerfusionSettings
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Shapes of the model; of each curve the best by its main input, its amplitude and what is added."""
    main = of_cells.shares.argmax(0)
    shapes: list[np.ndarray] = []
    entry, amplitude = np.zeros(len(curves), np.intp), np.zeros(len(curves), np.float32)
    for number in np.unique(main):
        _, vessels, lag_s = of_cells.inputs[number]
        model = vascular.dictionary(vessels.aif, dt, settings.vascular, settings.maps, lag_s)
        own, rows = standardised(model.curves).astype(np.float32), main == number
        fit = np.maximum(curves[rows] @ own.T, 0)  # no volume is negative
        used, best = np.unique(fit.argmax(1), return_inverse=True)
        entry[rows], amplitude[rows] = best + sum(map(len, shapes)), fit.max(1)
        shapes.append(own[used])
    return np.concatenate(shapes), entry, amplitude, curves.mean(1)

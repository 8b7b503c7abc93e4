"""Mean curves of coarse cells of tissue with the vascular model's fit, for people to look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from strokeprep.perfusion import vascular
from strokeprep.perfusion.curves import Series, over_baseline, standardised
from strokeprep.perfusion.vessels import Vessels
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
    shapes: np.ndarray  # entries × frames: curves of the dictionary of the vascular model
    entry: np.ndarray  # the one that explains each curve best,
    amplitude: np.ndarray  # by how much it is multiplied (HU),
    offset: np.ndarray  # and what is added (HU)
    maps: dict[str, np.ndarray]  # of these curves, by the vascular model, with their deviations


def cells_of(
    series: Series, tissue: np.ndarray, vessels: Vessels, settings: PerfusionSettings
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
    found = vascular.vascular_maps(curves, vessels.aif, series.dt, settings.vascular, settings.maps)
    deviations = {f"{name}_sd": values for name, values in found.sd.items()}
    return Cells(
        np.stack(np.unravel_index(kept, shape), axis=1),
        shape,
        affine,
        curves,
        *_fits(curves, vessels.aif, series.dt, settings),
        found.maps | deviations,
    )


def _fits(
    curves: np.ndarray, aif: np.ndarray, dt: float, settings: PerfusionSettings
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Shapes of the model; of each curve the best, its amplitude and what is added."""
    entries = vascular.dictionary(aif, dt, settings.vascular, settings.maps).curves
    shapes = standardised(entries).astype(np.float32)
    fit = np.maximum(curves @ shapes.T, 0)  # no volume is negative
    used, entry = np.unique(fit.argmax(1), return_inverse=True)
    return shapes[used], entry, fit.max(1), curves.mean(1)

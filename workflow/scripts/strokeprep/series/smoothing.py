"""Gaussian means over the voxels of a mask, of many values each.

A smooth field needs few points. Where voxels are much smaller than the Gaussian is wide, the sums of
cells of some voxels are smoothed instead, and interpolated. Cells and interpolation smooth a little
themselves, and the Gaussian is narrower by that. Both its sums of values and its sums of weights are
made so, hence a constant stays what it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from scipy import sparse

from strokeprep.io import labels

FWHM = float(2 * np.sqrt(2 * np.log(2)))  # width at half height, in standard deviations
CELLS = 4  # at least so many in the width at half height
FRAMES = 16  # of a series at a time
ROWS = 32  # of a kernel at a time
VOXELS = 1 << 15  # at a time, so that what is made of them is small
LEAST = 1e-12  # weight of a cell that no voxel is near


class Smoothing:
    """A Gaussian mean over the voxels of a mask; width at half height along each axis, 0 for none.

    It ends ``reach`` standard deviations from the voxel. Where values are known at fewer points, from which
    those of voxels are interpolated, ``points`` is the matrix (voxels × points) that does so, and the means
    are those at these points.
    """

    def __init__(
        self,
        mask: np.ndarray,
        spacing: np.ndarray,
        fwhm_mm: np.ndarray,
        reach: float,
        points: sparse.csr_matrix | None = None,
    ) -> None:
        self.box = labels.bounding_box(mask)
        self.mask = mask[self.box]
        sigma = fwhm_mm / FWHM / spacing
        steps = np.maximum((fwhm_mm / CELLS / spacing).astype(int), 1)
        self.axes = [
            _Axis(*each, reach) for each in zip(self.mask.shape, steps, sigma, strict=True)
        ]
        self.cells = tuple(len(axis.kernel) for axis in self.axes)
        self.cell = np.ravel_multi_index(np.ix_(*(axis.cell for axis in self.axes)), self.cells)
        held, between = self._held(), self._interpolation()
        if points is not None:
            held, between = (points.T.tocsr() @ each for each in (held, between))
        self.held = held
        self.weights = self._of_cells(self._sums(np.ones((held.shape[0], 1), np.float32)))
        between.data *= self.weights[between.indices, 0]
        self.onto = rows_of_one(between)

    @property
    def used(self) -> np.ndarray:
        """The cells between which voxels lie."""
        return np.unique(self.onto.indices)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """The means of values (voxels × any, float32)."""
        return np.asarray(self.onto @ self._means(self._sums(values)))

    def in_place(self, values: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """The same, some voxels at a time: which, and their means. Their values may then be overwritten."""
        means = self._means(self._sums(values))
        for start in range(0, len(values), VOXELS):
            yield (part := slice(start, start + VOXELS)), np.asarray(self.onto[part] @ means)

    def of_series(self, series: np.ndarray) -> np.ndarray:
        """The mean curves (voxels × frames, float32) of a series (i, j, k, frames)."""
        curves = np.empty((self.onto.shape[0], series.shape[3]), np.float32)
        for frames, means in self.parts(series):
            curves[:, frames] = self.onto @ means
        return curves

    def parts(self, series: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """The means of a series at the centres of cells, some frames at a time: which, and cells × frames."""
        series, inside = series[self.box], self.mask.T
        as_stored = self.cell.T[inside]
        for start in range(0, series.shape[3], FRAMES):
            frames = slice(start, start + FRAMES)
            part = series[..., frames]
            sums = [
                np.bincount(as_stored, part[..., n].T[inside], np.prod(self.cells))
                for n in range(part.shape[3])
            ]
            yield frames, self._means(np.stack(sums, axis=1).astype(np.float32))

    def _held(self) -> sparse.csr_matrix:
        """The matrix (voxels × cells) that tells which cell holds a voxel."""
        cell = self.cell[self.mask]
        ones, rows = np.ones(len(cell), np.float32), np.arange(len(cell) + 1)
        return sparse.csr_matrix((ones, cell, rows), (len(cell), np.prod(self.cells)))

    def _sums(self, values: np.ndarray) -> np.ndarray:
        """The sum of the voxels of each cell."""
        return np.asarray(self.held.T @ values)

    def _means(self, sums: np.ndarray) -> np.ndarray:
        """The means at the centres of cells, from the sums of cells."""
        smooth = self._of_cells(sums)
        smooth /= np.maximum(self.weights, LEAST)
        return smooth

    def _of_cells(self, sums: np.ndarray) -> np.ndarray:
        """The sums of cells (cells × any), smoothed."""
        before, shape = 1, sums.shape
        for axis, count in zip(self.axes, self.cells, strict=True):
            sums = axis.smoothed(sums.reshape(before, count, -1))
            before *= count
        return sums.reshape(shape)

    def _interpolation(self) -> sparse.csr_matrix:
        """The matrix (voxels × cells) of linear interpolation between the centres of cells."""
        cells, weights = [], []
        for corner in product(*(axis.corners for axis in self.axes)):
            at = np.ix_(*(cell for cell, _ in corner))
            cells.append(np.ravel_multi_index(at, self.cells)[self.mask])
            first, second, third = np.ix_(*(weight for _, weight in corner))
            weights.append((first * second * third)[self.mask])
        rows = np.arange(len(cells[0]) + 1) * len(cells)
        entries = np.stack(weights, axis=1).ravel(), np.stack(cells, axis=1).ravel(), rows
        return sparse.csr_matrix(entries, (len(cells[0]), np.prod(self.cells)))


def rows_of_one(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """A matrix of weights, each row scaled so that it adds up to one, without what is zero."""
    matrix.eliminate_zeros()
    matrix.data /= np.repeat(np.asarray(matrix.sum(1))[:, 0], np.diff(matrix.indptr))
    return matrix


class _Axis:
    """The cells along an axis of a grid, and the Gaussian between them."""

    def __init__(self, count: int, step: int, sigma: float, reach: float) -> None:
        index = np.arange(count)
        beyond = int(step > 1)  # a cell at each end, for the voxels beyond the last centre
        self.cell = index // step + beyond
        at = (index + 0.5) / step - 0.5 + beyond
        low = np.floor(at).astype(int)
        share = (at - low).astype(np.float32)
        self.corners = [(low, 1 - share), (low + 1, share)] if step > 1 else [(low, 1 - share)]
        # A cell has a twelfth of the square of its length as variance, linear interpolation a sixth.
        left = np.sqrt(sigma**2 / step**2 - beyond / 4)
        end = (int(reach * sigma + 0.5) + 0.5) / step
        self.reach = int(end + 0.5)  # cells
        self.kernel = _gaussian(-(-count // step) + 2 * beyond, left, end)

    def smoothed(self, values: np.ndarray) -> np.ndarray:
        """Values (any × cells × any), smoothed along the cells; zeros of the kernel are left out."""
        if not self.reach:
            return values
        out = np.empty_like(values)
        for start in range(0, len(self.kernel), ROWS):
            rows = slice(start, start + ROWS)
            near = slice(max(start - self.reach, 0), start + ROWS + self.reach)
            np.matmul(self.kernel[rows, near], values[:, near], out=out[:, rows])
        return out


def _gaussian(count: int, sigma: float, end: float) -> np.ndarray:
    """The matrix that smooths so many values; beyond their ends are zeros.

    Each counts by its part that is nearer than ``end``.
    """
    apart = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    weight = np.exp(-0.5 * (apart / max(sigma, 1e-6)) ** 2) * np.clip(end + 0.5 - apart, 0, 1)
    return weight.astype(np.float32)

"""MeshNet: a network of dilated convolutions over a whole volume, computed by NumPy alone.

25 layers of a 3×3×3 convolution to 15 channels, normalisation of each channel over the whole volume
and GELU; then two scores for each voxel. No layer changes the size of the volume. The largest part
of the work are products of small matrices, which BLAS does at nearly the speed of the processor:

- Between layers a volume lies in memory as ``[z][y][channel][x]``, so a product of a kernel's
  matrix with ``channel × x`` convolves a whole row.
- Before a layer the rows of a plane are sorted by ``y`` modulo the dilation. The three rows that a
  kernel meets along ``y`` then follow one another: a matrix of 45 rows, without copying.
- The nine products that remain, along ``z`` and ``x``, are added.

Threads share the planes. Every sum is taken in the same order however many threads there are, so
the scores are the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from strokeprep.errors import StrokeprepError

CHANNELS, CLASSES = 15, 2
DILATIONS = (16, 8, 4, 2, 1) * 5
WIDEST = max(DILATIONS)
EPSILON = 1e-5

# OpenBLAS is half as fast again for 16 rows as for 15: the last one is empty.
PRODUCT_ROWS = 16

# Rows of a plane that are worked on at a time, so that they stay in the processor's cache.
FILLED_ROWS, CONVOLVED_ROWS = WIDEST, 8

# GELU(2h) = h + h tanh(h q(h²)), with q fitted so that the error is that of single precision:
# NumPy's tanh is vectorised, SciPy's erf takes ten times as long. Highest power first.
GELU = (
    1.47916010e-05,
    -2.73298151e-04,
    2.03218368e-03,
    -7.07073964e-03,
    -1.06016033e-03,
    2.90674268e-01,
    1.59576843e00,
)


@dataclass(frozen=True)
class Weights:
    """The kernels ``[z, y, x, in, out]`` of the layers, and the matrix and bias of the classes."""

    kernels: tuple[np.ndarray, ...]
    classes: np.ndarray
    bias: np.ndarray


def read(path: Path) -> Weights:
    """Weights from a file of little-endian single-precision numbers, tensor after tensor."""
    shapes: list[tuple[int, ...]] = [
        (3, 3, 3, count, CHANNELS) for count in (1, *[CHANNELS] * (len(DILATIONS) - 1))
    ]
    shapes += [(CHANNELS, CLASSES), (CLASSES,)]
    sizes = [int(np.prod(shape)) for shape in shapes]
    numbers = np.fromfile(path, "<f4")
    if len(numbers) != sum(sizes):
        raise StrokeprepError(
            f"The file holds {len(numbers)} numbers, not the {sum(sizes)} weights of a MeshNet",
            path,
            "Remove its folder and fetch the weights again.",
        )
    parts = np.split(numbers, np.cumsum(sizes)[:-1])
    tensors = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
    return Weights(tuple(tensors[:-2]), *tensors[-2:])


def scores(volume: np.ndarray, weights: Weights, threads: int = 1) -> np.ndarray:
    """The scores of both classes, ``[class, z, y, x]``, at every voxel of a cube ``[z, y, x]``."""
    from threadpoolctl import threadpool_limits

    size = len(volume)
    if volume.shape != (size,) * 3 or size % WIDEST:
        raise ValueError(f"a cube of a multiple of {WIDEST} voxels is needed, not {volume.shape}")
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        return _Pass(size, pool).scores(volume, weights)


@dataclass(frozen=True)
class _Layer:
    """What the convolution of a layer gave, and how to normalise it; None for the input."""

    values: np.ndarray  # [z, y, channel, x]
    half_scale: np.ndarray | None = None  # [channel, x], like half_shift
    half_shift: np.ndarray | None = None

    def activate(self, rows: tuple[slice | int, ...], shape: tuple[int, ...], out: np.ndarray):
        """Write some rows, normalised and through GELU, to ``out``, in ``shape``."""
        values = self.values[rows].reshape(shape)
        if self.half_scale is None:
            out[...] = values
            return
        half = values * self.half_scale
        half += self.half_shift
        square = half * half
        inner = square * np.float32(GELU[0])
        for coefficient in GELU[1:-1]:
            inner += np.float32(coefficient)
            inner *= square
        inner += np.float32(GELU[-1])
        inner *= half
        np.tanh(inner, out=inner)
        inner *= half
        np.add(inner, half, out=out)


class _Pass:
    """The memory and threads of one forward pass over a cube of ``size`` voxels a side."""

    def __init__(self, size: int, pool: ThreadPoolExecutor) -> None:
        self.size, self.pool = size, pool
        wide = size + 2 * WIDEST
        self.padded = np.empty(wide * wide * CHANNELS * wide, np.float32)
        self.values = np.empty((size, size, CHANNELS, size), np.float32)

    def scores(self, volume: np.ndarray, weights: Weights) -> np.ndarray:
        layer = _Layer(volume.astype(np.float32)[:, :, None])
        for kernel, dilation in zip(weights.kernels, DILATIONS, strict=True):
            layer = self._convolved(self._sorted(layer, dilation), kernel, dilation)
        return self._classified(layer, weights)

    def _planes(self, work: Callable[[int], Any]) -> list[Any]:
        """``work`` done for every plane."""
        return list(self.pool.map(work, range(self.size)))

    def _sorted(self, layer: _Layer, dilation: int) -> np.ndarray:
        """A layer's activation ``[z, y % dilation, y // dilation, channel, x]``, with zeros around."""
        size, channels = self.size, layer.values.shape[2]
        shape = (
            size + 2 * dilation,
            dilation,
            size // dilation + 2,
            channels,
            size + 2 * WIDEST,
        )
        padded = self.padded[: np.prod(shape)].reshape(shape)
        padded[:dilation] = padded[-dilation:] = 0

        def fill(z: int) -> None:
            plane = padded[z + dilation]
            plane[:, 0] = plane[:, -1] = 0
            plane[..., :WIDEST] = plane[..., -WIDEST:] = 0
            inside = plane[:, 1:-1, :, WIDEST:-WIDEST].swapaxes(0, 1)
            several = FILLED_ROWS // dilation
            for row in range(0, size // dilation, several):
                here = inside[row : row + several]
                ys = slice(row * dilation, (row + several) * dilation)
                layer.activate((z, ys), here.shape, here)

        self._planes(fill)
        return padded

    def _convolved(self, padded: np.ndarray, kernel: np.ndarray, dilation: int) -> _Layer:
        size, rows = self.size, gcd(self.size // dilation, CONVOLVED_ROWS)
        channels = kernel.shape[3]
        matrices = np.zeros((3, 3, 1, PRODUCT_ROWS, 3 * channels), np.float32)
        matrices[:, :, 0, :CHANNELS] = kernel.transpose(0, 2, 4, 1, 3).reshape(3, 3, CHANNELS, -1)
        z_step, _, row_step, channel_step, x_step = padded.strides
        around = (3, 3, rows, 3 * channels, size)
        steps = (dilation * z_step, dilation * x_step, row_step, channel_step, x_step)

        def convolve(z: int) -> np.ndarray:
            products = np.empty((3, 3, rows, PRODUCT_ROWS, size), np.float32)
            made = np.empty(products.shape[2:], np.float32)
            sums = np.zeros((2, CHANNELS))
            for first in range(dilation):
                for row in range(0, size // dilation, rows):
                    corner = padded[z:, first, row:, :, WIDEST - dilation :]
                    np.matmul(matrices, as_strided(corner, around, steps), out=products)
                    np.add.reduce(products, axis=(0, 1), out=made)
                    kept = made[:, :CHANNELS]
                    y = first + row * dilation
                    self.values[z, y : y + rows * dilation : dilation] = kept
                    sums[0] += kept.sum(axis=-1).sum(axis=0, dtype=np.float64)
                    sums[1] += np.einsum("ycx,ycx->yc", kept, kept).sum(axis=0, dtype=np.float64)
            return sums

        mean, mean_square = np.sum(self._planes(convolve), axis=0) / size**3
        half = 0.5 / np.sqrt(mean_square - mean**2 + EPSILON)
        rows_of = [np.repeat(each, size).reshape(-1, size) for each in (half, -half * mean)]
        return _Layer(self.values, *(each.astype(np.float32) for each in rows_of))

    def _classified(self, layer: _Layer, weights: Weights) -> np.ndarray:
        result = np.empty((CLASSES, *[self.size] * 3), np.float32)

        def classify(z: int) -> None:
            active = np.empty((FILLED_ROWS, CHANNELS, self.size), np.float32)
            for y in range(0, self.size, FILLED_ROWS):
                rows = slice(y, y + FILLED_ROWS)
                layer.activate((z, rows), active.shape, active)
                made = weights.classes.T @ active + weights.bias[:, None]
                result[:, z, rows] = made.swapaxes(0, 1)

        self._planes(classify)
        return result

"""MeshNet: a network of dilated convolutions over a whole volume, computed by NumPy alone.

25 layers of a 3×3×3 convolution to 15 channels, normalisation of each channel over the whole volume
and GELU; then two scores for each voxel. No layer changes the size of the volume. The largest part
of the work are products of small matrices, which BLAS does:

- Between layers a volume lies in memory as ``[z][y][channel][x]``, so a product of a kernel's
  matrix with ``channel × x`` convolves a whole row.
- Before a layer the rows of a plane are sorted by ``y`` modulo the dilation. The three rows that a
  kernel meets along ``y`` then follow one another: a matrix of 45 rows, without copying.
- The kernel's three columns along ``x`` are stacked to a matrix of 48 rows, since BLAS is slow with
  few. What they give is added after a shift by the dilation.
- Along ``z`` four planes are convolved at once by Winograd's method, with six products in the place
  of twelve (Lavin and Gray, "Fast algorithms for convolutional neural networks", 2016).

Threads share the planes. Every sum is taken in the same order however many threads there are, so
the scores are the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
COLUMNS = 8  # and it likes matrices whose columns are a multiple of this

# Rows of a plane that are worked on at a time, so that they stay in the processor's cache.
FILLED_ROWS, CONVOLVED_ROWS = WIDEST, 8

# Winograd's method for three weights along z: from so many planes, so many are made.
PLANES_IN, PLANES_OUT = 6, 4
OF_WEIGHTS = (
    np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24
)

# GELU(x) = x / (1 + exp(-x q(x²))), with q fitted so that the error is that of single precision: NumPy's exp is
# vectorised and quicker than its tanh, SciPy's erf takes ten times as long. Highest power first.
GELU = tuple(
    -coefficient / 4**power
    for power, coefficient in zip(
        range(6, -1, -1),
        (
            1.47916010e-05,
            -2.73298151e-04,
            2.03218368e-03,
            -7.07073964e-03,
            -1.06016033e-03,
            2.90674268e-01,
            1.59576843e00,
        ),
        strict=True,
    )
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
    scale: np.ndarray | None = None  # [channel, x], like shift
    shift: np.ndarray | None = None

    def activate(self, rows: tuple[slice | int, ...], shape: tuple[int, ...], out: np.ndarray):
        """Write some rows, normalised and through GELU, to ``out``, in ``shape``."""
        values = self.values[rows].reshape(shape)
        if self.scale is None:
            out[...] = values
            return
        normal = values * self.scale
        normal += self.shift
        square = normal * normal
        inner = square * np.float32(GELU[0])
        for coefficient in GELU[1:-1]:
            inner += np.float32(coefficient)
            inner *= square
        inner += np.float32(GELU[-1])
        inner *= normal
        with np.errstate(over="ignore"):  # of a very negative value nothing is left
            np.exp(inner, out=inner)
        inner += 1
        np.divide(normal, inner, out=out)


class _Pass:
    """The memory and threads of one forward pass over a cube of ``size`` voxels a side."""

    def __init__(self, size: int, pool: ThreadPoolExecutor) -> None:
        self.size, self.pool = size, pool
        wide = size + 2 * WIDEST
        most = max(_planes_read(size, dilation) for dilation in DILATIONS)
        self.padded = np.empty(most * wide * CHANNELS * wide, np.float32)
        self.values = np.empty((size, size, CHANNELS, size), np.float32)

    def scores(self, volume: np.ndarray, weights: Weights) -> np.ndarray:
        layer = _Layer(volume.astype(np.float32)[:, :, None])
        for kernel, dilation in zip(weights.kernels, DILATIONS, strict=True):
            layer = self._convolved(self._sorted(layer, dilation), kernel, dilation)
        return self._classified(layer, weights)

    def _each(self, planes: Iterable[int], work: Callable[[int], Any]) -> list[Any]:
        """``work`` done for each of some planes."""
        return list(self.pool.map(work, planes))

    def _sorted(self, layer: _Layer, dilation: int) -> np.ndarray:
        """A layer's activation ``[z, y % dilation, y // dilation, channel, x]``, with zeros around."""
        size, channels = self.size, layer.values.shape[2]
        shape = (
            _planes_read(size, dilation),
            dilation,
            size // dilation + 2,
            channels,
            size + 2 * WIDEST,
        )
        padded = self.padded[: np.prod(shape)].reshape(shape)
        padded[:dilation] = padded[dilation + size :] = 0

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

        self._each(range(size), fill)
        return padded

    def _convolved(self, padded: np.ndarray, kernel: np.ndarray, dilation: int) -> _Layer:
        size, rows = self.size, gcd(self.size // dilation, CONVOLVED_ROWS)
        matrices = _matrices(kernel)
        first_x = WIDEST - dilation
        columns = -(-(size + 2 * dilation) // COLUMNS) * COLUMNS
        several = PLANES_OUT * dilation
        starts = [z + first for z in range(0, size, several) for first in range(dilation)]

        def convolve(z: int) -> np.ndarray:
            work = _Tile(rows, kernel.shape[3], columns, size, dilation)
            sums = np.zeros((2, CHANNELS))
            read = padded[z : z + PLANES_IN * dilation : dilation, ..., first_x : first_x + columns]
            for first in range(dilation):
                for row in range(0, size // dilation, rows):
                    made = work.convolved(read[:, first, row : row + rows + 2], matrices)
                    y = first + row * dilation
                    written = self.values[z : z + several : dilation]
                    kept = made[: len(written), :, :CHANNELS]
                    written[:, y : y + rows * dilation : dilation] = kept
                    sums[0] += kept.sum(axis=-1).sum(axis=(0, 1), dtype=np.float64)
                    squares = np.einsum("zycx,zycx->zyc", kept, kept)
                    sums[1] += squares.sum(axis=(0, 1), dtype=np.float64)
            return sums

        mean, mean_square = np.sum(self._each(starts, convolve), axis=0) / size**3
        scale = 1 / np.sqrt(mean_square - mean**2 + EPSILON)
        rows_of = [np.repeat(each, size).reshape(-1, size) for each in (scale, -scale * mean)]
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

        self._each(range(self.size), classify)
        return result


class _Tile:
    """The memory of a convolution of some rows of four planes, and the convolution."""

    def __init__(self, rows: int, channels: int, columns: int, size: int, dilation: int) -> None:
        self.size, self.dilation = size, dilation
        self.sums = np.empty((2, rows + 2, channels, columns), np.float32)
        self.mixed = np.empty((PLANES_IN, rows + 2, channels, columns), np.float32)
        row, channel, x = self.mixed.strides[1:]
        stacked = (PLANES_IN, rows, 3 * channels, columns)
        self.stacked = as_strided(self.mixed, stacked, (self.mixed.strides[0], row, channel, x))
        self.products = np.empty((rows, 3 * PRODUCT_ROWS, columns), np.float32)
        self.parts = np.empty((PLANES_IN, rows, PRODUCT_ROWS, size), np.float32)
        self.made = np.empty((PLANES_OUT, rows, PRODUCT_ROWS, size), np.float32)

    def convolved(self, read: np.ndarray, matrices: np.ndarray) -> np.ndarray:
        """Four planes ``[plane, y, channel, x]`` from six, which have two rows more."""
        self._mix(read)
        for matrix, stacked, part in zip(matrices, self.stacked, self.parts, strict=True):
            np.matmul(matrix, stacked, out=self.products)
            left, middle, right = (
                self.products[:, k * PRODUCT_ROWS : (k + 1) * PRODUCT_ROWS,
                              k * self.dilation : k * self.dilation + self.size]
                for k in range(3)
            )  # fmt: skip
            np.add(left, middle, out=part)
            part += right
        return self._unmixed()

    def _mix(self, read: np.ndarray) -> None:
        """What Winograd's products are made of."""
        even, odd = self.sums
        mixed = self.mixed
        np.multiply(read[2], np.float32(-4), out=even)
        even += read[4]
        np.multiply(read[1], np.float32(-4), out=odd)
        odd += read[3]
        np.add(even, odd, out=mixed[1])
        np.subtract(even, odd, out=mixed[2])
        np.subtract(read[4], read[2], out=even)
        np.subtract(read[3], read[1], out=odd)
        odd *= 2
        np.add(even, odd, out=mixed[3])
        np.subtract(even, odd, out=mixed[4])
        np.subtract(read[0], read[2], out=mixed[0])
        mixed[0] *= 4
        mixed[0] += even
        np.subtract(read[5], read[3], out=mixed[5])
        odd *= 2
        mixed[5] -= odd

    def _unmixed(self) -> np.ndarray:
        """The planes that Winograd's products make."""
        first, a, b, c, d, last = self.parts
        made = self.made
        np.add(a, b, out=made[2])
        np.subtract(a, b, out=a)
        np.add(c, d, out=made[3])
        np.subtract(c, d, out=c)
        np.add(first, made[2], out=made[0])
        made[0] += made[3]
        made[3] *= 4
        made[2] += made[3]
        c *= 2
        np.add(a, c, out=made[1])
        c *= 4
        np.add(a, c, out=made[3])
        made[3] += last
        return made


def _planes_read(size: int, dilation: int) -> int:
    """How many planes of a volume are read, those of zeros around it included."""
    several = PLANES_OUT * dilation
    return -(-size // several) * several + 2 * dilation


def _matrices(kernel: np.ndarray) -> np.ndarray:
    """A kernel ``[z, y, x, in, out]`` as six matrices for Winograd's method along z."""
    mixed = np.tensordot(OF_WEIGHTS, kernel.astype(np.float64), axes=1)
    channels = kernel.shape[3]
    matrices = np.zeros((PLANES_IN, 3, PRODUCT_ROWS, 3 * channels), np.float32)
    matrices[:, :, :CHANNELS] = mixed.transpose(0, 2, 4, 1, 3).reshape(PLANES_IN, 3, CHANNELS, -1)
    return matrices.reshape(PLANES_IN, 3 * PRODUCT_ROWS, -1)

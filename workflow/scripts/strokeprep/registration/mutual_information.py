"""Registration by mutual information: one image is sampled at points, the other interpolated there.

The points are drawn once per resolution. The metric is then a smooth function of the transform, which
a quasi-Newton method (L-BFGS-B) can maximise. All sums run in numpy, elementwise and in a fixed order,
so the result does not depend on the number of threads.

:func:`maximum` finds a linear map, :func:`warp` a smooth warp in addition to one. The warp is a cubic
B-spline on a lattice of control points. It displaces the samples before the linear map is applied. Only
its bending is penalised, so shifts, rotations and stretches of the lattice are free.

Arrays of points are 3×N (LPS mm), so that all x, all y and all z are contiguous in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
import SimpleITK as sitk
from scipy import sparse
from scipy.linalg import expm
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation
from threadpoolctl import threadpool_limits

# Grey-level bins on each side of the joint histogram.
BINS = 32

# Rotations and stretches are expressed in millimetres at this distance from the centre, about the radius
# of a brain, so that all parameters are on one scale.
RADIUS_MM = 70.0

# Keeps the logarithm of an empty bin finite.
TINY = 1e-12

# Distance between control points: about a gyrus and its neighbours. Finer structures differ between
# persons in number and kind, so no smooth warp can match them.
KNOTS_MM = 40.0

# Penalty on bending (nats per mm² of the control points' second differences). With a tenth of it the warp
# follows the noise of CT, with ten times as much it recovers less than half of a 3 mm displacement.
STIFFNESS = 1.2e-5

# Each point is moved by four control points along each axis.
REACH = 4


@dataclass(frozen=True)
class Points:
    """Where one image is sampled (3×N, LPS mm) and the bin of its grey level there (N)."""

    where: np.ndarray
    bins: np.ndarray


@dataclass(frozen=True)
class Volume:
    """An image to interpolate: grey levels in units of bins (z, y, x), and the matrix from mm to index."""

    levels: np.ndarray
    to_index: np.ndarray

    @classmethod
    def of(cls, image: sitk.Image, scale: Callable[[np.ndarray], np.ndarray]) -> Volume:
        """``image`` with its grey levels mapped to [0, 1] by ``scale``."""
        levels = scale(sitk.GetArrayFromImage(image)) * (BINS - 1)
        to_index = np.linalg.inv(index_to_physical(image))
        return cls(np.ascontiguousarray(levels, np.float32), to_index)


def index_to_physical(image: sitk.Image) -> np.ndarray:
    """The 4×4 matrix from voxel indices (x, y, z) to LPS millimetres."""
    result = np.eye(4)
    result[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    result[:3, 3] = image.GetOrigin()
    return result


def mapped(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (3×N) mapped by a 4×4 matrix."""
    x, y, z = points  # written out, because a threaded matrix product may round differently
    return np.stack([row[0] * x + row[1] * y + row[2] * z + row[3] for row in matrix[:3]])


def linear_map(parameters: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """The 4×4 matrix of 3 shifts, 3 rotations and optionally 6 stretches, all in mm (see RADIUS_MM)."""
    matrix = Rotation.from_rotvec(parameters[3:6] / RADIUS_MM).as_matrix()
    if len(parameters) == 12:
        x, y, z, xy, xz, yz = parameters[6:] / RADIUS_MM
        matrix = matrix @ expm(np.array([[x, xy, xz], [xy, y, yz], [xz, yz, z]]))
    result = np.eye(4)
    result[:3, :3] = matrix
    result[:3, 3] = centre + parameters[:3] - matrix @ centre
    return result


class Metric:
    """Mutual information of the samples with the volume, as a function of a 4×4 matrix."""

    def __init__(self, points: Points, volume: Volume) -> None:
        self.points, self.volume = points, volume
        depth, height, width = volume.levels.shape
        self._last = np.array([width, height, depth]) - 1
        # Offsets to the next voxel along each axis; 0 along an axis with a single voxel.
        self._steps = np.where(self._last > 0, [1, width, width * height], 0)
        self._flat = volume.levels.ravel()

    def __call__(self, matrix: np.ndarray) -> tuple[float, np.ndarray, float]:
        """Information per sample (nats), its gradient by the 3×4 matrix, and the overlap."""
        where = self.points.where
        information, force, overlap = self.at(mapped(self.volume.to_index @ matrix, where))
        moment = np.einsum("in,jn->ij", force, where)
        by_index = np.column_stack([moment, force.sum(axis=1)])
        return information, self.volume.to_index[:3, :3].T @ by_index, overlap

    def at(self, index: np.ndarray) -> tuple[float, np.ndarray, float]:
        """Information per sample, its gradient by each sample's index (3×N), and the overlap.

        Samples outside the volume add no information but still count, so moving the images apart is
        never rewarded.
        """
        bins = self.points.bins
        inside = np.ones(len(bins), bool)
        for axis in range(3):
            inside &= (index[axis] >= 0) & (index[axis] <= self._last[axis])
        count = np.count_nonzero(inside)
        if count == 0:
            return 0.0, np.zeros_like(index), 0.0
        if count < len(bins):
            bins, index = bins[inside], index[:, inside]
        value, slope = self._interpolated(index)
        information, weight = _information(bins, value)
        force = slope * (weight / len(inside))
        if count < len(inside):
            everywhere = np.zeros((3, len(inside)), force.dtype)
            everywhere[:, inside] = force
            force = everywhere
        overlap = count / len(inside)
        return overlap * information, force, overlap

    def _interpolated(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Trilinear values (N) and their gradients by index (3×N)."""
        low = index.astype(np.int64)
        np.minimum(low, np.maximum(self._last - 1, 0)[:, None], out=low)
        x, y, z = (index - low).astype(np.float32)
        base = low[0] + self._steps[1] * low[1] + self._steps[2] * low[2]
        dx, dy, dz = self._steps
        c = [self._flat[base + (a + b + d)] for a, b, d in product((0, dz), (0, dy), (0, dx))]
        along_x = [c[1] - c[0], c[3] - c[2], c[5] - c[4], c[7] - c[6]]
        at_x = [c[2 * i] + x * along_x[i] for i in range(4)]
        along_y = [at_x[1] - at_x[0], at_x[3] - at_x[2]]
        at_y = [at_x[0] + y * along_y[0], at_x[2] + y * along_y[1]]
        along_z = at_y[1] - at_y[0]
        slope_x = _between(
            _between(along_x[0], along_x[1], y), _between(along_x[2], along_x[3], y), z
        )
        slope = np.stack([slope_x, _between(along_y[0], along_y[1], z), along_z])
        return at_y[0] + z * along_z, slope


@dataclass(frozen=True)
class Lattice:
    """Control points: the first (LPS mm) and how many along x, y and z."""

    first: np.ndarray
    size: tuple[int, ...]

    @classmethod
    def over(cls, grid: sitk.Image) -> Lattice:
        """The lattice that covers a grid."""
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in grid.GetSize()])).reshape(3, -1)
        corners = mapped(index_to_physical(grid), corners)
        low, high = corners.min(axis=1), corners.max(axis=1)
        cells = np.ceil((high - low) / KNOTS_MM + 1e-6).astype(int)
        slack = cells * KNOTS_MM - (high - low)
        return cls(low - slack / 2, tuple(int(n) for n in cells + REACH - 1))

    @property
    def count(self) -> int:
        """Number of control points."""
        return int(np.prod(self.size))

    def weights(self, points: np.ndarray) -> sparse.csr_matrix:
        """The weight of each control point at each of the points (N×count)."""
        columns, weights = zip(*(self._along(axis, points[axis]) for axis in range(3)), strict=True)
        (i, j, k), (x, y, z) = columns, weights
        column = (k[:, :, None, None] * self.size[1] + j[:, None, :, None]) * self.size[0]
        column = column + i[:, None, None, :]
        weight = z[:, :, None, None] * y[:, None, :, None] * x[:, None, None, :]
        starts = np.arange(points.shape[1] + 1) * REACH**3
        shape = points.shape[1], self.count
        return sparse.csr_matrix((weight.ravel(), column.ravel(), starts), shape)

    def _along(self, axis: int, where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The four control points that act along an axis, and their weights (each N×4)."""
        cell = (where - self.first[axis]) / KNOTS_MM
        low = np.clip(np.floor(cell).astype(np.int32), 0, self.size[axis] - REACH)
        weights, _ = _cubic_spline(cell - low)
        return low[:, None] + np.arange(REACH, dtype=np.int32), np.stack(weights, axis=1)

    def bending(self) -> sparse.csr_matrix:
        """The matrix of the bending penalty: the sum of all squared second differences (count×count)."""
        same = [sparse.identity(n) for n in self.size]
        slope = [sparse.diags([-1, 1], [0, 1], (n - 1, n)) for n in self.size]
        curve = [sparse.diags([1, -2, 1], [0, 1, 2], (n - 2, n)) for n in self.size]
        terms = []
        for axis in range(3):
            straight = [curve[a] if a == axis else same[a] for a in range(3)]
            mixed = [same[a] if a == axis else slope[a] for a in range(3)]
            terms += [_product(straight), np.sqrt(2) * _product(mixed)]
        differences = sparse.vstack(terms).tocsr()
        return (differences.T @ differences).tocsr()

    def displacement(self, knots: np.ndarray, grid: sitk.Image) -> sitk.Image:
        """The displacement (LPS mm) of every voxel of a grid, as a vector image."""
        index = np.indices(grid.GetSize()[::-1]).reshape(3, -1)[::-1]
        points = mapped(index_to_physical(grid), index)
        planes = np.array_split(points, grid.GetDepth(), axis=1)
        moved = np.concatenate([self.weights(plane) @ knots for plane in planes])
        field = sitk.GetImageFromArray(moved.reshape(*grid.GetSize()[::-1], 3), isVector=True)
        field.CopyInformation(grid)
        return field


def maximum(
    metric: Metric,
    start: np.ndarray,
    centre: np.ndarray,
    dof: int,
    steps: int,
) -> tuple[np.ndarray, float, float]:
    """The 4×4 matrix close to ``start`` with the most information, its information, and its overlap."""

    def cost(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        value, by_matrix, _ = metric(start @ linear_map(parameters, centre))
        by_step = start[:3, :3].T @ by_matrix
        return -value, -np.array([(by_step * d).sum() for d in _derivatives(parameters, centre)])

    options = {"maxiter": steps, "ftol": 1e-7, "gtol": 1e-6, "maxls": 10}
    with threadpool_limits(1, "blas"):  # on systems of 12 unknowns threads only cost time
        result = minimize(cost, np.zeros(dof), jac=True, method="L-BFGS-B", options=options)
    best = start @ linear_map(result.x, centre)
    value, _, overlap = metric(best)
    return best, value, overlap


def warp(
    metric: Metric, matrix: np.ndarray, lattice: Lattice, knots: np.ndarray, steps: int
) -> np.ndarray:
    """The control points' displacements (count×3, mm) that maximise information minus bending.

    The search starts from ``knots``. A sample at p is displaced by the lattice, then mapped by ``matrix``.
    """
    to_index = metric.volume.to_index @ matrix
    still = mapped(to_index, metric.points.where)
    weights = lattice.weights(metric.points.where)
    gathered, bending = weights.T.tocsr(), lattice.bending()

    def cost(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        knots = parameters.reshape(-1, 3)
        moved = (weights @ knots).T
        index = still + np.stack([row[0] * moved[0] + row[1] * moved[1] + row[2] * moved[2]
                                  for row in to_index[:3, :3]])  # fmt: skip
        information, force, _ = metric.at(index)
        bent = bending @ knots
        slope = gathered @ force.T @ to_index[:3, :3]
        value = STIFFNESS * float((knots * bent).sum()) - information
        return value, (2 * STIFFNESS * bent - slope).ravel()

    options = {"maxiter": steps, "ftol": 1e-6, "maxcor": 10, "maxls": 10}
    with threadpool_limits(1, "blas"):  # a threaded sum may round differently
        result = minimize(cost, knots.ravel(), jac=True, method="L-BFGS-B", options=options)
    return result.x.reshape(-1, 3)


def _derivatives(parameters: np.ndarray, centre: np.ndarray) -> list[np.ndarray]:
    """The derivatives of the 3×4 matrix by each parameter, by central differences."""
    step_mm = 1e-3
    return [
        (linear_map(parameters + d, centre) - linear_map(parameters - d, centre))[:3]
        / (2 * step_mm)
        for d in np.eye(len(parameters)) * step_mm
    ]


def _information(bins: np.ndarray, value: np.ndarray) -> tuple[float, np.ndarray]:
    """Mutual information of bins and grey levels, and N times its derivative by each level."""
    low = value.astype(np.int64)
    weights, slopes = _cubic_spline(value - low)
    padding = 2  # a cubic B-spline reaches two bins to each side
    width = BINS + 2 * padding
    cell = bins * width + (low + padding - 1)
    joint = np.zeros(BINS * width)
    for k, weight in enumerate(weights):
        joint += np.bincount(cell + k, weight, minlength=joint.size)
    joint = joint.reshape(BINS, width) / len(value)
    fixed, moving = joint.sum(axis=1, keepdims=True), joint.sum(axis=0, keepdims=True)
    given_moving = np.log((joint + TINY) / (moving + TINY))
    information = float((joint * (given_moving - np.log(fixed + TINY))).sum())
    table = given_moving.astype(np.float32).ravel()
    weight = slopes[0] * table[cell]
    for k in (1, 2, 3):
        weight += slopes[k] * table[cell + k]
    return information, weight


def _cubic_spline(t: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The weights of four neighbours at distance ``t`` past the second, and their derivatives."""
    t = t.astype(np.float32)
    s = 1 - t
    tt, ss = t * t, s * s
    weights = [ss * s / 6, (4 - (6 - 3 * t) * tt) / 6, (4 - (6 - 3 * s) * ss) / 6, tt * t / 6]
    slopes = [ss / -2, (1.5 * t - 2) * t, (2 - 1.5 * s) * s, tt / 2]
    return weights, slopes


def _between(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The linear interpolation between ``a`` (t = 0) and ``b`` (t = 1)."""
    return a + t * (b - a)


def _product(along: list[sparse.spmatrix]) -> sparse.spmatrix:
    """The operator on the lattice made of one along each of x, y and z (x varies fastest)."""
    return sparse.kron(sparse.kron(along[2], along[1]), along[0])

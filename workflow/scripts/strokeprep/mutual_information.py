"""Linear registration by mutual information: one image sampled at points, the other interpolated.

The points are drawn once per resolution, so the metric is a smooth, deterministic function of
the transform and a quasi-Newton search can follow it to the bottom. Everything is elementwise
numpy with a fixed order of summation: the result does not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy.linalg import expm
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

# Grey-level bins on each side of the joint histogram.
BINS = 32

# A cubic B-spline reaches two bins to each side.
PADDING = 2

# Rotations and stretches are searched in millimetres at this distance from the centre, about the
# radius of a brain, so that all parameters move the image alike.
RADIUS_MM = 70.0


@dataclass(frozen=True)
class Points:
    """Where one image is sampled: physical points (N×3, LPS mm) and the bin each falls into."""

    where: np.ndarray
    bins: np.ndarray


@dataclass(frozen=True)
class Volume:
    """An image ready to interpolate: grey levels in units of bins, physical to index matrix."""

    levels: np.ndarray
    to_index: np.ndarray

    @classmethod
    def of(cls, image: sitk.Image, scale: Callable[[np.ndarray], np.ndarray]) -> Volume:
        """``image`` with its values mapped to [0, 1] by ``scale``."""
        levels = scale(sitk.GetArrayFromImage(image)) * (BINS - 1)
        return cls(np.ascontiguousarray(levels, np.float32), np.linalg.inv(index_to_physical(image)))


def index_to_physical(image: sitk.Image) -> np.ndarray:
    """The 4×4 matrix from voxel indices (x, y, z) to LPS millimetres."""
    result = np.eye(4)
    result[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    result[:3, 3] = image.GetOrigin()
    return result


def linear_map(parameters: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """The 4×4 matrix of 3 shifts (mm), 3 turns, and optionally 6 stretches (mm at RADIUS_MM)."""
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
        self._steps = np.array([1, width, width * height])
        self._flat = volume.levels.ravel()

    def __call__(self, matrix: np.ndarray) -> tuple[float, np.ndarray, float]:
        """Information per sample (nats), its gradient by the 3×4 matrix, and the overlap.

        Samples that fall outside the volume tell nothing but still count: moving the images
        apart never pays.
        """
        where = self.points.where
        index = transform(self.volume.to_index @ matrix, where)
        inside = np.all((index >= 0) & (index <= self._last), axis=1)
        overlap = float(np.count_nonzero(inside)) / len(where)
        if overlap == 0:
            return 0.0, np.zeros((3, 4)), 0.0
        value, slope = self._interpolate(index[inside])
        information, weight = _information(self.points.bins[inside], value)
        force = slope * (weight * (overlap / len(value)))[:, None]
        moment = np.stack([(force * column[:, None]).sum(axis=0) for column in where[inside].T])
        gradient = np.vstack([moment, force.sum(axis=0)])  # 4×3, by index coordinates
        return overlap * information, (gradient @ self.volume.to_index[:3, :3]).T, overlap

    def _interpolate(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Trilinear values and their gradients by index."""
        low = np.minimum(index.astype(np.int64), np.maximum(self._last - 1, 0))
        x, y, z = (index - low).astype(np.float32).T
        base = low @ self._steps
        dx, dy, dz = np.where(self._last > 0, self._steps, 0)
        corner = [self._flat[base + a + b + c] for a in (0, dz) for b in (0, dy) for c in (0, dx)]
        along_x = [corner[i + 1] - corner[i] for i in (0, 2, 4, 6)]
        in_x = [corner[2 * i] + x * along_x[i] for i in range(4)]
        along_y = [in_x[i + 1] - in_x[i] for i in (0, 2)]
        in_y = [in_x[2 * i] + y * along_y[i] for i in range(2)]
        along_z = in_y[1] - in_y[0]
        slope_x = _mix(_mix(along_x[0], along_x[1], y), _mix(along_x[2], along_x[3], y), z)
        slope_y = _mix(along_y[0], along_y[1], z)
        return in_y[0] + z * along_z, np.stack([slope_x, slope_y, along_z], axis=1)


def _mix(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    return a + t * (b - a)


def transform(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (N×3) mapped by a 4×4 matrix."""
    x, y, z = points.T  # written out: a threaded matrix product may round differently
    rows = [m[0] * x + m[1] * y + m[2] * z + m[3] for m in matrix[:3]]
    return np.stack(rows, axis=1)


def _information(bins: np.ndarray, value: np.ndarray) -> tuple[float, np.ndarray]:
    """Mutual information of fixed bins and moving values, and its derivative by each value × N."""
    low = value.astype(np.int64)
    t = value - low
    width = BINS + 2 * PADDING
    cell = bins * width + low + PADDING - 1
    weights, slopes = _cubic_spline(t)
    joint = np.zeros(BINS * width)
    for k, weight in enumerate(weights):
        joint += np.bincount(cell + k, weight, minlength=joint.size)
    joint = joint.reshape(BINS, width) / len(value)
    fixed, moving = joint.sum(axis=1, keepdims=True), joint.sum(axis=0, keepdims=True)
    tiny = 1e-12
    ratio = np.log((joint + tiny) / (moving + tiny))
    information = float((joint * (ratio - np.log(fixed + tiny))).sum())
    flat = ratio.astype(np.float32).ravel()
    return information, sum(slope * flat[cell + k] for k, slope in enumerate(slopes))


def _cubic_spline(t: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Weights of the four bins around a value ``t`` past a bin centre, and their derivatives."""
    s = 1 - t
    weights = [s**3 / 6, (4 - 6 * t**2 + 3 * t**3) / 6, (4 - 6 * s**2 + 3 * s**3) / 6, t**3 / 6]
    slopes = [-(s**2) / 2, (3 * t**2 - 4 * t) / 2, (4 * s - 3 * s**2) / 2, t**2 / 2]
    return weights, slopes


def maximise(
    metric: Metric,
    start: np.ndarray,
    centre: np.ndarray,
    dof: int,
    iterations: int,
) -> tuple[np.ndarray, float, float]:
    """The 4×4 matrix that maximises the metric near ``start``, its metric and overlap."""

    def cost(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        value, by_matrix, _ = metric(start @ linear_map(parameters, centre))
        by_step = start[:3, :3].T @ by_matrix  # chain rule through ``start``
        return -value, -np.array([(by_step * d).sum() for d in _derivatives(parameters, centre)])

    result = minimize(
        cost, np.zeros(dof), jac=True, method="L-BFGS-B",
        options={"maxiter": iterations, "ftol": 1e-8, "gtol": 1e-7, "maxls": 10},
    )  # fmt: skip
    best = start @ linear_map(result.x, centre)
    value, _, overlap = metric(best)
    return best, value, overlap


def _derivatives(parameters: np.ndarray, centre: np.ndarray) -> Sequence[np.ndarray]:
    """Of the 3×4 matrix by each parameter."""
    step = 1e-4
    offsets = np.eye(len(parameters)) * step
    return [
        (linear_map(parameters + d, centre) - linear_map(parameters - d, centre))[:3] / (2 * step)
        for d in offsets
    ]

"""The rigid pose of one CT frame relative to a reference frame.

Grey values are compared at strong edges only (skull, skin, air cells), because contrast medium does
not move these. Gauss-Newton steps with Cauchy weights minimise the difference, so that vessels that
enhance, and a head holder that stays in place while the head moves, are down-weighted as outliers.
The edges are found once on the reference, so each step costs one interpolation of the frame at those
points.

A pose here is a 4×4 matrix in the series' own axes (mm from the slab's centre). It maps points of the
reference to points of the frame, as an ITK transform that resamples the frame onto the reference does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from strokeprep.io import labels

# In-plane voxel size of the finest resolution. Thin slices are merged. Smaller voxels gain nothing,
# because there are many edges.
WORK_MM = 1.7

# Grey values are clipped to this window. Below it there is only air, above it only the densest bone.
WINDOW_HU = (-200.0, 1200.0)

# Up to POINTS points are compared, where the gradient exceeds STEEP (HU/mm at WORK_MM).
STEEP, POINTS = 20.0, 12_000
MIN_POINTS = 300

# Rotations are expressed in millimetres at this distance from the centre, about the radius of a head,
# so that all six parameters are on one scale.
RADIUS_MM = 70.0


@dataclass(frozen=True)
class Grid:
    """Voxels of one resolution: their size and the centre of the first (mm from the slab's centre)."""

    spacing: np.ndarray
    origin: np.ndarray

    def merged(self, by: Sequence[int]) -> Grid:
        """The grid whose voxels are blocks of this grid's voxels."""
        factors = np.array(by)
        return Grid(self.spacing * factors, self.origin + (factors - 1) / 2 * self.spacing)


@dataclass(frozen=True)
class Level:
    """One resolution: its grid, and how many voxels of the working grid make one of its voxels."""

    grid: Grid
    factors: tuple[int, ...]


@dataclass(frozen=True)
class Edges:
    """Edge points of the reference: positions (3×N, mm), values, and derivatives by pose (6×N)."""

    grid: Grid
    where: np.ndarray
    values: np.ndarray
    slopes: np.ndarray


# --- Resolutions ----------------------------------------------------------------------------


def merge_factors(spacing: np.ndarray, mm: float, shape: Sequence[int]) -> tuple[int, ...]:
    """How many voxels to merge along each axis so that their size is close to ``mm``."""
    wanted = np.maximum(np.rint(mm / spacing).astype(int), 1)
    return tuple(int(min(f, max(n // 4, 1))) for f, n in zip(wanted, shape, strict=True))


def merged(volume: np.ndarray, factors: Sequence[int]) -> np.ndarray:
    """Block means of the values clipped to the window (float32)."""
    result = volume.astype(np.float32)  # first, since integers would be clipped as float64
    np.clip(result, *WINDOW_HU, out=result)
    for axis, factor in enumerate(factors):
        if factor > 1:
            whole = result.shape[axis] // factor * factor
            cut = [slice(None)] * 3
            parts = []
            for first in range(factor):
                cut[axis] = slice(first, whole, factor)
                parts.append(result[tuple(cut)])
            result = sum(parts[1:], start=parts[0]) / np.float32(factor)
    return result


def levels(grid: Grid, shape: Sequence[int]) -> list[Level]:
    """Three resolutions, coarse to fine; each has voxels half as large as the one before."""
    finest = grid.spacing.min()
    factors = [merge_factors(grid.spacing, finest * times, shape) for times in (4, 2, 1)]
    return [Level(grid.merged(factor), factor) for factor in factors]


def smoothed(volume: np.ndarray, grid: Grid) -> np.ndarray:
    """A volume smoothed so that interpolation errors are smaller than its noise.

    Across thick slices some smoothing is needed, because steps between slices would bias rotations.
    """
    thick = grid.spacing > 1.5 * grid.spacing.min()
    return ndimage.gaussian_filter(volume, np.where(thick, 0.6, 1.0), truncate=3.0, mode="nearest")


def spline(volume: np.ndarray) -> np.ndarray:
    """The cubic B-spline coefficients of a volume."""
    return ndimage.spline_filter(volume, 3, output=np.float32, mode="nearest")


def resampled(volume: np.ndarray, grid: Grid, pose: np.ndarray) -> np.ndarray:
    """A frame resampled onto the reference."""
    index_pose = np.linalg.inv(_index_to_mm(grid)) @ pose @ _index_to_mm(grid)
    return ndimage.affine_transform(
        spline(volume),
        index_pose[:3, :3],
        index_pose[:3, 3],
        order=3,
        mode="nearest",
        prefilter=False,
    )


def _index_to_mm(grid: Grid) -> np.ndarray:
    matrix = np.diag([*grid.spacing, 1.0])
    matrix[:3, 3] = grid.origin
    return matrix


# --- Edges of the reference -----------------------------------------------------------------


def head_mask(volume: np.ndarray) -> np.ndarray:
    """The largest object that is denser than air, filled slice by slice."""
    solid = ndimage.binary_opening(denser_than_air(volume), np.ones((3, 3, 1)))
    head = labels.largest_part(solid)
    return np.stack([ndimage.binary_fill_holes(plane) for plane in np.moveaxis(head, 2, 0)], 2)


def denser_than_air(volume: np.ndarray) -> np.ndarray:
    """Voxels of a head or of what holds it."""
    return volume > -150.0


def near(emptied: np.ndarray, spacing: np.ndarray, factors: Sequence[int]) -> np.ndarray:
    """Voxels of the working grid within 1 cm of voxels that defacing emptied.

    Emptied voxels stay in place while the head moves, so edges close to them are not compared.
    """
    small = merged(emptied.astype(np.float32), factors) > 0
    if not small.any():
        return small
    return ndimage.distance_transform_edt(~small, sampling=spacing * factors) < 10.0


def edge_points(volume: np.ndarray, grid: Grid, excluded: np.ndarray | None) -> Edges:
    """Points of the reference on steep edges of the head, at random where there are too many."""
    random = np.random.default_rng(1)
    gradient = np.stack(np.gradient(volume, *grid.spacing))
    steep = np.linalg.norm(gradient, axis=0) > STEEP * min(1.0, WORK_MM / grid.spacing.min())
    margin = max(1, round(6.0 / grid.spacing[0]))  # 6 mm of air, to include the skin
    around = ndimage.binary_dilation(head_mask(volume), np.ones((3, 3, 1)), iterations=margin)
    chosen = steep & around if excluded is None else steep & around & ~excluded
    if volume.shape[2] >= 6:  # smoothing distorts the outermost slices
        chosen[:, :, [0, -1]] = False
    index = np.flatnonzero(chosen)
    if len(index) > POINTS:
        index = np.sort(random.choice(index, POINTS, replace=False))
    at = np.unravel_index(index, volume.shape)
    where = np.stack(at) * grid.spacing[:, None] + grid.origin[:, None]
    i, j, k = at
    slope = gradient[:, i, j, k].astype(float)  # another layout would change the last bits of poses
    turn = np.cross(where, slope, axis=0) / RADIUS_MM
    return Edges(grid, where, volume[at].astype(float), np.vstack([slope, turn]))


# --- The fit --------------------------------------------------------------------------------


def fitted(frame: np.ndarray, edges: Edges, pose: np.ndarray, scale: float) -> np.ndarray:
    """The pose close to ``pose`` that minimises the robust difference from the reference.

    ``frame`` holds spline coefficients. Residuals well above ``scale`` (HU) are down-weighted.
    """
    for _ in range(20):
        values, seen = _sampled(frame, edges, pose)
        residual = values - edges.values
        weighted = edges.slopes * (seen / (1 + (residual / scale) ** 2))
        hessian = weighted @ edges.slopes.T
        if np.linalg.cond(hessian) > 1e10:
            return pose
        step = np.linalg.solve(hessian, weighted @ residual)
        pose = pose @ np.linalg.inv(_rigid(step))
        if np.abs(step).max() < 1e-3:  # mm
            break
    return pose


def mean_cost(frame: np.ndarray, edges: Edges, pose: np.ndarray, scale: float) -> float:
    """The mean robust difference from the reference, of points inside the slab."""
    values, seen = _sampled(frame, edges, pose)
    cost = np.log1p(((values - edges.values) / scale) ** 2)
    return float((seen * cost).sum() / max(seen.sum(), 1))


def similarity(frame: np.ndarray, edges: Edges, pose: np.ndarray) -> tuple[float, float]:
    """Correlation with the reference and median absolute difference, of points inside the slab."""
    values, seen = _sampled(frame, edges, pose)
    values, known = values[seen > 0], edges.values[seen > 0]
    if len(values) < MIN_POINTS or np.ptp(values) == 0:
        return 0.0, np.inf
    return float(np.corrcoef(values, known)[0, 1]), float(np.median(np.abs(values - known)))


def _sampled(frame: np.ndarray, edges: Edges, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A frame at the reference's points, and the weight of each: 1 inside the slab, 0 outside."""
    grid = edges.grid
    index = (mapped(pose, edges.where) - grid.origin[:, None]) / grid.spacing[:, None]
    values = ndimage.map_coordinates(frame, index, order=3, mode="nearest", prefilter=False)
    inside = np.minimum(index[2] + 0.5, frame.shape[2] - 0.5 - index[2])
    return values, np.clip(2 * inside, 0, 1)


def _rigid(parameters: np.ndarray) -> np.ndarray:
    """The matrix of 3 shifts and 3 rotations, all in mm."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(parameters[3:] / RADIUS_MM).as_matrix()
    matrix[:3, 3] = parameters[:3]
    return matrix


def turned(axis: int, degrees: float) -> np.ndarray:
    """The pose of a head that is turned about one of the series' axes."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(degrees * np.eye(3)[axis], degrees=True).as_matrix()
    return matrix


def shifts_and_turns(pose: np.ndarray) -> np.ndarray:
    """The 3 shifts and 3 rotations of a pose, all in mm."""
    return np.r_[pose[:3, 3], RADIUS_MM * Rotation.from_matrix(pose[:3, :3]).as_rotvec()]


def mapped(pose: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (3×N) mapped by a pose."""
    return pose[:3, :3] @ points + pose[:3, 3:]

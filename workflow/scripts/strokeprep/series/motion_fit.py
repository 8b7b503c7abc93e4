"""Rigid head motion during a CT perfusion series.

Every frame is fitted to the mean of the frames before contrast arrives. The fit compares grey
values at strong edges only (skull, skin, air cells), which contrast leaves in place, by
Gauss-Newton steps with Cauchy weights, so that vessels that light up, and a head holder that
stays while the head moves, lose their say. Edges are drawn once from the reference, so a step
costs one interpolation of the frame at those points.

Poses are 4×4 matrices (LPS mm) that map points of the reference pose to points of a frame, as
ITK transforms that resample the frame onto the reference do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation
from threadpoolctl import threadpool_limits

from strokeprep.errors import StrokeprepError
from strokeprep.io import images
from strokeprep.io.frames import stream
from strokeprep.series.motion import STILL_MM, Motion

# Frames are compared at this in-plane resolution, after a coarse and a middle one; slices are
# merged where they are thinner. Finer gains nothing: the edges are many.
WORK_MM = 1.7
HALVINGS = 2

# Below lies only air, above only the densest bone.
WINDOW_HU = (-200.0, 1200.0)
HEAD_HU = -150.0

# Width of the smoothing in voxels of each resolution: interpolation errors fall below the noise.
# Thick slices need some, or steps between them bias tilts; it spoils the outermost slices, which
# are not compared where there are enough others.
SMOOTHING, SMOOTHING_THICK, THICK = 1.0, 0.6, 1.5
ENOUGH_SLICES = 6

# Edges steeper than this (HU/mm, at WORK_MM) are compared, at so many points; the head is seen
# with so much air around it.
STEEP, POINTS, MARGIN_MM = 20.0, 12_000, 6.0
FEWEST_POINTS = 300

# Residuals beyond this (HU, or noise standard deviations if that is more) lose their say: tight
# at the finest resolution, loose at the coarse ones, where a head may be far from its place.
SCALE_HU, SCALE_NOISE = (50.0, 15.0, 5.0), 2.5
MOST_STEPS = 20
CONVERGED_MM = 1e-3

# Turns are counted in millimetres at this distance, about the radius of a head.
RADIUS_MM = 70.0

# Voxels that defacing emptied stay where they are: edges this close to them are not compared.
FROM_EMPTIED_MM = 10.0

# Arrival of contrast: in the brain's depth (this far from the skull, where motion brings no
# bone), the share of voxels that enhance most, and the share of their peak that is an arrival.
DEPTH_MM, BRIGHTEST, ARRIVED = 15.0, 0.02, 0.1
BOLUS_HU = 10.0
SOFT_HU = (0.0, 90.0)

# The reference is the mean of so many frames: more only blur it, noise is no limit.
REFERENCE_FRAMES = 5

# Frames so near the reference say where its middle is.
CENTRE_MM = 0.75


# Series that were corrected before keep a blur that small shifts seem to fit. A move of no more
# than so many millimetres that leaves this share of the misfit is none; real ones leave .01 to .2.
IN_VAIN, IN_VAIN_MM = 0.5, 1.0

# A frame with less than this share of the usual head shows none: it was never taken, or lost.
LEAST_HEAD = 0.5

# So many frames tell the noise and which of them to start from: one of them may be torn.
FIRST_FRAMES = 5

# Frames that fit much worse than the others, or lie far off, are not to be trusted. What moved
# fits up to half of OUTLIER_HU worse for being interpolated.
OUTLIER_MADS, OUTLIER_HU = 5.0, 6.0
FARTHEST_MM, FARTHEST_DEG = 10.0, 10.0
MAD_TO_SD = 1.4826

SEED = 1


@dataclass(frozen=True)
class _Grid:
    """Voxels of one resolution: size (mm), and the first one's place from the slab's centre."""

    spacing: np.ndarray
    origin: np.ndarray

    def merged(self, factors: Sequence[int]) -> _Grid:
        """The grid whose voxels are blocks of this one's."""
        factors = np.array(factors)
        return _Grid(self.spacing * factors, self.origin + (factors - 1) / 2 * self.spacing)


@dataclass(frozen=True)
class _Level:
    """One resolution: its grid, and how many voxels of the working grid each of its has."""

    grid: _Grid
    factors: tuple[int, ...]


@dataclass(frozen=True)
class _Edges:
    """The reference at one resolution: places (3×N, mm), values, and derivatives by a pose."""

    grid: _Grid
    where: np.ndarray
    values: np.ndarray
    slopes: np.ndarray


@dataclass(frozen=True)
class _Fit:
    """A pose in the series' own axes (mm from the slab's centre) and how well it fits."""

    pose: np.ndarray
    residual: float
    before: float
    after: float


def estimate(path: str | Path, emptied: np.ndarray | None = None) -> Motion:
    """The motion of a CT perfusion series on disk.

    ``emptied`` marks voxels of the series' grid that defacing filled.
    """
    affine = images.open_nifti(Path(path)).affine
    images.check_affine(affine, path)
    return of_frames(stream(path), affine, emptied, path)


def of_frames(
    frames: Iterable[np.ndarray],
    affine: np.ndarray,
    emptied: np.ndarray | None = None,
    where: str | Path = "series",
) -> Motion:
    """The same for frames in memory; ``affine`` is the NIfTI one (RAS)."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    factors, shape, small = (1, 1, 1), (0, 0, 0), []
    for frame in frames:  # each is made small at once, so that no series is held at full size
        if not small:
            shape, factors = frame.shape, _factors(spacing, WORK_MM, frame.shape)
        small.append(_merged(frame, factors))
    grid = _Grid(spacing, -(np.array(shape) - 1) / 2 * spacing).merged(factors)
    barred = None if emptied is None else _near(emptied, spacing, factors)
    shown = _shown(small)
    seen = [frame for frame, head in zip(small, shown, strict=True) if head]
    with threadpool_limits(1, "blas"):  # on systems of 6 unknowns threads only spin
        found = _Fitting(seen, grid, barred, where).motion(_to_lps(affine, shape))
    return found.among(shown)


class _Fitting:
    """The frames that show a head, at working resolution, while their poses are found."""

    def __init__(
        self, frames: list[np.ndarray], grid: _Grid, barred: np.ndarray | None, where: str | Path
    ) -> None:
        self.frames, self.where, self.barred = frames, where, barred
        self.levels = _levels(grid, frames[0].shape)
        first = [self._volume(n, self.levels[-1]) for n in range(len(frames))[:FIRST_FRAMES]]
        self.noise = float(np.median([_noise(*pair) for pair in pairwise(first)] or [0.0]))
        self.start = _first_like_the_others(first)

    def motion(self, to_lps: np.ndarray) -> Motion:
        """All poses: rough ones first, which tell the bolus and the frames to refer to."""
        everything, (_, middle, finest) = range(len(self.frames)), self.levels
        starts = [self._edges(self._volume(self.start, level), level) for level in self.levels]
        rough, residual = self._rough(starts)
        enhancement, arrival = _arrival(self._aligned(everything, rough, middle), middle.grid)
        anchor, nearest = _reference_frames(rough[:arrival], ~_fits_badly(residual[:arrival]))
        rough = [pose @ np.linalg.inv(rough[anchor]) for pose in rough]
        edges = self._edges(self._volume(anchor, finest), finest)
        fine = [self._refined(frame, edges, rough[frame]).pose for frame in nearest]
        reference = np.mean(self._aligned(nearest, fine, finest), axis=0)
        edges = self._edges(reference, finest)
        fits = [self._refined(frame, edges, rough[frame]) for frame in everything]
        fits = _centred(fits[:arrival], fits, edges)
        return _described(fits, edges, to_lps, enhancement, arrival)

    def _rough(self, edges: list[_Edges]) -> tuple[list[np.ndarray], np.ndarray]:
        """The pose in each frame, from that in the frame before or from rest, and its misfit."""
        poses: list[np.ndarray] = []
        residual = []
        for frame in range(len(self.frames)):
            starts = [np.eye(4), *(pose for pose in poses[-1:] if _plausible(pose))]
            spline = _spline(self._volume(frame, self.levels[0]))
            pose = min(starts, key=lambda start: _cost(spline, edges[0], start, SCALE_HU[0]))  # noqa: B023
            pose = _newton(spline, edges[0], pose, SCALE_HU[0])
            spline = _spline(self._volume(frame, self.levels[1]))
            poses.append(_newton(spline, edges[1], pose, SCALE_HU[1]))
            residual.append(_likeness(spline, edges[1], poses[-1])[1])
        return poses, np.array(residual)

    def _refined(self, frame: int, edges: _Edges, start: np.ndarray) -> _Fit:
        """The pose of one frame at the finest resolution."""
        spline = _spline(self._volume(frame, self.levels[-1]))
        scale = max(SCALE_HU[-1], SCALE_NOISE * self.noise)
        return _judged(spline, edges, _newton(spline, edges, start, scale))

    def _volume(self, frame: int, level: _Level) -> np.ndarray:
        """A frame at one resolution."""
        return _smoothed(_merged(self.frames[frame], level.factors), level.grid)

    def _aligned(
        self, frames: Iterable[int], poses: Iterable[np.ndarray], level: _Level
    ) -> list[np.ndarray]:
        """Frames at one resolution, brought to the reference pose."""
        return [
            _resampled(self._volume(frame, level), level.grid, pose)
            for frame, pose in zip(frames, poses, strict=True)
        ]

    def _edges(self, volume: np.ndarray, level: _Level) -> _Edges:
        """Where a reference is compared."""
        barred = None
        if self.barred is not None:
            barred = _merged(self.barred.astype(np.float32), level.factors) > 0
        edges = _edges(volume, level.grid, barred)
        if len(edges.values) < FEWEST_POINTS:
            raise StrokeprepError(
                f"Only {len(edges.values)} voxels of the series lie on edges of a head",
                self.where,
                "Motion cannot be estimated: check that the series shows a head, in HU.",
            )
        return edges


# --- Resolutions ----------------------------------------------------------------------------


def _factors(spacing: np.ndarray, mm: float, shape: Sequence[int]) -> tuple[int, ...]:
    """How many voxels to merge along each axis to come near a size."""
    wanted = np.maximum(np.rint(mm / spacing).astype(int), 1)
    return tuple(int(min(f, max(n // 4, 1))) for f, n in zip(wanted, shape, strict=True))


def _merged(volume: np.ndarray, factors: Sequence[int]) -> np.ndarray:
    """Means over blocks, within the window (float32)."""
    result = np.clip(volume, *WINDOW_HU).astype(np.float32)
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


def _levels(grid: _Grid, shape: Sequence[int]) -> list[_Level]:
    """Resolutions, coarse to fine."""
    finest = grid.spacing.min()
    sizes = [finest * 2**halving for halving in range(HALVINGS, -1, -1)]
    factors = [_factors(grid.spacing, size, shape) for size in sizes]
    return [_Level(grid.merged(factor), factor) for factor in factors]


def _smoothed(volume: np.ndarray, grid: _Grid) -> np.ndarray:
    thick = grid.spacing > THICK * grid.spacing.min()
    return ndimage.gaussian_filter(
        volume, np.where(thick, SMOOTHING_THICK, SMOOTHING), truncate=3.0, mode="nearest"
    )


def _spline(volume: np.ndarray) -> np.ndarray:
    return ndimage.spline_filter(volume, 3, output=np.float32, mode="nearest")


def _resampled(volume: np.ndarray, grid: _Grid, pose: np.ndarray) -> np.ndarray:
    """A frame brought to the reference pose."""
    index_pose = np.linalg.inv(_index_to_mm(grid)) @ pose @ _index_to_mm(grid)
    return ndimage.affine_transform(
        _spline(volume),
        index_pose[:3, :3],
        index_pose[:3, 3],
        order=3,
        mode="nearest",
        prefilter=False,
    )


def _index_to_mm(grid: _Grid) -> np.ndarray:
    matrix = np.diag([*grid.spacing, 1.0])
    matrix[:3, 3] = grid.origin
    return matrix


# --- What is compared -----------------------------------------------------------------------


def _shown(frames: list[np.ndarray]) -> np.ndarray:
    """Which frames show a head: others were never taken, or are lost."""
    sizes = np.array([np.count_nonzero(frame > HEAD_HU) for frame in frames])
    return sizes >= LEAST_HEAD * np.median(sizes[sizes > 0]) if sizes.any() else sizes == 0


def _head(volume: np.ndarray) -> np.ndarray:
    """The largest object, filled slice by slice."""
    solid = ndimage.binary_opening(volume > HEAD_HU, np.ones((3, 3, 1)))
    objects, _ = ndimage.label(solid)
    sizes = np.bincount(objects.ravel())
    sizes[0] = 0
    head = objects == sizes.argmax() if sizes.any() else solid
    return np.stack([ndimage.binary_fill_holes(plane) for plane in np.moveaxis(head, 2, 0)], 2)


def _near(emptied: np.ndarray, spacing: np.ndarray, factors: Sequence[int]) -> np.ndarray:
    """Voxels of the working grid that lie close to emptied ones."""
    small = _merged(emptied.astype(np.float32), factors) > 0
    if not small.any():
        return small
    return ndimage.distance_transform_edt(~small, sampling=spacing * factors) < FROM_EMPTIED_MM


def _edges(volume: np.ndarray, grid: _Grid, barred: np.ndarray | None) -> _Edges:
    """Points of the reference on steep edges of the head."""
    random = np.random.default_rng(SEED)
    gradient = np.stack(np.gradient(volume, *grid.spacing))
    steep = np.linalg.norm(gradient, axis=0) > STEEP * min(1.0, WORK_MM / grid.spacing.min())
    reach = max(1, round(MARGIN_MM / grid.spacing[0]))
    around = ndimage.binary_dilation(_head(volume), np.ones((3, 3, 1)), iterations=reach)
    chosen = steep & around if barred is None else steep & around & ~barred
    if volume.shape[2] >= ENOUGH_SLICES:
        chosen[:, :, [0, -1]] = False
    index = np.flatnonzero(chosen)
    if len(index) > POINTS:
        index = np.sort(random.choice(index, POINTS, replace=False))
    at = np.unravel_index(index, volume.shape)
    where = np.stack(at) * grid.spacing[:, None] + grid.origin[:, None]
    slope = gradient[(slice(None), *at)].astype(float)
    turn = np.cross(where, slope, axis=0) / RADIUS_MM
    return _Edges(grid, where, volume[at].astype(float), np.vstack([slope, turn]))


def _arrival(aligned: list[np.ndarray], grid: _Grid) -> tuple[np.ndarray, int]:
    """The course of the bolus (HU) and how many frames lie before it; without one, all."""
    curve = _bolus_curve(aligned, _depth(aligned[0], grid))
    arrival = min(3, len(curve))
    for _ in range(2):  # first against the first frames, then against all before the arrival
        above = curve - np.median(curve[:arrival])
        peak = int(np.argmax(above))
        if above[peak] < BOLUS_HU:
            return above, len(curve)
        low = np.flatnonzero(above[:peak] < ARRIVED * above[peak])
        arrival = int(low[-1]) + 1 if len(low) else 1
    # By the time the arrival shows, the frame before may hold some.
    return above, max(arrival - 1, 1)


def _depth(volume: np.ndarray, grid: _Grid) -> np.ndarray:
    """Soft tissue deep inside the head, a voxel or more away from bone and air."""
    head = np.pad(_head(volume), ((1, 1), (1, 1), (0, 0)))
    depth = ndimage.distance_transform_edt(head, sampling=(*grid.spacing[:2], 1e3))[1:-1, 1:-1]
    soft = (volume > SOFT_HU[0]) & (volume < SOFT_HU[1])
    soft = ndimage.binary_erosion(soft, np.ones((3, 3, 1)))
    return soft & (depth > min(DEPTH_MM, 0.6 * depth.max()))


def _bolus_curve(frames: list[np.ndarray], deep: np.ndarray) -> np.ndarray:
    """The course over time of what enhances most."""
    curves = np.array([frame[deep] for frame in frames])
    smooth = ndimage.uniform_filter1d(curves, min(3, len(curves)), axis=0, mode="nearest")
    rise = smooth.max(axis=0) - smooth[0]
    return np.median(curves[:, rise >= np.quantile(rise, 1 - BRIGHTEST)], axis=1)


def _reference_frames(poses: list[np.ndarray], sound: np.ndarray) -> tuple[int, list[int]]:
    """Of sound frames the one most in the middle, and those nearest to it, in order."""
    frames = np.flatnonzero(sound)
    places = np.array([_parameters(poses[frame]) for frame in frames])
    apart = np.linalg.norm(places[:, None] - places, axis=-1)
    anchor = int(np.argmin(apart.sum(axis=1)))
    nearest = np.argsort(apart[anchor], kind="stable")[:REFERENCE_FRAMES]
    return int(frames[anchor]), sorted(frames[nearest].tolist())


def _first_like_the_others(frames: list[np.ndarray]) -> int:
    """The first of some frames that differs from the others no more than they do."""
    head = _head(frames[0])
    heads = np.array([frame[head] for frame in frames])
    apart = np.abs(heads[:, None] - heads).mean(axis=-1)
    return int(np.argmin(_fits_badly(np.median(apart, axis=1))))


def _noise(first: np.ndarray, second: np.ndarray) -> float:
    """Standard deviation (HU) of a voxel, from two frames of a head."""
    apart = np.abs(second - first)[_head(first)]
    return float(MAD_TO_SD * np.median(apart) / np.sqrt(2))


# --- The fit --------------------------------------------------------------------------------


def _newton(spline: np.ndarray, edges: _Edges, pose: np.ndarray, scale: float) -> np.ndarray:
    """The pose near ``pose`` with the smallest robust difference from the reference."""
    for _ in range(MOST_STEPS):
        values, seen = _sampled(spline, edges, pose)
        apart = values - edges.values
        weighted = edges.slopes * (seen / (1 + (apart / scale) ** 2))
        hessian = weighted @ edges.slopes.T
        if np.linalg.cond(hessian) > 1e10:
            return pose
        step = np.linalg.solve(hessian, weighted @ apart)
        pose = pose @ np.linalg.inv(_rigid(step))
        if np.abs(step).max() < CONVERGED_MM:
            break
    return pose


def _cost(spline: np.ndarray, edges: _Edges, pose: np.ndarray, scale: float) -> float:
    """The mean robust difference of what is seen."""
    values, seen = _sampled(spline, edges, pose)
    cost = np.log1p(((values - edges.values) / scale) ** 2)
    return float((seen * cost).sum() / max(seen.sum(), 1))


def _sampled(spline: np.ndarray, edges: _Edges, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A frame at the reference's points, and how far each lies in the slab (1) or outside (0)."""
    grid = edges.grid
    index = (_mapped(pose, edges.where) - grid.origin[:, None]) / grid.spacing[:, None]
    values = ndimage.map_coordinates(spline, index, order=3, mode="nearest", prefilter=False)
    inside = np.minimum(index[2] + 0.5, spline.shape[2] - 0.5 - index[2])
    return values, np.clip(2 * inside, 0, 1)


def _judged(spline: np.ndarray, edges: _Edges, pose: np.ndarray) -> _Fit:
    """How well a pose fits, and how well rest does."""
    before, _ = _likeness(spline, edges, np.eye(4))
    after, residual = _likeness(spline, edges, pose)
    return _Fit(pose, residual, before, after)


def _likeness(spline: np.ndarray, edges: _Edges, pose: np.ndarray) -> tuple[float, float]:
    """Correlation with the reference and the median difference from it, of what is seen."""
    values, seen = _sampled(spline, edges, pose)
    values, known = values[seen > 0], edges.values[seen > 0]
    if len(values) < FEWEST_POINTS or np.ptp(values) == 0:
        return 0.0, np.inf
    return float(np.corrcoef(values, known)[0, 1]), float(np.median(np.abs(values - known)))


def _rigid(parameters: np.ndarray) -> np.ndarray:
    """The matrix of 3 shifts and 3 turns, all in mm."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(parameters[3:] / RADIUS_MM).as_matrix()
    matrix[:3, 3] = parameters[:3]
    return matrix


def _parameters(pose: np.ndarray) -> np.ndarray:
    """3 shifts and 3 turns, all in mm, of a pose."""
    return np.r_[pose[:3, 3], RADIUS_MM * Rotation.from_matrix(pose[:3, :3]).as_rotvec()]


def _mapped(pose: np.ndarray, points: np.ndarray) -> np.ndarray:
    return pose[:3, :3] @ points + pose[:3, 3:]


# --- What the poses mean --------------------------------------------------------------------


def _centred(before: list[_Fit], fits: list[_Fit], head: _Edges) -> list[_Fit]:
    """The same poses, from the middle of those before contrast that lie near the reference.

    A head that rests between moves keeps its pose; of one that nods all the time, the frames
    around the middle can be averaged as they are.
    """
    moved = [
        np.linalg.norm(_mapped(fit.pose, head.where) - head.where, axis=0).mean() for fit in before
    ]
    near = np.array(moved) <= max(CENTRE_MM, min(moved))
    poses = np.array([fit.pose for fit in before])[near]
    middle = np.eye(4)
    middle[:3, :3] = Rotation.from_matrix(poses[:, :3, :3]).mean().as_matrix()
    middle[:3, 3] = poses[:, :3, 3].mean(axis=0)
    back = np.linalg.inv(middle)
    return [replace(fit, pose=fit.pose @ back) for fit in fits]


def _described(
    fits: list[_Fit], head: _Edges, to_lps: np.ndarray, enhancement: np.ndarray, arrival: int
) -> Motion:
    """Poses in the world, and what they mean for the points of the head."""
    poses = np.array([fit.pose for fit in fits])
    places = np.array([_mapped(pose, head.where) for pose in poses])
    moved = np.linalg.norm(places - head.where, axis=1)
    steps = np.linalg.norm(np.diff(places, axis=0, prepend=places[:1]), axis=1)
    residual = np.array([fit.residual for fit in fits])
    return Motion(
        matrices=to_lps @ poses @ np.linalg.inv(to_lps),
        moves=_moves(poses, images.LPS @ to_lps),
        displacement_mm=moved.mean(axis=1),
        framewise_mm=steps.mean(axis=1),
        before=np.array([fit.before for fit in fits]),
        after=np.array([fit.after for fit in fits]),
        residual_hu=residual,
        pre_contrast=np.arange(len(fits)) < arrival,
        still=(moved.max(axis=1) <= STILL_MM) | _in_vain(fits, moved.mean(axis=1)),
        outlier=_outliers(residual, poses),
        enhancement_hu=enhancement,
    )


def _in_vain(fits: list[_Fit], displacement_mm: np.ndarray) -> np.ndarray:
    """Frames whose small move hardly makes them fit better."""
    left = np.array([(1 - fit.after) > IN_VAIN * (1 - fit.before) for fit in fits])
    return left & (displacement_mm <= IN_VAIN_MM)


def _to_lps(affine: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """From the series' own axes (mm from the slab's centre) to the world (LPS)."""
    matrix = np.eye(4)
    matrix[:3, :3] = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    matrix[:3, 3] = affine[:3, :3] @ ((np.array(shape) - 1) / 2) + affine[:3, 3]
    return images.LPS @ matrix


def _moves(poses: np.ndarray, to_ras: np.ndarray) -> np.ndarray:
    """Shifts (mm) of the slab's centre and rotation vectors (deg) along RAS axes."""
    axes = to_ras[:3, :3]
    turns = Rotation.from_matrix(axes @ poses[:, :3, :3] @ axes.T).as_rotvec(degrees=True)
    return np.column_stack([poses[:, :3, 3] @ axes.T, turns])


def _plausible(pose: np.ndarray) -> bool:
    turn = np.degrees(Rotation.from_matrix(pose[:3, :3]).magnitude())
    return bool(np.linalg.norm(pose[:3, 3]) <= FARTHEST_MM and turn <= FARTHEST_DEG)


def _outliers(residual: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """Frames that fit far worse than the others or lie too far off."""
    return _fits_badly(residual) | ~np.array([_plausible(pose) for pose in poses])


def _fits_badly(residual: np.ndarray) -> np.ndarray:
    """Which of some frames fit far worse than the others."""
    middle = np.median(residual)
    spread = MAD_TO_SD * np.median(np.abs(residual - middle))
    return residual > middle + max(OUTLIER_MADS * spread, OUTLIER_HU)

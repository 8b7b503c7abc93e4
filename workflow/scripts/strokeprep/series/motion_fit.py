"""Rigid head motion during a CT perfusion series: one pose per frame.

Every frame is fitted to the mean of frames taken before contrast arrives
(:mod:`strokeprep.series.frame_fit` fits one frame). A rough fit of all frames tells when contrast
arrives, which frames fit badly, and which frames lie closest together: these make the reference.
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
from strokeprep.io.statistics import MAD_TO_SD, robust_sd
from strokeprep.series import frame_fit
from strokeprep.series.frame_fit import Edges, Grid, Level
from strokeprep.series.motion import Motion
from strokeprep.settings.registration import MOTION, MotionSettings

# Residuals above this (HU) are down-weighted, at the coarse, middle and fine resolution: loose where
# the head may still be far from its place, tight at the end. At the finest resolution the limit is
# SCALE_NOISE standard deviations of the noise, if that is more.
SCALE_HU, SCALE_NOISE = (50.0, 15.0, 5.0), 2.5


@dataclass(frozen=True)
class _Fit:
    """A pose, its median residual (HU), and the correlation with the reference before and after."""

    pose: np.ndarray
    residual: float
    before: float
    after: float


def estimate(
    path: str | Path, emptied: np.ndarray | None = None, settings: MotionSettings = MOTION
) -> Motion:
    """The motion of a CT perfusion series on disk.

    ``emptied`` marks voxels on the series' grid that defacing emptied.
    """
    affine = images.open_nifti(Path(path)).affine
    images.check_affine(affine, path)
    return of_frames(stream(path), affine, emptied, path, settings)


def of_frames(
    frames: Iterable[np.ndarray],
    affine: np.ndarray,
    emptied: np.ndarray | None = None,
    where: str | Path = "series",
    settings: MotionSettings = MOTION,
) -> Motion:
    """The motion of frames in memory; ``affine`` is NIfTI's (RAS), ``where`` is for errors."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    factors: tuple[int, ...] = (1, 1, 1)
    shape: tuple[int, ...] = (0, 0, 0)
    small: list[np.ndarray] = []
    for frame in frames:  # reduced one by one, so that the series is never in memory at full size
        if not small:
            shape = frame.shape
            factors = frame_fit.merge_factors(spacing, frame_fit.WORK_MM, frame.shape)
        small.append(frame_fit.merged(frame, factors))
    grid = Grid(spacing, -(np.array(shape) - 1) / 2 * spacing).merged(factors)
    excluded = None if emptied is None else frame_fit.near(emptied, spacing, factors)
    shown = _show_a_head(small)
    with_head = [frame for frame, head in zip(small, shown, strict=True) if head]
    with threadpool_limits(1, "blas"):  # on systems of 6 unknowns threads only cost time
        motion = _Fitting(with_head, grid, excluded, where, settings).motion(
            slab_to_lps(affine, shape)
        )
    return motion.among(shown)


class _Fitting:
    """The frames that show a head, at working resolution, while their poses are found."""

    def __init__(
        self,
        frames: list[np.ndarray],
        grid: Grid,
        excluded: np.ndarray | None,
        where: str | Path,
        settings: MotionSettings,
    ) -> None:
        self.frames, self.where, self.excluded = frames, where, excluded
        self.settings = settings
        self.levels = frame_fit.levels(grid, frames[0].shape)
        # Noise and start frame come from the first five frames; one of them may be corrupt.
        first = [self._volume(n, self.levels[-1]) for n in range(len(frames))[:5]]
        self.noise = float(np.median([_noise(*pair) for pair in pairwise(first)] or [0.0]))
        self.start = _first_like_the_others(first, settings)

    def motion(self, to_lps: np.ndarray) -> Motion:
        """All poses: a rough fit that finds bolus and reference frames, then a fine one."""
        everything, (_, middle, finest) = range(len(self.frames)), self.levels
        starts = [self._edges(self._volume(self.start, level), level) for level in self.levels]
        rough, residual = self._rough(starts)
        enhancement, arrival = _arrival(
            self._aligned(everything, rough, middle), middle.grid, self.settings.least_bolus_hu
        )
        anchor, nearest = _reference_frames(
            rough[:arrival], ~_fits_badly(residual[:arrival], self.settings), self.settings
        )
        rough = [pose @ np.linalg.inv(rough[anchor]) for pose in rough]
        edges = self._edges(self._volume(anchor, finest), finest)
        fine = [self._refined(frame, edges, rough[frame]).pose for frame in nearest]
        reference = np.mean(self._aligned(nearest, fine, finest), axis=0)
        edges = self._edges(reference, finest)
        fits = [self._refined(frame, edges, rough[frame]) for frame in everything]
        fits = _centred(fits[:arrival], fits, edges)
        return _described(fits, edges, to_lps, enhancement, arrival, self.settings)

    def _rough(self, edges: list[Edges]) -> tuple[list[np.ndarray], np.ndarray]:
        """The pose and residual of each frame, starting from the frame before or from rest."""
        poses: list[np.ndarray] = []
        residual = []
        for frame in range(len(self.frames)):
            starts = [np.eye(4), *(pose for pose in poses[-1:] if _plausible(pose, self.settings))]
            spline = frame_fit.spline(self._volume(frame, self.levels[0]))
            pose = min(
                starts,
                key=lambda start: frame_fit.mean_cost(spline, edges[0], start, SCALE_HU[0]),  # noqa: B023
            )
            pose = frame_fit.fitted(spline, edges[0], pose, SCALE_HU[0])
            spline = frame_fit.spline(self._volume(frame, self.levels[1]))
            poses.append(frame_fit.fitted(spline, edges[1], pose, SCALE_HU[1]))
            residual.append(frame_fit.similarity(spline, edges[1], poses[-1])[1])
        return poses, np.array(residual)

    def _refined(self, frame: int, edges: Edges, start: np.ndarray) -> _Fit:
        """The pose of one frame at the finest resolution."""
        spline = frame_fit.spline(self._volume(frame, self.levels[-1]))
        scale = max(SCALE_HU[-1], SCALE_NOISE * self.noise)
        return _compared(spline, edges, frame_fit.fitted(spline, edges, start, scale))

    def _volume(self, frame: int, level: Level) -> np.ndarray:
        """A frame at one resolution."""
        small = frame_fit.merged(self.frames[frame], level.factors)
        return frame_fit.smoothed(small, level.grid)

    def _aligned(
        self, frames: Iterable[int], poses: Iterable[np.ndarray], level: Level
    ) -> list[np.ndarray]:
        """Frames at one resolution, resampled onto the reference pose."""
        return [
            frame_fit.resampled(self._volume(frame, level), level.grid, pose)
            for frame, pose in zip(frames, poses, strict=True)
        ]

    def _edges(self, volume: np.ndarray, level: Level) -> Edges:
        """The edges of a reference, refused where there are too few."""
        excluded = None
        if self.excluded is not None:
            excluded = frame_fit.merged(self.excluded.astype(np.float32), level.factors) > 0
        edges = frame_fit.edge_points(volume, level.grid, excluded)
        if len(edges.values) < frame_fit.MIN_POINTS:
            raise StrokeprepError(
                f"Only {len(edges.values)} voxels of the series lie on edges of a head",
                self.where,
                "Motion cannot be estimated: check that the series shows a head, in HU.",
            )
        return edges


# --- Frames ---------------------------------------------------------------------------------


def _show_a_head(frames: list[np.ndarray]) -> np.ndarray:
    """Which frames hold at least half of the usual head; the others were lost or never taken."""
    sizes = np.array([np.count_nonzero(frame_fit.denser_than_air(frame)) for frame in frames])
    return sizes >= 0.5 * np.median(sizes[sizes > 0]) if sizes.any() else sizes == 0


def _noise(first: np.ndarray, second: np.ndarray) -> float:
    """Standard deviation (HU) of a voxel's noise, from two frames."""
    difference = np.abs(second - first)[frame_fit.head_mask(first)]
    return float(MAD_TO_SD * np.median(difference) / np.sqrt(2))


def _first_like_the_others(frames: list[np.ndarray], settings: MotionSettings) -> int:
    """The first frame that differs from the others no more than they differ from each other."""
    head = frame_fit.head_mask(frames[0])
    heads = np.array([frame[head] for frame in frames])
    differences = np.abs(heads[:, None] - heads).mean(axis=-1)
    return int(np.argmin(_fits_badly(np.median(differences, axis=1), settings)))


def _reference_frames(
    poses: list[np.ndarray], sound: np.ndarray, settings: MotionSettings
) -> tuple[int, list[int]]:
    """The most central of the sound frames, and the frames nearest to it, in order."""
    frames = np.flatnonzero(sound)
    places = np.array([frame_fit.shifts_and_turns(poses[frame]) for frame in frames])
    distances = np.linalg.norm(places[:, None] - places, axis=-1)
    anchor = int(np.argmin(distances.sum(axis=1)))
    nearest = np.argsort(distances[anchor], kind="stable")[: settings.reference_frames]
    return int(frames[anchor]), sorted(frames[nearest].tolist())


# --- Arrival of contrast --------------------------------------------------------------------


def _arrival(aligned: list[np.ndarray], grid: Grid, least_hu: float) -> tuple[np.ndarray, int]:
    """The bolus curve (HU) and the number of frames before contrast; without contrast, all."""
    curve = _bolus_curve(aligned, _deep_tissue(aligned[0], grid))
    arrival = min(3, len(curve))
    for _ in range(2):  # the baseline is first the first frames, then all before the arrival
        above = curve - np.median(curve[:arrival])
        peak = int(np.argmax(above))
        if above[peak] < least_hu:
            return above, len(curve)
        low = np.flatnonzero(above[:peak] < 0.1 * above[peak])
        arrival = int(low[-1]) + 1 if len(low) else 1
    # When the arrival is visible, the frame before may already hold some contrast.
    return above, max(arrival - 1, 1)


def _deep_tissue(volume: np.ndarray, grid: Grid) -> np.ndarray:
    """Soft tissue 15 mm inside the head and a voxel away from bone and air.

    Motion moves no bone into it.
    """
    head = np.pad(frame_fit.head_mask(volume), ((1, 1), (1, 1), (0, 0)))
    depth = ndimage.distance_transform_edt(head, sampling=(*grid.spacing[:2], 1e3))[1:-1, 1:-1]
    soft = (volume > 0.0) & (volume < 90.0)
    soft = ndimage.binary_erosion(soft, np.ones((3, 3, 1)))
    return soft & (depth > min(15.0, 0.6 * depth.max()))


def _bolus_curve(frames: list[np.ndarray], deep: np.ndarray) -> np.ndarray:
    """The median time curve of the 2 % of deep voxels that enhance most."""
    curves = np.array([frame[deep] for frame in frames])
    smooth = ndimage.uniform_filter1d(curves, min(3, len(curves)), axis=0, mode="nearest")
    rise = smooth.max(axis=0) - smooth[0]
    return np.median(curves[:, rise >= np.quantile(rise, 0.98)], axis=1)


# --- Motion from poses ----------------------------------------------------------------------


def _compared(spline: np.ndarray, edges: Edges, pose: np.ndarray) -> _Fit:
    """How well a pose fits, and how well the frame fits without any."""
    before, _ = frame_fit.similarity(spline, edges, np.eye(4))
    after, residual = frame_fit.similarity(spline, edges, pose)
    return _Fit(pose, residual, before, after)


def _centred(before: list[_Fit], fits: list[_Fit], head: Edges) -> list[_Fit]:
    """Poses relative to the mean of those before contrast that lie close to the reference.

    A head that rests between moves keeps its pose. If it nods all the time, the frames close to the
    mean can be averaged as they are.
    """
    moved = [
        np.linalg.norm(frame_fit.mapped(fit.pose, head.where) - head.where, axis=0).mean()
        for fit in before
    ]
    near = np.array(moved) <= max(0.75, min(moved))  # mm
    poses = np.array([fit.pose for fit in before])[near]
    mean = np.eye(4)
    mean[:3, :3] = Rotation.from_matrix(poses[:, :3, :3]).mean().as_matrix()
    mean[:3, 3] = poses[:, :3, 3].mean(axis=0)
    back = np.linalg.inv(mean)
    return [replace(fit, pose=fit.pose @ back) for fit in fits]


def _described(
    fits: list[_Fit],
    head: Edges,
    to_lps: np.ndarray,
    enhancement: np.ndarray,
    arrival: int,
    settings: MotionSettings,
) -> Motion:
    """Poses in world coordinates, and how far they move the edge points of the head."""
    poses = np.array([fit.pose for fit in fits])
    places = np.array([frame_fit.mapped(pose, head.where) for pose in poses])
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
        still=(moved.max(axis=1) <= settings.still_mm)
        | _barely_improved(fits, moved.mean(axis=1), settings.most_misfit_left),
        outlier=_outliers(residual, poses, settings),
        enhancement_hu=enhancement,
    )


def _barely_improved(fits: list[_Fit], displacement_mm: np.ndarray, most_left: float) -> np.ndarray:
    """Frames whose move is small and hardly improves the fit."""
    left = np.array([(1 - fit.after) > most_left * (1 - fit.before) for fit in fits])
    return left & (displacement_mm <= 1.0)


def slab_to_lps(affine: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """From the series' own axes (mm from the slab's centre) to world coordinates (LPS)."""
    matrix = np.eye(4)
    matrix[:3, :3] = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    matrix[:3, 3] = affine[:3, :3] @ ((np.array(shape) - 1) / 2) + affine[:3, 3]
    return images.LPS @ matrix


def _moves(poses: np.ndarray, to_ras: np.ndarray) -> np.ndarray:
    """Shifts (mm) of the slab's centre and rotation vectors (deg) along RAS axes."""
    axes = to_ras[:3, :3]
    turns = Rotation.from_matrix(axes @ poses[:, :3, :3] @ axes.T).as_rotvec(degrees=True)
    return np.column_stack([poses[:, :3, 3] @ axes.T, turns])


def _plausible(pose: np.ndarray, settings: MotionSettings) -> bool:
    """Whether a head can have moved this far."""
    turn = np.degrees(Rotation.from_matrix(pose[:3, :3]).magnitude())
    return bool(
        np.linalg.norm(pose[:3, 3]) <= settings.farthest_mm and turn <= settings.farthest_deg
    )


def _outliers(residual: np.ndarray, poses: np.ndarray, settings: MotionSettings) -> np.ndarray:
    """Frames that fit much worse than the others or lie too far from the reference."""
    return _fits_badly(residual, settings) | ~np.array(
        [_plausible(pose, settings) for pose in poses]
    )


def _fits_badly(residual: np.ndarray, settings: MotionSettings) -> np.ndarray:
    """Which frames fit much worse than the others."""
    spread = robust_sd(residual)
    return residual > np.median(residual) + max(settings.outlier_sd * spread, settings.outlier_hu)

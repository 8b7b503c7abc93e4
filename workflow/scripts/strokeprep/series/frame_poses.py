"""Roughly where the head lies in each frame of a series: to within some millimetres, in any frame.

Faces are emptied and looked for before motion is known to a fraction of a millimetre, on CT and on MR.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np
import SimpleITK as sitk
from threadpoolctl import threadpool_limits

from strokeprep.series import frame_fit
from strokeprep.series.frame_fit import Edges, Grid, Level
from strokeprep.series.motion_fit import slab_to_lps

SMALL_MM = 2 * frame_fit.WORK_MM

# Residuals above these (HU) are down-weighted, at the coarse and the fine resolution.
SCALES_HU = (100.0, 40.0)

# So many edge points tell a pose to a millimetre or two; with fewer than the least none is sought.
MOST_POINTS, LEAST_POINTS = 3_000, 200

# A frame that differs so many times as much as usual is tried turned about each axis (degrees), too.
UNUSUAL, TRIED_DEG = 1.2, (-24.0, -12.0, 12.0, 24.0)

# MR signal is brought to a scale on which air lies below and a head within the window of frame_fit.
BRIGHT, BRIGHT_HU, DARK_HU = 0.98, 1600.0, -400.0


@dataclass(frozen=True)
class Poses:
    """Small copies of the frames, and the head's pose in each: from points of the mean to the frame's."""

    frames: list[np.ndarray]
    grid: Grid
    to_lps: np.ndarray  # from the series' own axes
    own: np.ndarray  # frames × 4 × 4, in the series' own axes

    def matrices(self) -> np.ndarray:
        """The poses in world coordinates (LPS, mm)."""
        return self.to_lps @ self.own @ np.linalg.inv(self.to_lps)

    def tissue(self, frame: int, points: np.ndarray) -> int:
        """How many of these points of the mean (N×3, LPS) are denser than air in a frame."""
        there = np.linalg.inv(self.to_lps) @ self.matrices()[frame]
        where = frame_fit.mapped(there, points.T) - self.grid.origin[:, None]
        index = np.rint(where / self.grid.spacing[:, None]).astype(int)
        shape = np.array(self.frames[frame].shape)[:, None]
        inside = np.all((index >= 0) & (index < shape), axis=0)
        shown = self.frames[frame][tuple(index[:, inside])]
        return int(np.count_nonzero(frame_fit.denser_than_air(shown)))


def of_frames(frames: Iterable[np.ndarray], affine: np.ndarray, modality: str) -> Poses:
    """The pose of each frame (NIfTI order) against the mean of all; ``affine`` is NIfTI's."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    small: list[np.ndarray] = []
    bright = 0.0
    for frame in frames:
        if not small:
            shape = frame.shape
            factors = frame_fit.merge_factors(spacing, SMALL_MM, shape)
            bright = max(float(np.quantile(frame, BRIGHT)), 1e-6)
        if modality != "ct":
            frame = frame * np.float32(BRIGHT_HU / bright) + np.float32(DARK_HU)
        small.append(frame_fit.merged(frame, factors))
    grid = Grid(spacing, -(np.array(shape) - 1) / 2 * spacing).merged(factors)
    levels = frame_fit.levels(grid, small[0].shape)[1:]
    with threadpool_limits(1, "blas"):
        own = _fitted(small, levels)
    return Poses(small, grid, slab_to_lps(affine, shape), own)


def moved_mm(pose: np.ndarray, image: sitk.Image) -> float:
    """How far a pose (LPS) moves what lies farthest out in an image."""
    ends = product(*((0, size - 1) for size in image.GetSize()))
    corners = np.array([image.TransformIndexToPhysicalPoint(end) for end in ends]).T
    return float(np.linalg.norm(frame_fit.mapped(pose, corners) - corners, axis=0).max())


def _fitted(frames: list[np.ndarray], levels: list[Level]) -> np.ndarray:
    """The pose of each frame; that of the mean where no other fits better."""
    mean = np.mean(frames, axis=0)
    edges = [_edges(mean, level) for level in levels]
    if any(len(each.values) < LEAST_POINTS for each in edges):
        return np.tile(np.eye(4), (len(frames), 1, 1))
    found = [_pose(frame, edges, levels, [np.eye(4)]) for frame in frames]
    usual = np.median([cost for _, cost in found])
    turns = [frame_fit.turned(axis, degrees) for axis in range(3) for degrees in TRIED_DEG]
    for number, (frame, (pose, cost)) in enumerate(zip(frames, found, strict=True)):
        if cost > UNUSUAL * usual:
            found[number] = _pose(frame, edges, levels, [pose, *turns])
    return np.array([pose for pose, _ in found])


def _pose(
    frame: np.ndarray, edges: list[Edges], levels: list[Level], starts: list[np.ndarray]
) -> tuple[np.ndarray, float]:
    """The pose that fits a frame best from one of several, and what is left of the difference."""
    for level, edge, scale in zip(levels, edges, SCALES_HU, strict=True):
        spline = frame_fit.spline(_volume(frame, level))
        before = [frame_fit.mean_cost(spline, edge, start, scale) for start in starts]
        best = starts[int(np.argmin(before))]
        fitted = frame_fit.fitted(spline, edge, best, scale)
        after = frame_fit.mean_cost(spline, edge, fitted, scale)
        starts = [fitted if after < min(before) else best]
    return starts[0], min(after, *before)


def _edges(mean: np.ndarray, level: Level) -> Edges:
    """Some of the edges of the mean."""
    every = frame_fit.edge_points(_volume(mean, level), level.grid, None)
    step = max(len(every.values) // MOST_POINTS, 1)
    return Edges(every.grid, every.where[:, ::step], every.values[::step], every.slopes[:, ::step])


def _volume(frame: np.ndarray, level: Level) -> np.ndarray:
    """A small frame at one resolution."""
    return frame_fit.smoothed(frame_fit.merged(frame, level.factors), level.grid)

"""Where the slices of a stack lie: their grid, the tilt of the gantry, and gaps between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from strokeprep.io.images import LPS

SAME_MM = 0.05  # slices closer than this lie at one position: tables come back less exactly
# Distances of slices may differ by this much, in mm or as a share: positions are logged to 0.1 mm.
EVEN_MM, EVEN_SHARE = 0.05, 0.01
# Displacement along the stack, in mm a mm. Above it ITK holds no image: 0.03 degrees.
LEAST_SHEAR = 5e-4
# From the straight line through the slices; more is no tilt, but another stack.
MOST_OFF_LINE_MM = 0.1
# A gap of two or three lost slices is shorter than this many steps of a protocol with two spacings.
FEWEST_IN_PLATEAU = 3
LONG_STEP = 1.5  # times its neighbours

Steps = Literal["even", "uneven", "lost"]


@dataclass(frozen=True)
class Grid:
    """The slices of a volume as they were taken, in order along their normal. LPS, mm."""

    columns: int
    rows: int
    spacing: tuple[float, float]  # between rows, between columns
    across: np.ndarray  # unit vector along a row
    down: np.ndarray  # unit vector along a column
    positions: np.ndarray  # slices × 3: the first pixel of each

    @property
    def normal(self) -> np.ndarray:
        """The unit vector across the slices."""
        return np.cross(self.across, self.down)

    @property
    def heights(self) -> np.ndarray:
        """The distance of each slice from the first, along the normal."""
        return (self.positions - self.positions[0]) @ self.normal

    @property
    def steps(self) -> np.ndarray:
        """Distances between neighbouring slices."""
        return np.diff(self.heights)

    @property
    def step(self) -> float:
        """The usual distance."""
        return float(np.median(self.steps)) if len(self.positions) > 1 else 0.0

    @property
    def extent_mm(self) -> float:
        """What the stack covers along its normal."""
        return float(self.heights[-1]) + self.step

    @property
    def shifts(self) -> np.ndarray:
        """How far (mm) each slice lies from the first across the normal, along rows and columns."""
        moved = self.positions - self.positions[0] - self.heights[:, None] * self.normal
        return np.stack([moved @ self.across, moved @ self.down], axis=1)

    @property
    def tilt_degrees(self) -> float:
        """The angle between the way from slice to slice and the normal; 0 where it is none."""
        if len(self.positions) < 2:
            return 0.0
        shear = float(np.linalg.norm(self.shifts[-1])) / float(self.heights[-1])
        return float(np.degrees(np.arctan(shear))) if shear > LEAST_SHEAR else 0.0

    @property
    def off_line_mm(self) -> float:
        """How far the slices lie off the straight line from the first to the last."""
        if len(self.positions) < 3:
            return 0.0
        share = self.heights[:, None] / self.heights[-1]
        return float(np.abs(self.shifts - share * self.shifts[-1]).max())

    @property
    def regularity(self) -> Steps:
        """Whether the distances are equal, differ by protocol, or show that slices were lost."""
        steps = self.steps
        if len(steps) < 2 or _are_equal(steps, self.step):
            return "even"
        return "lost" if _has_gap(steps) else "uneven"

    @property
    def off_axial_degrees(self) -> float:
        """The angle between the normal and the patient's long axis."""
        return float(np.degrees(np.arccos(min(abs(self.normal[2]), 1.0))))

    @property
    def affine(self) -> np.ndarray:
        """The RAS affine of the voxels as they are written: rows run from back to front.

        For even slices; the stored order of converters in the field, so that left and right of
        an axial slice are as a radiologist sees them.
        """
        down, across = self.spacing
        matrix = np.eye(4)
        matrix[:3, 0] = across * self.across
        matrix[:3, 1] = -down * self.down
        last = len(self.positions) - 1
        matrix[:3, 2] = (self.positions[-1] - self.positions[0]) / last if last else self.normal
        matrix[:3, 3] = self.positions[0] + (self.rows - 1) * down * self.down
        return LPS @ matrix


def _are_equal(steps: np.ndarray, usual: float) -> bool:
    return bool(np.abs(steps - usual).max() <= max(EVEN_MM, EVEN_SHARE * usual))


def _has_gap(steps: np.ndarray) -> bool:
    """Whether one or two long steps stand between shorter ones, as where slices are missing."""
    return any(
        length < FEWEST_IN_PLATEAU
        and all(steps[start] > LONG_STEP * beside for beside in _beside(steps, start, length))
        for start, length in plateaus(steps)
    )


def _beside(steps: np.ndarray, start: int, length: int) -> list[float]:
    """The steps before and after a run of equal ones."""
    ends = [start - 1, start + length]
    return [float(steps[at]) for at in ends if 0 <= at < len(steps)]


def plateaus(steps: np.ndarray) -> list[tuple[int, int]]:
    """Runs of equal distances, each by its start and length.

    >>> plateaus(np.array([4, 4, 4, 1, 7, 7]))
    [(0, 3), (3, 1), (4, 2)]
    """
    runs: list[tuple[int, int]] = []
    for index in range(len(steps)):
        if runs and _are_equal(steps[runs[-1][0] : index + 1], float(steps[runs[-1][0]])):
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((index, 1))
    return runs


def finest_step(grid: Grid) -> float:
    """The smallest distance that a protocol with several spacings keeps for some slices."""
    runs = [
        float(np.median(grid.steps[start : start + length]))
        for start, length in plateaus(grid.steps)
        if length >= FEWEST_IN_PLATEAU
    ]
    return min(runs, default=float(grid.steps.min()))


def heights_of(
    positions: Sequence[tuple[float, ...]], orientation: tuple[float, ...]
) -> np.ndarray:
    """The place of each slice along the common normal."""
    across, down = np.array(orientation[:3]), np.array(orientation[3:])
    return np.array(positions) @ np.cross(across, down)


def clusters(heights: np.ndarray) -> list[np.ndarray]:
    """Indices of slices at one position, in order along the normal.

    >>> [each.tolist() for each in clusters(np.array([5.0, 0.0, 5.01]))]
    [[1], [0, 2]]
    """
    order = np.argsort(heights, kind="stable")
    breaks = np.flatnonzero(np.diff(heights[order]) > SAME_MM) + 1
    return np.split(order, breaks)

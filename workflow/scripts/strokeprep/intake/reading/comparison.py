"""Whether an image shows the slices it came from, each where its own header says.

Where each voxel lies is worked out from the affine and the headers, apart from how the image was put
together. Slices as they were taken must be there value for value. Between them, a voxel must be what a
cubic spline through its slice shows at that place, but for rounding: to compare how alike two pictures
are would let a shift by one row pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from strokeprep.intake.reading import voxels
from strokeprep.intake.reading.geometry import MOST_OFF_LINE_MM, Grid
from strokeprep.intake.reading.headers import Slice
from strokeprep.intake.reading.stacks import Stack
from strokeprep.intake.reading.voxels import Volume
from strokeprep.io import images

SAMPLED = 4  # every so many rows and columns of an interpolated image are compared
# Root mean square: of whole numbers that were rounded twice, and of fractions by the range of values.
ROUNDING, ROUNDING_SHARE = 1.0, 1e-4
# Pixels from the edge of a slice where the air beyond it bends the spline.
BENT = 6
NEAR = 0.25  # of the distance of slices: they are logged less exactly than they lie


def unlike(stack: Stack, volume: Volume) -> list[str]:
    """What of the voxels is not as in the slices they came from, which are read once more."""
    grid = stack.grid
    if grid is None:
        raise ValueError("a stack with faults has no volume")
    exact = not grid.tilt_degrees and grid.regularity == "even"
    compared = _holds if exact else _shows
    frames = volume.array[..., None] if volume.array.ndim == 3 else volume.array
    for t, planes in enumerate(_planes(stack)):
        if not compared(frames[..., t], images.LPS @ volume.affine, planes, grid):
            return ["a slice of the image is not as in its file"]
    return []


def _planes(stack: Stack) -> Sequence[Sequence[tuple[Slice, ...]]]:
    """By frame of the image, the slices that each of its planes was made from."""
    if stack.directions:
        return [list(zip(*stack.frames, strict=True))]
    return [[(each,) for each in frame] for frame in stack.frames]


def _values(slices: tuple[Slice, ...]) -> np.ndarray:
    """What a plane of the image must hold."""
    read = [voxels.values(each) for each in slices]
    return read[0] if len(read) == 1 else voxels.geometric_mean(read)


def _place(each: Slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first pixel of a slice, and the steps from pixel to pixel along rows and columns (LPS, mm)."""
    across, down = np.split(np.array(each.facts["ImageOrientationPatient"]), 2)
    between_rows, between_columns = each.facts["PixelSpacing"]
    corner = np.array(each.facts["ImagePositionPatient"])
    return corner, across * between_columns, down * between_rows


# --- Slices as they were taken ----------------------------------------------------------------


def _holds(array: np.ndarray, affine: np.ndarray, planes: Sequence, grid: Grid) -> bool:
    """Whether each slice stands in the frame where its header says, value for value."""
    back, used = np.linalg.inv(affine), set()
    for slices in planes:
        corner, across, down = _place(slices[0])
        at = back[:3, :3] @ corner + back[:3, 3]
        i, j, k = (int(each) for each in np.rint(at))
        off = (at - (i, j, k)) * np.linalg.norm(affine[:3, :3], axis=0)
        if np.abs(off[:2]).max() > MOST_OFF_LINE_MM or abs(at[2] - k) > NEAR or k in used:
            return False
        if (i, j) != (0, grid.rows - 1) or not 0 <= k < array.shape[2]:
            return False
        used.add(k)
        if not np.array_equal(array[:, ::-1, k].T, _values(slices)):
            return False
    return len(used) == array.shape[2]


# --- Slices that were interpolated ------------------------------------------------------------


def _shows(array: np.ndarray, affine: np.ndarray, planes: Sequence, grid: Grid) -> bool:
    """Whether each voxel of the frame is what its slice, or the two beside it, show at its place."""
    corners = np.array([_place(slices[0])[0] for slices in planes])
    heights = corners @ grid.normal
    whole = array.dtype.kind == "i"
    most = ROUNDING if whole else ROUNDING_SHARE * float(np.ptp(array))
    margin = BENT if grid.tilt_degrees else 0

    @lru_cache(maxsize=2)
    def seen(index: int) -> _Seen:
        return _Seen(planes[index], margin)

    used: set[int] = set()
    i, j = (np.arange(0, size, SAMPLED) for size in array.shape[:2])
    for k in range(array.shape[2]):
        points = affine[:3, :3] @ _grid_of(i, j, k) + affine[:3, 3:]
        parts = _parts(points.T @ grid.normal, heights, grid)
        if not parts:
            return False
        used |= parts.keys()
        told = [(share, *seen(index).at(points)) for index, share in parts.items()]
        expected = sum(share * shown for share, shown, _ in told)
        inside = np.logical_and.reduce([each for *_, each in told])
        off = (expected - array[::SAMPLED, ::SAMPLED, k].ravel())[inside]
        if not off.size or np.sqrt(np.mean(off**2)) > most:
            return False
    return used == set(range(len(planes)))


def _grid_of(i: np.ndarray, j: np.ndarray, k: int) -> np.ndarray:
    """The indices (3 × voxels) of some voxels of a plane."""
    rows, columns = np.meshgrid(i, j, indexing="ij")
    return np.stack([rows.ravel(), columns.ravel(), np.full(rows.size, k)])


def _parts(at: np.ndarray, heights: np.ndarray, grid: Grid) -> dict[int, float]:
    """The slices that a plane at these heights was made from, each with its share; none if it cannot be."""
    height = float(at.mean())
    if np.ptp(at) > MOST_OFF_LINE_MM:
        return {}  # the planes of the image are parallel to the slices
    if grid.regularity == "even":
        nearest = int(np.abs(heights - height).argmin())
        is_near = abs(heights[nearest] - height) <= NEAR * grid.step
        return {nearest: 1.0} if is_near else {}
    above = int(np.clip(np.searchsorted(heights, height), 1, len(heights) - 1))
    share = float((height - heights[above - 1]) / (heights[above] - heights[above - 1]))
    if not -1e-3 <= share <= 1 + 1e-3:
        return {}
    return {above - 1: 1 - share, above: share}


class _Seen:
    """A slice as its spline shows it anywhere."""

    def __init__(self, slices: tuple[Slice, ...], margin: int) -> None:
        from scipy import ndimage

        values = _values(slices)
        self.corner, self.across, self.down = _place(slices[0])
        air = images.background(str(slices[0].facts["Modality"]).lower())
        self.ends = min(values.min(), air), max(values.max(), air)
        self.shape, self.margin = values.shape, margin
        self.spline = ndimage.spline_filter(values.astype(np.float32), output=np.float32)

    def at(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What it shows at points (3 × n, LPS) above or below it, and which of them are well inside."""
        from scipy import ndimage

        away = points - self.corner[:, None]
        row, column = (step @ away / (step @ step) for step in (self.down, self.across))
        shown = ndimage.map_coordinates(
            self.spline, np.stack([row, column]), order=3, mode="mirror", prefilter=False
        )
        ends = [
            (at >= self.margin - 1e-3) & (at <= size - 1 - self.margin + 1e-3)
            for at, size in zip((row, column), self.shape, strict=True)
        ]
        return np.clip(shown, *self.ends), ends[0] & ends[1]

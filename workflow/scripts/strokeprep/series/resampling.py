"""Resample a CT perfusion series to one frame per second, corrected for motion, on any grid.

Every source frame is interpolated in space at most once, through its motion and the transforms to
the output grid combined. Each second is then interpolated linearly between the two frames around it.
Frames are processed one at a time, so a series is never in memory as a whole. Nothing is interpolated
without need: on the scan's own grid, a frame of a still head keeps its voxels exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import nibabel as nib
import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import images, labels, transforms
from strokeprep.io.frames import stream
from strokeprep.io.whole import whole
from strokeprep.series.extremes import Noted
from strokeprep.series.motion import Motion
from strokeprep.series.timing import GRID_S, Timing

VOXELS_START = 352  # bytes of a NIfTI header without extensions


class _Sample(NamedTuple):
    """A source frame on the output grid, and the acquisition times (s) of its voxels."""

    values: np.ndarray
    instants: np.ndarray


def write(
    source: str | Path,
    target: str | Path,
    coverage: str | Path,
    extremes: str | Path,
    *,
    timing: Timing,
    motion: Motion,
    grid: str | Path | None = None,
    chain: Sequence[sitk.Transform] = (),
) -> dict[str, Any]:
    """Write the series at 1 s, the mask of the voxels it covers and a note of its extremes.

    Returns facts for its sidecar.

    ``grid`` names the image whose grid the output gets, by default the source itself. ``chain`` maps
    points of that grid to points of the source's reference pose (LPS), first transform first. Voxels
    that lie outside the slab in any usable frame are set to air and not covered.
    """
    _refuse_too_few(motion, source)
    own = grid is None and not chain
    place = source if grid is None else grid
    warp = _Warp(Path(source), motion, images.read_grid(place), chain, own)
    affine = images.open_nifti(Path(place)).affine
    covered = np.zeros(warp.shape, np.uint8)
    covered[warp.box] = warp.covered
    seconds = timing.grid()
    _write_seconds(warp, timing, seconds, affine, Path(target)).write(Path(extremes), Path(target))
    images.write_array(covered, affine, coverage)
    return {
        "RepetitionTime": GRID_S,
        "Frames": len(seconds),
        "FirstFrameTime": round(float(seconds[0]), 4),
        "SpatialInterpolations": int(not (own and motion.all_still)),
        "InterpolatedInTime": np.flatnonzero(motion.outlier).tolist(),
        "CoveredShare": round(float(covered.mean()), 4),
    }


def _refuse_too_few(motion: Motion, source: str | Path) -> None:
    """Refuse a series of which no two frames can be used."""
    if np.count_nonzero(motion.usable) < 2:
        raise StrokeprepError(
            "Fewer than two frames can be used",
            source,
            "Look at the series: the head moves within frames, or too far.",
        )


def _write_seconds(
    warp: _Warp, timing: Timing, seconds: np.ndarray, affine: np.ndarray, target: Path
) -> Noted:
    """Write one frame a second, air outside the slab, and return what was noted of their extremes."""
    noted = Noted(warp.box, warp.shape, images.AIR_HU)
    with _compressed(target) as write_later:
        write_later(_header((*warp.shape, len(seconds)), affine))
        for part in _seconds(warp, timing, seconds):
            volume = np.full(warp.shape, images.AIR_HU, np.int16, order="F")
            volume[warp.box] = part
            write_later(volume.T)
            noted.add(part)
    return noted


class _Warp:
    """Moves frames onto the output grid, cropped to the box that the slab covers."""

    def __init__(
        self,
        source: Path,
        motion: Motion,
        grid: sitk.Image,
        chain: Sequence[sitk.Transform],
        own: bool,
    ) -> None:
        self.source, self.motion, self.chain, self.own = source, motion, chain, own
        nifti = images.open_nifti(source)
        self.affine, self.slab = nifti.affine, nifti.shape[:3]
        self.shape = grid.GetSize()
        whole = self._whole(grid)
        if not whole.any():
            raise StrokeprepError(
                "The series and the output grid do not overlap",
                source,
                "Check the registration of the series.",
            )
        self.box = labels.bounding_box(whole)
        # In the order of the frames: where the orders differ, a choice between them takes far longer.
        self.grid, self.covered = grid[self.box], np.asfortranarray(whole[self.box])

    def frame(self, index: int, voxels: np.ndarray) -> np.ndarray:
        """Values on a frame's grid moved into the box: unchanged where possible, else in float."""
        if self._untouched(index):
            return np.broadcast_to(voxels, self.slab)[self.box]
        voxels = np.broadcast_to(voxels, self.slab).astype(np.float32)
        return images.array(
            sitk.Resample(
                images.from_array(voxels, self.affine, self.source),
                self.grid,
                self._transform(index),
                sitk.sitkLinear,
                images.AIR_HU,
            )
        )

    def _transform(self, index: int) -> sitk.Transform:
        """Points of the grid to points of a frame."""
        return transforms.chain([*self.chain, transforms.linear(self.motion.matrices[index])])

    def _untouched(self, index: int) -> bool:
        return self.own and bool(self.motion.still[index])

    def _whole(self, grid: sitk.Image) -> np.ndarray:
        """The voxels of the output that lie inside the slab in every usable frame.

        A slab is convex with six faces. Each face can only shorten a column of the output at one
        end, so it is enough to find the two ends of every column.
        """
        columns = np.ogrid[: self.shape[0], : self.shape[1]]
        first = np.zeros(self.shape[:2])
        last = np.full(self.shape[:2], self.shape[2] - 1.0)
        to_world, from_world = images.affine(grid), np.linalg.inv(self.affine)
        for frame in np.flatnonzero(self.motion.usable):
            if self._untouched(frame):
                continue
            pose = images.LPS @ transforms.matrix(self._transform(frame)) @ images.LPS
            # A slab reaches half a voxel beyond the centres of its first and last voxels.
            for row, size in zip((from_world @ pose @ to_world)[:3], self.slab, strict=True):
                _cut(first, last, columns, row, -0.5)
                _cut(first, last, columns, -row, 0.5 - size)
        levels = np.arange(self.shape[2])
        return (levels >= first[..., None]) & (levels <= last[..., None])


def _cut(
    first: np.ndarray,
    last: np.ndarray,
    columns: Sequence[np.ndarray],
    row: np.ndarray,
    least: float,
) -> None:
    """Shorten columns (of voxels i, j) to where ``row`` times (i, j, k, 1) is at least ``least``."""
    parallel = 1e-9
    lack = least - (row[0] * columns[0] + row[1] * columns[1] + row[3])
    if row[2] > parallel:
        np.maximum(first, lack / row[2], out=first)
    elif row[2] < -parallel:
        np.minimum(last, lack / row[2], out=last)
    else:  # the face is parallel to the columns, which lie inside or outside as a whole
        last[lack > 0] = -1


def _seconds(warp: _Warp, timing: Timing, seconds: np.ndarray) -> Iterator[np.ndarray]:
    """The output's box at every second (int16)."""
    pending: dict[int, np.ndarray] = {}
    done = 0
    for earlier, later, first, last in _pairs(warp, timing):
        for number in range(done, len(seconds)):
            share = (seconds[number] - earlier.instants) / (later.instants - earlier.instants)
            over = (share >= 1) & (not last)
            if over.all():  # this second and all later ones come after this pair of frames
                break
            now = (first | (share >= 0)) & ~over
            part = _mixed(earlier.values, later.values, np.clip(share, 0, 1), warp.covered)
            if number in pending:
                np.copyto(pending[number], part, where=now)
            elif now.any():
                pending[number] = part
            if not over.any():
                yield pending.pop(number)
                done = number + 1


def _pairs(warp: _Warp, timing: Timing) -> Iterator[tuple[_Sample, _Sample, bool, bool]]:
    """Pairs of neighbouring usable frames, and whether a pair is the first or the last."""
    times = timing.of_slices(warp.slab[2])
    usable = np.flatnonzero(warp.motion.usable)
    earlier = None
    for index, voxels in enumerate(stream(warp.source)):
        if index not in usable:
            continue
        instants = times[index] if timing.shuttle else times[index, :1]
        if timing.shuttle:  # outside the slab the time does not matter: the earliest will do
            instants = np.where(warp.covered, warp.frame(index, instants), instants.min())
        sample = _Sample(warp.frame(index, voxels), instants)
        if earlier is not None:
            yield earlier, sample, index == usable[1], index == usable[-1]
        earlier = sample


def _mixed(
    earlier: np.ndarray, later: np.ndarray, share: np.ndarray, covered: np.ndarray
) -> np.ndarray:
    """The weighted mean of two frames in int16 HU, air outside the covered voxels."""
    if not share.any():
        part = images.as_dtype(earlier, np.int16)
    elif np.all(share == 1):
        part = images.as_dtype(later, np.int16)
    else:
        share = share.astype(np.float32)
        mixed = earlier * (1 - share)
        mixed += later * share
        part = images.as_dtype(mixed, np.int16)
    return np.where(covered, part, np.int16(images.AIR_HU))


def _header(shape: Sequence[int], affine: np.ndarray) -> bytes:
    """A NIfTI header that holds only geometry and time."""
    header = nib.Nifti1Header()
    header.set_data_shape(shape)
    header.set_data_dtype(np.int16)
    header.set_qform(affine, images.SCANNER)
    header.set_sform(affine, images.SCANNER)
    header.set_slope_inter(1, 0)
    header.set_xyzt_units("mm", "sec")
    header["pixdim"][4] = GRID_S
    header["vox_offset"] = VOXELS_START
    return header.binaryblock.ljust(VOXELS_START, b"\0")


@contextmanager
def _compressed(path: Path) -> Iterator[Callable[[Any], None]]:
    """A function that writes to a compressed file, which is complete or absent in the end.

    A thread compresses one piece while the caller computes the next.
    """
    with (
        whole(path) as partial,
        partial.open("wb") as raw,
        images.packed(raw) as file,
        ThreadPoolExecutor(1) as behind,
    ):
        pending: list[Future] = []

        def write_later(piece: Any) -> None:
            if pending:
                pending.pop().result()
            pending.append(behind.submit(file.write, piece))

        yield write_later
        for last in pending:
            last.result()

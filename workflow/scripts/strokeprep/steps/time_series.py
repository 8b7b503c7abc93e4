"""Steps along time for 4D scans: motion, the mean image, the one-second series."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from strokeprep.bids import sidecars
from strokeprep.io import frames, images, transforms
from strokeprep.kinds import COVERAGE, Kind
from strokeprep.series import motion as series_motion
from strokeprep.series import motion_fit as head_motion
from strokeprep.series import resampling, timing
from strokeprep.series.motion import Motion
from strokeprep.settings.registration import MotionSettings

# The mean is that of frames before contrast, because contrast beside the skull shifts a registration
# to plain CT by a tenth of a millimetre or more. With fewer frames than this it would be too noisy.
LEAST_FRAMES = 3

# A frame this close to the common pose is averaged without interpolation, which would blur it more
# than the shift does, and unevenly.
NEAR_MM = 1.0


def motion(
    source: str, face: str | None, table: str, average: str, *, kind: Kind, settings: MotionSettings
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write the position of the head in every frame, and the mean of the frames before contrast.

    ``face`` is the mask of the voxels that defacing emptied. Returns both sidecars.
    """
    emptied = images.array(images.read(face)) > 0 if face else None
    moves = head_motion.estimate(source, emptied, settings)
    series_motion.write(moves, table)
    series = images.open_nifti(Path(source))
    chosen = _averaged(moves)
    voxels = images.as_dtype(_mean(source, moves, chosen), series.get_data_dtype())
    images.write_array(voxels, series.affine, average, source)
    when = "before contrast" if moves.pre_contrast[chosen].all() else "over time"
    description = f"Mean of the {kind.called} {when}, its frames brought into one pose"
    mean_sidecar = sidecars.image(kind, description, sidecars.is_stripped(source))
    return _motion_sidecar(moves, settings), mean_sidecar | {
        "Frames": np.flatnonzero(chosen).tolist()
    }


def average(source: str, target: str, *, kind: Kind) -> dict[str, Any]:
    """Write the mean of a series over all its frames, as they are; returns its sidecar."""
    series = images.open_nifti(Path(source))
    mean = images.array(images.read_mean(source))
    images.write_array(
        images.as_dtype(mean, series.get_data_dtype()), series.affine, target, source
    )
    stripped = sidecars.is_stripped(source)
    return sidecars.image(kind, f"Mean of the {kind.called} over time", stripped)


def in_seconds(
    source: str,
    metadata: str,
    moves: str,
    target: str,
    coverage: str,
    extremes: str,
    *,
    kind: Kind,
    frame_times: float | Sequence[float] | str | None,
    chain: Sequence[str] = (),
    grid: str | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write a motion-corrected series at one frame per second, on any grid, its coverage and extremes.

    ``chain`` lists transform files in the order in which a point of ``grid`` is transformed. Returns
    the sidecars of the series and of the coverage mask.
    """
    when = timing.of_series(source, json.loads(Path(metadata).read_text()), frame_times)
    facts = resampling.write(
        source,
        target,
        coverage,
        extremes,
        timing=when,
        motion=series_motion.read(moves),
        grid=grid,
        chain=[transforms.read(path) for path in chain],
    )
    where = "on the grid of the reference" if grid else "on its own grid"
    description = f"The {kind.called} at one frame per second, head still, {where}"
    about = sidecars.image(kind, description, sidecars.is_stripped(source))
    about |= facts | {"SourceTiming": when.summary()}
    return about, sidecars.label(COVERAGE, where)


def _averaged(moves: Motion) -> np.ndarray:
    """The frames to average: those before contrast, or all usable ones if these are too few."""
    before = moves.usable & moves.pre_contrast
    return before if np.count_nonzero(before) >= LEAST_FRAMES else moves.usable


def _mean(source: str, moves: Motion, chosen: np.ndarray) -> np.ndarray:
    """The mean of chosen frames in the reference pose; a voxel is the mean of those that cover it."""
    grid, affine = images.read_grid(source), images.open_nifti(Path(source)).affine
    # In the order of the frames.
    total = np.zeros(grid.GetSize(), np.float32, order="F")
    seen = np.zeros(grid.GetSize(), np.uint16, order="F")
    everywhere = images.like(np.ones(grid.GetSize(), np.uint8), grid)
    for index, voxels in enumerate(frames.stream(source)):
        if not chosen[index]:
            continue
        if moves.displacement_mm[index] <= NEAR_MM:
            total += voxels
            seen += 1
            continue
        pose = transforms.linear(moves.matrices[index])
        frame = images.from_array(voxels, affine, source)
        shown = images.array(sitk.Resample(everywhere, grid, pose, transforms.NEAREST, 0))
        total += images.array(sitk.Resample(frame, grid, pose, transforms.LINEAR, 0)) * shown
        seen += shown
    return np.where(seen, total / np.maximum(seen, 1), images.AIR_HU)


def _motion_sidecar(moves: Motion, settings: MotionSettings) -> dict[str, Any]:
    entry = "Entry of the matrix (LPS, mm) from points of the reference pose to the frame's"
    meanings = series_motion.COLUMNS | dict.fromkeys(series_motion.MATRIX_COLUMNS, entry)
    return (
        {"Description": "Position of the head in every frame of the series"}
        | moves.summary()
        | {"StillThresholdMm": settings.still_mm}
        | {name: {"Description": text} | _units(name) for name, text in meanings.items()}
    )


def _units(column: str) -> dict[str, str]:
    unit = {"mm": "mm", "deg": "deg", "hu": "HU"}.get(column.rpartition("_")[2])
    return {"Units": unit} if unit else {}

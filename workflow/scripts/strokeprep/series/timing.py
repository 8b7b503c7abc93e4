"""Acquisition times of the frames of a series.

Times come from the sidecar or the config and are never guessed: a perfusion map made with a wrong
interval looks right although every number in it is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from strokeprep.errors import StrokeprepError
from strokeprep.io import images

# Sidecar keys in order of precedence: start times of the frames, or the interval between them (BIDS).
START_KEYS = ("FrameTimesStart", "VolumeTiming")
INTERVAL_KEY = "RepetitionTime"
SLICE_KEY = "SliceTiming"
DIRECTION_KEY = "SliceEncodingDirection"
HEADER = "header"  # in the config: use the interval of the NIfTI header
REMEDY = (
    "Give FrameTimesStart or VolumeTiming (s, one per frame) or RepetitionTime (s) in the "
    "sidecar, or the times in the config."
)

# Intervals that differ by less than this share count as equal: scanners log times to 10-50 ms.
EQUAL = 0.03

GRID_S = 1.0  # interval of the resampled series
ROUNDING_S = 1e-6


@dataclass(frozen=True)
class Timing:
    """When each frame of a series was taken.

    ``times`` (s) has one entry per frame. ``offsets`` is None where all slices of a frame were taken at
    once; in shuttle mode it holds seconds after ``times`` per slice, or per frame and slice.
    """

    times: np.ndarray
    offsets: np.ndarray | None
    source: str
    header_s: float | None
    gaps: tuple[tuple[float, float], ...]

    @property
    def intervals(self) -> np.ndarray:
        """Seconds between neighbouring frames."""
        return np.diff(self.times)

    @property
    def interval_s(self) -> float:
        """The median interval."""
        return float(np.median(self.intervals))

    @property
    def regular(self) -> bool:
        """Whether all intervals are equal."""
        return bool(np.ptp(self.intervals) <= EQUAL * self.interval_s)

    @property
    def shuttle(self) -> bool:
        """Whether slices of one frame were taken at different times."""
        return self.offsets is not None

    @property
    def one_second(self) -> bool:
        """Whether the frames are 1 s apart already."""
        error = np.abs(self.times - self.times[0] - GRID_S * np.arange(len(self.times)))
        return not self.shuttle and bool(error.max() <= EQUAL * GRID_S)

    @property
    def header_agrees(self) -> bool | None:
        """Whether the header's interval is the median or mean one within 5 %; None without one."""
        if self.header_s is None:
            return None
        known = np.array([self.interval_s, self.intervals.mean()])
        return bool(np.any(np.abs(known - self.header_s) <= 0.05 * known))

    def of_slices(self, slices: int) -> np.ndarray:
        """Acquisition times (frames × slices, s); times that are 1 s apart but for rounding are exact."""
        if self.one_second:
            times = self.times[0] + GRID_S * np.arange(len(self.times))
        else:
            times = self.times
        offsets = 0.0 if self.offsets is None else self.offsets
        return np.broadcast_to(times[:, None] + offsets, (len(times), slices))

    def grid(self) -> np.ndarray:
        """The times of a 1 s series, from the first to the last moment that every slice covers."""
        slices = 1 if self.offsets is None else self.offsets.shape[-1]
        seen = self.of_slices(slices)
        first, last = seen[0].max(), seen[-1].min()
        return first + GRID_S * np.arange(int(np.floor((last - first) / GRID_S + ROUNDING_S)) + 1)

    def summary(self) -> dict[str, Any]:
        """The facts about the source's timing for a sidecar."""
        return {
            "TimingSource": self.source,
            "FrameTimesStart": [round(float(time), 4) for time in self.times],
            "Regular": self.regular,
            "Shuttle": self.shuttle,
            "AlreadyAtOneSecond": self.one_second,
            "Gaps": [list(gap) for gap in self.gaps],
            "HeaderInterval": self.header_s,
            "HeaderAgrees": self.header_agrees,
        }


def of_series(
    path: str | Path,
    sidecar: Mapping[str, Any],
    override: float | Sequence[float] | str | None = None,
) -> Timing:
    """The timing of a 4D NIfTI file from its sidecar, or from the config's ``override``.

    ``override`` is the interval (s), the list of frame times (s), or "header" to use the interval in
    the NIfTI header.
    """
    nifti = images.open_nifti(Path(path))
    if len(nifti.shape) != 4 or nifti.shape[3] < 2:
        raise StrokeprepError(f"Shape {nifti.shape} is no time series", path, "Give a 4D image.")
    header_s = header_interval(nifti)
    return resolve(sidecar, nifti.shape[3], nifti.shape[2], header_s, override, path)


def header_interval(nifti: Any) -> float | None:
    """Seconds between frames according to a NIfTI header, None where it does not say."""
    seconds = {8: 1.0, 16: 1e-3, 24: 1e-6}  # by NIfTI code; its other bits are the unit of length
    unit = seconds.get(int(nifti.header["xyzt_units"]) & 0x38)
    interval = float(nifti.header["pixdim"][4])
    return round(interval * unit, 6) if unit and np.isfinite(interval) and interval > 0 else None


def resolve(
    sidecar: Mapping[str, Any],
    frames: int,
    slices: int,
    header_s: float | None = None,
    override: float | Sequence[float] | str | None = None,
    where: str | Path = "series",
) -> Timing:
    """The timing of a series with this number of frames and slices."""
    times, source = _frame_times(sidecar, frames, header_s, override, where)
    _check_times(times, frames, source, where)
    offsets = _offsets(sidecar, times, slices, where)
    return Timing(times, offsets, source, header_s, _gaps(times))


def _frame_times(
    sidecar: Mapping[str, Any],
    frames: int,
    header_s: float | None,
    override: float | Sequence[float] | str | None,
    where: str | Path,
) -> tuple[np.ndarray, str]:
    """Frame times from the first source that has them, and its name."""
    if override is not None:
        return _overridden(override, frames, header_s, where), "config"
    given = [key for key in (*START_KEYS, INTERVAL_KEY) if key in sidecar]
    if not given:
        raise StrokeprepError("Nothing says when the frames were taken", where, REMEDY)
    times = {key: _read(key, sidecar[key], frames, where) for key in given}
    first = times[given[0]]
    for key in given[1:]:
        if len(times[key]) != len(first) or not np.allclose(
            np.diff(times[key]), np.diff(first), rtol=EQUAL
        ):
            raise StrokeprepError(
                f"{given[0]} and {key} contradict each other",
                where,
                "Remove the wrong one from the sidecar.",
            )
    return first, given[0]


def _read(key: str, value: Any, frames: int, where: str | Path) -> np.ndarray:
    interval = key == INTERVAL_KEY
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if interval and not number:
        raise StrokeprepError(f"{key} is not a number of seconds", where, REMEDY)
    if not interval and not _is_numbers(value):
        raise StrokeprepError(f"{key} is not a list of seconds", where, REMEDY)
    return float(value) * np.arange(frames) if interval else np.array(value, float)


def _is_numbers(value: Any) -> bool:
    try:
        return np.ndim(value) == 1 and np.array(value, float).size > 0
    except (TypeError, ValueError):
        return False


def _overridden(
    override: float | Sequence[float] | str,
    frames: int,
    header_s: float | None,
    where: str | Path,
) -> np.ndarray:
    if isinstance(override, str):
        if override != HEADER:
            raise StrokeprepError(
                f"The config's frame times are '{override}'",
                where,
                f"Give seconds, a list of seconds, or '{HEADER}'.",
            )
        if header_s is None:
            raise StrokeprepError("The header holds no interval between frames", where, REMEDY)
        return header_s * np.arange(frames)
    if np.ndim(override) == 0:
        return _read(INTERVAL_KEY, override, frames, where)
    return _read("The config's list of frame times", override, frames, where)


def _check_times(times: np.ndarray, frames: int, source: str, where: str | Path) -> None:
    if len(times) != frames:
        raise StrokeprepError(
            f"{source} gives {len(times)} times for {frames} frames", where, REMEDY
        )
    if not np.all(np.isfinite(times)) or np.any(np.diff(times) <= 0):
        raise StrokeprepError(
            f"{source} does not rise from frame to frame",
            where,
            "Sort the frames by time and give each its own, in seconds.",
        )
    if np.median(np.diff(times)) > 60:  # perfusion frames are seconds apart
        raise StrokeprepError(
            f"By {source} frames are {np.median(np.diff(times)):g} s apart",
            where,
            "Times are in seconds; these look like milliseconds.",
        )


def _offsets(
    sidecar: Mapping[str, Any], times: np.ndarray, slices: int, where: str | Path
) -> np.ndarray | None:
    """Seconds of each slice after its frame's time; None where all slices were taken at once."""
    if SLICE_KEY not in sidecar:
        return None
    try:
        offsets = np.array(sidecar[SLICE_KEY], float)
    except (TypeError, ValueError):
        offsets = np.empty(0)
    if offsets.shape not in ((slices,), (len(times), slices)) or not np.isfinite(offsets).all():
        raise StrokeprepError(
            f"{SLICE_KEY} is not a list of {slices} seconds, one per slice",
            where,
            "Give one number per slice, or one such list per frame, or remove it.",
        )
    if sidecar.get(DIRECTION_KEY, "k") == "k-":  # slices are listed from the far end (BIDS)
        offsets = offsets[..., ::-1]
    if np.ptp(offsets) == 0:
        return None
    seen = times[:, None] + offsets
    longest = np.diff(times).max()
    if np.any(np.diff(seen, axis=0) <= 0) or np.any(np.ptp(offsets, axis=-1) > longest):
        raise StrokeprepError(
            f"By {SLICE_KEY} a frame is not over when the next one begins",
            where,
            "Give seconds after the start of the frame, smaller than the interval.",
        )
    return offsets


def _gaps(times: np.ndarray) -> tuple[tuple[float, float], ...]:
    """Start and end (s) of intervals so much longer than usual that part of a bolus may be missed."""
    intervals = np.diff(times)
    limit = max(2.5 * float(np.median(intervals)), 4.0)
    return tuple(
        (round(float(times[i]), 4), round(float(times[i + 1]), 4))
        for i in np.flatnonzero(intervals > limit)
    )

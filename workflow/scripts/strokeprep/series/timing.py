"""When the frames of a series were taken, and how to read the series off at other times.

Times come from the sidecar or the config, never from a guess: a perfusion map made with a wrong
interval looks right and is wrong in every number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from strokeprep.errors import StrokeprepError
from strokeprep.io import images

# Sidecar keys, first found wins: when each frame starts, or the one interval between all (BIDS).
START_KEYS = ("FrameTimesStart", "VolumeTiming")
INTERVAL_KEY = "RepetitionTime"
SLICE_KEY = "SliceTiming"
DIRECTION_KEY = "SliceEncodingDirection"
HEADER = "header"
REMEDY = (
    "Give FrameTimesStart or VolumeTiming (s, one per frame) or RepetitionTime (s) in the "
    "sidecar, or the times in the config."
)

# Perfusion frames are seconds apart. What is further apart was written in milliseconds.
LONGEST_INTERVAL_S = 60.0

# Intervals that differ by less than this share are equal: scanners log times to 10-50 ms.
EQUAL = 0.03

# An interval this many times the usual one, and this long, hides part of a bolus.
GAP_FACTOR, GAP_S = 2.5, 4.0

# A header whose interval is off by more than this contradicts the sidecar.
HEADER_AGREES = 0.05
# By the NIfTI codes; the other bits of the same byte are the unit of length.
TIME_BITS = 0x38
SECONDS_PER_UNIT = {8: 1.0, 16: 1e-3, 24: 1e-6}

GRID_S = 1.0
ROUNDING_S = 1e-6


@dataclass(frozen=True)
class Timing:
    """When each frame of a series was taken.

    ``times`` (s) has one entry per frame. ``offsets`` is None where a frame is one instant; in
    shuttle mode it holds seconds after ``times`` per slice, or per frame and slice.
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
        """The usual interval."""
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
        """Whether the frames are already what a 1 s series holds."""
        apart = np.abs(self.times - self.times[0] - GRID_S * np.arange(len(self.times)))
        return not self.shuttle and bool(apart.max() <= EQUAL * GRID_S)

    @property
    def header_agrees(self) -> bool | None:
        """Whether the header's interval is the usual or the mean one; None where it has none."""
        if self.header_s is None:
            return None
        known = np.array([self.interval_s, self.intervals.mean()])
        return bool(np.any(np.abs(known - self.header_s) <= HEADER_AGREES * known))

    def of_slices(self, slices: int) -> np.ndarray:
        """Seconds per frame and slice; what is a 1 s series but for rounding is one."""
        if self.one_second:
            times = self.times[0] + GRID_S * np.arange(len(self.times))
        else:
            times = self.times
        offsets = 0.0 if self.offsets is None else self.offsets
        return np.broadcast_to(times[:, None] + offsets, (len(times), slices))

    def grid(self) -> np.ndarray:
        """The times of a 1 s series: as many as every slice was seen before and after."""
        slices = 1 if self.offsets is None else self.offsets.shape[-1]
        seen = self.of_slices(slices)
        first, last = seen[0].max(), seen[-1].min()
        return first + GRID_S * np.arange(int(np.floor((last - first) / GRID_S + ROUNDING_S)) + 1)

    def summary(self) -> dict[str, Any]:
        """What a sidecar says about the source's timing."""
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


@dataclass(frozen=True)
class Weights:
    """Linear interpolation in time: per second and slice, two frames and the later one's share."""

    before: np.ndarray
    after: np.ndarray
    share: np.ndarray

    def apply(self, frames: np.ndarray) -> np.ndarray:
        """Curves (… × slices × frames) at the new times (… × slices × seconds), in float."""
        before, after = (
            np.take_along_axis(frames, self._like(frames, index), -1)
            for index in (self.before, self.after)
        )
        return before + (after - before) * self._like(frames, self.share)

    def _like(self, frames: np.ndarray, values: np.ndarray) -> np.ndarray:
        return values.T.reshape((1,) * (frames.ndim - 2) + values.T.shape)


def of_series(
    path: str | Path,
    sidecar: Mapping[str, Any],
    override: float | Sequence[float] | str | None = None,
) -> Timing:
    """The timing of a 4D NIfTI file from its sidecar, or from the config's ``override``.

    ``override`` is the interval (s), the list of frame times (s), or "header" to believe the
    interval in the NIfTI header.
    """
    nifti = images.open_nifti(Path(path))
    if len(nifti.shape) != 4 or nifti.shape[3] < 2:
        raise StrokeprepError(f"Shape {nifti.shape} is no time series", path, "Give a 4D image.")
    header_s = header_interval(nifti)
    return resolve(sidecar, nifti.shape[3], nifti.shape[2], header_s, override, path)


def header_interval(nifti: Any) -> float | None:
    """Seconds between frames by a NIfTI header, None where it does not say."""
    unit = SECONDS_PER_UNIT.get(int(nifti.header["xyzt_units"]) & TIME_BITS)
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
    """The timing of a series of so many frames and slices."""
    times, source = _frame_times(sidecar, frames, header_s, override, where)
    _check_times(times, frames, source, where)
    offsets = _offsets(sidecar, times, slices, where)
    return Timing(times, offsets, source, header_s, _gaps(times))


def weights(timing: Timing, slices: int, usable: np.ndarray | None = None) -> Weights:
    """How to interpolate every slice to the 1 s grid from the usable frames.

    Before the first usable frame and after the last, that frame stands.
    """
    seen, grid = timing.of_slices(slices), timing.grid()
    kept = np.arange(len(seen)) if usable is None else np.flatnonzero(usable)
    if len(kept) == 0:
        raise ValueError("no frame is usable")
    before = np.empty((len(grid), slices), int)
    after, share = before.copy(), np.zeros(before.shape)
    for k in range(slices):
        times = seen[kept, k]
        low = np.clip(np.searchsorted(times, grid + ROUNDING_S) - 1, 0, max(len(kept) - 2, 0))
        high = np.minimum(low + 1, len(kept) - 1)
        width = np.where(high > low, times[high] - times[low], 1.0)
        share[:, k] = np.clip((grid - times[low]) / width, 0, 1)
        before[:, k], after[:, k] = kept[low], kept[high]
    share[np.abs(share) < ROUNDING_S] = 0
    share[np.abs(share - 1) < ROUNDING_S] = 1
    return Weights(before, after, share)


def _frame_times(
    sidecar: Mapping[str, Any],
    frames: int,
    header_s: float | None,
    override: float | Sequence[float] | str | None,
    where: str | Path,
) -> tuple[np.ndarray, str]:
    """The first source that is given, and its name."""
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
    if np.median(np.diff(times)) > LONGEST_INTERVAL_S:
        raise StrokeprepError(
            f"By {source} frames are {np.median(np.diff(times)):g} s apart",
            where,
            "Times are in seconds; these look like milliseconds.",
        )


def _offsets(
    sidecar: Mapping[str, Any], times: np.ndarray, slices: int, where: str | Path
) -> np.ndarray | None:
    """Per-slice seconds after a frame's time; None where all slices are one instant."""
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
    """From when to when (s) nothing was seen for much longer than usual."""
    apart = np.diff(times)
    limit = max(GAP_FACTOR * float(np.median(apart)), GAP_S)
    return tuple(
        (round(float(times[i]), 4), round(float(times[i + 1]), 4))
        for i in np.flatnonzero(apart > limit)
    )

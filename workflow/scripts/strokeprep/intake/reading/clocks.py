"""Which slice belongs to which frame, and when it was taken.

A clock is a tag that is different for all slices at each position; their order by it is the order
of the frames. Instance numbers are no clock: scanners number slices as they like.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from strokeprep.errors import StrokeprepError
from strokeprep.intake.reading.headers import DAY, Slice
from strokeprep.series import timing

# Best first. Counts give the order alone.
SECONDS = ("AcquisitionDateTime", "AcquisitionTime", "ContentTime", "TriggerTime")
COUNTS = ("TemporalPositionIdentifier", "AcquisitionNumber")
SAME_S = 5e-4  # slices of a frame whose times differ by less were taken at once
FEWEST = 2


@dataclass(frozen=True)
class Clock:
    """The order of the frames by a tag, and the times (frames × slices, s) if it says them."""

    tag: str
    order: np.ndarray  # frames × slices: which of the slices at a position
    times: np.ndarray | None

    @property
    def starts(self) -> np.ndarray | None:
        """When each frame began, after the first."""
        if self.times is None:
            return None
        first = self.times.min(axis=1)
        return np.round(first - first[0], 6)

    @property
    def offsets(self) -> np.ndarray | None:
        """Seconds of each slice after its frame began (frames × slices); None if all are 0."""
        if self.times is None:
            return None
        offsets = np.round(self.times - self.times.min(axis=1, keepdims=True), 6)
        return offsets if offsets.max() > SAME_S else None

    @property
    def counts_whole_seconds(self) -> bool:
        """Whether fractions of seconds are missing, so that each time is off by up to a second."""
        starts = self.starts
        return starts is not None and bool(np.all(starts == np.rint(starts)))


def clock(positions: Sequence[Sequence[Slice]]) -> Clock | None:
    """The first clock that tells all slices at each position apart; None if there is none.

    A clock with fractions of seconds is better than one without.
    """
    made = [each for tag in (*SECONDS, *COUNTS) for each in [_by(tag, positions)] if each]
    exact = [each for each in made if each.times is not None and not each.counts_whole_seconds]
    return next(iter([*exact, *made]), None)


def _by(tag: str, positions: Sequence[Sequence[Slice]]) -> Clock | None:
    if any(tag not in each.clocks for slices in positions for each in slices):
        return None
    told = np.array([[each.clocks[tag] for each in slices] for slices in positions]).T
    if tag in SECONDS:
        told = _through_midnight(told)
    order = np.argsort(told, axis=0, kind="stable")
    times = np.take_along_axis(told, order, axis=0)
    if np.any(np.diff(times, axis=0) <= (SAME_S if tag in SECONDS else 0)):
        return None
    return Clock(tag, order, times if tag in SECONDS else None)


def _through_midnight(times: np.ndarray) -> np.ndarray:
    """Times of which some start again from zero, put in a row. No series takes half a day."""
    if np.ptp(times) <= DAY / 2:
        return times
    return np.where(times < times.max() - DAY / 2, times + DAY, times)


def fault(found: Clock, slices: int) -> str:
    """Why the times cannot be those of the frames; empty if they can."""
    if found.times is None:
        return ""
    starts, offsets = found.starts, found.offsets
    sidecar = {"FrameTimesStart": [] if starts is None else starts.tolist()}
    if offsets is not None:
        sidecar["SliceTiming"] = offsets.tolist()
    try:
        timing.resolve(sidecar, len(found.times), slices)
    except StrokeprepError as error:
        return error.what
    return ""

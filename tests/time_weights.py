"""Linear interpolation in time, written out as frame indices and weights.

The library resamples a series frame by frame and never holds such a table. The tests compare its
result with this one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from strokeprep.series.timing import ROUNDING_S, Timing


@dataclass(frozen=True)
class Weights:
    """Per second and slice, the two frames to interpolate between and the weight of the later one."""

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


def weights(timing: Timing, slices: int, usable: np.ndarray | None = None) -> Weights:
    """The interpolation of every slice to the 1 s grid from the usable frames.

    Before the first usable frame and after the last, the values are those of that frame.
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

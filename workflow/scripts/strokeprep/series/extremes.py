"""What a series holds at least and at most in each voxel, noted by the pass that writes it.

Whether a place is empty in every frame is then known without unpacking gigabytes again. A note is believed
only of the bytes that were written.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from strokeprep.io import labels
from strokeprep.io.whole import State, whole


@dataclass(frozen=True)
class Extremes:
    """The least and the greatest value of each voxel over all frames, in the order of a frame in the file."""

    least: np.ndarray
    greatest: np.ndarray

    @classmethod
    def of_unchanged(cls, note: Path, series: Path) -> Extremes | None:
        """What was noted of a series; None if nothing was, or its bytes changed since."""
        if not note.is_file():
            return None
        with np.load(note) as arrays:
            said = json.loads(str(arrays["about"]))
            if said["sha256"] != State.once(series).sha256:
                return None
            box = tuple(slice(*ends) for ends in said["box"])
            found = []
            for part in (arrays["least"], arrays["greatest"]):
                frame = np.full(said["shape"], said["around"], part.dtype, order="F")
                frame[box] = part
                found.append(frame.reshape(-1, order="F"))
        return cls(*found)

    def differing(self, places: np.ndarray, background: float, tolerance: float) -> int:
        """How many of these voxels of a frame differ from the background in any frame."""
        low, high = (each[places].astype(np.float32) for each in (self.least, self.greatest))
        return int(np.count_nonzero(np.maximum(background - low, high - background) > tolerance))


class Noted:
    """The extremes of frames as they go by, each a ``box`` of a volume with one value ``around`` it."""

    def __init__(self, box: labels.Box, shape: tuple[int, ...], around: int) -> None:
        self.box, self.shape, self.around = box, shape, around
        self._extremes: tuple[np.ndarray, np.ndarray] | None = None

    def add(self, part: np.ndarray) -> None:
        """Look at the box of one frame."""
        if self._extremes is None:
            self._extremes = part.copy(order="K"), part.copy(order="K")
            return
        least, greatest = self._extremes
        np.minimum(least, part, out=least)
        np.maximum(greatest, part, out=greatest)

    def write(self, note: Path, series: Path) -> None:
        """Note what was seen of a series, which is complete by now."""
        assert self._extremes is not None, "a series has frames"
        about = {
            "sha256": State.of(series).sha256,
            "box": [(side.start, side.stop) for side in self.box],
            "shape": self.shape,
            "around": self.around,
        }
        least, greatest = self._extremes
        with whole(note) as partial, partial.open("wb") as file:
            np.savez(file, least=least, greatest=greatest, about=json.dumps(about))

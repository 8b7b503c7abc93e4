"""The parameters of each scan, for each size of study."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from strokeprep.errors import StrokeprepError

FIRST_PASS_S = 35.0  # after which frames are twice as far apart


@dataclass(frozen=True)
class Scan:
    """One acquisition: its grid, the averaging within a voxel, and its noise."""

    size: tuple[int, int, int]
    spacing: tuple[float, float, float]  # mm
    over: tuple[int, int, int]  # sub-voxels averaged per voxel: the point spread
    noise: float  # HU, or signal units


@dataclass(frozen=True)
class Protocol:
    """All acquisitions of one size of study, and the resolution of the head that is scanned."""

    voxel_mm: float  # of head space: 1 or 2
    ncct: Scan
    ncct_face_slices: int  # slices when the whole face is scanned
    cta: Scan
    ctp: Scan
    frame_times_s: tuple[float, ...]  # of the textbook's bolus
    least_interval_s: float  # between frames of the first pass of any other
    dwi: Scan
    t1w: Scan
    thick: Scan  # T2w, FLAIR, SWI and T2*w
    tof: Scan

    def frame_times(self, seconds: float, interval_s: float) -> np.ndarray:
        """The times (s) of a scan's frames, with that interval or the least in the first pass."""
        step = max(interval_s, self.least_interval_s)
        early = int(FIRST_PASS_S / step) + 1
        late = int((seconds - step * (early - 1)) / (2 * step))
        return np.array(frame_times(early, step, late, 2 * step))

    def of(self, name: str) -> Scan:
        """The acquisition of a scan that is made beside the usual ones."""
        return {"t1wce": self.t1w, "tof": self.tof}.get(name, self.thick)


def frame_times(early: int, early_s: float, late: int, late_s: float) -> tuple[float, ...]:
    """Frame times with a short interval at first and a longer one after the first pass."""
    first = early_s * np.arange(early)
    second = first[-1] + late_s * np.arange(1, late + 1)
    return tuple(float(time) for time in np.concatenate([first, second]).round(3))


PROTOCOLS: dict[str, Protocol] = {
    "tiny": Protocol(  # tests a run in seconds; too coarse for accuracy
        voxel_mm=2.0,
        ncct=Scan((96, 96, 46), (2.4, 2.4, 4.0), (1, 1, 2), 4.0),
        ncct_face_slices=56,
        cta=Scan((96, 96, 76), (2.4, 2.4, 3.0), (1, 1, 2), 8.0),
        ctp=Scan((64, 64, 8), (3.5, 3.5, 8.0), (1, 1, 4), 3.0),
        frame_times_s=frame_times(14, 2.0, 5, 3.5),
        least_interval_s=2.0,
        dwi=Scan((72, 72, 32), (3.0, 3.0, 5.0), (1, 1, 2), 9.0),
        t1w=Scan((76, 92, 92), (2.5, 2.5, 2.5), (1, 1, 1), 12.0),
        thick=Scan((80, 88, 28), (2.8, 2.8, 6.5), (1, 1, 3), 12.0),
        tof=Scan((72, 84, 30), (2.8, 2.8, 2.8), (1, 1, 1), 9.0),
    ),
    "small": Protocol(
        voxel_mm=1.0,
        ncct=Scan((200, 200, 84), (1.12, 1.12, 2.2), (1, 1, 2), 4.0),
        ncct_face_slices=101,
        cta=Scan((208, 208, 164), (1.1, 1.1, 1.4), (1, 1, 2), 8.0),
        ctp=Scan((144, 144, 14), (1.55, 1.55, 5.0), (2, 2, 4), 3.0),
        frame_times_s=frame_times(22, 1.5, 8, 3.0),
        least_interval_s=1.0,
        dwi=Scan((128, 128, 60), (1.75, 1.75, 2.6), (2, 2, 2), 9.0),
        t1w=Scan((128, 160, 160), (1.5, 1.5, 1.5), (1, 1, 1), 12.0),
        thick=Scan((144, 160, 30), (1.5, 1.5, 6.0), (1, 1, 4), 12.0),
        tof=Scan((150, 170, 52), (1.4, 1.4, 1.6), (1, 1, 1), 9.0),
    ),
    "clinical": Protocol(
        voxel_mm=1.0,
        ncct=Scan((512, 512, 74), (0.45, 0.45, 2.5), (1, 1, 3), 6.0),
        ncct_face_slices=88,
        cta=Scan((512, 512, 400), (0.45, 0.45, 0.6), (1, 1, 1), 12.0),
        ctp=Scan((512, 512, 16), (0.43, 0.43, 5.0), (1, 1, 4), 6.0),
        frame_times_s=frame_times(35, 1.2, 20, 2.4),
        least_interval_s=1.0,
        dwi=Scan((256, 256, 30), (0.9, 0.9, 5.0), (1, 1, 4), 9.0),
        t1w=Scan((192, 256, 256), (1.0, 1.0, 1.0), (1, 1, 1), 15.0),
        thick=Scan((256, 288, 28), (0.85, 0.85, 6.5), (1, 1, 5), 14.0),
        tof=Scan((384, 448, 110), (0.55, 0.55, 0.8), (1, 1, 1), 12.0),
    ),
}


def protocol(size: str) -> Protocol:
    """The protocol called `size`."""
    if size not in PROTOCOLS:
        raise StrokeprepError("no such phantom size", size, f"choose one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[size]

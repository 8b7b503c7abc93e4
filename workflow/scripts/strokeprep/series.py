"""4D scans: what is derived along time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from strokeprep import images, sidecars
from strokeprep.study import KINDS


def mean(source: str, target: str, *, kind: str) -> dict[str, Any]:
    """Write the mean over time of a series; returns its sidecar."""
    nifti = images.open_nifti(Path(source))
    frames = images.voxels(nifti, Path(source))
    total = np.zeros(frames.shape[:3], np.float32)
    for index in range(frames.shape[3]):  # frame by frame: a float copy of a series is gigabytes
        total += frames[..., index]
    average = images.as_dtype(total / frames.shape[3], nifti.get_data_dtype())
    images.write_array(average, nifti.affine, target, source)
    description = f"Mean over time of the {sidecars.CALLED[kind]}"
    return sidecars.image(KINDS[kind], description, skull_stripped=False) | {
        "Frames": frames.shape[3]
    }

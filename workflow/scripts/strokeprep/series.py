"""4D scans: what is derived along time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from strokeprep import images, sidecars
from strokeprep.study import KINDS


def mean(source: str, target: str, *, kind: str) -> dict[str, Any]:
    """Write the mean over time of a series; returns its sidecar."""
    series = images.open_nifti(Path(source))
    average = images.array(images.read_mean(source))
    images.write_array(
        images.as_dtype(average, series.get_data_dtype()), series.affine, target, source
    )
    description = f"Mean over time of the {sidecars.CALLED[kind]}"
    return sidecars.image(KINDS[kind], description, skull_stripped=False) | {
        "Frames": series.shape[3]
    }

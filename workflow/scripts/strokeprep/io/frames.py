"""Read a 4D series frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from strokeprep.io import images


def stream(path: str | Path) -> Iterator[np.ndarray]:
    """The frames of a 4D NIfTI file one by one: stored values, or float32 where a scaling applies."""
    nifti = images.open_nifti(Path(path))
    proxy = nifti.dataobj
    scaled = (proxy.slope, proxy.inter) != (1, 0)
    for block in images.blocks(nifti, Path(path), nifti.shape[2]):
        frame = block.T
        yield frame * np.float32(proxy.slope) + np.float32(proxy.inter) if scaled else frame

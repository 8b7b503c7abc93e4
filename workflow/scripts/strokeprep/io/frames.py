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


def as_stored(path: str | Path) -> Iterator[np.ndarray]:
    """The voxels of an image, or of each frame of a series, one after the other as in the file."""
    nifti = images.open_nifti(Path(path))
    series = stream(path) if nifti.ndim == 4 else [images.voxels(nifti, Path(path))]
    for frame in series:
        yield frame.T.reshape(-1)

"""Read a 4D series frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from strokeprep.errors import StrokeprepError
from strokeprep.io import images


def stream(path: str | Path) -> Iterator[np.ndarray]:
    """The frames of a 4D NIfTI file one by one: stored integers, or float32 where a scaling applies."""
    proxy = images.open_nifti(Path(path)).dataobj
    shape, count = proxy.shape[:3], int(np.prod(proxy.shape[:3]))
    scaled = (proxy.slope, proxy.inter) != (1, 0)
    try:
        with images.opened(Path(path)) as file:
            file.seek(proxy.offset)
            for _ in range(proxy.shape[3]):
                raw = file.read(count * proxy.dtype.itemsize)
                if len(raw) < count * proxy.dtype.itemsize:
                    raise EOFError
                frame = np.frombuffer(raw, proxy.dtype).reshape(shape, order="F")
                yield frame * np.float32(proxy.slope) + np.float32(proxy.inter) if scaled else frame
    except images.DAMAGED as error:
        raise StrokeprepError(
            "The voxels cannot be read, the file is cut short or damaged",
            path,
            "Copy or convert the scan again, or remove the file from the study.",
        ) from error

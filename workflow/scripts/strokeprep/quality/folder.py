"""The images and transforms of a folder, for jobs that look at the same file several times."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from strokeprep.io import frames, images, transforms


class Folder:
    """Files by their names in a folder. Each image is read once."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self._read: dict[str, sitk.Image] = {}

    def image(self, name: str) -> sitk.Image:
        """An image, or the first frame of a series (only that frame is decompressed)."""
        if name not in self._read:
            path = self.root / name
            nifti = images.open_nifti(path)
            is_series = nifti.ndim == 4
            data = next(frames.stream(path)) if is_series else images.voxels(nifti, path)
            self._read[name] = images.from_array(data, nifti.affine, path)
        return self._read[name]

    def stored(self, name: str) -> Iterator[np.ndarray]:
        """The voxels of an image, or of each frame of a series, one after the other as in the file."""
        path = self.root / name
        if images.open_nifti(path).ndim == 4:
            yield from frames.as_stored(path)
        else:
            yield images.array(self.image(name)).T.reshape(-1)

    def transform(self, name: str) -> sitk.Transform:
        """A transform."""
        return transforms.read(self.root / name)

    def path(self, name: str) -> Path:
        """Where a file lies."""
        return self.root / name

"""What is true of one subject of the built-in study, read from the truth folder."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk

from strokeprep.io import transforms

# Enough brain points to know a mean distance to about 1 %, few enough for a second of work.
POINTS = 5000


class Truth:
    """The truth folder of one phantom subject."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts = json.loads((folder / "truth.json").read_text())

    def image(self, name: str) -> np.ndarray:
        """A truth image's voxels in NIfTI order."""
        return np.asarray(nib.load(self.folder / f"{name}.nii.gz").dataobj)

    def points(self, name: str, head: np.ndarray) -> np.ndarray:
        """Head points (RAS) in the world of an image or of the template."""
        return transforms.apply(self.from_head(name), head)

    def from_head(self, name: str) -> sitk.Transform:
        """Where head points are in the world of an image or of the template."""
        (path,) = self.folder.glob(f"from-head_to-{name}.*")
        return transforms.read(path)

    def head_points(self, scan: str) -> np.ndarray:
        """Points (RAS, head space) spread evenly over the brain as a scan shows it."""
        mask = nib.load(self.folder / f"{scan}_brain.nii.gz")
        inside = np.argwhere(np.asarray(mask.dataobj) > 0)
        chosen = inside[:: max(1, len(inside) // POINTS)]
        world = nib.affines.apply_affine(mask.affine, chosen)
        return transforms.apply(self.from_head(scan).GetInverse(), world)

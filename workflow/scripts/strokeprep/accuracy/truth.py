"""Read the truth of one subject of the built-in study."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from nibabel.affines import apply_affine

from strokeprep.io import images, transforms

# Brain points for a mean distance: its error is about 1 %, and it takes a second.
POINTS = 5000


class Truth:
    """The truth folder of one phantom subject."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts = json.loads((folder / "truth.json").read_text())

    def image(self, name: str) -> np.ndarray:
        """The voxels of a true image, in the order of NIfTI."""
        return np.asarray(nib.load(self.folder / f"{name}.nii.gz").dataobj)

    def read(self, name: str) -> sitk.Image:
        """A true image with its grid."""
        return images.read(self.folder / f"{name}.nii.gz")

    def points(self, name: str, head: np.ndarray) -> np.ndarray:
        """Head points (RAS) in the world coordinates of an image or of the template."""
        return transforms.apply(self.from_head(name), head)

    def from_head(self, name: str) -> sitk.Transform:
        """The transform from head points to the world of an image or of the template."""
        (path,) = self.folder.glob(f"from-head_to-{name}.*")
        return transforms.read(path)

    def head_points(self, scan: str) -> np.ndarray:
        """Points (RAS, head space) spread evenly over the brain in the field of view of a scan."""
        mask = nib.load(self.folder / f"{scan}_brain.nii.gz")
        inside = np.argwhere(np.asarray(mask.dataobj) > 0)
        chosen = inside[:: max(1, len(inside) // POINTS)]
        world = apply_affine(mask.affine, chosen)
        return transforms.apply(self.from_head(scan).GetInverse(), world)

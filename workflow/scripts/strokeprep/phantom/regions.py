"""The atlas of a simulated study: cortex, what lies below it, cerebellum and brainstem, by side.

It is drawn by a few planes and depths on the template, as coarse as the lesions it is for.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from strokeprep.io import images
from strokeprep.phantom.files import write_table
from strokeprep.registration import template

NAMES = {
    1: "left cortex",
    2: "right cortex",
    3: "left deep tissue",
    4: "right deep tissue",
    5: "left cerebellum",
    6: "right cerebellum",
    7: "brainstem",
}
CORTEX_MM = 12.0  # as deep as sulci go, or a little less


def write(path: Path) -> None:
    """Write the label image at a path, and beside it the table of names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    images.write(regions(), path, code=images.MNI)
    rows = [(str(number), name) for number, name in NAMES.items()]
    write_table(Path(str(path).removesuffix(".nii.gz") + ".tsv"), ("index", "name"), rows)


def regions() -> sitk.Image:
    """The label image on the template's grid."""
    brain = template.load().brain
    inside = images.array(brain) > 0
    x, y, z = _coordinates(brain)
    depth = images.array(template.depth_at(brain))
    cortex = depth < CORTEX_MM
    cerebellum = (y < -38) & (z < -28 + 0.45 * np.maximum(40 - np.abs(x), 0))
    stem = (np.abs(x) < 18) & (y < -8) & (y > -46) & (z < -10)
    right = (x > 0).astype(np.uint8)
    numbers = np.where(cortex, 1, 3) + right
    numbers = np.where(cerebellum, 5 + right, numbers)
    numbers = np.where(stem, 7, numbers)
    return images.like((numbers * inside).astype(np.uint8), brain)


def _coordinates(grid: sitk.Image) -> tuple[np.ndarray, ...]:
    """Broadcastable RAS coordinates (mm) of a grid without rotation."""
    matrix = images.affine(grid)
    axes = (matrix[d, d] * np.arange(n) + matrix[d, 3] for d, n in enumerate(grid.GetSize()))
    return tuple(np.expand_dims(c, [a for a in range(3) if a != d]) for d, c in enumerate(axes))

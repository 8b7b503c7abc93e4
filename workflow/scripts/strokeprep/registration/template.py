"""The template brain that images are registered to.

The built-in template is MNI152NLin2009aSym, whose 1 mm T1-weighted image ships inside nilearn. It shows
the brain without the skull: masking and defacing use distances from its surface instead
(:func:`depth`). Any other brain-extracted image in MNI152 coordinates can take its place.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import grids, images
from strokeprep.io.grids import same_grid, shrunk
from strokeprep.settings.study import BUILT_IN_TEMPLATE, TemplateSettings

# The depth that is given where the template shows nothing: far outside of its brain.
BEYOND_MM = -99.0

NILEARN_FILE = "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"


@dataclass(frozen=True)
class Template:
    """A brain-extracted image in MNI152 coordinates; ``inside`` marks its brain."""

    name: str
    t1: sitk.Image
    inside: sitk.Image

    @cached_property
    def filled(self) -> sitk.Image:
        """The brain mask with its holes filled."""
        return sitk.BinaryFillhole(self.inside)

    @cached_property
    def brain(self) -> sitk.Image:
        """The brain mask with its holes filled and its surface smoothed."""
        from scipy import ndimage  # few jobs need it

        filled = images.array(self.filled).astype(np.float32)
        soft = ndimage.gaussian_filter(filled, 1 / np.array(self.t1.GetSpacing()), truncate=3)
        return images.like((soft > 0.5).astype(np.uint8), self.t1)


def load(name: str | Path = BUILT_IN_TEMPLATE, mask: str | Path | None = None) -> Template:
    """The built-in template, or an image by its path, either brain-extracted or with its brain mask.

    A folder is read as one of TemplateFlow's (``…/tpl-MNI152NLin2009cAsym``).

    >>> mni = load()
    >>> mni.name, mni.t1.GetSpacing()
    ('MNI152NLin2009aSym', (1.0, 1.0, 1.0))
    >>> grids.cubic_grid(mni.t1, 2.0).GetSize()  # the grid of images at 2 mm
    (98, 116, 94)
    """
    if str(name) == BUILT_IN_TEMPLATE:
        return _builtin()
    path = Path(name)
    return _from_files(*(_templateflow(path) if path.is_dir() else (path, mask)))


@cache
def depth() -> sitk.Image:
    """Millimetres from the surface of the built-in template's brain, positive inside; voxels of 2 mm."""
    # This template has no holes to be filled, which takes as long as all of this.
    return grids.depth(shrunk(sitk.Cast(_builtin().inside, sitk.sitkFloat32), 2.0))


def depth_at(grid: sitk.Image, to_template: sitk.Transform | None = None) -> sitk.Image:
    """How deep in the built-in template's brain each point of a grid lies (mm).

    ``to_template`` maps points of the grid to points of the template; None for a grid of its space.
    """
    there = to_template or sitk.Transform()
    return sitk.Resample(depth(), grid, there, sitk.sitkLinear, BEYOND_MM)


@cache
def _builtin() -> Template:
    t1 = images.read(nilearn_data() / NILEARN_FILE, np.uint8)
    return Template(BUILT_IN_TEMPLATE, t1, t1 > 0)


def _templateflow(folder: Path) -> tuple[Path, Path]:
    """T1w and brain mask at 1 mm in a template's folder, by TemplateFlow's names."""
    names = ("res-01_T1w.nii.gz", "res-01_desc-brain_mask.nii.gz")
    image, mask = (folder / f"{folder.name}_{name}" for name in names)
    missing = [path.name for path in (image, mask) if not path.is_file()]
    if missing:
        raise StrokeprepError(
            f"The template's folder lacks {' and '.join(missing)}",
            folder,
            "Give a folder of TemplateFlow (tpl-<name>), filled where there is a network, or the "
            "path of an image.",
        )
    return image, mask


def _from_files(path: Path, mask: str | Path | None) -> Template:
    image = images.read(path, np.float32)
    inside = images.read(mask) > 0 if mask else image > 0
    if mask and not same_grid(image, inside):
        raise StrokeprepError(
            "The template's mask is not on the template's grid", mask, "Resample it first."
        )
    share = float(images.array(inside).mean())
    if not 0.02 < share < 0.7:
        raise StrokeprepError(
            f"{share:.0%} of the template would be brain",
            path,
            "Give a brain-extracted template (zero outside the brain), or its brain mask.",
        )
    return Template(path.name.split(".")[0], sitk.Mask(image, inside), inside)


def nilearn_data() -> Path:
    """The folder with the templates that ship inside nilearn."""
    spec = importlib.util.find_spec("nilearn")
    if spec is None or not spec.submodule_search_locations:
        raise StrokeprepError(
            "The built-in template is not there", "package nilearn", "pip install nilearn"
        )
    return Path(spec.submodule_search_locations[0]) / "datasets" / "data"


def target_grid(grid: str | None, settings: TemplateSettings) -> sitk.Image:
    """The grid of an image file, or the template's at the resolution of the config."""
    if grid:
        return images.read_grid(grid)
    return grids.cubic_grid(standard(settings).t1, settings.resolution_mm)


def standard(settings: TemplateSettings) -> Template:
    """The template that the config names."""
    return load(settings.path or BUILT_IN_TEMPLATE, settings.brain_mask)

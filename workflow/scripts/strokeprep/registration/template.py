"""The standard brain, what surrounds it, and where an image of a head lies with respect to it.

The built-in template is MNI152NLin2009aSym, whose 1 mm T1, grey and white matter ship inside
nilearn. It shows the brain alone; skull, scalp and face are added here as far as masking and
defacing need them: as distances, in template space. Any other brain-extracted image that lies
in MNI152 coordinates can take its place.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import grids, images
from strokeprep.io.grids import distance, same_grid, shrunk
from strokeprep.registration import template

MNI = "MNI152NLin2009aSym"
NILEARN_FILE = "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"

# The grid of depths in the brain, and the blur that rounds its steps.
DEPTH_MM, SPREAD_MM = 2.0, 1.0


@dataclass(frozen=True)
class Template:
    """A brain-extracted image in MNI152 coordinates; ``inside`` marks its brain."""

    name: str
    t1: sitk.Image
    inside: sitk.Image

    @cached_property
    def filled(self) -> sitk.Image:
        """What is marked as brain, and what that encloses."""
        return sitk.BinaryFillhole(self.inside)

    @cached_property
    def brain(self) -> sitk.Image:
        """The brain mask, filled and with its stair steps rounded."""
        from scipy import ndimage  # few jobs need it

        filled = images.array(self.filled).astype(np.float32)
        soft = ndimage.gaussian_filter(filled, 1 / np.array(self.t1.GetSpacing()), truncate=3)
        return images.like((soft > 0.5).astype(np.uint8), self.t1)


def load(name: str | Path = MNI, mask: str | Path | None = None) -> Template:
    """The built-in template, or one by path: an image with its brain mask, or without a skull.

    A folder is taken for one of TemplateFlow's (``…/tpl-MNI152NLin2009cAsym``).
    """
    if str(name) == MNI:
        return _builtin()
    path = Path(name)
    return _from_files(*(_templateflow(path) if path.is_dir() else (path, mask)))


@cache
def depth() -> sitk.Image:
    """Millimetres from the surface of the built-in template's brain: positive inside.

    On voxels of DEPTH_MM, yet true to a fraction of that: near the surface the depth is read off
    the share of brain in a voxel, which grey levels hold finer than a mask.
    """
    share = shrunk(sitk.Cast(_builtin().filled, sitk.sitkFloat32), DEPTH_MM)
    share = sitk.SmoothingRecursiveGaussian(share, SPREAD_MM)
    far = images.array(distance(share > 0.5)) + DEPTH_MM / 2  # it counts from voxels' centres
    soft = np.clip(images.array(share), 0.01, 0.99)
    # The inverse of a blurred edge; the logit is the usual stand-in for the inverse normal.
    blur = np.hypot(SPREAD_MM, DEPTH_MM / np.sqrt(12))
    near = blur / 1.702 * np.log(soft / (1 - soft))
    trust = np.clip(DEPTH_MM - np.abs(near), 0, 1)
    return images.like((trust * near + (1 - trust) * far).astype(np.float32), share)


@cache
def _builtin() -> Template:
    folder = nilearn_data()
    t1 = images.read(folder / NILEARN_FILE, np.uint8)
    return Template(MNI, t1, t1 > 0)


def _templateflow(folder: Path) -> tuple[Path, Path]:
    """T1w and brain mask at 1 mm in a template's folder, by TemplateFlow's names."""
    names = ("res-01_T1w.nii.gz", "res-01_desc-brain_mask.nii.gz")
    paths = tuple(folder / f"{folder.name}_{name}" for name in names)
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise StrokeprepError(
            f"The template's folder lacks {' and '.join(missing)}",
            folder,
            "Give a folder of TemplateFlow (tpl-<name>), filled where there is a network, or the "
            "path of an image.",
        )
    return paths


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


def target_grid(grid: str | None, settings: Mapping[str, Any]) -> sitk.Image:
    """The grid of an image file, or the template's at the resolution of the config."""
    if grid:
        return images.read_grid(grid)
    return grids.cubic_grid(standard(settings).t1, settings["resolution_mm"])


def standard(settings: Mapping[str, Any]) -> template.Template:
    """The template that the config names."""
    return template.load(settings["path"] or template.MNI, settings["brain_mask"])

"""Where a head lies in the template: found once on a whole head, used for face and brain alike."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from strokeprep.io import grids, images, transforms
from strokeprep.io.whole import whole
from strokeprep.registration import template

# Fluid is looked up where the template has ventricles: deep, and dark against the rest of it.
DEEP_MM = 12.0
VENTRICLE_SHARE = 0.5

WORK_MM = 2.0  # the warped template is smooth: no finer grid is needed to hold it


@dataclass(frozen=True)
class Location:
    """Points of an image to points of the template; what the image looks like; how well it fits.

    ``contrast`` is that of the image that was fitted: ``ct``, ``dark fluid`` or ``bright fluid``;
    or ``unknown``, which is enough to find a face.
    """

    to_template: sitk.Transform
    contrast: str = "unknown"
    metrics: Mapping[str, float] = field(default_factory=dict)

    def of(self, to_head: sitk.Transform) -> Location:
        """The same for another image of the patient, whose points ``to_head`` maps to this one's."""
        return replace(self, to_template=transforms.chain([to_head, self.to_template]))


def locate(image: sitk.Image, modality: str, where: str = "image") -> Location:
    """The location of a whole head (``modality`` ct or mr); refused where the fit is not credible."""
    from strokeprep.registration import (
        head_pose,
        warp,  # slow to load, and most jobs only read what this found
    )

    located = head_pose.locate(image, modality, where)
    fitted = warp.refine(image, modality, located, where)
    contrast = "ct" if modality == "ct" else _contrast(image, fitted.to_template)
    return Location(fitted.to_template, contrast, located.metrics() | fitted.metrics())


def write(location: Location, transform: str | Path, facts: str | Path) -> None:
    """Save a location: its transform, and beside it what is known about it."""
    transforms.write(location.to_template, transform)
    content = {"Contrast": location.contrast, "Metrics": dict(location.metrics)}
    with whole(facts) as partial:
        partial.write_text(json.dumps(content, indent=2) + "\n")


def read(transform: str | Path, facts: str | Path) -> Location:
    """A location that :func:`write` saved."""
    content = json.loads(Path(facts).read_text())
    return Location(transforms.read(transform), content["Contrast"], content["Metrics"])


def _contrast(image: sitk.Image, to_template: sitk.Transform) -> str:
    """Whether fluid outshines brain on an MR image."""
    grid = grids.cubic_grid(image, WORK_MM)
    t1 = images.array(sitk.Resample(template.load().t1, grid, to_template))
    depth = images.array(sitk.Resample(template.depth(), grid, to_template, sitk.sitkLinear, -99.0))
    shown = images.array(sitk.Resample(image, grid))
    deep = depth > DEEP_MM
    fluid = deep & (t1 < VENTRICLE_SHARE * np.median(t1[deep])) if deep.any() else deep
    if not fluid.any():
        return "dark fluid"
    bright = np.median(shown[fluid]) > np.median(shown[deep & ~fluid])
    return "bright fluid" if bright else "dark fluid"

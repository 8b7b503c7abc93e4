"""The transform from a head to the template, found once on a whole head and used for face and brain."""

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
from strokeprep.settings.registration import HEAD, HeadSettings

# An image that shows less than this share of the brain is cut.
WHOLE = 0.95


@dataclass(frozen=True)
class Location:
    """The map from points of an image to points of the template, the image's contrast, and the fit.

    ``contrast`` is that of the image which was registered: ``ct``, ``dark fluid`` or ``bright fluid``. It
    may be ``unknown``, which is enough to find a face.
    """

    to_template: sitk.Transform
    contrast: str = "unknown"
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def affine(self) -> sitk.AffineTransform:
        """The map to the template without its warp."""
        if self.to_template.IsLinear():
            return transforms.linear(transforms.matrix(self.to_template))
        steps = sitk.CompositeTransform(self.to_template)
        first = steps.GetNthTransform(steps.GetNumberOfTransforms() - 1)  # applied first
        return transforms.linear(transforms.matrix(first))

    @property
    def is_cut(self) -> bool:
        """Whether a part of the brain is out of view, so that a location by the whole head may be off."""
        return self.metrics.get("PoseBrainCovered", 1.0) < WHOLE

    def of(self, to_head: sitk.Transform) -> Location:
        """The location of another image of the patient, whose points ``to_head`` maps to this image's."""
        return replace(self, to_template=transforms.chain([to_head, self.to_template]))


def locate(
    image: sitk.Image,
    modality: str,
    where: str = "image",
    limits: HeadSettings = HEAD,
    brain: sitk.Image | None = None,
) -> Location:
    """The location of a head (``modality`` ct or mr); refused if the fit is not credible.

    ``brain`` marks the brain on the image's grid. With it only the brain is compared, which does not
    depend on what the rest of the head looks like.
    """
    # Slow to load, and most jobs only read a location.
    from strokeprep.registration.head import masked, pose, warp

    if modality == "ct":
        image = images.with_air(image)
    if brain is not None:
        found = masked.locate(image, brain, where, limits)
        if found.covered < WHOLE:
            found = masked.registered(image, brain, where, limits)
    else:
        found = pose.locate(image, modality, where, limits)
    if modality != "ct":
        return Location(found.to_template, _contrast(image, found.to_template), found.metrics())
    if brain is not None:
        return Location(found.to_template, "ct", found.metrics())
    # On MR a warp of the brain is drawn to fluid and skull, which the template does not show.
    fitted = warp.refine(image, modality, found, where, limits.most_warp_mm)
    return Location(fitted.to_template, "ct", found.metrics() | fitted.metrics())


def between(fixed: Location, moving: Location) -> sitk.AffineTransform:
    """The rigid map from points of one image to points of another of the same head.

    It is as accurate as the two locations, which are some millimetres off.
    """
    onto, back = (transforms.matrix(each.affine) for each in (fixed, moving))
    centre = np.linalg.inv(onto)[:3, 3]  # of the template
    return transforms.linear(transforms.rigid(np.linalg.solve(back, onto), centre))


def write(location: Location, transform: str | Path, facts: str | Path) -> None:
    """Save a location: its transform, and its contrast and metrics as JSON."""
    transforms.write(location.to_template, transform)
    content = {"Contrast": location.contrast, "Metrics": dict(location.metrics)}
    with whole(facts) as partial:
        partial.write_text(json.dumps(content, indent=2) + "\n")


def read(transform: str | Path, facts: str | Path) -> Location:
    """A location that :func:`write` saved."""
    content = json.loads(Path(facts).read_text())
    return Location(transforms.read(transform), content["Contrast"], content["Metrics"])


def _contrast(image: sitk.Image, to_template: sitk.Transform) -> str:
    """Whether fluid is brighter than brain on an MR image.

    Fluid is sampled in the template's ventricles: its dark voxels more than 12 mm inside the brain.
    """
    grid = grids.cubic_grid(image, 2.0)
    t1 = images.array(sitk.Resample(template.load().t1, grid, to_template))
    depth = images.array(template.depth_at(grid, to_template))
    shown = images.array(sitk.Resample(image, grid))
    deep = depth > 12.0
    fluid = deep & (t1 < 0.5 * np.median(t1[deep])) if deep.any() else deep
    if not fluid.any():
        return "dark fluid"
    bright = np.median(shown[fluid]) > np.median(shown[deep & ~fluid])
    return "bright fluid" if bright else "dark fluid"

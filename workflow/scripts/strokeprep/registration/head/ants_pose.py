"""Where ANTs would put a head: a second opinion on its pose, by another program's metric and optimiser."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from strokeprep.io import grids, images, transforms
from strokeprep.registration import ants_engine, template
from strokeprep.registration.ants_engine import Stage
from strokeprep.registration.head import pose, view
from strokeprep.registration.head.fit import nod
from strokeprep.settings.study import SEED

# The voxels that are compared, and the rim around the template's brain that is compared as well. A wider
# rim drew the brain's contour to the scalp of real heads.
VOXEL_MM, RIM_MM = 4.0, 5.0

# A head is turned and shifted first, then sized: an affine alone fitted the brain to the scalp. The first
# stages start from several nods, the last from where the best of them ended.
FIRST = (
    Stage("Rigid", (100, 100), (3, 2), (6, 4)),
    Stage("Similarity", (100,), (2,), (4,)),
)
LAST = (Stage("Affine", (200, 100), (2, 1), (4, 2)),)

# CT values and what they count as. Fluid and brain are far apart, bone and air alike.
CT_HU, CT_SHADE = (-50, 0, 20, 50, 100, 300), (0.0, 0.1, 0.7, 1.0, 0.5, 0.0)


def affine_to_template(
    image: sitk.Image,
    modality: str,
    where: str | Path = "image",
    start: sitk.Transform | None = None,
    seed: int = SEED,
) -> sitk.AffineTransform:
    """ANTs' affine from points of a raw head (``modality`` ct or mr) to points of the built-in template.

    It starts from the outline of the head with several nods, or from ``start``, the same map roughly.
    Only the brain and a rim around it are compared. The result is an opinion: it is not checked for
    plausibility.
    """
    brain, compared = _brain_and_rim()
    tissue = _tissue(image, modality)
    starts = [start.GetInverse()] if start else _outlines(image, modality, str(where))

    def fitted(begin: sitk.Transform, stages: tuple[Stage, ...]) -> sitk.AffineTransform:
        return ants_engine.linear_fit(
            brain, tissue, stages, start=begin, mask=compared, seed=seed, where=where
        )

    tried = [fitted(begin, FIRST) for begin in starts]
    best = min(tried, key=lambda found: _disagreement(brain, tissue, compared, found))
    return transforms.linear(np.linalg.inv(transforms.matrix(fitted(best, LAST))))


def _outlines(image: sitk.Image, modality: str, where: str) -> list[sitk.Transform]:
    """Rough maps of the template to a head, by its outline: one for each nod."""
    guess = pose.first_guess(view.prepared(image, modality, view.FINE_MM), where)
    return [
        transforms.linear(images.LPS @ guess @ nod(degrees) @ images.LPS) for degrees in pose.NODS
    ]


def _disagreement(
    fixed: sitk.Image, moving: sitk.Image, mask: sitk.Image, found: sitk.Transform
) -> float:
    """The negative mutual information of two images, where one is mapped to the other."""
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)  # more would sum in an order that varies
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricFixedMask(mask)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetInitialTransform(found)
    return float(method.MetricEvaluate(fixed, moving))


def _tissue(image: sitk.Image, modality: str) -> sitk.Image:
    """The image with the grey values of brain and fluid spread over most of its range.

    The histogram's bins are of equal width, so a few bright voxels would leave the brain only few of them.
    """
    if modality != "ct":
        return view.prepared(image, modality, VOXEL_MM)
    small = sitk.Cast(grids.shrunk(image, 0.75 * VOXEL_MM), sitk.sitkFloat32)
    shade = np.interp(images.array(small), CT_HU, CT_SHADE)
    return images.like(shade.astype(np.float32), small)


@cache
def _brain_and_rim() -> tuple[sitk.Image, sitk.Image]:
    """The template's brain with a margin, and the mask of what is compared."""
    t1 = sitk.Cast(template.load().t1, sitk.sitkFloat32)
    margin = [int(RIM_MM) + 5] * 3  # voxels of 1 mm
    t1 = grids.resampled(sitk.ConstantPad(t1, margin, margin), VOXEL_MM)
    depth = sitk.Resample(template.depth(), t1, sitk.Transform(), sitk.sitkLinear, -99.0)
    return t1, depth > -RIM_MM

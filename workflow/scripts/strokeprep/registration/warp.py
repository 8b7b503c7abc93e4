"""The smooth warp between a head and the template's brain, on from its pose.

A B-spline by mutual information, compared within the brain and a few millimetres around
it. CT, T1w and diffusion images take the same road.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import grids
from strokeprep.registration import head_pose, template

LATTICE_MM = 3.0
BOX_MARGIN_MM = 15.0  # of lattice around the brain
COMPARED_MM = 5.0  # around the brain: enough for the skull's inner table
KNOTS_MM = 60.0
INVERSION_STEPS = 20
STEPS = 12
BINS = 32
SEED = 1


class Level(NamedTuple):
    """One resolution of the fit; ``share`` of the points within the mask are compared."""

    shrink: int
    smooth_mm: float
    share: float


LEVELS = (Level(2, 3.0, 0.5), Level(1, 0.0, 0.12))

MOST_MM = 25.0  # a warp that moves further than this has gone astray


@dataclass(frozen=True)
class Warp:
    """Image to template: the pose, then a displacement in template space."""

    to_template: sitk.Transform
    largest_mm: float

    def metrics(self) -> dict[str, float]:
        """The numbers for a sidecar."""
        return {"WarpLargestMm": round(self.largest_mm, 2)}


def refine(image: sitk.Image, modality: str, located: head_pose.Pose, where: str = "image") -> Warp:
    """The warp that fits an image whose pose is known to the template's brain.

    The template is the fixed side, so that what is compared stays its brain and a rim around it
    however the warp moves; the displacement is inverted in the end.
    """
    brain, compared = _fixed()
    seen, in_view = _in_template_space(image, modality, located, brain)
    field = _bspline(brain, compared, seen, in_view)
    inverse = sitk.InvertDisplacementField(field, maximumNumberOfIterations=INVERSION_STEPS)
    lengths = np.linalg.norm(sitk.GetArrayViewFromImage(inverse), axis=-1)
    largest = float(lengths[sitk.GetArrayViewFromImage(compared) > 0].max())
    if not largest < MOST_MM:
        raise StrokeprepError(
            f"The brain cannot be fitted to the template (a warp of {largest:.0f} mm)",
            where,
            "Look at the image; choose another brain backend if it shows a head.",
        )
    chain = sitk.CompositeTransform(3)
    chain.AddTransform(sitk.DisplacementFieldTransform(inverse))
    chain.AddTransform(located.to_template)  # the last added acts first
    return Warp(chain, largest)


@cache
def _fixed() -> tuple[sitk.Image, sitk.Image]:
    """The template's brain with a margin around it, and what of it is compared."""
    t1 = sitk.Cast(template.load().t1, sitk.sitkFloat32)
    pad = [round(BOX_MARGIN_MM)] * 3
    t1 = grids.resampled(sitk.ConstantPad(t1, pad, pad), LATTICE_MM)
    depth = sitk.Resample(template.depth(), t1, sitk.Transform(), sitk.sitkLinear, -99.0)
    return t1, depth > -COMPARED_MM


def _in_template_space(
    image: sitk.Image, modality: str, located: head_pose.Pose, grid: sitk.Image
) -> tuple[sitk.Image, sitk.Image]:
    """The image as its pose puts it on the template, and where it reaches."""
    small = head_pose.prepared(image, modality, LATTICE_MM)
    back = located.to_template.GetInverse()
    seen = sitk.Resample(small, grid, back)
    everywhere = sitk.Image(small.GetSize(), sitk.sitkUInt8) + 1
    everywhere.CopyInformation(small)
    return seen, sitk.Resample(everywhere, grid, back, sitk.sitkNearestNeighbor)


def _bspline(
    fixed: sitk.Image, compared: sitk.Image, moving: sitk.Image, in_view: sitk.Image
) -> sitk.Image:
    """Displacements (LPS mm) of fixed points to the moving points they match, on fixed's grid."""
    extent = np.array(fixed.GetSize()) * fixed.GetSpacing()
    mesh = np.maximum(np.rint(extent / KNOTS_MM), 1).astype(int).tolist()
    fit = sitk.ImageRegistrationMethod()
    # The sum over threads would be rounded in an order of its own for every number of them.
    fit.SetNumberOfThreads(1)
    fit.SetMetricAsMattesMutualInformation(BINS)
    fit.SetMetricSamplingStrategy(fit.RANDOM)
    fit.SetMetricSamplingPercentagePerLevel([level.share for level in LEVELS], SEED)
    fit.SetMetricFixedMask(compared)
    fit.SetMetricMovingMask(in_view)
    fit.SetInterpolator(sitk.sitkLinear)
    fit.SetOptimizerAsLBFGSB(gradientConvergenceTolerance=1e-5, numberOfIterations=STEPS)
    fit.SetShrinkFactorsPerLevel([level.shrink for level in LEVELS])
    fit.SetSmoothingSigmasPerLevel([level.smooth_mm for level in LEVELS])
    fit.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    fit.SetInitialTransform(sitk.BSplineTransformInitializer(fixed, mesh, 3), inPlace=True)
    found = fit.Execute(sitk.Cast(fixed, sitk.sitkFloat32), sitk.Cast(moving, sitk.sitkFloat32))
    return sitk.TransformToDisplacementField(
        found,
        sitk.sitkVectorFloat64,
        fixed.GetSize(),
        fixed.GetOrigin(),
        fixed.GetSpacing(),
        fixed.GetDirection(),
    )

"""Refine the head-to-template affine with a B-spline.

The B-spline maximises mutual information within the brain and a few millimetres around it, so CT, T1w and
diffusion images are treated alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import grids
from strokeprep.registration import template
from strokeprep.registration.head import pose, view
from strokeprep.settings.registration import HEAD

GRID_MM = 3.0  # voxels that images are compared on
KNOTS_MM = 60.0  # distance between control points
STEPS = 12

# The warp is kept, and inverted, on voxels of this size: on finer ones no point of two real brains moved by .15 mm.
FIELD_MM = 6.0


# One fit, on this share of the points; the seed that draws them is that with which masks were judged. One at half the
# resolution before it was for nothing: this search of SimpleITK's begins each resolution anew. At half the resolution
# alone it took a third of the time, but the masks of heads with a haematoma or without a part of their skull lost .01
# of their Dice coefficient (`python benchmarks/hard_heads.py`).
SHARE, SEED = 0.06, 3


@dataclass(frozen=True)
class Warp:
    """The transform from image to template: the pose, then a displacement in template space."""

    to_template: sitk.Transform
    largest_mm: float

    def metrics(self) -> dict[str, float]:
        """The numbers for a sidecar."""
        return {"WarpLargestMm": round(self.largest_mm, 2)}


def refine(
    image: sitk.Image,
    modality: str,
    located: pose.Pose,
    where: str = "image",
    most_mm: float = HEAD.most_warp_mm,
) -> Warp:
    """The warp that fits an image with a known pose to the template's brain.

    The template is the fixed image, so that its brain and a rim around it are compared whatever the warp
    does. The displacement is inverted at the end.
    """
    brain, compared = _fixed()
    moved, in_view = _in_template_space(image, modality, located, brain)
    field = _bspline(brain, compared, moved, in_view, most_mm)
    inverse = sitk.InvertDisplacementField(field, maximumNumberOfIterations=20)
    lengths = np.linalg.norm(sitk.GetArrayViewFromImage(inverse), axis=-1)
    within = sitk.Resample(compared, inverse, sitk.Transform(), sitk.sitkNearestNeighbor)
    largest = float(lengths[sitk.GetArrayViewFromImage(within) > 0].max())
    if not largest < most_mm:
        raise StrokeprepError(
            f"The brain cannot be fitted to the template (a warp of {largest:.0f} mm)",
            where,
            "Look at the image; choose another brain backend if it shows a head.",
        )
    chain = sitk.CompositeTransform(3)
    chain.AddTransform(sitk.DisplacementFieldTransform(inverse))
    chain.AddTransform(located.to_template)  # the transform added last is applied first
    return Warp(chain, largest)


@cache
def _fixed() -> tuple[sitk.Image, sitk.Image]:
    """The template's brain with a margin of 15 mm, and the mask of what is compared.

    The mask reaches 5 mm beyond the brain, to include the inner table of the skull.
    """
    t1 = sitk.Cast(template.load().t1, sitk.sitkFloat32)
    margin = [15] * 3  # voxels of 1 mm
    t1 = grids.resampled(sitk.ConstantPad(t1, margin, margin), GRID_MM)
    return t1, template.depth_at(t1) > -5.0


def _in_template_space(
    image: sitk.Image, modality: str, located: pose.Pose, grid: sitk.Image
) -> tuple[sitk.Image, sitk.Image]:
    """The image moved onto the template by its pose, and the mask of its field of view."""
    small = view.prepared(image, modality, GRID_MM)
    back = located.to_template.GetInverse()
    moved = sitk.Resample(small, grid, back)
    everywhere = sitk.Image(small.GetSize(), sitk.sitkUInt8) + 1
    everywhere.CopyInformation(small)
    return moved, sitk.Resample(everywhere, grid, back, sitk.sitkNearestNeighbor)


def _bspline(
    fixed: sitk.Image,
    compared: sitk.Image,
    moving: sitk.Image,
    in_view: sitk.Image,
    most_mm: float,
) -> sitk.Image:
    """Displacements (LPS mm) from points of fixed to the matching points of moving.

    Where a line search finds nothing better, the next step may be so long that nothing is in view any more,
    and ITK gives up. The fit then begins again with knots held within ``most_mm``. Not all fits are
    held, because ITK takes other first steps then.
    """
    pair = sitk.Cast(fixed, sitk.sitkFloat32), sitk.Cast(moving, sitk.sitkFloat32)
    try:
        transform = _fit(fixed, compared, in_view).Execute(*pair)
    except RuntimeError as error:
        print(f"The warp begins again, with its knots held within {most_mm:g} mm: {error}")
        held = {"lowerBound": -most_mm, "upperBound": most_mm}
        transform = _fit(fixed, compared, in_view, **held).Execute(*pair)
    grid = grids.cubic_grid(fixed, FIELD_MM)
    return sitk.TransformToDisplacementField(
        transform,
        sitk.sitkVectorFloat64,
        grid.GetSize(),
        grid.GetOrigin(),
        grid.GetSpacing(),
        grid.GetDirection(),
    )


def _fit(
    fixed: sitk.Image, compared: sitk.Image, in_view: sitk.Image, **bounds: float
) -> sitk.ImageRegistrationMethod:
    """The search for a B-spline on ``fixed``; ``bounds`` are those of the moves of its knots (mm)."""
    extent = np.array(fixed.GetSize()) * fixed.GetSpacing()
    mesh = np.maximum(np.rint(extent / KNOTS_MM), 1).astype(int).tolist()
    fit = sitk.ImageRegistrationMethod()
    # With more threads the sums would be rounded in another order.
    fit.SetNumberOfThreads(1)
    fit.SetMetricAsMattesMutualInformation(32)
    fit.SetMetricSamplingStrategy(fit.RANDOM)
    fit.SetMetricSamplingPercentage(SHARE, SEED)
    fit.SetMetricFixedMask(compared)
    fit.SetMetricMovingMask(in_view)
    fit.SetInterpolator(sitk.sitkLinear)
    fit.SetOptimizerAsLBFGSB(gradientConvergenceTolerance=1e-5, numberOfIterations=STEPS, **bounds)
    fit.SetInitialTransform(sitk.BSplineTransformInitializer(fixed, mesh, 3), inPlace=True)
    return fit

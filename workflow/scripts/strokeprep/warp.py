"""The smooth warp between a head and the template's brain, on from its pose.

An elastix B-spline by mutual information, compared within the brain and a few millimetres around
it. CT, T1w and diffusion images take the same road.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import SimpleITK as sitk

from strokeprep import images, pose, template
from strokeprep.errors import StrokeprepError

LATTICE_MM = 3.0
BOX_MARGIN_MM = 15.0  # of lattice around the brain
COMPARED_MM = 5.0  # around the brain: enough for the skull's inner table
KNOTS_MM = 40.0
INVERSION_STEPS = 20
SETTINGS = {
    "Metric": "AdvancedMattesMutualInformation",
    "NumberOfHistogramBins": "32",
    "ImageSampler": "RandomCoordinate",
    "NewSamplesEveryIteration": "true",
    "NumberOfSpatialSamples": "2000",
    "MaximumNumberOfIterations": "120",
    "RandomSeed": "1",
    "AutomaticTransformInitialization": "false",
    "ErodeMask": "false",
    "RequiredRatioOfValidSamples": "0.05",
    "WriteResultImage": "false",
}
RESOLUTIONS = 2
MOST_MM = 25.0  # a warp that moves further than this has gone astray


@dataclass(frozen=True)
class Warp:
    """Image to template: the pose, then a displacement in template space."""

    to_template: sitk.Transform
    largest_mm: float


def refine(image: sitk.Image, modality: str, located: pose.Pose, where: str = "image") -> Warp:
    """The warp that fits an image whose pose is known to the template's brain.

    The template is the fixed side, so that what is compared stays its brain and a rim around it
    however the warp moves; the displacement is inverted in the end.
    """
    brain, compared = _fixed()
    seen, in_view = _in_template_space(image, modality, located, brain)
    field = sitk.GetImageFromArray(
        _elastix(brain, compared, seen, in_view).astype(np.float64), isVector=True
    )
    field.CopyInformation(brain)
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
    t1 = template.resampled(sitk.ConstantPad(t1, pad, pad), LATTICE_MM)
    depth = sitk.Resample(template.depth(), t1, sitk.Transform(), sitk.sitkLinear, -99.0)
    return t1, depth > -COMPARED_MM


def _in_template_space(
    image: sitk.Image, modality: str, located: pose.Pose, grid: sitk.Image
) -> tuple[sitk.Image, sitk.Image]:
    """The image as its pose puts it on the template, and where it reaches."""
    small = template.shrunk(image, LATTICE_MM * 0.75)
    small = images.like(pose.compressed(images.array(small), modality), small)
    back = located.to_template.GetInverse()
    seen = sitk.Resample(small, grid, back)
    everywhere = sitk.Image(small.GetSize(), sitk.sitkUInt8) + 1
    everywhere.CopyInformation(small)
    return seen, sitk.Resample(everywhere, grid, back, sitk.sitkNearestNeighbor)


def _elastix(
    fixed: sitk.Image, compared: sitk.Image, moving: sitk.Image, in_view: sitk.Image
) -> np.ndarray:
    """Displacements (LPS mm, [z, y, x, 3]) of fixed points to the moving points they match."""
    import itk

    itk.MultiThreaderBase.SetGlobalDefaultNumberOfThreads(
        sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    )
    parameters = itk.ParameterObject.New()
    defaults = dict(parameters.GetDefaultParameterMap("bspline", RESOLUTIONS, KNOTS_MM))
    defaults.update({name: [value] for name, value in SETTINGS.items()})
    parameters.AddParameterMap(defaults)
    fit = itk.ElastixRegistrationMethod.New(_itk(fixed), _itk(moving))
    fit.SetFixedMask(_itk(compared, np.uint8))
    fit.SetMovingMask(_itk(in_view, np.uint8))
    fit.SetParameterObject(parameters)
    fit.SetLogToConsole(False)
    fit.UpdateLargestPossibleRegion()
    field = itk.TransformixFilter.New(_itk(moving))
    field.SetTransformParameterObject(fit.GetTransformParameterObject())
    field.SetComputeDeformationField(True)
    field.UpdateLargestPossibleRegion()
    return itk.array_from_image(field.GetOutputDeformationField())


def _itk(image: sitk.Image, dtype: type = np.float32):
    """The same image for ITK's own Python wrapping."""
    import itk

    copy = itk.image_from_array(sitk.GetArrayFromImage(image).astype(dtype))
    copy.SetSpacing(image.GetSpacing())
    copy.SetOrigin(image.GetOrigin())
    copy.SetDirection(itk.matrix_from_array(np.reshape(image.GetDirection(), (3, 3))))
    return copy

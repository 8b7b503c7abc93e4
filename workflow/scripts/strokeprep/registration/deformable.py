"""Registration of a brain to the template: affine, B-spline or ANTs SyN."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import transforms
from strokeprep.registration import ants_engine, linear, sampling
from strokeprep.registration import mutual_information as mi
from strokeprep.registration.linear import Registration
from strokeprep.registration.sampling import Side
from strokeprep.settings.registration import REGISTRATION, RegistrationSettings, SynSettings
from strokeprep.settings.study import SEED


def to_template(
    brain: sitk.Image,
    template: sitk.Image,
    *,
    kind: str = "affine",
    lesion_mask: sitk.Image | None = None,
    settings: RegistrationSettings = REGISTRATION,
    seed: int = SEED,
    where: str | Path = "brain image",
) -> Registration:
    """Register a brain to a template brain, both 0 outside, without what ``lesion_mask`` covers."""
    return KINDS[kind](brain, template, lesion_mask, settings, seed, where)


def _affine(
    brain: sitk.Image,
    template: sitk.Image,
    lesion_mask: sitk.Image | None,
    settings: RegistrationSettings,
    seed: int,
    where: str | Path,
) -> Registration:
    """An affine transform alone."""
    levels = linear.RESOLUTIONS["template"]
    pair = sampling.brain_sides(brain, template, lesion_mask, levels[-1].mm)
    return linear.registered(
        *pair, "affine", (), levels, settings.fit, seed, where, settings.engine
    )


def _bspline(
    brain: sitk.Image,
    template: sitk.Image,
    lesion_mask: sitk.Image | None,
    settings: RegistrationSettings,
    seed: int,
    where: str | Path,
) -> Registration:
    """The affine, then a smooth warp in template space."""
    affine = _affine(brain, template, lesion_mask, settings, seed, where)
    finest = linear.RESOLUTIONS["warp"][-1].mm
    pair = sampling.brain_sides(brain, template, lesion_mask, finest)
    field = _warp(*pair, transforms.matrix(affine.transform), _warp_grid(template), seed)
    back = sitk.InvertDisplacementField(field, maximumNumberOfIterations=30)
    return _warped(affine, field, back, pair[0].head, settings.most_warp_mm, where)


def _warped(
    affine: Registration,
    field: sitk.Image,
    back: sitk.Image,
    brain: sitk.Image,
    most_mm: float,
    where: str | Path,
) -> Registration:
    """A warp of the template's ``brain`` followed by the affine; refused if it is implausible."""
    metrics = _warp_metrics(field, brain)
    _check_warp(metrics, most_mm, where)
    warp, unwarp = sitk.DisplacementFieldTransform(field), sitk.DisplacementFieldTransform(back)
    return Registration(
        transforms.chain([warp, affine.transform]),
        transforms.chain([affine.inverse, unwarp]),
        affine.metrics | metrics,
    )


def _warp(fixed: Side, moving: Side, matrix: np.ndarray, grid: sitk.Image, seed: int) -> sitk.Image:
    """The displacement (LPS mm) of each point of ``grid`` before ``matrix`` maps it to moving."""
    lattice = mi.Lattice.over(grid)
    knots = np.zeros((lattice.count, 3))
    for level in linear.RESOLUTIONS["warp"]:
        metric, _ = sampling.metric(fixed, moving, [matrix], level, seed)
        knots = mi.warp(metric, matrix, lattice, knots, level.steps)
    return lattice.displacement(knots, grid)


def _warp_grid(template: sitk.Image) -> sitk.Image:
    """The grid that stores a warp: 3 mm voxels over the template and a margin of 15 mm.

    In the margin the warp fades out.
    """
    mm, margin_mm = 3.0, 15.0
    size = np.array(template.GetSize()) * template.GetSpacing()
    cells = np.ceil((size + 2 * margin_mm) / mm).astype(int)
    grid = sitk.Image(cells.tolist(), sitk.sitkUInt8)
    grid.SetSpacing((mm,) * 3)
    grid.SetDirection(template.GetDirection())
    middle = mi.index_to_physical(template) @ [*(np.array(template.GetSize()) - 1) / 2, 1]
    half = np.reshape(template.GetDirection(), (3, 3)) @ ((cells - 1) / 2 * mm)
    grid.SetOrigin((middle[:3] - half).tolist())
    return grid


def _warp_metrics(field: sitk.Image, brain: sitk.Image) -> dict[str, float]:
    """The largest displacement and the smallest Jacobian in and around the brain."""
    inside = sampling.mask_on(brain, field) > 0
    lengths = np.linalg.norm(sitk.GetArrayViewFromImage(field), axis=-1)
    change = sitk.GetArrayFromImage(sitk.DisplacementFieldJacobianDeterminant(field))
    return {
        "WarpLargestMm": float(lengths[inside].max()),
        "WarpSmallestJacobian": float(change[inside].min()),
    }


def _check_warp(metrics: dict[str, float], most_mm: float, where: str | Path) -> None:
    """Refuse a warp that folds the brain, or moves it further than brains differ."""
    if metrics["WarpSmallestJacobian"] > 0 and metrics["WarpLargestMm"] < most_mm:
        return
    raise StrokeprepError(
        f"The warp to the template folds the brain or moves it {metrics['WarpLargestMm']:.0f} mm",
        where,
        "Look at the image and its brain mask; use an affine for this study if both are right.",
    )


def _syn(
    brain: sitk.Image,
    template: sitk.Image,
    lesion_mask: sitk.Image | None,
    settings: RegistrationSettings,
    seed: int,
    where: str | Path,
) -> Registration:
    """The affine, then ANTs SyN between template and brain on the template's grid."""
    affine = _affine(brain, template, lesion_mask, settings, seed, where)
    pair = sampling.brain_sides(brain, template, lesion_mask, settings.syn.voxel_mm)
    fixed, moving = (sampling.smoothed(side.image, settings.syn.voxel_mm) for side in pair)
    moving = sitk.Resample(moving, fixed, affine.transform, sitk.sitkLinear, sampling.OUTSIDE)
    healthy = None
    if lesion_mask is not None:
        lesion = sitk.Cast(lesion_mask > 0, sitk.sitkFloat32)
        healthy = sitk.Cast(sitk.Resample(lesion, fixed, affine.transform) < 0.1, sitk.sitkUInt8)
    return _warped(
        affine,
        *_ants_syn(fixed, moving, healthy, settings.syn),
        pair[0].head,
        settings.most_warp_mm,
        where,
    )


def ants_image(image: sitk.Image) -> Any:
    """An image as ANTsPy takes it."""
    return ants_engine.loaded().from_numpy(
        sitk.GetArrayFromImage(image).T.astype(np.float32),
        origin=image.GetOrigin(),
        spacing=image.GetSpacing(),
        direction=np.reshape(image.GetDirection(), (3, 3)),
    )


def _ants_syn(
    fixed: sitk.Image, moving: sitk.Image, mask: sitk.Image | None, settings: SynSettings
) -> tuple[sitk.Image, sitk.Image]:
    """Displacements (LPS mm) from fixed to moving, which share one grid, and back."""
    ants = ants_engine.loaded()
    with tempfile.TemporaryDirectory() as folder:
        result = ants.registration(  # needs no seed: it compares every voxel
            ants_image(fixed),
            ants_image(moving),
            type_of_transform="SyNOnly",
            initial_transform="identity",
            mask=None if mask is None else ants_image(mask),
            outprefix=f"{folder}/",
            syn_metric=settings.metric,
            syn_sampling=settings.sampling,
            reg_iterations=settings.iterations,
            total_sigma=settings.total_sigma,
        )
        there, back = (
            sitk.ReadImage(path, sitk.sitkVectorFloat64)
            for path in (result["fwdtransforms"][0], result["invtransforms"][-1])
        )
        return there, back


# Ways to register to a template, by their name in the config.
KINDS: dict[str, Callable[..., Registration]] = {
    "affine": _affine,
    "bspline": _bspline,
    "syn": _syn,
}

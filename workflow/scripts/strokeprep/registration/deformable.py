"""Deformable registration to the template: B-spline or ANTs SyN."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import transforms
from strokeprep.registration import mutual_information as mi
from strokeprep.registration.linear import (
    DOF,
    OUTSIDE,
    RESOLUTIONS,
    Registration,
    _array_on,
    _brain_sides,
    _metric,
    _registered,
    _Side,
    _smooth,
)

# A warp to the template is kept on voxels of WARP_MM, with room around the template for it to fade
# from what the brain tells; its inverse is found in so many steps.
WARP_MM = 3.0


WARP_ROOM_MM = 15.0


INVERSION_STEPS = 30


# SyN by ANTs: grid, similarity and steps per resolution. Local correlation is the usual choice for
# MR, but it follows the noise of CT: on a synthetic NCCT it moved points by up to 20 mm. Nothing but
# its steps smoothed (no total_sigma), SyN left bent brains further off than the affine did.
SYN_MM = 3.0


SYN = {
    "syn_metric": "mattes",
    "syn_sampling": 32,
    "reg_iterations": (40, 20, 10),
    "total_sigma": 3,
}


MOST_WARPED_MM = 25.0


def to_template(
    brain: sitk.Image,
    template: sitk.Image,
    *,
    kind: str = "affine",
    lesion_mask: sitk.Image | None = None,
    seed: int = 1,
    where: str | Path = "brain image",
) -> Registration:
    """A brain onto a template brain, both 0 outside; what ``lesion_mask`` covers has no say."""
    return KINDS[kind](brain, template, lesion_mask, seed, where)


def _affine(
    brain: sitk.Image,
    template: sitk.Image,
    lesion_mask: sitk.Image | None,
    seed: int,
    where: str | Path,
) -> Registration:
    levels = RESOLUTIONS["template"]
    pair = _brain_sides(brain, template, lesion_mask, levels[-1].mm)
    return _registered(*pair, DOF["affine"], None, levels, seed, where)


def _bspline(
    brain: sitk.Image,
    template: sitk.Image,
    lesion_mask: sitk.Image | None,
    seed: int,
    where: str | Path,
) -> Registration:
    """The affine, then a smooth warp in template space."""
    affine = _affine(brain, template, lesion_mask, seed, where)
    pair = _brain_sides(brain, template, lesion_mask, RESOLUTIONS["warp"][-1].mm)
    field = _warp(*pair, transforms.matrix(affine.transform), _warp_grid(template), seed)
    back = sitk.InvertDisplacementField(field, maximumNumberOfIterations=INVERSION_STEPS)
    return _warped(affine, field, back, pair[0].head, where)


def _warped(
    affine: Registration,
    field: sitk.Image,
    back: sitk.Image,
    brain: sitk.Image,
    where: str | Path,
) -> Registration:
    """A warp of the template's ``brain``, then the affine, if the warp is a possible one."""
    metrics = _warp_metrics(field, brain)
    _check_warp(metrics, where)
    warp, unwarp = sitk.DisplacementFieldTransform(field), sitk.DisplacementFieldTransform(back)
    return Registration(
        transforms.chain([warp, affine.transform]),
        transforms.chain([affine.inverse, unwarp]),
        affine.metrics | metrics,
    )


def _warp(
    fixed: _Side, moving: _Side, matrix: np.ndarray, grid: sitk.Image, seed: int
) -> sitk.Image:
    """How far (LPS mm) each point of ``grid`` moves before ``matrix`` takes it to moving."""
    lattice = mi.Lattice.over(grid)
    knots = np.zeros((lattice.count, 3))
    for level in RESOLUTIONS["warp"]:
        metric, _ = _metric(fixed, moving, matrix, level, seed)
        knots = mi.warp(metric, matrix, lattice, knots, level.steps)
    return lattice.displacement(knots, grid)


def _warp_grid(template: sitk.Image) -> sitk.Image:
    """An empty grid over the template and the room around it."""
    size = np.array(template.GetSize()) * template.GetSpacing()
    cells = np.ceil((size + 2 * WARP_ROOM_MM) / WARP_MM).astype(int)
    grid = sitk.Image(cells.tolist(), sitk.sitkUInt8)
    grid.SetSpacing((WARP_MM,) * 3)
    grid.SetDirection(template.GetDirection())
    middle = mi.index_to_physical(template) @ [*(np.array(template.GetSize()) - 1) / 2, 1]
    half = np.reshape(template.GetDirection(), (3, 3)) @ ((cells - 1) / 2 * WARP_MM)
    grid.SetOrigin((middle[:3] - half).tolist())
    return grid


def _warp_metrics(field: sitk.Image, brain: sitk.Image) -> dict[str, float]:
    """The largest displacement in and around the brain, and the smallest change of volume."""
    inside = _array_on(brain, field) > 0
    lengths = np.linalg.norm(sitk.GetArrayViewFromImage(field), axis=-1)
    change = sitk.GetArrayFromImage(sitk.DisplacementFieldJacobianDeterminant(field))
    return {
        "WarpLargestMm": float(lengths[inside].max()),
        "WarpSmallestJacobian": float(change[inside].min()),
    }


def _check_warp(metrics: dict[str, float], where: str | Path) -> None:
    """Refuse a warp that folds the brain, or moves it about."""
    if metrics["WarpSmallestJacobian"] > 0 and metrics["WarpLargestMm"] < MOST_WARPED_MM:
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
    seed: int,
    where: str | Path,
) -> Registration:
    """The affine, then ANTs SyN between template and brain on the template's grid."""
    affine = _affine(brain, template, lesion_mask, seed, where)
    pair = _brain_sides(brain, template, lesion_mask, SYN_MM)
    fixed, moving = (_smooth(side.image, SYN_MM) for side in pair)
    moving = sitk.Resample(moving, fixed, affine.transform, sitk.sitkLinear, OUTSIDE)
    healthy = None
    if lesion_mask is not None:
        lesion = sitk.Cast(lesion_mask > 0, sitk.sitkFloat32)
        healthy = sitk.Cast(sitk.Resample(lesion, fixed, affine.transform) < 0.1, sitk.sitkUInt8)
    return _warped(affine, *_ants_syn(fixed, moving, healthy), pair[0].head, where)


def ants_image(image: sitk.Image) -> Any:
    """An image as ANTsPy takes it."""
    import ants

    return ants.from_numpy(
        sitk.GetArrayFromImage(image).T.astype(np.float32),
        origin=image.GetOrigin(),
        spacing=image.GetSpacing(),
        direction=np.reshape(image.GetDirection(), (3, 3)),
    )


def _ants_syn(
    fixed: sitk.Image, moving: sitk.Image, mask: sitk.Image | None
) -> tuple[sitk.Image, sitk.Image]:
    """How far (LPS mm) points of fixed move to those of moving on one grid, and back."""
    # Read as ANTs is loaded. More threads round their sums in an order of their own.
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"
    import ants  # slow to load, and needed for this alone

    with tempfile.TemporaryDirectory() as folder:
        found = ants.registration(  # compares every voxel: there is nothing to seed
            ants_image(fixed),
            ants_image(moving),
            type_of_transform="SyNOnly",
            initial_transform="identity",
            mask=None if mask is None else ants_image(mask),
            outprefix=f"{folder}/",
            **SYN,
        )
        there, back = found["fwdtransforms"][0], found["invtransforms"][-1]
        return tuple(sitk.ReadImage(path, sitk.sitkVectorFloat64) for path in (there, back))


# Ways to a template, by the name in the configuration.
KINDS: dict[str, Callable[..., Registration]] = {
    "affine": _affine,
    "bspline": _bspline,
    "syn": _syn,
}

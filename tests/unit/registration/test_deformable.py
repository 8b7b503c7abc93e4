"""Registration of simulated brains to the template: affine, B-spline and SyN."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import SimpleITK as sitk
from scanned_heads import (
    CT,
    STRETCHED,
    T1,
    brain_points,
    error_mm,
    in_lesion,
    scan,
    stripped,
    world,
)
from strokeprep.errors import StrokeprepError
from strokeprep.io import grids, images, transforms
from strokeprep.registration import deformable, linear, template
from strokeprep.registration.sampling import Level
from strokeprep.settings.registration import RegistrationSettings, SynSettings

# SyN ends at 4 mm, with fewer steps: the same code in a third of the time.
QUICK = RegistrationSettings(syn=SynSettings(voxel_mm=4.0, iterations=(10, 5)))


# Warps end at 2 mm, and the affine before them compares a third of the points, each in fewer steps:
# the same code in a third of the time.
FEW = {
    "template": (Level(4, 8_000, 20), Level(2, 40_000, 20)),
    "warp": (Level(4, 8_000, 10), Level(2, 30_000, 12)),
}


@pytest.fixture(autouse=True, scope="module")
def few_points():
    with pytest.MonkeyPatch.context() as patch:
        for name, levels in FEW.items():
            patch.setitem(linear.RESOLUTIONS, name, levels)
        yield


@pytest.fixture(scope="module")
def standard() -> sitk.Image:
    """The template's brain on 2 mm voxels."""
    inside = grids.shrunk(sitk.Cast(template.load().inside, sitk.sitkFloat32), 2) > 0.5
    return sitk.Mask(grids.shrunk(sitk.Cast(template.load().t1, sitk.sitkFloat32), 2), inside)


@pytest.mark.slow
@pytest.mark.parametrize("tissue, shade", [(CT, 0.0), (T1, 0.3)])
def test_an_affine_registers_a_stretched_brain_to_the_template(standard, tissue, shade):
    brain = stripped(scan(tissue, STRETCHED, seed=2, shade=shade))
    found = deformable.to_template(brain, standard)
    assert error_mm(found.transform, STRETCHED) < 0.5
    there = transforms.apply(found.transform, brain_points())
    assert np.abs(transforms.apply(found.inverse, there) - brain_points()).max() < 1e-6


def bent(p):
    """Points moved by a smooth displacement of up to 7 mm."""
    push = np.exp(-(((p - np.array([[-25.0], [20], [5]])) / 35) ** 2).sum(axis=0))
    return p + push * np.array([[6.0], [-3], [2]])


def bent_error(found) -> float:
    """Mean distance within the brain between points and where a transform maps their bent positions."""
    flip, p = np.array([-1, -1, 1]), brain_points()
    there = bent((p * flip).T).T * flip
    return float(np.linalg.norm(transforms.apply(found, there) - p, axis=1).mean())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ct", "t1w"])
def test_a_warp_corrects_a_deformation_that_an_affine_cannot(standard, name):
    assert_unbends(deformable.to_template(bent_scan(name), standard, kind="bspline"))


def assert_unbends(found):
    """Assert that a warp is closer than its affine, folds nothing, and agrees with its inverse."""
    affine = sitk.CompositeTransform(found.transform).GetNthTransform(0)
    assert bent_error(found.transform) < 0.75 * bent_error(affine)
    p = brain_points()
    there_and_back = transforms.apply(found.inverse, transforms.apply(found.transform, p))
    assert np.abs(there_and_back - p).max() < 0.1
    assert found.metrics["WarpSmallestJacobian"] > 0.5


@cache
def bent_scan(name: str) -> sitk.Image:
    """A deformed brain as CT or, with shading, as T1w."""
    tissue, shade = {"ct": (CT | {"noise": 2}, 0.0), "t1w": (T1, 0.3)}[name]
    return stripped(scan(tissue, seed=2, warp=bent, shade=shade))


@pytest.fixture(scope="module")
def bent_by_syn(standard):
    """A deformed T1w registered to the template by SyN."""
    return deformable.to_template(bent_scan("t1w"), standard, kind="syn", settings=QUICK)


@pytest.mark.slow
def test_syn_corrects_a_deformed_t1w(bent_by_syn):
    assert_unbends(bent_by_syn)


@pytest.mark.slow
def test_syn_corrects_a_deformed_ct(standard):
    assert_unbends(deformable.to_template(bent_scan("ct"), standard, kind="syn", settings=QUICK))


@pytest.mark.slow
def test_syn_gives_the_same_bytes_every_time(bent_by_syn, standard):
    again = deformable.to_template(bent_scan("t1w"), standard, kind="syn", settings=QUICK)
    assert list(parts(again.transform)) == list(parts(bent_by_syn.transform))
    assert list(parts(again.inverse)) == list(parts(bent_by_syn.inverse))


@pytest.fixture(scope="module")
def straight(standard):
    """A stretched brain, and its registration to the template by a warp."""
    brain = stripped(scan(T1, STRETCHED, seed=2))
    return brain, deformable.to_template(brain, standard, kind="bspline")


@pytest.mark.slow
def test_a_warp_does_not_deform_a_brain_that_is_only_stretched(straight):
    assert error_mm(straight[1].transform, STRETCHED) < 0.5


@pytest.mark.slow
def test_a_warp_gives_the_same_bytes_with_any_number_of_threads(straight, standard):
    brain, found = straight
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    try:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(2 if before == 1 else 1)
        again = deformable.to_template(brain, standard, kind="bspline")
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
    assert list(parts(again.transform)) == list(parts(found.transform))
    assert list(parts(again.inverse)) == list(parts(found.inverse))


def parts(transform):
    """The parameters of each transform in a chain, as bytes."""
    chain = sitk.CompositeTransform(transform)
    for number in range(chain.GetNumberOfTransforms()):
        yield np.array(chain.GetNthTransform(number).GetParameters()).tobytes()


def test_a_warp_that_folds_the_brain_is_refused():
    with pytest.raises(StrokeprepError, match=r"folds the brain.*scan\.nii"):
        deformable._check_warp(
            {"WarpLargestMm": 9.0, "WarpSmallestJacobian": -0.1}, 25.0, "scan.nii"
        )


@pytest.mark.slow
def test_a_result_of_syn_that_folds_the_brain_is_refused(standard, monkeypatch):
    def ripples(fixed, moving, mask, settings):
        x = sitk.GetArrayFromImage(sitk.PhysicalPointSource(sitk.sitkVectorFloat64, *place(fixed)))
        field = sitk.GetImageFromArray(8 * np.sin(x / 3) * [1, 0, 0], isVector=True)
        field.CopyInformation(fixed)
        return field, field

    monkeypatch.setattr(deformable, "_ants_syn", ripples)
    with pytest.raises(StrokeprepError, match=r"folds the brain.*scan\.nii"):
        deformable.to_template(
            bent_scan("t1w"), standard, kind="syn", settings=QUICK, where="scan.nii"
        )


def place(image):
    """Size, origin, spacing and direction."""
    return image.GetSize(), image.GetOrigin(), image.GetSpacing(), image.GetDirection()


def lesioned(grey, masked: bool) -> dict:
    """A brain with a lesion of this grey level and, if ``masked``, the mask of the lesion."""
    image, inside = scan(T1, seed=2, lesion=grey)
    covered = in_lesion(world(image)).reshape(image.GetSize()).astype(np.uint8)
    mask = images.like(covered, image) if masked else None
    return {"brain": stripped((image, inside)), "lesion_mask": mask}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bspline", "syn"])
def test_grey_levels_under_a_lesion_mask_have_no_effect(standard, kind):
    ways = [
        deformable.to_template(
            template=standard, kind=kind, settings=QUICK, **lesioned(grey, True)
        ).transform
        for grey in (T1["fluid"], T1["scalp"])
    ]
    assert list(parts(ways[0])) == list(parts(ways[1]))

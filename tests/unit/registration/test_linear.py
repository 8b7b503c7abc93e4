"""Rigid and affine registration of simulated heads whose pose is known."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scanned_heads import B0, STRETCHED, TURNED, error_mm, grid, pose, scan
from strokeprep.errors import StrokeprepError
from strokeprep.io import images, transforms
from strokeprep.registration import linear
from strokeprep.registration import mutual_information as mi


@pytest.fixture(scope="module")
def ncct():
    return scan(seed=1)


@pytest.mark.slow
def test_a_rotated_head_is_registered_to_a_small_fraction_of_a_voxel(ncct):
    true = pose(*TURNED)
    found = linear.rigid(ncct[0], scan(at=true, seed=2)[0])
    assert error_mm(found.transform, true) < 0.1
    assert error_mm(found.inverse, true.GetInverse()) < 0.1
    assert found.metrics["Overlap"] > 0.9


@pytest.mark.slow
def test_an_image_of_another_contrast_is_registered(ncct):
    true = pose((-9, 5, -7), (-20, 12, 30))
    found = linear.rigid(ncct[0], scan(B0, true, seed=2)[0])
    assert error_mm(found.transform, true) < 0.25


@pytest.mark.slow
@pytest.mark.parametrize(
    "turns, shift", [((20, -15, 18), (50, -45, 48)), ((-20, 5, 0), (0, 37, -50))]
)
def test_a_head_far_away_and_strongly_rotated_is_registered(ncct, turns, shift):
    true = pose(turns, shift)
    found = linear.rigid(ncct[0], scan(at=true, seed=2)[0], resolution="coarse")
    assert error_mm(found.transform, true) < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("height", [-10, 30])
def test_a_slab_of_thick_slices_is_registered_to_the_whole_head(ncct, height):
    true = pose(*TURNED)
    middle = true.TransformPoint((0, 14, height))
    slab = scan(at=true, on=grid((76, 88, 8), (2.7, 2.7, 5.0), middle), seed=2)[0]
    found = linear.rigid(ncct[0], slab)
    assert error_mm(found.transform, true) < 0.3


@pytest.mark.slow
def test_a_head_holder_that_stays_in_place_does_not_bias_the_result():
    true = pose((6, 3, -5), (6, 12, 9))
    fixed, brain = scan(seed=1, holder=(0, 0, 0))
    found = linear.rigid(fixed, scan(at=true, seed=2, holder=(0, 12, 0))[0], fixed_brain=brain)
    assert error_mm(found.transform, true) < 0.15


@pytest.mark.slow
def test_faces_removed_from_both_images_do_not_bias_the_result(ncct):
    true = pose(*TURNED)
    moving = scan(at=true, seed=2)[0]
    blanked = []
    for image, at, depth in ((ncct[0], pose((0, 0, 0), (0, 0, 0)), -62), (moving, true, -70)):
        index = np.indices(image.GetSize()).reshape(3, -1)
        world = mi.mapped(mi.index_to_physical(image), index)
        p = mi.mapped(np.linalg.inv(transforms.matrix(at)), world).reshape(3, *image.GetSize())
        data = images.array(image).copy()
        data[(p[1] < depth) & (p[2] < -10)] = images.AIR_HU
        blanked.append(images.like(data, image))
    found = linear.rigid(*blanked)
    assert error_mm(found.transform, true) < 0.15


@pytest.mark.slow
def test_the_same_input_gives_the_same_bits_with_any_number_of_threads(ncct):
    moving = scan(at=pose(*TURNED), seed=2)[0]
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    try:
        parameters = []
        for threads in (1, 2, 2):
            sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
            found = linear.rigid(ncct[0], moving, resolution="coarse")
            parameters.append(found.transform.GetParameters())
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
    assert parameters[0] == parameters[1] == parameters[2]


def test_registration_can_start_from_a_given_transform(ncct):
    true, near = pose(*TURNED), pose((6, -4, 8), (10, -6, 17))
    found = linear.rigid(ncct[0], scan(at=true, seed=2)[0], starts=[near], resolution="coarse")
    assert error_mm(found.transform, true) < 0.5


@pytest.mark.slow
def test_two_images_with_nothing_in_common_are_refused(ncct):
    noise = np.random.default_rng(5).normal(400, 100, ncct[0].GetSize()).astype(np.int16)
    with pytest.raises(StrokeprepError, match=r"(nothing in common|overlap).*scan\.nii"):
        linear.rigid(ncct[0], images.like(noise, ncct[0]), resolution="coarse", where="scan.nii")


@pytest.mark.slow
def test_an_affine_registration_recovers_scale_and_shear(ncct):
    moving = scan(at=STRETCHED, seed=2)[0]
    found = {dof: linear.rigid(ncct[0], moving, dof=dof) for dof in ("rigid", "affine")}
    assert error_mm(found["affine"].transform, STRETCHED) < 0.2
    assert error_mm(found["affine"].inverse, STRETCHED.GetInverse()) < 0.2
    assert error_mm(found["rigid"].transform, STRETCHED) > 2

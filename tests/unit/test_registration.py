"""Registration of small heads that are known at every point, so that no interpolation flatters."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from strokeprep import images, registration, transforms
from strokeprep import mutual_information as mi
from strokeprep.errors import StrokeprepError

CT = {"air": -1000, "scalp": 40, "bone": 900, "fluid": 8, "brain": 32, "blobs": 12, "noise": 6}
B0 = {"air": 0, "scalp": 90, "bone": 10, "fluid": 1000, "brain": 420, "blobs": -150, "noise": 15}
TURNED = ((8, -6, 10), (14, -9, 21))

_blobs = np.random.default_rng(3)
CENTRES, SIZES = _blobs.uniform(-55, 55, (40, 3)), _blobs.uniform(5, 14, 40)
SIGNS = _blobs.choice([-1, 1], 40)


def pose(turns_deg, shift_mm) -> sitk.Transform:
    """Head points to points of an image (LPS)."""
    return sitk.Euler3DTransform((0, 0, 0), *np.radians(turns_deg), [float(s) for s in shift_mm])


def grid(size=(64, 76, 60), spacing=(3.2, 3.2, 3.2), centre=(0, 0, 0)) -> sitk.Image:
    image = sitk.Image(size, sitk.sitkUInt8)
    image.SetSpacing(spacing)
    corner = np.array(centre) - (np.array(size) - 1) / 2 * spacing
    image.SetOrigin(corner.tolist())
    return image


def ellipsoid(p, radii, centre=(0, 0, 0)):
    """1 inside, 0 outside, with an edge about 2 mm wide."""
    scaled = (p - np.reshape(centre, (3, 1))) / np.reshape(radii, (3, 1))
    return 1 / (1 + np.exp(np.clip((np.linalg.norm(scaled, axis=0) - 1) * min(radii), -50, 50)))


def value(p, tissue):
    """Grey levels at head points (3×N), and how much of each is brain."""
    brain = ellipsoid(p, (64, 78, 58))
    bone, scalp = ellipsoid(p, (72, 86, 66)), ellipsoid(p, (80, 94, 72))
    scalp = np.maximum(scalp, ellipsoid(p, (14, 26, 20), (0, -86, -30)))  # a nose
    fluid = np.maximum(ellipsoid(p, (6, 26, 9), (-12, 4, 8)), ellipsoid(p, (6, 26, 9), (12, 4, 8)))
    blobs = sum(
        sign * np.exp(-((p - c[:, None]) ** 2).sum(axis=0) / (2 * s**2))
        for c, s, sign in zip(CENTRES, SIZES, SIGNS, strict=True)
    )
    grey = np.full(p.shape[1], float(tissue["air"]))
    for share, level in (
        (scalp, tissue["scalp"]),
        (bone, tissue["bone"]),
        (brain, tissue["brain"] + tissue["blobs"] * blobs),
        (fluid, tissue["fluid"]),
    ):
        grey = grey + share * (level - grey)
    return grey, brain


def scan(tissue=CT, at=None, on=None, seed=0, holder=None, warp=None):
    """An image of the head in a pose, and its brain mask."""
    on = on or grid(centre=at.TransformPoint((0, 0, 0)) if at else (0, 0, 0))
    index = np.indices(on.GetSize()).reshape(3, -1)
    world = mi.mapped(mi.index_to_physical(on), index)
    p = mi.mapped(np.linalg.inv(transforms.matrix(at)), world) if at else world
    grey, brain = value(p if warp is None else warp(p), tissue)
    if holder is not None:  # a shell under the head, fixed to the scanner
        x, y, _ = world - np.reshape(holder, (3, 1))
        grey[np.abs(np.hypot(x, y - 20) - 105) + 200 * (y < 40) < 4] = 400
    grey += np.random.default_rng(seed).normal(0, tissue["noise"], grey.shape)
    data = np.rint(grey).astype(np.int16).reshape(on.GetSize())
    inside = (brain > 0.5).astype(np.uint8).reshape(on.GetSize())
    return images.like(data, on), images.like(inside, on)


def error_mm(found, true) -> float:
    """Mean distance within the brain."""
    p = np.random.default_rng(0).uniform(-50, 50, (300, 3))
    apart = transforms.apply(found, p) - transforms.apply(true, p)
    return float(np.linalg.norm(apart, axis=1).mean())


@pytest.fixture(scope="module")
def ncct():
    return scan(seed=1)


def test_a_turned_head_is_found_to_a_small_part_of_a_voxel(ncct):
    true = pose(*TURNED)
    found = registration.rigid(ncct[0], scan(at=true, seed=2)[0])
    assert error_mm(found.transform, true) < 0.1
    assert error_mm(found.inverse, true.GetInverse()) < 0.1
    assert found.metrics["Overlap"] > 0.9


@pytest.mark.parametrize(
    "turns, shift", [((20, -15, 18), (50, -45, 48)), ((-20, 5, 0), (0, 37, -50))]
)
def test_a_head_far_off_and_far_turned_is_found(ncct, turns, shift):
    true = pose(turns, shift)
    found = registration.rigid(ncct[0], scan(at=true, seed=2)[0], resolution="coarse")
    assert error_mm(found.transform, true) < 0.5


def test_a_head_holder_that_stays_behind_does_not_hold_the_head():
    true = pose((6, 3, -5), (6, 12, 9))
    fixed, brain = scan(seed=1, holder=(0, 0, 0))
    found = registration.rigid(
        fixed, scan(at=true, seed=2, holder=(0, 12, 0))[0], fixed_brain=brain
    )
    assert error_mm(found.transform, true) < 0.15


def test_faces_blanked_in_both_images_do_no_harm(ncct):
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
    found = registration.rigid(*blanked)
    assert error_mm(found.transform, true) < 0.15


def test_the_same_input_gives_the_same_bits_with_any_number_of_threads(ncct):
    moving = scan(at=pose(*TURNED), seed=2)[0]
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    try:
        parameters = []
        for threads in (1, 2, 2):
            sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
            found = registration.rigid(ncct[0], moving, resolution="coarse")
            parameters.append(found.transform.GetParameters())
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
    assert parameters[0] == parameters[1] == parameters[2]


def test_a_given_start_is_refined(ncct):
    true, near = pose(*TURNED), pose((6, -4, 8), (10, -6, 17))
    found = registration.rigid(ncct[0], scan(at=true, seed=2)[0], start=near, resolution="coarse")
    assert error_mm(found.transform, true) < 0.5


def test_two_images_with_nothing_in_common_are_refused(ncct):
    noise = np.random.default_rng(5).normal(400, 100, ncct[0].GetSize()).astype(np.int16)
    with pytest.raises(StrokeprepError, match=r"(nothing in common|overlap).*scan\.nii"):
        registration.rigid(
            ncct[0], images.like(noise, ncct[0]), resolution="coarse", where="scan.nii"
        )


def test_the_gradient_of_the_metric_is_its_slope():
    rng = np.random.default_rng(0)
    smooth = sitk.SmoothingRecursiveGaussian(sitk.GetImageFromArray(rng.random((24, 28, 26))), 2.0)
    smooth.SetSpacing((2, 1, 1.5))
    low, high = sitk.GetArrayFromImage(smooth).min(), sitk.GetArrayFromImage(smooth).max()
    volume = mi.Volume.of(smooth, lambda grey: (grey - low) / (high - low))
    where = mi.mapped(mi.index_to_physical(smooth), rng.uniform(5, 18, (3, 20_000)))
    metric = mi.Metric(mi.Points(where, rng.integers(0, mi.BINS, 20_000)), volume)
    _, gradient, overlap = metric(np.eye(4))
    assert overlap == 1
    for row, column in np.ndindex(3, 4):
        step = np.zeros((4, 4))
        step[row, column] = 1e-3 if column == 3 else 1e-5
        slope = (metric(np.eye(4) + step)[0] - metric(np.eye(4) - step)[0]) / (2 * step.max())
        assert slope == pytest.approx(gradient[row, column], rel=0.02, abs=1e-4)

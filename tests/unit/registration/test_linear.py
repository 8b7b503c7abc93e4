"""Registration of the template's brain in a simple head, known at every point.

Both images of a pair are computed from the same continuous head, in poses of their own: neither is
a resampled copy of the other.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage
from strokeprep.errors import StrokeprepError
from strokeprep.io import grids, images, transforms
from strokeprep.registration import deformable, linear, template
from strokeprep.registration import mutual_information as mi
from strokeprep.registration.linear import Level

SCHEMA = Path(__file__).parents[3] / "workflow" / "schemas" / "config.schema.yaml"

CT = {"air": -1000, "scalp": 40, "bone": 900, "fluid": 8, "gm": 37, "wm": 28, "noise": 4}
B0 = {"air": 0, "scalp": 90, "bone": 10, "fluid": 1000, "gm": 430, "wm": 340, "noise": 12}
T1 = {"air": 5, "scalp": 900, "bone": 50, "fluid": 170, "gm": 560, "wm": 800, "noise": 12}
TURNED = ((8, -6, 10), (14, -9, 21))
LESION = np.array([[-28.0], [10], [25]]), 24.0  # centre (LPS) and radius, mm


@pytest.fixture(autouse=True, scope="module")
def few_points():
    """Warps are found at 2 mm at the finest, SyN's at 4: the same road, in a third of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deformable, "SYN_MM", 4.0)
        patch.setitem(deformable.SYN, "reg_iterations", (10, 5))
        levels = (Level(4, 8_000, 10), Level(2, 30_000, 12))
        patch.setitem(linear.RESOLUTIONS, "warp", levels)
        yield


@pytest.fixture(scope="module")
def standard() -> sitk.Image:
    """The template's brain on 2 mm voxels."""
    inside = grids.shrunk(sitk.Cast(template.load().inside, sitk.sitkFloat32), 2) > 0.5
    return sitk.Mask(grids.shrunk(sitk.Cast(template.load().t1, sitk.sitkFloat32), 2), inside)


@cache
def maps() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The brain's T1 and its depth (x, y, z; 2 mm), and LPS millimetres to index."""
    standard = template.load()
    depth = sitk.SmoothingRecursiveGaussian(grids.distance(standard.brain), 1.0)
    t1 = sitk.Mask(sitk.Cast(standard.t1, sitk.sitkFloat32), standard.brain)
    margin = [20] * 3
    padded = (
        sitk.ConstantPad(image, margin, margin, outside)
        for image, outside in ((t1, 0), (depth, -20))
    )
    t1, depth = (grids.shrunk(image, 2) for image in padded)
    to_index = np.linalg.inv(mi.index_to_physical(t1))
    return images.array(t1), images.array(depth), to_index


def pose(turns_deg, shift_mm) -> sitk.Transform:
    """Head points to points of an image (LPS)."""
    return sitk.Euler3DTransform((0, 0, 0), *np.radians(turns_deg), [float(s) for s in shift_mm])


def grid(size=(76, 88, 72), spacing=(2.7, 2.7, 2.7), centre=(0, 14, 5)) -> sitk.Image:
    image = sitk.Image(size, sitk.sitkUInt8)
    image.SetSpacing(spacing)
    corner = np.array(centre) - (np.array(size) - 1) / 2 * spacing
    image.SetOrigin(corner.tolist())
    return image


def soft(distance):
    """1 where a distance (mm) is positive, 0 where negative, with an edge of about 2 mm."""
    return 1 / (1 + np.exp(-np.clip(distance / 0.7, -50, 50)))


def value(p, tissue):
    """Grey levels at head points (3×N, LPS), and how much of each is brain."""
    t1, depths, to_index = maps()
    index = mi.mapped(to_index, p)
    bright = ndimage.map_coordinates(t1, index, order=1, mode="nearest")
    depth = ndimage.map_coordinates(depths, index, order=1, mode="nearest")
    inside = np.interp(bright, [70, 160, 225], [tissue["fluid"], tissue["gm"], tissue["wm"]])
    nose = 16 - np.linalg.norm((p - [[0], [-96], [-35]]) / [[1], [1.6], [1.6]], axis=0)
    grey = np.full(p.shape[1], float(tissue["air"]))
    for share, level in (
        (soft(np.maximum(depth + 14, nose)), tissue["scalp"]),
        (soft(depth + 9), tissue["bone"]),
        (soft(depth + 3), tissue["fluid"]),
        (soft(depth), inside),
    ):
        grey = grey + share * (level - grey)
    return grey, soft(depth)


def world(image) -> np.ndarray:
    """LPS millimetres of an image's voxels (3×N, in NIfTI order)."""
    return mi.mapped(mi.index_to_physical(image), np.indices(image.GetSize()).reshape(3, -1))


def scan(tissue=CT, at=None, on=None, seed=0, holder=None, warp=None, shade=0.0, lesion=None):
    """An image of the head in a pose, and its brain mask."""
    on = on or (grid(centre=at.TransformPoint((0, 14, 5))) if at else grid())
    here = world(on)
    p = mi.mapped(np.linalg.inv(transforms.matrix(at)), here) if at else here
    grey, brain = value(p if warp is None else warp(p), tissue)
    if lesion is not None:
        grey[in_lesion(p)] = lesion
    if holder is not None:  # a shell under the head, fixed to the scanner
        x, y, _ = here - np.reshape(holder, (3, 1))
        grey[np.abs(np.hypot(x, y - 20) - 118) + 200 * (y < 40) < 4] = 400
    grey *= 1 + shade * np.sin(here / 60).sum(axis=0) / 3
    grey += np.random.default_rng(seed).normal(0, tissue["noise"], grey.shape)
    data = np.rint(grey).astype(np.int16).reshape(on.GetSize())
    inside = (brain > 0.5).astype(np.uint8).reshape(on.GetSize())
    return images.like(data, on), images.like(inside, on)


def in_lesion(p) -> np.ndarray:
    centre, radius = LESION
    return np.linalg.norm(p - centre, axis=0) < radius


@cache
def brain_points() -> np.ndarray:
    """Points spread over the brain (N×3, RAS mm)."""
    _, depth, to_index = maps()
    inside = np.argwhere(depth > 2)[::400].T
    return (mi.mapped(np.linalg.inv(to_index), inside) * [[-1], [-1], [1]]).T


def error_mm(found, true) -> float:
    """Mean distance within the brain; both map head points to points of an image."""
    p = brain_points()
    apart = transforms.apply(found, p) - transforms.apply(true, p)
    return float(np.linalg.norm(apart, axis=1).mean())


@pytest.fixture(scope="module")
def ncct():
    return scan(seed=1)


def test_a_turned_head_is_found_to_a_small_part_of_a_voxel(ncct):
    true = pose(*TURNED)
    found = linear.rigid(ncct[0], scan(at=true, seed=2)[0])
    assert error_mm(found.transform, true) < 0.1
    assert error_mm(found.inverse, true.GetInverse()) < 0.1
    assert found.metrics["Overlap"] > 0.9


def test_an_image_of_another_contrast_is_found(ncct):
    true = pose((-9, 5, -7), (-20, 12, 30))
    found = linear.rigid(ncct[0], scan(B0, true, seed=2)[0])
    assert error_mm(found.transform, true) < 0.25


@pytest.mark.parametrize(
    "turns, shift", [((20, -15, 18), (50, -45, 48)), ((-20, 5, 0), (0, 37, -50))]
)
def test_a_head_far_off_and_far_turned_is_found(ncct, turns, shift):
    true = pose(turns, shift)
    found = linear.rigid(ncct[0], scan(at=true, seed=2)[0], resolution="coarse")
    assert error_mm(found.transform, true) < 0.5


@pytest.mark.parametrize("height", [-10, 30])
def test_a_slab_of_thick_slices_finds_its_place_in_the_head(ncct, height):
    true = pose(*TURNED)
    middle = true.TransformPoint((0, 14, height))
    slab = scan(at=true, on=grid((76, 88, 8), (2.7, 2.7, 5.0), middle), seed=2)[0]
    found = linear.rigid(ncct[0], slab)
    assert error_mm(found.transform, true) < 0.3


def test_a_head_holder_that_stays_behind_does_not_hold_the_head():
    true = pose((6, 3, -5), (6, 12, 9))
    fixed, brain = scan(seed=1, holder=(0, 0, 0))
    found = linear.rigid(fixed, scan(at=true, seed=2, holder=(0, 12, 0))[0], fixed_brain=brain)
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
    found = linear.rigid(*blanked)
    assert error_mm(found.transform, true) < 0.15


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


def test_a_given_start_is_refined(ncct):
    true, near = pose(*TURNED), pose((6, -4, 8), (10, -6, 17))
    found = linear.rigid(ncct[0], scan(at=true, seed=2)[0], start=near, resolution="coarse")
    assert error_mm(found.transform, true) < 0.5


def test_two_images_with_nothing_in_common_are_refused(ncct):
    noise = np.random.default_rng(5).normal(400, 100, ncct[0].GetSize()).astype(np.int16)
    with pytest.raises(StrokeprepError, match=r"(nothing in common|overlap).*scan\.nii"):
        linear.rigid(ncct[0], images.like(noise, ncct[0]), resolution="coarse", where="scan.nii")


def stripped(scanned):
    return sitk.Mask(scanned[0], scanned[1], 0)


STRETCHED = transforms.linear(np.array([
    [0.90, 0.04, 0.00, 9.0],
    [-0.04, 0.95, 0.08, -14.0],
    [0.02, -0.07, 0.92, 20.0],
    [0.0, 0.0, 0.0, 1.0],
]))  # fmt: skip


def test_an_affine_on_request_finds_a_scale_and_a_shear_that_a_rigid_cannot(ncct):
    moving = scan(at=STRETCHED, seed=2)[0]
    found = {dof: linear.rigid(ncct[0], moving, dof=dof) for dof in ("rigid", "affine")}
    assert error_mm(found["affine"].transform, STRETCHED) < 0.2
    assert error_mm(found["affine"].inverse, STRETCHED.GetInverse()) < 0.2
    assert error_mm(found["rigid"].transform, STRETCHED) > 2


@pytest.mark.parametrize("tissue, shade", [(CT, 0.0), (T1, 0.3)])
def test_a_stretched_brain_is_brought_to_a_template(standard, tissue, shade):
    brain = stripped(scan(tissue, STRETCHED, seed=2, shade=shade))
    found = deformable.to_template(brain, standard)
    assert error_mm(found.transform, STRETCHED) < 0.5
    there = transforms.apply(found.transform, brain_points())
    assert np.abs(transforms.apply(found.inverse, there) - brain_points()).max() < 1e-6


def bent(p):
    """A smooth displacement of up to 7 mm."""
    push = np.exp(-(((p - np.array([[-25.0], [20], [5]])) / 35) ** 2).sum(axis=0))
    return p + push * np.array([[6.0], [-3], [2]])


def bent_error(found) -> float:
    """Mean distance within the brain from where a bent brain's points belong."""
    flip, p = np.array([-1, -1, 1]), brain_points()
    there = bent((p * flip).T).T * flip
    return float(np.linalg.norm(transforms.apply(found, there) - p, axis=1).mean())


@pytest.mark.parametrize("name", ["ct", "t1w"])
def test_a_warp_unbends_a_brain_that_an_affine_cannot(standard, name):
    unbends(deformable.to_template(bent_scan(name), standard, kind="bspline"))


def unbends(found):
    """A warp that brings a bent brain closer than its affine, folds nothing and leads back."""
    affine = sitk.CompositeTransform(found.transform).GetNthTransform(0)
    assert bent_error(found.transform) < 0.75 * bent_error(affine)
    p = brain_points()
    there_and_back = transforms.apply(found.inverse, transforms.apply(found.transform, p))
    assert np.abs(there_and_back - p).max() < 0.1
    assert found.metrics["WarpSmallestJacobian"] > 0.5


@cache
def bent_scan(name: str) -> sitk.Image:
    """A bent brain as CT or, with shading, as T1w."""
    tissue, shade = {"ct": (CT | {"noise": 2}, 0.0), "t1w": (T1, 0.3)}[name]
    return stripped(scan(tissue, seed=2, warp=bent, shade=shade))


@pytest.fixture(scope="module")
def bent_by_syn(standard):
    """The way of a bent T1w to the template by SyN."""
    return deformable.to_template(bent_scan("t1w"), standard, kind="syn")


def test_syn_unbends_a_t1w(bent_by_syn):
    unbends(bent_by_syn)


def test_syn_unbends_a_ct(standard):
    unbends(deformable.to_template(bent_scan("ct"), standard, kind="syn"))


def test_syn_has_the_same_bytes_every_time(bent_by_syn, standard):
    again = deformable.to_template(bent_scan("t1w"), standard, kind="syn")
    assert list(parts(again.transform)) == list(parts(bent_by_syn.transform))
    assert list(parts(again.inverse)) == list(parts(bent_by_syn.inverse))


@pytest.fixture(scope="module")
def straight(standard):
    """A stretched brain, and its way to the template by warp."""
    brain = stripped(scan(T1, STRETCHED, seed=2))
    return brain, deformable.to_template(brain, standard, kind="bspline")


def test_a_warp_leaves_straight_what_is_straight(straight):
    assert error_mm(straight[1].transform, STRETCHED) < 0.5


def test_a_warp_has_the_same_bytes_every_time_with_any_number_of_threads(straight, standard):
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
        deformable._check_warp({"WarpLargestMm": 9.0, "WarpSmallestJacobian": -0.1}, "scan.nii")


def test_a_syn_that_folds_the_brain_is_refused(standard, monkeypatch):
    def ripples(fixed, moving, mask):
        x = sitk.GetArrayFromImage(sitk.PhysicalPointSource(sitk.sitkVectorFloat64, *place(fixed)))
        field = sitk.GetImageFromArray(8 * np.sin(x / 3) * [1, 0, 0], isVector=True)
        field.CopyInformation(fixed)
        return field, field

    monkeypatch.setattr(deformable, "_ants_syn", ripples)
    with pytest.raises(StrokeprepError, match=r"folds the brain.*scan\.nii"):
        deformable.to_template(bent_scan("t1w"), standard, kind="syn", where="scan.nii")


def place(image):
    """Size, origin, spacing and direction."""
    return image.GetSize(), image.GetOrigin(), image.GetSpacing(), image.GetDirection()


def lesioned(grey, masked: bool) -> dict:
    """A brain with a lesion of a grey level and, if wanted, the mask of that lesion."""
    image, inside = scan(T1, seed=2, lesion=grey)
    covered = in_lesion(world(image)).reshape(image.GetSize()).astype(np.uint8)
    mask = images.like(covered, image) if masked else None
    return {"brain": stripped((image, inside)), "lesion_mask": mask}


@pytest.mark.parametrize("kind", ["bspline", "syn"])
def test_what_a_lesion_mask_covers_has_no_say(standard, kind):
    ways = [
        deformable.to_template(template=standard, kind=kind, **lesioned(grey, True)).transform
        for grey in (T1["fluid"], T1["scalp"])
    ]
    assert list(parts(ways[0])) == list(parts(ways[1]))

"""Heads of a ward are ill, look like their contrast, and are scanned as they are asked for."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import SimpleITK as sitk
from strokeprep.errors import StrokeprepError
from strokeprep.io import images, labels, transforms
from strokeprep.phantom import heads
from strokeprep.phantom.head.anatomy import anatomy
from strokeprep.registration import template

SEED = 3
BONE_HU = 300
VENTRICLES = [(side * x, y, z) for side in (-1, 1) for x, y, z in ((7, 14, 10), (10, -8, 20))]
# From dark to bright.
ORDER = {
    "ncct": ("fluid", "wm", "gm"),
    "t1w": ("fluid", "gm", "wm"),
    "t1wce": ("fluid", "gm", "wm"),
    "t2w": ("wm", "gm", "fluid"),
    "flair": ("fluid", "wm", "gm"),
    "b0": ("wm", "gm", "fluid"),
    "dwi": ("fluid", "wm", "gm"),
    "adc": ("wm", "gm", "fluid"),
    "swi": ("wm", "gm", "fluid"),
    "t2star": ("wm", "gm", "fluid"),
    "tof": ("fluid", "gm", "wm"),
}


@cache
def head(contrast: str, pathology: tuple[str, ...] = (), view: tuple[str, ...] = ()) -> heads.Head:
    return heads.head(SEED, contrast, pathology, view)


def values(made: heads.Head) -> np.ndarray:
    return images.array(made.image).astype(float)


def voxel_ml(made: heads.Head) -> float:
    return float(np.prod(made.image.GetSpacing())) / 1000


def brain_ml(made: heads.Head) -> float:
    return np.count_nonzero(made.brain) * voxel_ml(made)


def fluid_ml(made: heads.Head) -> float:
    """Fluid within the brain of a T2-weighted scan."""
    return np.count_nonzero(values(made)[made.brain] > 750) * voxel_ml(made)


def bone_ml(made: heads.Head) -> float:
    """Bone above the skull base on CT."""
    index = np.indices(made.brain.shape).reshape(3, -1)[:, (values(made) > BONE_HU).ravel()]
    affine = images.affine(made.image)
    points = index.T @ affine[:3, :3].T + affine[:3, 3]
    high = transforms.apply(made.to_template, points)[:, 2] > 10
    return np.count_nonzero(high) * voxel_ml(made)


def tissue(made: heads.Head, name: str) -> float:
    """The median of grey or white matter, or of fluid in the ventricles."""
    if name == "fluid":
        back = inverse_points(made, VENTRICLES)
        found = [made.image.EvaluateAtPhysicalPoint(tuple(point)) for point in back]
        return float(np.median(found))
    share = getattr(anatomy(), name)
    drawn = sitk.Resample(share, made.image, made.to_template, sitk.sitkLinear, 0.0)
    return float(np.median(values(made)[(images.array(drawn) > 0.95) & made.brain]))


def inverse_points(made: heads.Head, wanted) -> np.ndarray:
    """Points of the image (LPS) that lie at points of the template (RAS)."""
    target = np.array(wanted, float) * (-1, -1, 1)
    points = target.copy()
    for _ in range(60):
        mapped = np.array([made.to_template.TransformPoint(tuple(p)) for p in points])
        points += 0.6 * (target - mapped)
    return points


def overlap(made: heads.Head) -> float:
    """Of the true brain with the template's brain, where the truth places it."""
    depth = sitk.Resample(template.depth(), made.image, made.to_template, sitk.sitkLinear, -99.0)
    return labels.dice(images.array(depth) > 0, made.brain)


@pytest.mark.slow
@pytest.mark.parametrize("contrast", ORDER)
def test_grey_values_have_the_order_of_the_contrast(contrast):
    made = head(contrast)
    order = [tissue(made, name) for name in ORDER[contrast]]
    assert order == sorted(order)


@pytest.mark.slow
def test_an_acute_infarct_is_bright_on_diffusion_and_dark_on_adc():
    trace, adc = head("dwi"), head("adc")
    infarct = trace.brain & (values(trace) > 1.45 * np.median(values(trace)[trace.brain]))
    assert 15 < np.count_nonzero(infarct) * voxel_ml(trace) < 120
    assert np.median(values(adc)[infarct]) < 0.75 * np.median(values(adc)[adc.brain])


@pytest.mark.slow
def test_an_old_infarct_is_fluid_inside_the_brain():
    healthy, ill = head("t2w"), head("t2w", ("old_infarct",))
    assert fluid_ml(ill) - fluid_ml(healthy) > 60
    assert brain_ml(ill) == pytest.approx(brain_ml(healthy), rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("disease", ["haematoma", "malignant_infarct"])
def test_the_midline_gives_way_and_the_truth_says_so(disease):
    healthy, ill = head("t2w"), head("t2w", (disease,))
    middle = inverse_points(healthy, [(0, -8, 12)])[0]
    apart = ill.to_template.TransformPoint(tuple(middle))[0]
    assert 7 < abs(apart) < 31


@pytest.mark.slow
def test_a_skull_without_its_flap_lets_the_brain_bulge():
    healthy, ill = head("ncct"), head("ncct", ("craniectomy",))
    assert bone_ml(ill) < 0.9 * bone_ml(healthy)
    assert brain_ml(ill) > brain_ml(healthy) + 15


@pytest.mark.slow
def test_an_atrophic_brain_leaves_its_skull_as_it_is():
    healthy, ill = head("ncct"), head("ncct", ("atrophy",))
    assert 0.72 < brain_ml(ill) / brain_ml(healthy) < 0.9
    assert bone_ml(ill) == pytest.approx(bone_ml(healthy), rel=0.1)


@pytest.mark.slow
def test_a_thick_skull_has_more_bone():
    assert bone_ml(head("ncct", ("thick_skull",))) > 1.3 * bone_ml(head("ncct"))


@pytest.mark.slow
def test_a_child_has_a_smaller_brain_and_a_face_smaller_still():
    adult, child = head("t1w", (), ("face",)), head("t1w", ("child",), ("face",))
    brains, faces = (
        np.count_nonzero(getattr(child, what)) / np.count_nonzero(getattr(adult, what))
        for what in ("brain", "face")
    )
    assert 0.6 < brains < 0.85
    assert faces < 0.9 * brains


@pytest.mark.slow
@pytest.mark.parametrize("view", ["thick", "sagittal", "on_its_side", "no_origin"])
def test_the_truth_follows_the_view(view):
    made = head("t1w", (), (view,))
    assert overlap(made) > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("view", ["cropped_top", "half_a_brain", "cropped_base", "slab"])
def test_a_cropped_field_of_view_cuts_the_brain(view):
    assert brain_ml(head("t2w", (), (view,))) < 0.95 * brain_ml(head("t2w"))


@pytest.mark.slow
def test_nothing_is_left_around_a_stripped_brain():
    made = head("t1w", (), ("stripped",))
    assert not values(made)[~made.brain].any()
    assert not made.face.any()


@pytest.mark.slow
def test_a_defaced_head_keeps_its_brain_and_has_no_face():
    whole, made = head("t1w", (), ("face",)), head("t1w", (), ("face", "defaced"))
    assert not made.face.any()
    assert whole.face.any()
    assert (values(made)[made.brain] > 0).mean() > 0.999


@pytest.mark.slow
def test_one_seed_gives_one_head():
    first, second = (heads.case("frame, T1w gadolinium", 5) for _ in range(2))
    assert np.array_equal(values(first), values(second))


def test_what_is_unknown_is_refused_by_name():
    with pytest.raises(StrokeprepError, match="no such pathology: gout"):
        heads.head(SEED, "t1w", ("gout",))
    with pytest.raises(StrokeprepError, match="no such view"):
        heads.head(SEED, "t1w", (), ("askew",))
    with pytest.raises(StrokeprepError, match="no such contrast"):
        heads.head(SEED, "t3w")

"""A head is located in the template on any contrast, reproducibly, or refused."""

from __future__ import annotations

import os
from functools import cache

import numpy as np
import pytest
import SimpleITK as sitk
from heads import TO_TEMPLATE, dice, head
from scanned_heads import pose as pose_of
from strokeprep.errors import StrokeprepError
from strokeprep.io import images, transforms
from strokeprep.registration import location, template
from strokeprep.registration.head import edges, fit, pose, view, warp

MODALITY = {"ct": "ct", "t1": "mr", "b0": "mr"}
CONTRAST = {"ct": "ct", "t1": "dark fluid", "b0": "bright fluid"}
UPSIDE_DOWN, BACK_TO_FRONT = ((0, 1, 2), (-1, 1, -1)), ((0, 1, 2), (1, -1, 1))
ON_THE_BACK = (0, 2, 1), (1, -1, 1)
WRONG_WAYS_UP = [(contrast, way) for contrast in MODALITY
                 for way in (UPSIDE_DOWN, BACK_TO_FRONT, ON_THE_BACK)]  # fmt: skip
if os.environ.get("FULL") != "1":  # a head on MR takes longest: one way each
    WRONG_WAYS_UP = [*WRONG_WAYS_UP[:3], ("t1", ON_THE_BACK), ("b0", BACK_TO_FRONT)]


@cache
def posed(contrast: str) -> pose.Pose:
    """The pose that is found of a head; found once."""
    return pose.locate(head(contrast).image, MODALITY[contrast])


@cache
def located(contrast: str) -> location.Location:
    """Where a head is found; found once."""
    return location.locate(head(contrast).image, MODALITY[contrast])


def inside(image: sitk.Image, to_template: sitk.Transform) -> np.ndarray:
    """Where the template's brain lies on an image."""
    return (
        images.array(sitk.Resample(template.depth(), image, to_template, sitk.sitkLinear, -99)) > 0
    )


def ball(change, noise: float = 0.0) -> sitk.Image:
    """A bright ball of brain's size in noise, its brightness changed by height (mm)."""
    index = np.indices((80, 80, 80), np.float32) * 3 - 120
    values = np.where(np.linalg.norm(index, axis=0) < 80, 100 * change(index[2]), 0)
    random = np.random.default_rng(1)
    noisy = np.hypot(
        *(values + random.normal(0, noise, values.shape), random.normal(0, noise, values.shape))
    )
    return images.from_array(noisy.astype(np.float32), np.diag([3.0, 3.0, 3.0, 1.0]))


def column(image: sitk.Image, part: slice) -> float:
    """The brightness at some heights (mm) of an image's middle as heads are compared."""
    values = view.View.of(image, "mr").fine.voxels[..., 0]
    middle = slice(28, 32)
    return float(values[middle, middle, slice(part.start // 4, part.stop // 4)].mean())


def test_the_shading_of_a_coil_is_taken_out():
    image = ball(lambda up: np.exp(up / 60), noise=2)
    low, high = slice(60, 72), slice(168, 180)
    raw = images.array(image)[38:43, 38:43].mean(axis=(0, 1))
    assert raw[56:60].mean() > 5 * raw[20:24].mean()
    assert column(image, high) < 1.5 * column(image, low)


def test_noise_in_air_stays_dark():
    image = ball(np.ones_like, noise=17)
    assert column(image, slice(0, 24)) < 0.5 * column(image, slice(100, 140))


@pytest.mark.slow
@pytest.mark.parametrize("contrast", MODALITY)
def test_the_pose_is_found_on_any_contrast(contrast):
    made = head(contrast)
    assert dice(inside(made.image, posed(contrast).to_template), made.brain) > 0.88


@pytest.mark.slow
def test_a_warp_whose_search_leaps_out_of_view_begins_again(monkeypatch):
    def execute(self, *images):
        monkeypatch.undo()
        raise RuntimeError("All samples map outside moving image buffer.")

    monkeypatch.setattr(sitk.ImageRegistrationMethod, "Execute", execute)
    made = head("ct")
    found = warp.refine(made.image, "ct", posed("ct"))
    assert dice(inside(made.image, found.to_template), made.brain) > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("contrast", MODALITY)
def test_a_location_outlines_the_brain_and_names_the_contrast(contrast):
    made = head(contrast)
    found = located(contrast)
    assert found.contrast == CONTRAST[contrast]
    assert dice(inside(made.image, found.to_template), made.brain) > 0.95


@pytest.mark.slow
def test_the_same_image_gives_the_same_pose():
    again = pose.locate(head("ct").image, "ct")
    assert again.to_template.GetParameters() == posed("ct").to_template.GetParameters()


@pytest.mark.slow
@pytest.mark.parametrize("contrast", ["t1", "b0"])
def test_a_brain_whose_skull_was_removed_is_located(contrast):
    made = head(contrast)
    alone = images.like(images.array(made.image) * made.brain, made.image)
    found = location.locate(alone, "mr")
    assert dice(inside(alone, found.to_template), made.brain) > 0.93


@pytest.mark.slow
def test_a_brain_alone_on_ct_is_located_although_all_else_is_0_hu():
    made = head("ct")
    alone = images.like(images.array(made.image) * made.brain, made.image)
    found = location.locate(alone, "ct")
    assert dice(inside(alone, found.to_template), made.brain) > 0.93


@pytest.mark.slow
def test_a_head_without_vertex_and_neck_is_located():
    made = head("t1", shape=(96, 108, 26), centre=(0.0, -2.0, 2.0))
    found = location.locate(made.image, "mr")
    assert dice(inside(made.image, found.to_template), made.brain) > 0.95


def test_edges_within_the_brain_meet_only_where_the_brain_lies():
    made = head("t1")
    small = view.prepared(made.image, "mr", 3.0)
    seen = edges.Edges.of(small, 3.0)
    true = np.linalg.inv(images.LPS @ transforms.matrix(TO_TEMPLATE) @ images.LPS)
    met = seen.met(true)
    for wrong in (fit.sized(0.87), fit.nod(15.0), fit.nod(-15.0)):
        assert seen.met(true @ wrong) < 0.8 * met


def test_the_slope_of_the_edges_that_meet_is_right():
    made = head("t1")
    seen = edges.Edges.of(view.prepared(made.image, "mr", 3.0), 3.0)
    here = np.linalg.inv(images.LPS @ transforms.matrix(TO_TEMPLATE) @ images.LPS) @ fit.nod(4.0)
    _, slope = seen.met_and_slope(here)
    for row, column, step in ((0, 0, 1e-3), (1, 1, 1e-3), (2, 1, 1e-3), (1, 3, 0.1)):
        move = np.zeros((4, 4))
        move[row, column] = step
        rise = (seen.met(here + move) - seen.met(here - move)) / (2 * step)
        assert slope[row, column] == pytest.approx(rise, rel=0.05, abs=1e-6 / step)


@pytest.mark.parametrize("warped", [False, True])
def test_two_locations_of_one_head_tell_how_its_images_lie_to_each_other(warped):
    first, second = pose_of((4, -6, 10), (12, -9, 20)), pose_of((-8, 3, 0), (-30, 5, 2))
    stretched = transforms.linear(np.diag([0.9, 1.1, 1.0, 1.0]))  # the template's head is another's
    locations = [
        location.Location(transforms.chain([each.GetInverse(), stretched]))
        for each in (first, second)
    ]
    if warped:
        field = sitk.Image(8, 8, 8, sitk.sitkVectorFloat64)
        steps = sitk.CompositeTransform(3)
        steps.AddTransform(sitk.DisplacementFieldTransform(field))
        steps.AddTransform(locations[0].to_template)
        locations[0] = location.Location(steps)
    found = transforms.matrix(location.between(*locations))
    assert np.allclose(found, transforms.matrix(transforms.chain([first.GetInverse(), second])))


def test_the_map_between_two_locations_is_rigid_although_they_differ_in_size():
    locations = [location.Location(transforms.linear(np.diag([s, s, s, 1.0]))) for s in (0.9, 1)]
    found = transforms.matrix(location.between(*locations))
    assert np.allclose(found[:3, :3] @ found[:3, :3].T, np.eye(3))


@pytest.mark.slow
@pytest.mark.parametrize("contrast", MODALITY)
def test_a_brain_mask_is_enough_to_locate_the_head(contrast):
    made = head(contrast)
    brain = images.like(made.brain.astype(np.uint8), made.image)
    found = location.locate(made.image, MODALITY[contrast], brain=brain)
    assert found.contrast == CONTRAST[contrast]
    assert dice(inside(made.image, found.to_template), made.brain) > 0.97


@pytest.mark.slow
def test_a_mask_that_misses_the_top_of_the_brain_still_locates_it():
    made = head("t1")
    missed = made.brain.copy()
    missed[:, :, np.flatnonzero(missed.any(axis=(0, 1)))[-4] :] = False
    brain = images.like(missed.astype(np.uint8), made.image)
    found = location.locate(made.image, "mr", brain=brain)
    assert dice(inside(made.image, found.to_template), made.brain) > 0.95


def test_an_empty_brain_mask_is_refused():
    made = head("ct")
    empty = images.like(np.zeros_like(made.brain, np.uint8), made.image)
    with pytest.raises(StrokeprepError, match="0 ml"):
        location.locate(made.image, "ct", brain=empty)


def lying(image: sitk.Image, order: tuple[int, ...], signs: tuple[int, ...]) -> sitk.Image:
    """The image with a header that turns or mirrors the head."""
    turn = np.eye(4)
    turn[:3, :3] = np.diag(signs)[list(order)]
    return images.from_array(images.array(image), turn @ images.affine(image))


@pytest.mark.slow
@pytest.mark.parametrize(("contrast", "way"), WRONG_WAYS_UP)
def test_a_head_that_lies_another_way_up_is_refused(contrast, way):
    turned = lying(head(contrast).image, *way)
    with pytest.raises(StrokeprepError, match="head.nii.gz"):
        location.locate(turned, MODALITY[contrast], "head.nii.gz")


def test_noise_is_refused():
    noise = np.random.default_rng(0).normal(0, 50, (60, 60, 30)).astype(np.float32)
    with pytest.raises(StrokeprepError, match="noise.nii.gz"):
        location.locate(images.from_array(noise, np.diag([3.0, 3, 5, 1])), "ct", "noise.nii.gz")


@pytest.mark.slow
def test_another_image_of_the_patient_is_located_through_the_first():
    made, found = head("ct"), located("ct")
    moved = sitk.Image(made.image)
    moved.SetOrigin((np.array(moved.GetOrigin()) + [12, -20, 30]).tolist())
    back = sitk.TranslationTransform(3, [-12.0, 20.0, -30.0])
    assert np.array_equal(
        inside(moved, found.of(back).to_template), inside(made.image, found.to_template)
    )


@pytest.mark.slow
def test_a_location_reads_back_as_it_was_written(tmp_path):
    found = located("ct")
    location.write(found, tmp_path / "located.h5", tmp_path / "located.json")
    again = location.read(tmp_path / "located.h5", tmp_path / "located.json")
    points = np.random.default_rng(0).uniform(-60, 60, (50, 3))
    assert (again.contrast, again.metrics) == (found.contrast, dict(found.metrics))
    assert np.allclose(
        transforms.apply(again.to_template, points), transforms.apply(found.to_template, points)
    )

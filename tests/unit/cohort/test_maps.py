"""Maps say of each voxel what the patients' images say, whatever the order or number of patients."""

from __future__ import annotations

import numpy as np
import pytest
from strokeprep.cohort import maps

SHAPE = (9, 6, 5)


@pytest.fixture(scope="module")
def masks() -> np.ndarray:
    return np.random.default_rng(1).random((300, *SHAPE)) > 0.7


def counted(masks: np.ndarray, **given) -> maps.LesionMaps:
    found = maps.LesionMaps(SHAPE)
    for mask in masks:
        found.add(mask, given.get("seen"), mirror=given.get("mirror", False))
    return found


def test_the_share_of_patients_is_exactly_the_mean_of_their_masks(masks):
    found = counted(masks)
    assert np.array_equal(found.share(found.count), masks.mean(axis=0).astype(np.float32))
    assert np.array_equal(found.count, masks.sum(axis=0)) and found.patients == 300


def test_an_empty_mask_is_a_patient_without_a_lesion_there(masks):
    found = counted(np.concatenate([masks[:1], np.zeros_like(masks[:1])]))
    assert found.share(found.count).max() == 0.5


def test_the_number_of_scans_is_that_of_scans_that_show_the_voxel(masks):
    seen = np.zeros(SHAPE, bool)
    seen[:4] = True
    found = counted(masks[:2], seen=seen)
    assert (found.seen[:4] == 2).all()
    # A lesion that was drawn beyond the brain mask was seen.
    assert np.array_equal(found.seen[4:], masks[:2, 4:].sum(axis=0))


def test_a_mirrored_mask_counts_on_the_other_side_in_the_map_of_both_sides_alone(masks):
    found = counted(masks[:5], mirror=True)
    assert np.array_equal(found.mirrored, found.count[::-1])
    assert np.array_equal(found.count, masks[:5].sum(axis=0))


def test_mean_and_deviation_are_those_of_the_scans_that_show_the_voxel():
    random = np.random.default_rng(2)
    inside = random.random(SHAPE) > 0.3
    values = random.normal(1e6, 0.5, (40, *SHAPE)).astype(np.float32)
    seen = random.random(values.shape) > 0.2
    found = maps.ImageMaps(inside)
    for image, where in zip(values, seen, strict=True):
        found.add(image, where)
    told = np.where(seen, values.astype(np.float64), np.nan)
    assert np.array_equal(found.coverage()[inside], seen.sum(axis=0)[inside])
    assert found.mean()[inside] == pytest.approx(np.nanmean(told, axis=0)[inside], rel=1e-7)
    assert found.sd()[inside] == pytest.approx(np.nanstd(told, axis=0, ddof=1)[inside], rel=1e-5)
    assert not found.mean()[~inside].any()


def test_maps_of_two_groups_make_those_of_all(masks):
    lesions, both = counted(masks[:40]), counted(masks[:100])
    lesions.merge(counted(masks[40:100]))
    assert np.array_equal(lesions.count, both.count) and lesions.patients == both.patients
    values = np.random.default_rng(3).normal(1e6, 0.5, (30, *SHAPE)).astype(np.float32)
    parts = [maps.ImageMaps(np.ones(SHAPE, bool)) for _ in range(3)]
    for number, image in enumerate(values):
        parts[0].add(image, None)
        parts[1 + (number > 10)].add(image, None)
    parts[1].merge(parts[2])
    assert parts[1].mean() == pytest.approx(parts[0].mean(), rel=1e-7)
    assert parts[1].sd() == pytest.approx(parts[0].sd(), rel=1e-5)
    assert np.array_equal(parts[1].coverage(), parts[0].coverage())


def test_a_value_that_is_no_number_is_left_out():
    found = maps.ImageMaps(np.ones(SHAPE, bool))
    found.add(np.full(SHAPE, np.nan), None)
    found.add(np.full(SHAPE, 3.0), None)
    assert (found.coverage() == 1).all() and (found.mean() == 3).all() and not found.sd().any()


def test_only_a_grid_that_lies_evenly_about_the_middle_can_be_mirrored():
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[0, 3] = -8
    assert maps.is_mirrored(np.zeros(SHAPE), affine)
    affine[0, 3] = -7
    assert not maps.is_mirrored(np.zeros(SHAPE), affine)


def test_the_middle_plane_is_of_neither_side():
    affine = np.eye(4)
    affine[0, 3] = -4
    lesion = np.zeros(SHAPE, bool)
    lesion[3:7, 0, 0] = True
    assert maps.sides(lesion, affine) == (1, 2)
    affine[0] *= -1  # the same from right to left
    assert maps.sides(lesion, affine) == (2, 1)

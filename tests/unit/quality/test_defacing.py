"""What an image shows of a face, and what is left of one: audit, score and privacy count alike."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import SimpleITK as sitk
from heads import TO_TEMPLATE, Head, head
from strokeprep.io import images
from strokeprep.quality import defacing
from strokeprep.quality.defacing import DEFACED, OUT_OF_VIEW, STRIPPED, WHOLE, filled
from strokeprep.registration.location import Location
from strokeprep.segmentation import faces
from strokeprep.segmentation.request import Request
from strokeprep.settings.backends import FACES
from strokeprep.settings.limits import FAIL, LIMITS

MODALITY = {"ct": "ct", "t1": "mr", "b0": "mr"}


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_every_voxel_that_is_not_background_counts(dtype):
    values = np.array([-1024, -1024, -1023, 40], dtype)
    assert filled(values, -1024) == 2


def test_within_a_tolerance_interpolation_does_not_count():
    assert filled(np.array([-1024, -1023.2, -1020], np.float32), -1024, tolerance=1) == 1


def test_no_value_wraps_round_to_the_background():
    assert filled(np.array([31744, 32767], np.int16), -1024, tolerance=1) == 2


def test_a_region_without_voxels_has_none_filled():
    assert filled(np.zeros(0, np.int16), 0) == 0


@cache
def made(contrast: str) -> Head:
    return head(contrast)


def brain_of(whole: Head) -> faces.Marked:
    return images.like(whole.brain.astype(np.uint8), whole.image), sitk.Transform()


@cache
def removed(contrast: str) -> np.ndarray:
    """What defacing empties in a head."""
    whole = made(contrast)
    request = Request(whole.image, MODALITY[contrast], location=Location(TO_TEMPLATE))
    brain = brain_of(whole)
    depth = faces.depth_in(brain, whole.image)
    mask, _ = faces.region(request, FACES["template"], brain, depth, 3.0)
    return images.array(mask) > 0


def emptied(contrast: str, where: np.ndarray, fill: int) -> sitk.Image:
    data = images.array(made(contrast).image).copy()
    data[where] = fill
    return images.like(data, made(contrast).image)


def evidence(contrast: str, image: sitk.Image) -> defacing.Evidence:
    brain = brain_of(made(contrast))
    depth = faces.depth_in(brain, image)
    return defacing.evidence(image, MODALITY[contrast], TO_TEMPLATE, depth)


@pytest.mark.slow
@pytest.mark.parametrize("contrast", MODALITY)
@pytest.mark.parametrize("air", ["as it is", "set to zero"])
def test_a_whole_head_shows_a_face(contrast, air):
    dark = images.array(made(contrast).image) < (-300 if contrast == "ct" else 30)
    image = emptied(contrast, dark & (air == "set to zero"), -1024 if contrast == "ct" else 0)
    found = evidence(contrast, image)
    assert found.conclusion == WHOLE and found.filled_ml > 100
    assert found.filled_outside > 0.05


@pytest.mark.slow
@pytest.mark.parametrize(("contrast", "fill"), [("ct", -1024), ("ct", 0), ("t1", 0), ("b0", 0)])
def test_a_head_that_was_defaced_before_shows_none(contrast, fill):
    found = evidence(contrast, emptied(contrast, removed(contrast), fill))
    assert found.conclusion == DEFACED and found.face_ml < 1


@pytest.mark.slow
@pytest.mark.parametrize(("contrast", "fill"), [("ct", -1024), ("ct", 0), ("t1", 0), ("b0", 0)])
def test_a_skull_stripped_image_shows_nothing_outside_of_the_brain(contrast, fill):
    found = evidence(contrast, emptied(contrast, ~made(contrast).brain, fill))
    assert found.conclusion == STRIPPED
    assert found.metrics()["FilledOutsideBrain"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("contrast", ["ct", "t1"])
def test_half_a_face_is_a_face(contrast):
    right = np.zeros_like(made(contrast).face)
    right[: right.shape[0] // 2] = True
    fill = images.background(MODALITY[contrast])
    found = evidence(contrast, emptied(contrast, removed(contrast) & right, fill))
    assert found.conclusion == WHOLE
    assert LIMITS["face_left_ml"].verdict(found.face_ml) == FAIL


@pytest.mark.slow
def test_a_slab_above_the_brow_shows_no_place_for_a_face():
    top = head("ct", shape=(96, 108, 10), centre=(0, 0, 45), tilt_degrees=0)
    depth = faces.depth_in(brain_of(top), top.image)
    found = defacing.evidence(top.image, "ct", TO_TEMPLATE, depth)
    assert found.conclusion == OUT_OF_VIEW and not found.shows_a_face


@pytest.mark.slow
@pytest.mark.parametrize(("contrast", "least_ml"), [("ct", 100), ("t1", 100), ("b0", 30)])
def test_what_is_left_of_a_face_is_counted_without_its_mask(contrast, least_ml):
    # Where fat is suppressed, little more than the eyes is brighter than the noise.
    fill = images.background(MODALITY[contrast])
    image, whole = emptied(contrast, removed(contrast), fill), made(contrast).image
    assert defacing.face_left_ml(image, MODALITY[contrast], TO_TEMPLATE) < 1
    left = defacing.face_left_ml(whole, MODALITY[contrast], TO_TEMPLATE)
    assert left == evidence(contrast, whole).face_ml > least_ml

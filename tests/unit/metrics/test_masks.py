"""Masks are compared as the ISLES challenges compare them."""

from __future__ import annotations

import numpy as np
import pytest
from strokeprep.metrics.masks import agreement

SHAPE = (24, 24, 24)


def mask(*cubes: tuple[int, int, int, int]) -> np.ndarray:
    """Cubes by their first corner and their side."""
    drawn = np.zeros(SHAPE, bool)
    for x, y, z, side in cubes:
        drawn[x : x + side, y : y + side, z : z + side] = True
    return drawn


EMPTY, THREE = mask(), mask((0, 0, 0, 3), (8, 0, 0, 3), (16, 0, 0, 3))
BESIDE = np.zeros(SHAPE, bool)
BESIDE[2:4, 0, 0] = True

# The values that the published evaluators give, to three digits.
PUBLISHED = {
    "both empty": (EMPTY, EMPTY, 1, 0, 1, 1),
    "nothing found": (EMPTY, THREE, 0, 3, 0, 0),
    "found where nothing is": (THREE, EMPTY, 0, 3, 0, 0),
    "the same": (THREE, THREE, 1, 0, 1, 1),
    "one of three": (mask((0, 0, 0, 3)), THREE, 0.5, 2, 0.5, 0.5),
}


@pytest.mark.parametrize("case", PUBLISHED)
def test_the_figures_are_those_of_the_published_evaluators(case):
    predicted, true, f1, alcd, dice, touching = PUBLISHED[case]
    found = agreement(predicted, true, 0.001)
    assert (found["f1_iou20"], found["alcd"]) == (pytest.approx(f1), alcd)
    assert (found["dice"], found["f1_touch"]) == (pytest.approx(dice), pytest.approx(touching))


def test_an_overlap_of_exactly_a_fifth_is_a_match():
    true, predicted = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    true[0:3, 0, 0], predicted[2:5, 0, 0] = True, True
    assert agreement(predicted, true, 1)["dice"] == pytest.approx(1 / 3)
    assert agreement(predicted, true, 1)["f1_iou20"] == 1
    assert agreement(predicted, true, 1)["f1_iou50"] == 0


def test_one_prediction_over_two_lesions_matches_one():
    true, predicted = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    true[0:2, 0, 0], true[3:5, 0, 0], predicted[0:5, 0, 0] = True, True, True
    found = agreement(predicted, true, 1)
    assert found["f1_iou20"] == pytest.approx(2 / 3) and found["alcd"] == 1
    assert found["f1_touch"] == 1
    assert agreement(true, predicted, 1)["f1_iou20"] == pytest.approx(2 / 3)


def test_lesions_that_meet_at_a_corner_are_one():
    assert agreement(mask((0, 0, 0, 2), (2, 2, 2, 2)), EMPTY, 1)["predicted_lesions"] == 1


def test_volumes_are_in_ml_of_the_voxels_given():
    found = agreement(mask((0, 0, 0, 10)), mask((0, 0, 0, 5)), 0.002)
    assert (found["predicted_ml"], found["true_ml"]) == (2.0, 0.25)
    assert found["avd_ml"] == pytest.approx(1.75)


def test_masks_of_different_shapes_are_refused():
    with pytest.raises(ValueError, match="voxels"):
        agreement(EMPTY, EMPTY[1:], 1)


@pytest.mark.parametrize("seed", range(8))
def test_exchanging_the_masks_changes_no_symmetric_figure(seed):
    random = np.random.default_rng(seed)
    one, other = random.random((2, *SHAPE)) < 0.05
    there, back = agreement(one, other, 1), agreement(other, one, 1)
    for name in ("dice", "avd_ml", "alcd", "f1_iou50"):
        assert there[name] == pytest.approx(back[name])

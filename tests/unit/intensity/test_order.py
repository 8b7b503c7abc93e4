"""Which of two volumes has no diffusion weighting."""

from __future__ import annotations

import numpy as np
import pytest
from strokeprep.intensity import order

# Signal without weighting and diffusivity, as share of voxels.
TISSUES = ((430, 840, 0.45), (340, 740, 0.4), (1000, 3000, 0.15))


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray]:
    """b0 and trace of a head in air, with noise."""
    random = np.random.default_rng(4)
    b0, adc = np.zeros((2, 12_000))
    begin = 0
    for signal, diffusivity, share in TISSUES:
        end = begin + int(8_000 * share)
        b0[begin:end], adc[begin:end] = signal, diffusivity
        begin = end
    trace = b0 * np.exp(-adc / 1000)
    noisy = (np.abs(each + random.normal(0, 8, each.shape)) for each in (b0, trace))
    first, second = noisy
    return first, second


def test_all_votes_name_the_image_without_weighting(pair):
    b0, trace = pair
    assert order.votes(b0, trace).first_is_unweighted is True
    assert order.votes(trace, b0).first_is_unweighted is False


def test_a_trace_that_was_scaled_up_is_not_believed(pair):
    b0, trace = pair
    assert order.votes(b0, 5 * trace).first_is_unweighted is None


def test_two_images_alike_have_no_order(pair):
    b0, _ = pair
    again = b0 + np.random.default_rng(6).normal(0, 8, b0.shape)
    assert order.votes(b0, again).first_is_unweighted is None


def test_images_without_a_head_in_common_have_no_votes(pair):
    b0, _ = pair
    assert order.votes(b0, np.zeros_like(b0)) is None


def test_the_diffusivity_of_the_head_confirms_the_pair(pair):
    low, high = order.PLAUSIBLE
    assert low < order.diffusivity(*pair, 1000) < high
    assert not low < order.diffusivity(pair[0], pair[0], 1000) < high

"""Diffusivity, trace images and the volumes of a series."""

from __future__ import annotations

import numpy as np
import pytest
from strokeprep.errors import StrokeprepError
from strokeprep.intensity import diffusion

RANGE = (800.0, 1500.0)


def test_diffusivity_without_noise_is_what_made_the_images():
    true = np.linspace(200, 3000, 50)
    b0 = np.linspace(100, 900, 50)
    found = diffusion.adc(b0, b0 * np.exp(-1000 * true * 1e-6), 1000)
    assert found == pytest.approx(true, rel=1e-4)


def test_diffusivity_is_zero_where_an_image_is_empty():
    found = diffusion.adc(np.array([0.0, 5, -1]), np.array([5.0, 0, 5]), 1000)
    assert found.tolist() == [0, 0, 0]


def test_the_trace_has_the_mean_diffusivity_of_its_directions():
    each = np.array([[300.0, 800, 1300]])
    trace = diffusion.geometric_mean(500 * np.exp(-each / 1000))
    assert diffusion.adc(np.array([500.0]), trace, 1000) == pytest.approx([800], rel=1e-5)


def test_a_direction_without_signal_leaves_no_trace():
    assert diffusion.geometric_mean(np.array([[10.0, 0, 10]])).tolist() == [0]


def test_the_largest_shell_within_the_range_is_taken():
    found = diffusion.shell([0, 1000, 5, 1005, 995, 500, 2000, 2000, 2000, 2000], RANGE, "dwi")
    assert found == diffusion.Shell((0, 2), (1, 3, 4), 1000.0)


def test_of_two_single_weightings_the_higher_is_taken():
    assert diffusion.shell([0, 800, 1500], RANGE, "dwi").weighted == (2,)


@pytest.mark.parametrize(
    ("values", "lacks"),
    [([1000, 1000], "without diffusion weighting"), ([0, 500, 3000], "800 to 1500")],
)
def test_a_series_that_lacks_a_weighting_is_refused_with_the_ones_it_has(values, lacks):
    with pytest.raises(StrokeprepError, match=lacks):
        diffusion.shell(values, RANGE, "sub-01_dwi.bval")

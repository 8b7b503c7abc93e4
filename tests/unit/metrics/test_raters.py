"""Agreement of raters, and how certain a cohort's figures are."""

from __future__ import annotations

import numpy as np
import pytest
from strokeprep.metrics.raters import bootstrapped, icc_a1

# Six cases and four raters of Shrout and Fleiss (1979), whose ICC(2,1) is .29.
RATED = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
)


def test_the_icc_is_that_of_the_published_example():
    assert icc_a1(RATED) == pytest.approx(0.2898, abs=1e-4)


def test_a_rater_who_always_says_more_agrees_less():
    volumes = np.array([1.0, 5.0, 20.0, 60.0, 90.0])
    assert icc_a1(np.column_stack([volumes, volumes])) == pytest.approx(1)
    assert 0.5 < icc_a1(np.column_stack([volumes, volumes + 20])) < 0.95


def test_cases_that_are_all_the_same_have_no_icc():
    assert np.isnan(icc_a1(np.ones((5, 2))))


def test_the_interval_holds_the_mean_and_repeats_with_its_seed():
    values = np.random.default_rng(3).normal(10, 2, 60)
    low, high = bootstrapped(values, np.mean, seed=1, draws=500)
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * 2 / np.sqrt(60), rel=0.25)
    assert bootstrapped(values, np.mean, seed=1, draws=500) == (low, high)

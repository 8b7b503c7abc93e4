"""Robust statistics."""

from __future__ import annotations

import numpy as np
import pytest
from strokeprep.io import statistics


def test_a_robust_deviation_is_the_standard_deviation_and_ignores_outliers():
    values = np.random.default_rng(1).normal(7, 3, 100_000)
    assert statistics.robust_sd(values) == pytest.approx(3, rel=0.02)
    values[:1000] = 1e6
    assert statistics.robust_sd(values) == pytest.approx(3, rel=0.05)

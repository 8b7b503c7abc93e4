"""Linear maps of grey levels."""

from __future__ import annotations

import numpy as np
import pytest
from strokeprep.errors import StrokeprepError
from strokeprep.intensity import scaling
from strokeprep.intensity.bimodal import Gaussian

VALUES = np.random.default_rng(2).gamma(4, 50, 10_000)


def test_a_peak_gets_mean_zero_and_sd_one():
    to = scaling.to_peak(Gaussian(mean=170, sd=10, height=1))
    assert to.of(np.array([170, 180, 150])).tolist() == pytest.approx([0, 1, -2], abs=1e-5)


def test_a_z_score_has_mean_zero_and_sd_one():
    scored = scaling.to_zscore(VALUES).of(VALUES)
    assert scored.mean() == pytest.approx(0, abs=1e-5) and scored.std() == pytest.approx(
        1, abs=1e-5
    )


def test_percentiles_become_those_of_the_model_and_nothing_is_clipped():
    model = np.random.default_rng(5).normal(60, 9, 8_000)
    matched = scaling.to_percentiles(VALUES, model).of(VALUES)
    assert np.quantile(matched, (0.01, 0.99)) == pytest.approx(
        np.quantile(model, (0.01, 0.99)), rel=1e-5
    )
    assert matched.max() > np.quantile(model, 0.99)
    assert np.corrcoef(matched, VALUES)[0, 1] == pytest.approx(1)


def test_the_map_is_read_back_from_a_sidecar():
    to = scaling.Linear(0.25, -3.0)
    assert scaling.Linear.read({"Description": "…"} | to.facts()) == to


@pytest.mark.parametrize(
    "of", [scaling.to_zscore, lambda v, where: scaling.to_percentiles(v, v, where)]
)
def test_an_image_of_one_grey_level_is_refused(of):
    with pytest.raises(StrokeprepError, match="one grey level"):
        of(np.full(100, 7.0), "sub-01_T1w.nii.gz")

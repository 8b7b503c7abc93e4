"""The tissue peak of a diffusion image."""

from __future__ import annotations

import numpy as np
import pytest
from strokeprep.errors import StrokeprepError
from strokeprep.intensity import bimodal

TISSUE, FLUID, LESION = (165.0, 17.0), (40.0, 18.0), (320.0, 30.0)
R2 = 0.8


def brain(tissue=60_000, fluid=12_000, lesion=2_000, seed=3) -> np.ndarray:
    """Values of a diffusion image, as a scanner stores them: whole numbers."""
    random = np.random.default_rng(seed)
    parts = [
        random.normal(*peak, n) for peak, n in ((TISSUE, tissue), (FLUID, fluid), (LESION, lesion))
    ]
    return np.rint(np.abs(np.concatenate(parts)))


def test_the_peak_of_brain_tissue_is_found_within_one_per_cent():
    found = bimodal.tissue_peak(brain(), R2)
    assert found.method == bimodal.TWO_GAUSSIANS
    assert found.tissue.mean == pytest.approx(TISSUE[0], rel=0.01)
    assert found.tissue.sd == pytest.approx(TISSUE[1], rel=0.05)
    assert found.dark is not None and found.dark.mean == pytest.approx(FLUID[0], rel=0.1)
    assert found.r2 > 0.95


@pytest.mark.parametrize("scale", [0.001, 0.037, 10, 1000])
def test_the_fit_does_not_depend_on_the_scale(scale):
    one, other = (bimodal.tissue_peak(brain() * k, R2) for k in (1, scale))
    assert other.tissue.mean / scale == pytest.approx(one.tissue.mean, rel=1e-5)
    assert other.tissue.sd / scale == pytest.approx(one.tissue.sd, rel=1e-5)
    assert other.r2 == pytest.approx(one.r2, abs=1e-5)


def test_a_large_infarct_hardly_moves_the_peak():
    without, with_it = (bimodal.tissue_peak(brain(lesion=n), R2) for n in (0, 9_000))
    assert with_it.tissue.mean == pytest.approx(without.tissue.mean, rel=0.01)


def test_whole_numbers_leave_no_comb_in_the_histogram():
    coarse = np.rint(brain() / 3)  # some hundred grey levels
    assert bimodal.tissue_peak(coarse, R2).r2 > 0.95


def test_a_poor_fit_is_refused_and_the_mode_stands_for_it():
    random = np.random.default_rng(1)
    three = [random.normal(mean, 8, 20_000) for mean in (60, 110, 160)]
    found = bimodal.tissue_peak(np.rint(np.concatenate(three)), least_r2=0.95)
    assert found.method == bimodal.MODE and found.dark is None
    assert "less than 0.95" in found.refused and found.r2 < 0.95
    assert min(abs(found.tissue.mean - mean) for mean in (60, 110, 160)) < 3
    assert found.facts()["FitRefused"] == found.refused


def test_a_mask_with_hardly_a_voxel_is_refused():
    with pytest.raises(StrokeprepError, match="too few"):
        bimodal.tissue_peak(np.arange(100.0), R2, "sub-01_trace.nii.gz")


def test_background_and_values_that_are_no_numbers_do_not_count():
    padded = np.concatenate([brain(), np.zeros(50_000), [np.nan, np.inf]])
    assert bimodal.tissue_peak(padded, R2) == bimodal.tissue_peak(brain(), R2)

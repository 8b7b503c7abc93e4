"""Gaussian means over a mask: as those of scipy, and hardly different where cells stand for voxels."""

import numpy as np
import pytest
from scipy import ndimage
from strokeprep.series.smoothing import Smoothing

SHAPE, REACH = (60, 56, 6), 2.0
X, Y, _ = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
MASK = ((X - 30) ** 2 + (Y - 28) ** 2 < 25**2) & ~((abs(X - 20) < 4) & (abs(Y - 30) < 3))
MASK = MASK & np.ones(SHAPE, bool)
FINE, COARSE = np.array([0.45, 0.45, 5.0]), np.array([2.5, 2.5, 5.0])
WIDTHS = [np.full(3, 8.0), np.array([5.0, 5.0, 0.0])]


def _by_scipy(volume, spacing, width):
    """The mean by scipy, and the weights."""
    sigma = width / np.sqrt(8 * np.log(2)) / spacing
    sums, weights = (
        ndimage.gaussian_filter(each * MASK, sigma, mode="constant", truncate=REACH)[MASK]
        for each in (volume, np.ones(SHAPE))
    )
    return sums / weights


@pytest.mark.parametrize("width", WIDTHS, ids=str)
def test_large_voxels_are_smoothed_as_scipy_does(width):
    volume = np.random.default_rng(1).normal(size=SHAPE)
    smoothing = Smoothing(MASK, COARSE, width, REACH)
    assert smoothing(volume[MASK][:, None].astype(np.float32))[:, 0] == pytest.approx(
        _by_scipy(volume, COARSE, width), abs=1e-5
    )


@pytest.mark.parametrize("width", WIDTHS, ids=str)
@pytest.mark.parametrize("edge", ["x", "y"])
def test_cells_of_small_voxels_give_an_edge_to_a_fiftieth_of_its_height(width, edge):
    volume = np.where((X if edge == "x" else Y) > 33, 1.0, 0.0) * np.ones(SHAPE)
    smoothing = Smoothing(MASK, FINE, width, REACH)
    assert smoothing.cells[0] < 0.6 * SHAPE[0]  # so there are cells
    found = smoothing(volume[MASK][:, None].astype(np.float32))[:, 0]
    assert found == pytest.approx(_by_scipy(volume, FINE, width), abs=0.02)


@pytest.mark.parametrize("width", WIDTHS, ids=str)
def test_cells_of_small_voxels_leave_as_much_noise(width):
    volume = np.random.default_rng(2).normal(size=SHAPE)
    found = Smoothing(MASK, FINE, width, REACH)(volume[MASK][:, None].astype(np.float32))[:, 0]
    wanted = _by_scipy(volume, FINE, width)
    assert found.std() == pytest.approx(wanted.std(), rel=0.03)
    assert np.corrcoef(found, wanted)[0, 1] > 0.98


@pytest.mark.parametrize("spacing", [FINE, COARSE], ids=str)
def test_a_constant_stays(spacing):
    ones = np.ones((np.count_nonzero(MASK), 2), np.float32)
    means = Smoothing(MASK, spacing, WIDTHS[0], REACH)(ones)
    assert means == pytest.approx(ones, abs=1e-5)


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_series_is_smoothed_as_its_curves_are(order):
    series = np.random.default_rng(3).integers(-1000, 1000, (*SHAPE, 35), np.int16)
    smoothing = Smoothing(MASK, FINE, WIDTHS[1], REACH)
    curves = smoothing.of_series(np.asarray(series, order=order))
    assert curves == pytest.approx(smoothing(series[MASK].astype(np.float32)), abs=0.01)


def test_what_lies_outside_of_the_mask_has_no_say():
    series = np.random.default_rng(4).normal(size=(*SHAPE, 2))
    smoothing = Smoothing(MASK, FINE, WIDTHS[1], REACH)
    inside = smoothing.of_series(series)
    series[~MASK] = np.nan
    assert np.array_equal(smoothing.of_series(series), inside)

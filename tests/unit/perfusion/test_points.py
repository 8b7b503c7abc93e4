"""Curves of points, interpolated, are the smoothed curves of voxels; what no point explains has no values."""

import numpy as np
import pytest
from strokeprep.perfusion.curves import Series, over_baseline
from strokeprep.perfusion.points import Points, measured
from strokeprep.perfusion.tissue import smoothed_curves
from strokeprep.settings.perfusion import TissueSettings

SHAPE, FRAMES, BEFORE = (60, 56, 3), 20, 6
X, Y, _ = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
BRAIN = ((X - 30) ** 2 + (Y - 28) ** 2 < 25**2) & np.ones(SHAPE, bool)
VESSEL = (abs(X - 20) < 3) & (abs(Y - 30) < 3) & BRAIN
FINE, COARSE = np.array([0.45, 0.45, 5.0]), np.array([2.5, 2.5, 5.0])
SETTINGS = TissueSettings()


def _series(spacing: np.ndarray) -> Series:
    """Tissue that takes contrast up, with ten times as much of it in a vessel."""
    after = np.arange(FRAMES) >= BEFORE
    hu = 30 + np.random.default_rng(1).normal(0, 1, (*SHAPE, FRAMES))
    hu += (6 + 54 * VESSEL)[..., None] * after
    return Series(hu.astype(np.float32), BRAIN, np.diag([*spacing, 1.0]), 1.0)


@pytest.fixture(params=[FINE, COARSE], ids=["fine", "coarse"])
def found(request):
    series = _series(request.param)
    return (series, *measured(series, BRAIN, BEFORE, SETTINGS))


def test_interpolated_curves_are_those_of_voxels(found):
    series, points, curves = found
    tissue = BRAIN & ~points.vessels
    wanted = smoothed_curves(series.hu, tissue, series.spacing, SETTINGS.smoothing_fwhm_mm)
    of_voxels = np.stack([points.volume(frame) for frame in curves.T], axis=-1)
    np.testing.assert_allclose(of_voxels[tissue], over_baseline(wanted, BEFORE), atol=1e-3)
    own = over_baseline(series.hu[points.vessels], BEFORE)
    np.testing.assert_allclose(of_voxels[points.vessels], own, atol=1e-3)
    assert points.vessels[VESSEL].mean() > 0.9


def test_large_voxels_are_points_and_small_ones_share_them(found):
    series, points, curves = found
    assert len(curves) == points.onto.shape[1] == len(points.vessel)
    tissue = np.count_nonzero(BRAIN & ~points.vessels)
    count = np.count_nonzero(~points.vessel)
    assert count < 0.4 * tissue if series.spacing[0] < 1 else count == tissue


def test_a_constant_stays_in_volumes_means_and_parts(found):
    _, points, curves = found
    part = points.of(np.arange(len(curves)) % 7 > 0)
    for each in (points, part):
        count = each.onto.shape[1]
        np.testing.assert_allclose(each.volume(np.ones(count))[each.voxels], 1, atol=1e-5)
    np.testing.assert_allclose(points.means(np.ones((1, BRAIN.sum()))), 1, atol=1e-5)


def test_a_voxel_that_lies_mostly_between_points_that_are_left_out_is_left_out():
    voxels = np.ones((4, 1, 1), bool)
    points = Points.of_voxels(voxels)
    between = points.onto.tolil()
    between[1, 0], between[1, 1] = 0.6, 0.4
    between[2, 1], between[2, 2] = 0.4, 0.6
    points = Points(voxels, between.tocsr(), points.vessel)
    part = points.of(np.array([True, False, True, False]))
    assert part.voxels[:, 0, 0].tolist() == [True, True, True, False]
    assert part.volume(np.array([3.0, 5.0]))[:, 0, 0].tolist() == [3, 3, 5, 0]

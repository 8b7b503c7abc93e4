"""Models by several inputs are one: between them where they differ, and less certain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from strokeprep.perfusion.inputs.local import Input, Served
from strokeprep.perfusion.inputs.vessel_voxels import NO_VOXELS
from strokeprep.perfusion.inputs.vessels import Vessels
from strokeprep.perfusion.mixture import model_of
from strokeprep.phantom.scan.bolus import Arterial, Tissue, arterial_curve, tissue_curve
from strokeprep.settings.perfusion import PerfusionSettings

SETTINGS = PerfusionSettings()
TIMES = np.arange(50.0)
AIF = arterial_curve(TIMES, Arterial())
WHOLE = Vessels(AIF, AIF, None, 8, NO_VOXELS, NO_VOXELS, 1.0, 1.0, 0.02)
HALF = replace(WHOLE, aif=AIF / 2, scale_sd=0.1)


@pytest.fixture(scope="module")
def curves() -> np.ndarray:
    noise = np.random.default_rng(2).normal(0, 0.3, (90, len(TIMES)))
    return (tissue_curve(TIMES, Tissue(50, 4, 1.5), Arterial()) + noise).astype(np.float32)


def by(first: float, second: float, curves: np.ndarray):
    """The model by two inputs, of which the second is half as high."""
    shares = np.tile(np.array([[first], [second]], np.float32), len(curves))
    inputs = Input("whole brain", WHOLE, 0.0), Input("side", HALF, 0.0)
    served = Served(inputs, shares)
    return model_of(curves, served, 1.0, SETTINGS), served


def test_where_one_input_counts_alone_the_model_is_its_own(curves):
    (alone, _), (other, _) = by(1, 0, curves), by(0, 1, curves)
    np.testing.assert_allclose(other.maps["cbv"], 2 * alone.maps["cbv"], rtol=1e-4)
    np.testing.assert_allclose(other.maps["mtt"], alone.maps["mtt"], rtol=1e-4)


def test_between_two_inputs_values_lie_between_and_deviations_hold_their_difference(curves):
    (alone, _), (other, _), (both, served) = (
        by(1, 0, curves),
        by(0, 1, curves),
        by(0.5, 0.5, curves),
    )
    for name in ("cbf", "cbv"):
        assert np.all(alone.maps[name] < both.maps[name])
        assert np.all(both.maps[name] < other.maps[name])
        apart = (other.maps[name] - alone.maps[name]) / 2
        assert np.all(both.sd[name] > 0.9 * apart)
    np.testing.assert_allclose(both.maps["delay"], alone.maps["delay"], atol=1e-3)
    np.testing.assert_allclose(both.delay.seen.sum(1), 1, rtol=1e-4)
    assert both.delay.usual.sum() == pytest.approx(1)
    np.testing.assert_allclose(served.scale_sd, np.hypot(0.02, 0.1) / 2**0.5, rtol=1e-5)


def test_curves_without_contrast_have_no_values_by_any_input(curves):
    flat = np.concatenate([curves, np.full((2, len(TIMES)), np.nan, np.float32)])
    both, _ = by(0.5, 0.5, flat)
    assert both.valid[:-2].all() and not both.valid[-2:].any()
    assert both.maps["cbf"][-2:].max() == 0 and both.late_flow[-2:].max() == 0


def test_an_input_that_lags_leaves_delays_on_the_clock_of_the_first(curves):
    late = np.interp(TIMES - 3, TIMES, AIF, left=0.0)
    lagging = Input("side", replace(WHOLE, aif=late), 3.0)
    one = np.ones((1, len(curves)), np.float32)
    found = [
        model_of(curves, Served((each,), one), 1.0, SETTINGS).maps["delay"].mean()
        for each in (Input("whole brain", WHOLE, 0.0), lagging)
    ]
    assert found[1] == pytest.approx(found[0], abs=0.3)

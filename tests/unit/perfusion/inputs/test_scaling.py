"""The input is scaled to the area of the vein, and its drift is removed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from perfused_heads import BOLUS
from strokeprep.perfusion.curves import area_noise, over_baseline, within
from strokeprep.perfusion.inputs.scaling import venous_scale
from strokeprep.phantom.scan.bolus import arterial_curve, venous_curve
from strokeprep.settings.ctp.vessels import VesselSettings


def scaled(aif, vof, arteries=()):
    """Factor, drift and reason, with the vein and some slices of arteries as references."""
    slices = [curve[None] for curve in arteries]
    veins = [] if vof is None else [vof[None]]
    return venous_scale(aif, vof, [veins, slices], 1.0, VesselSettings())


def test_a_whole_artery_is_never_scaled_down():
    aif = arterial_curve(np.arange(60.0), BOLUS)
    vof = venous_curve(np.arange(60.0), BOLUS)
    scale, drift, reason = scaled(aif, 0.95 * vof)
    assert scale == 1 and reason is None
    assert np.abs(drift).max() < 0.01 * aif.max()


def test_a_vein_with_less_contrast_than_the_artery_scales_nothing_and_is_told():
    aif = arterial_curve(np.arange(60.0), BOLUS)
    vof = venous_curve(np.arange(60.0), BOLUS)
    scale, drift, reason = scaled(aif, 0.7 * vof)
    assert scale == 1 and not drift.any()
    assert reason == "the vein holds only 70% of the artery's contrast"


@pytest.mark.parametrize("transit_s", [3.5, 4.0, 4.5, 5.5, 7.0])
def test_any_transit_time_gives_the_same_scale(transit_s):
    t = np.arange(60.0)
    aif, vof = arterial_curve(t, BOLUS), venous_curve(t, BOLUS, transit_s)
    factor, *_ = scaled(aif / 2, vof)
    assert factor == pytest.approx(2, rel=0.01)


def test_a_mixture_of_two_transit_times_gives_the_same_scale():
    t = np.arange(60.0)
    aif = arterial_curve(t, BOLUS)
    vof = 0.75 * venous_curve(t, BOLUS, 4.0) + 0.25 * venous_curve(t, BOLUS, 7.0)
    factor, *_ = scaled(aif / 2, vof)
    assert factor == pytest.approx(2, rel=0.02)


@pytest.mark.parametrize("frames", [30, 40, 60])
def test_contrast_that_is_left_at_the_end_does_not_change_the_scale(frames):
    """The vein then lacks more of its contrast than the artery."""
    t = np.arange(float(frames))
    bolus = replace(BOLUS, recirculation_share=0.3, recirculation_scale_s=8.0)
    aif, vof = arterial_curve(t, bolus), venous_curve(t, bolus)
    assert aif.sum() > 1.05 * vof.sum()
    assert scaled(aif / 4, vof)[0] == pytest.approx(4, rel=0.02)


def test_noise_in_the_input_does_not_change_its_scaled_area():
    t = np.arange(60.0)
    aif, vof = arterial_curve(t, BOLUS), venous_curve(t, BOLUS)
    noise = np.random.default_rng(3).normal(0, 0.1 * aif.max(), len(t))
    factor, drift, _ = scaled((aif + noise) / 2, vof)
    assert factor * ((aif + noise) / 2 - drift).sum() == pytest.approx(aif.sum(), rel=0.03)


def test_a_series_too_short_for_long_transits_is_scaled_by_the_short_ones():
    """Contrast arrives at 8 s and leaves within seconds; a transit of 10 s ends after the series."""
    t = np.arange(16.0)
    aif = np.where(t == 8, 90.0, 0.0)
    vof = np.where(t >= 10, np.exp((10 - t) / 2), 0)
    factor, _, reason = scaled(aif, vof * 2 * aif.sum() / vof.sum())
    assert reason is None
    assert factor == pytest.approx(2, rel=0.1)


def test_a_linear_drift_of_the_vein_changes_the_scale_by_far_less_than_its_area():
    t = np.arange(60.0)
    aif, vof, line = arterial_curve(t, BOLUS), venous_curve(t, BOLUS), 0.3 * t
    factor, *_ = scaled(aif / 2, vof + line)
    assert abs(factor / 2 - 1) < 0.2 * line.sum() / vof.sum()


@pytest.mark.parametrize(("drifting", "cost"), [("input", 0), ("vein", 0.5), ("arteries", 0.5)])
def test_the_drift_of_the_input_is_subtracted_and_that_of_one_reference_costs_half_its_area(
    drifting, cost
):
    t = np.arange(60.0)
    line = 4 - 0.2 * t
    curves = {name: arterial_curve(t, BOLUS) for name in ("input", "arteries")}
    curves["vein"] = venous_curve(t, BOLUS)
    moved = curves | {drifting: curves[drifting] + line}
    found = {}
    for name, at in (("still", curves), ("moved", moved)):
        _, drift, _ = scaled(at["input"], at["vein"], [at["arteries"]])
        found[name] = (at["input"] - drift).sum()
    assert found["moved"] - found["still"] == pytest.approx(cost * line.sum(), abs=12)


def test_one_drifting_slice_does_not_change_the_input():
    t = np.arange(60.0)
    aif, vof = arterial_curve(t, BOLUS), venous_curve(t, BOLUS)
    _, none, _ = scaled(aif, vof, [aif, aif, aif])
    _, drift, _ = scaled(aif, vof, [aif, aif + 5 - 0.3 * t, aif])
    assert drift == pytest.approx(none, abs=0.01)


def test_scaling_is_skipped_with_a_reason_when_the_vein_is_incomplete_or_implausible():
    t = np.arange(60.0)
    aif, vof = arterial_curve(t, BOLUS), venous_curve(t, BOLUS)
    early = scaled(aif[:24], vof[:24])
    dilute = scaled(aif / 14.5, vof)
    reverse = scaled(aif, np.where(t == 2, 50, -vof))
    alone = scaled(aif, None)
    for (factor, drift, reason), why in (
        (early, "left at the end"),
        (dilute, "factor of 14."),
        (reverse, "factor of -"),
        (alone, "no vein was found"),
    ):
        assert factor == 1 and not drift.any() and why in reason


def test_the_noise_of_an_area_is_that_of_many_noisy_curves():
    random = np.random.default_rng(4)
    some = random.standard_normal((50, 5))
    courses, _ = np.linalg.qr(some - some.mean(0))
    noise = random.standard_normal((20_000, 50))
    areas = over_baseline(within(noise, courses), 6).sum(1)
    assert area_noise(courses, 6) == pytest.approx(areas.std(), rel=0.03)

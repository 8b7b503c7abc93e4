"""Every patient has a bolus and tissue of its own, drawn like those of real ones."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
from strokeprep.phantom.head.shapes import Lattice
from strokeprep.phantom.scan import patients, scanner
from strokeprep.phantom.scan.circulation import (
    SHAPES,
    TISSUES,
    Behind,
    Region,
    draw_circulation,
    well_scanned_circulation,
    with_narrow_carotid,
)
from strokeprep.phantom.scan.protocol import PROTOCOLS


def drawn(number: int):
    return draw_circulation(np.random.default_rng([3, number]), "L")


@pytest.fixture(scope="module")
def many():
    return [drawn(number) for number in range(200)]


def test_the_same_numbers_give_the_same_patient_and_others_another():
    assert drawn(1) == drawn(1)
    assert drawn(1).bolus != drawn(2).bolus


@pytest.mark.parametrize("name", ["width_s", "share", "vein_later_s", "seconds"])
def test_boluses_are_distributed_like_real_ones(many, name):
    middle = np.median([getattr(each.bolus, name) for each in many])
    assert patients.REAL[name][2] < middle < patients.REAL[name][4]


def test_every_scan_shows_a_baseline_and_the_end_of_the_bolus(many):
    for each in many:
        times = each.bolus.times
        curve = each.curves(times)["artery"]
        assert curve[times <= 4].max() < 0.15 * curve.max()
        assert curve[-1] < 0.6 * curve.max()


def test_no_residue_function_is_one_of_a_dictionary(many):
    assert {"exponential", "box"}.isdisjoint(SHAPES)
    assert {shape for each in many for shape in each.shapes.values()} == set(SHAPES)


def test_arteries_are_as_full_as_the_bolus_says(many):
    for each in many[:20]:
        curves, pure = each.curves(each.bolus.times), each.bolus.artery(each.bolus.times)
        tissue = curves["gm"]
        filled = (curves["artery"].sum() - tissue.sum()) / (pure.sum() - tissue.sum())
        assert filled == pytest.approx(min(each.bolus.share / 0.75, 1))


@pytest.fixture(scope="module")
def well_scanned():
    return [well_scanned_circulation(np.random.default_rng([4, n]), "R") for n in range(100)]


def test_a_good_scan_shows_a_baseline_and_an_artery_as_high_as_in_a_quarter_of_patients(
    well_scanned,
):
    for each in well_scanned:
        curve = each.bolus.artery(np.arange(0, each.bolus.seconds, 0.1))
        assert curve[:50].max() < 0.01 * curve.max()
        assert each.bolus.peak_hu >= patients.REAL["peak_hu"][4]
        assert each.bolus.interval_s <= 2


@pytest.mark.parametrize("name", ["width_s", "tail", "vein_later_s", "seconds"])
def test_its_patients_are_otherwise_like_real_ones(well_scanned, name):
    low, middle, high = np.quantile(
        [getattr(each.bolus, name) for each in well_scanned], (0.1, 0.5, 0.9)
    )
    real = patients.REAL[name]
    assert real[0] <= low < real[3] < high <= real[-1]
    assert real[2] < middle < real[4]


def test_all_tissue_of_its_patients_has_one_residue_function_that_differs_between_them(
    well_scanned,
):
    assert all(len(set(each.shapes.values())) == 1 for each in well_scanned)
    assert {each.shapes["gm"] for each in well_scanned} == set(SHAPES)


@pytest.mark.parametrize("size", PROTOCOLS)
def test_frames_are_twice_as_far_apart_after_the_first_pass_and_end_with_the_scan(size):
    times = PROTOCOLS[size].frame_times(46.0, 1.5)
    step = max(1.5, PROTOCOLS[size].least_interval_s)
    assert np.diff(times[times <= 33]) == pytest.approx(step)
    assert np.diff(times[times >= 36]) == pytest.approx(2 * step)
    assert 46 - 2 * step < times[-1] <= 46


def test_a_region_changes_flow_inside_of_it_alone():
    region = Region("scar", (0.0, 0.0, 0.0), (10, 20, 10), flow=0.5, volume=0.25, later_s=1.0)
    share = region.share(Lattice((-30.0, -30.0, -30.0), 2.0, (31, 31, 31)))
    assert share[15, 15, 15] == 1 and share[15, 15 + 8, 15] == 1
    assert share[15, 15, 15 + 8] == 0 and share[0, 0, 0] == 0
    tissue = region.tissue(TISSUES["gm"])
    assert (tissue.cbf, tissue.cbv, tissue.delay_s) == (30, 1, 2)


@pytest.fixture(scope="module")
def narrow():
    """A patient before and after its carotid is narrow, and the region behind it."""
    before = drawn(1)
    after = with_narrow_carotid(before, np.random.default_rng(6), "L")
    (region,) = (each for each in after.regions if isinstance(each, Behind))
    return before, after, region


def test_behind_a_narrow_carotid_blood_comes_late_and_dispersed_and_none_is_lost(narrow):
    before, after, region = narrow
    times = np.arange(0, 200, 0.1)
    bolus = patients.Dispersed(**asdict(before.bolus), dispersion_s=region.dispersion_s)
    first, later = before.bolus.pure, bolus.pure
    assert later.max() < first.max()
    means = [
        np.average(np.arange(len(curve)) * patients.FINE, weights=curve) for curve in (first, later)
    ]
    lost = 1 - later.sum() / first.sum()
    assert 0 <= lost < 0.1 and means[0] < means[1]
    artery = after.arteries_behind(times)["stenosis"]
    assert artery.argmax() > before.artery(times).argmax()


def test_a_narrow_carotid_is_that_of_the_side_without_the_stroke_and_changes_no_other_tissue(
    narrow,
):
    before, after, region = narrow
    assert region.centre[0] > 0  # the stroke is on the left
    curves = [each.curves(each.bolus.times) for each in (before, after)]
    others = {name for name in curves[0] if not name.startswith("stenosis")}
    assert all(np.array_equal(curves[0][name], curves[1][name]) for name in others)
    usual, behind = (after.tissues[name] for name in ("gm", "stenosis-gm"))
    assert behind.delay_s == pytest.approx(usual.delay_s + region.later_s + region.dispersion_s)
    assert after.shapes["stenosis-gm"] == after.shapes["gm"]


def test_what_lies_behind_a_narrow_carotid_ends_at_the_mid_plane(narrow):
    share = narrow[2].share(Lattice((-60.0, 0.0, 0.0), 2.0, (61, 21, 21)))
    x = -60 + 2 * np.arange(61)
    row = share[0, 0]
    assert row[x < -3].max() == 0 and row[(x > 3) & (x < 60)].min() == 1


def test_noise_of_a_kernel_is_correlated_between_neighbours_and_faint_when_smoothed():
    grid = scanner.centred_grid((0, 0, 0), (256, 256, 2), (0.43, 0.43, 5.0))
    noise = scanner.kernel_noise(np.random.default_rng(1), grid, 10.0)
    assert noise.std() == pytest.approx(10, rel=0.05)
    assert np.corrcoef(noise[:, :, 1:].ravel(), noise[:, :, :-1].ravel())[0, 1] > 0.5
    small = noise.reshape(2, 16, 16, 16, 16).mean((2, 4))
    large = noise.reshape(2, 4, 64, 4, 64).mean((2, 4))
    assert large.std() < small.std() / 5  # of noise without negative correlations, a quarter
    coarse = replace(grid, spacing=(1.55, 1.55, 5.0))
    assert scanner.kernel_noise(np.random.default_rng(1), coarse, 10.0).std() < 8

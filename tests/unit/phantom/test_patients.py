"""Boluses are as wide, low and late as real ones, and tissue has the area of its blood."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from strokeprep.phantom.scan import patients
from strokeprep.phantom.scan.bolus import KH, RHO

FINE = np.arange(0, 200, 0.05)
SECONDS = np.arange(0.0, 60.0)


@pytest.fixture(scope="module")
def boluses() -> list[patients.Bolus]:
    return [patients.draw(np.random.default_rng([3, number])) for number in range(1000)]


@pytest.mark.parametrize("name", patients.REAL)
def test_each_quantity_is_distributed_as_in_real_patients(boluses, name):
    drawn = np.percentile([getattr(b, name) for b in boluses], [25, 50, 75])
    assert drawn == pytest.approx(patients.REAL[name][2:5], rel=0.15)


def test_curves_have_the_height_the_width_and_the_tail_that_were_drawn(boluses):
    """Recirculation adds a little to the width."""
    for drawn in boluses[:40]:
        seen = np.arange(0, drawn.seconds, 0.1)
        curve = drawn.artery(seen)
        assert drawn.share * curve.max() == pytest.approx(drawn.peak_hu, rel=0.01)
        if curve[-50:].mean() < 0.45 * curve.max():
            width = np.ptp(seen[curve >= curve.max() / 2])
            assert 0.95 < width / drawn.width_s < 1.6
            assert curve[-50:].mean() / curve.max() == pytest.approx(drawn.tail, abs=0.2)


def test_the_vein_peaks_as_much_later_as_was_drawn_and_has_the_arterys_area(boluses):
    later = [
        (b.vein(SECONDS).argmax() - b.artery(SECONDS).argmax()) / b.vein_later_s
        for b in boluses[:40]
    ]
    assert np.median(later) == pytest.approx(1, abs=0.2)
    whole = replace(boluses[0], seconds=70.0, tail=0.0)
    assert whole.vein(FINE).max() < whole.artery(FINE).max()
    assert whole.vein(FINE[:1900]).sum() == pytest.approx(whole.artery(FINE[:1900]).sum(), rel=0.02)


def test_slow_circulation_makes_wide_boluses_late(boluses):
    width, peak = ([getattr(b, name) for b in boluses] for name in ("width_s", "peak_s"))
    assert np.corrcoef(width, peak)[0, 1] > 0.3


@pytest.mark.parametrize("shape", patients.RESIDUES)
def test_a_residue_function_starts_at_one_falls_and_has_the_area_of_its_transit(shape):
    left = patients.residue(FINE, 6.0, shape)
    assert left[0] == pytest.approx(1, abs=0.02)
    assert np.all(np.diff(left) < 1e-9) and left[-1] == pytest.approx(0, abs=1e-3)
    assert left.sum() * 0.05 == pytest.approx(6, rel=0.01)


@pytest.mark.parametrize("family", patients.FAMILIES)
def test_tissue_has_the_area_of_its_blood_and_comes_late(boluses, family):
    drawn = replace(boluses[0], family=family, seconds=70.0, tail=0.0)
    early, late = (drawn.tissue(FINE[:1800], 3.0, delay, "linear") for delay in (0.0, 4.0))
    area = drawn.artery(FINE[:1800]).sum()
    assert 100 * KH / RHO * early.sum() / area == pytest.approx(1, rel=0.03)
    assert late[80:] == pytest.approx(early[:-80], abs=1e-3)


def test_what_settings_are_settled_on_is_not_what_they_are_accepted_on():
    for settling, accepting in zip(patients.SETTLING, patients.ACCEPTING, strict=True):
        assert not set(settling) & set(accepting)


def test_a_seed_gives_the_same_patient_and_the_same_tissue(boluses):
    again = patients.draw(np.random.default_rng([3, 0]))
    assert again == boluses[0]
    one, other = (
        patients.voxels(np.random.default_rng(1), again, ["linear", "box"], 3) for _ in range(2)
    )
    assert np.array_equal(one.curves, other.curves)
    assert one.mtt == pytest.approx(60 * one.cbv / one.cbf)

"""The course of the arterial input is that of a small artery, without its noise."""

from __future__ import annotations

import numpy as np
import pytest
from strokeprep.perfusion.curves import convolution_matrix, transits
from strokeprep.perfusion.inputs.course import OF_REST, Measured, likely_course
from strokeprep.phantom.scan.bolus import Arterial, arterial_curve

FRAMES, BASELINE = 60, 9
SECONDS = np.arange(float(FRAMES))
BOLUSES = {
    "narrow": arterial_curve(SECONDS, Arterial(peak_hu=280, arrival_s=9.5)),
    "wide": 14 * np.where(SECONDS > 9.5, SECONDS - 9.5, 0) ** 2 * np.exp(-(SECONDS - 9.5) / 5.0),
}


def vein_of(artery: np.ndarray, delay_s: float = 2.5, spread_s: float = 3.3) -> np.ndarray:
    (transit,) = transits(FRAMES, 1.0, [delay_s], [spread_s])
    return convolution_matrix(transit).T @ artery


def apart(course: np.ndarray, true: np.ndarray) -> float:
    """Root mean square of the difference over that of the true course, at the same area."""
    return float(np.linalg.norm(course * true.sum() / course.sum() - true) / np.linalg.norm(true))


@pytest.mark.parametrize("true", BOLUSES.values(), ids=BOLUSES)
def test_a_large_artery_without_noise_keeps_its_course(true):
    course = likely_course(Measured(true, 0.2), vein_of(true), 1.0, BASELINE, 1.0)
    assert apart(course, true) < 0.02


@pytest.mark.parametrize("true", BOLUSES.values(), ids=BOLUSES)
@pytest.mark.parametrize("seed", range(4))
def test_noise_of_a_small_artery_does_not_become_a_peak(true, seed):
    """Noise is a tenth of the curve's height, and the vein has next to none."""
    rng, share = np.random.default_rng(seed), 0.15
    noise = 0.1 * share * true.max()
    measured = share * true + rng.normal(0, noise, FRAMES)
    vein = vein_of(true) + rng.normal(0, 0.01 * true.max(), FRAMES)
    course = likely_course(Measured(measured, noise / OF_REST), vein, share, BASELINE, 1.0)
    assert apart(course, true) < 0.6 * apart(measured / share, true)
    # A bolus of 6 s is narrower than any real one, and loses some of its height with its noise.
    lost = 0.2 if true is BOLUSES["narrow"] else 0.08
    assert course.max() / course.sum() == pytest.approx(true.max() / true.sum(), rel=lost)


def test_a_vein_that_no_transit_explains_does_not_bend_an_artery_that_is_well_seen():
    true = BOLUSES["narrow"]
    vein = (vein_of(true, 1.0, 2.0) + vein_of(true, 8.0, 4.0)) / 2
    course = likely_course(Measured(true, 0.2), vein, 1.0, BASELINE, 1.0)
    assert apart(course, true) < 0.05


def test_nothing_comes_before_contrast():
    true = BOLUSES["wide"]
    noisy = true + np.random.default_rng(1).normal(0, 0.2 * true.max(), FRAMES)
    course = likely_course(Measured(noisy, 0.1 * true.max()), vein_of(true), 1.0, BASELINE, 1.0)
    assert not course[: BASELINE - 1].any()


def test_the_interval_of_frames_changes_only_how_finely_the_course_is_seen():
    true = BOLUSES["wide"]
    every, second = (
        likely_course(Measured(true[::n], 0.5), vein_of(true)[::n], 1.0, BASELINE // n, float(n))
        for n in (1, 2)
    )
    assert apart(second, every[::2]) < 0.03

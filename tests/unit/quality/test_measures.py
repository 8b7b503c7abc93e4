"""Measures of an image: information, noise, strips, ventricles, a bolus."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from strokeprep.io import grids, images
from strokeprep.quality import measures
from strokeprep.registration import template
from strokeprep.settings.limits import LIMITS, PASS
from strokeprep.settings.study import TemplateSettings


def test_information_is_two_for_the_same_and_one_for_strangers():
    random = np.random.default_rng(1)
    a, b = random.random((2, 50_000))
    assert measures.normalised_information(a, a) == pytest.approx(2, abs=1e-6)
    assert measures.normalised_information(a, b) == pytest.approx(1, abs=0.01)


def test_noise_is_measured_and_anatomy_is_not():
    random = np.random.default_rng(2)
    slope = np.linspace(0, 50, 40)[:, None, None] * np.ones((40, 40, 40))
    found = measures.noise(slope + 4 * random.standard_normal((40,) * 3), np.ones((40,) * 3, bool))
    assert found == pytest.approx(4, rel=0.05)


def test_the_strip_is_five_millimetres_wide_and_gamma_counts_it():
    inside = np.zeros((40, 40, 40), bool)
    inside[10:30, 10:30, 10:30] = True
    outer, inner = measures.strip(inside, 1.0), measures.strip(~inside, 1.0)
    assert outer[20, 20].nonzero()[0].tolist() == [5, 6, 7, 8, 9, 30, 31, 32, 33, 34]
    assert inner[20, 20].nonzero()[0].tolist() == [10, 11, 12, 13, 14, 25, 26, 27, 28, 29]
    assert measures.strip(inside, 2.5)[20, 20].nonzero()[0].tolist() == [8, 9, 30, 31]
    assert measures.gammas(inside.astype(float), inside, 1.0) == (0.0, 0.0)
    assert measures.gammas(np.zeros(inside.shape), inside, 1.0) == (0.0, 1.0)


def test_the_strip_around_the_ventricles_is_as_bright_as_fluid_where_they_lie_elsewhere():
    ventricles = np.zeros((40, 40, 40), bool)
    ventricles[15:25, 15:25, 15:25] = True
    image = np.full(ventricles.shape, 100.0)
    image[ventricles] = 300.0
    assert measures.gamma_oslv(image, ventricles, 1.0) == 0.0
    moved = np.roll(image, 3, axis=0)
    assert 0.02 < measures.gamma_oslv(moved, ventricles, 1.0) < 0.3


@pytest.mark.slow
def test_the_templates_lateral_ventricles_are_a_pair_on_both_sides():
    t1 = images.array(template.load().t1)
    inside = images.array(template.load().inside) > 0
    found = measures.lateral_ventricles(t1, inside, 1.0)
    left, right = (np.count_nonzero(half) / 1000 for half in np.split(found[1:], 2))
    assert 3 < left < 8 and left == pytest.approx(right, rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(("shift_mm", "fits"), [(0, True), (8, False)])
def test_a_template_that_lies_8_mm_beside_the_brain_is_told(shift_mm, fits):
    grey = grids.resampled(sitk.Cast(template.load().t1, sitk.sitkFloat32), 3.0)
    image = images.like(1000 - images.array(grey), grey)
    move = sitk.TranslationTransform(3, (0.0, 0.0, float(shift_mm)))
    off_mm = measures.template_off_mm(image, move, TemplateSettings())
    assert off_mm == pytest.approx(shift_mm, abs=0.5)
    assert (LIMITS["template_off_mm"].verdict(off_mm) == PASS) == fits


@pytest.mark.slow
@pytest.mark.parametrize(
    ("defect", "warned"),
    [
        ("none", set()),
        ("no frontal lobes", {"brain_missing_ml"}),
        ("a neck", {"brain_outlying_ml"}),
    ],
)
def test_a_lobe_that_lacks_and_a_neck_left_in_are_told(defect, warned):
    whole = sitk.ConstantPad(template.load().brain, [0, 0, 40], [0, 0, 0])
    data = images.array(whole).copy()
    front = np.flatnonzero(data.any(axis=(0, 2)))[-1]
    if defect == "no frontal lobes":
        data[:, front - 30 :] = 0
    if defect == "a neck":
        data[75:120, 70:120, :60] = 1
    brain = images.like(data, whole)
    gaps = measures.missing_and_outlying_ml(brain, sitk.Transform(), TemplateSettings())
    verdicts = {
        name: LIMITS[name].verdict(ml)
        for name, ml in zip(("brain_missing_ml", "brain_outlying_ml"), gaps, strict=True)
    }
    assert {name for name, verdict in verdicts.items() if verdict != PASS} == warned


def test_no_lobe_lacks_that_the_image_does_not_show():
    whole = template.load().brain
    cut = whole[: whole.GetSize()[0] * 2 // 3]
    missing, _ = measures.missing_and_outlying_ml(cut, sitk.Transform(), TemplateSettings())
    assert LIMITS["brain_missing_ml"].verdict(missing) == PASS


def test_a_bolus_has_its_width():
    time_s = np.arange(60.0)
    curve = 100 * np.exp(-0.5 * ((time_s - 20) / 3) ** 2)
    assert measures.fwhm_s(curve, 1.0) == pytest.approx(2.355 * 3, abs=1)

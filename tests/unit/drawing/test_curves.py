"""Curves: legible, marked where something was left out, and the same bytes each time."""

from __future__ import annotations

import re

import numpy as np
import pytest
from strokeprep.drawing import curves
from strokeprep.drawing.palette import SHADE, YELLOW, css
from strokeprep.privacy.vocabulary import vocabulary, words_of
from strokeprep.report.sections.motion import traces
from strokeprep.series.motion import Motion
from strokeprep.steps import figures

FRAMES = 12


def still_but_for_one_outlier() -> Motion:
    flat, outlier = np.zeros(FRAMES), np.arange(FRAMES) == 5
    return Motion(
        np.repeat(np.eye(4)[None], FRAMES, axis=0), np.zeros((FRAMES, 6)),
        *[flat] * 5, ~outlier, ~outlier, outlier, flat,
    )  # fmt: skip


def bolus(vein: np.ndarray | None) -> str:
    time = np.arange(9.0)
    return curves.svg(figures.bolus(time, ("arterial input", time), vein, 3))


@pytest.mark.parametrize(
    ("ends", "ticks"),
    [
        ((0, 59), [0, 20, 40]),
        ((-0.9, 0.4), [-0.5, 0]),
        ((-1.3, 1.2), [-1, -0.5, 0, 0.5, 1]),
    ],
)
def test_axes_bear_round_numbers(ends, ticks):
    low, high = ends
    found = [n for n in curves.round_numbers().tick_values(low, high) if low <= n <= high]
    assert found == pytest.approx(ticks)


def test_a_frame_that_was_left_out_is_marked():
    svg = curves.svg(traces(still_but_for_one_outlier(), 2.0))
    legends = svg.count(">left out</text>")
    assert svg.count(f"fill: {css(YELLOW)}") - legends == 3  # one bar in each of three panels
    assert legends == 3
    assert "warns above" in svg


def test_a_series_without_a_vein_has_one_curve():
    assert "venous outflow" in bolus(np.arange(9.0))
    assert "venous" not in bolus(None) and "arterial input" in bolus(None)


def test_the_time_before_contrast_is_shaded():
    assert f"fill: {css(SHADE)}" in bolus(None)
    assert ">before contrast</text>" in bolus(None)


def test_a_drawing_names_no_address_and_no_date():
    svg = bolus(None)
    assert "http" not in svg and "metadata" not in svg
    assert not re.search(r"20\d\d-", svg)


def test_a_drawing_is_the_same_twice():
    assert bolus(None) == bolus(None)


def test_a_drawing_holds_no_word_that_the_privacy_audit_could_take_for_a_name():
    svg = bolus(np.arange(9.0)) + curves.svg(traces(still_but_for_one_outlier(), 2.0))
    assert set(words_of(svg)) <= vocabulary()

"""A step's version says whether its pictures are those that a verdict was about."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from strokeprep.drawing import pictures
from strokeprep.io.whole import write_text
from strokeprep.report import plan
from strokeprep.report.pages import steps
from strokeprep.report.sections.parts import Figure, Section


@pytest.fixture
def section() -> Section:
    dark, bright = (pictures.picture(pictures.renders(np.ones((n, 9, 9), bool))) for n in (7, 9))
    figures = (Figure("f", (("image", dark), ("mask", bright))), Figure("c", svg="<svg/>"))
    return Section("brain", "Brain masks", "That it fits.", figures)


def test_the_same_pictures_are_the_same_version(section):
    assert steps.version(section) == steps.version(replace(section, title="Brains", look="Look."))


def test_another_picture_or_drawing_is_another_version(section):
    image, curve = section.figures
    others = [
        (replace(image, frames=image.frames[::-1]), curve),
        (replace(image, frames=image.frames[:1]), curve),
        (image, replace(curve, svg="<svg />")),
    ]
    versions = {steps.version(replace(section, figures=figures)) for figures in others}
    assert len(versions | {steps.version(section)}) == 4


def test_a_version_looks_like_no_number_or_date(section):
    assert set(steps.version(section)) <= set("abcdefghijklmnop")


def test_steps_of_both_pages_are_read_in_order(tmp_path, section):
    maps = replace(section, name="maps")
    for names, shown in ((plan.image_names("1"), section), (plan.perfusion_names("1"), maps)):
        write_text(steps.table(steps.of([shown])), tmp_path / names.steps)
    assert [each.step for each in steps.read(tmp_path, "1")] == ["brain", "maps"]
    assert steps.read(tmp_path, "2") == []

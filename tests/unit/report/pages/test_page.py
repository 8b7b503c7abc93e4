"""A subject's page holds all it shows."""

from __future__ import annotations

import re

import numpy as np
from strokeprep.drawing import pictures
from strokeprep.drawing.pictures import AXIAL, Scale, Slice
from strokeprep.quality.judgement import Judge
from strokeprep.report.pages import page
from strokeprep.report.sections.parts import Figure, Section, Viewer


def subject_page() -> str:
    drawn = pictures.picture(pictures.strip(np.zeros((9, 9, 2)), [Slice(AXIAL, 0)], Scale(0, 1)))
    section = Section(
        "to-cta", "CTA", "That it fits.", (Figure("f", (("a", drawn), ("b", drawn))),), ("x",)
    )
    mosaic, across = pictures.mosaic(np.zeros((4, 5, 6)), Scale(0, 1))
    viewer = Viewer((4, 5, 6), 2.0, across, (("CT", mosaic),), (("mask", mosaic),))
    return page.html("sub-<1>", [section], [Judge("1")("x", "off_mm", 5)], viewer)


def test_a_page_holds_all_it_shows_and_escapes_what_it_names():
    html = subject_page()
    addresses = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert addresses and all(each.startswith(("data:", "#")) for each in addresses)
    assert "http" not in re.sub(r"data:image/[^\"]+", "", html)
    assert "sub-<1>" not in html
    assert "What to look for" in html and "radiological" in html


def test_a_page_is_the_same_twice():
    assert subject_page() == subject_page()

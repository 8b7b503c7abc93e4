"""Sizes and times are rounded as people say them; names cannot disturb a terminal."""

from __future__ import annotations

import pytest
from strokeprep.guide import words


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(2, "10 s"), (84, "80 s"), (600, "10 min"), (7200, "2 h"), (9e5, "10.4 days")],
)
def test_times_are_rounded(seconds, said):
    assert words.lasting(seconds) == said


@pytest.mark.parametrize(("count", "said"), [(5e6, "5 MB"), (1.234e9, "1.23 GB"), (2e12, "2 TB")])
def test_sizes_are_rounded(count, said):
    assert words.room(count) == said


def test_control_characters_of_a_name_are_spelled_out():
    assert words.shown("a\x1b[2Jb\n") == r"'a\x1b[2Jb\n'"
    assert words.shown("Zürich") == "Zürich"


def test_one_thing_is_no_plural():
    assert (words.counted(1, "core"), words.counted(1200, "core")) == ("1 core", "1,200 cores")

"""Lesions are held against those that were simulated."""

from __future__ import annotations

import pytest
from strokeprep.accuracy import score_lesions
from strokeprep.io import tables

TRUE = [
    {"centre": (-40, -10, 10), "side": "L", "region": "cortical"},
    {"centre": (22, 0, 12), "side": "R", "region": "subcortical"},
]
COLUMNS = ("x", "y", "z", "side", "type")
RIGHT = [("24.0", "1.0", "10.0", "right", "subcortical"), ("-41", "-9", "8", "left", "cortical")]


def errors(path, rows):
    path.write_text(tables.render([dict(zip(COLUMNS, row, strict=True)) for row in rows], COLUMNS))
    return dict(score_lesions.errors(path, TRUE))


def test_lesions_in_any_order_are_right(tmp_path):
    found = errors(tmp_path / "lesions.tsv", RIGHT)
    assert found == {"count_error": 0, "side_errors": 0, "type_errors": 0}


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        (RIGHT[:1], {"count_error": 1, "side_errors": 1, "type_errors": 1}),
        ([*RIGHT, ("0", "0", "60", "left", "cortical")], {"count_error": 1}),
        ([RIGHT[0], ("-41", "-9", "8", "right", "cortical")], {"side_errors": 1}),
        ([RIGHT[0], ("-41", "-9", "8", "left", "other")], {"type_errors": 1}),
        ([(*row[:4], "n/a") for row in RIGHT], {}),
        ([], {"count_error": 2}),
    ],
)
def test_what_is_wrong_is_counted(tmp_path, rows, wrong):
    found = errors(tmp_path / "lesions.tsv", rows)
    assert {metric: value for metric, value in found.items() if value} == wrong

"""Lesions are held against those that were simulated."""

from __future__ import annotations

import numpy as np
import pytest
from strokeprep.accuracy import score_lesions
from strokeprep.io import images, tables

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


ROW = {
    "lesions": "2", "lesions_by_faces": "3", "side": "bilateral", "lesions_left_cortical": "1",
    "lesions_right_cortical": "0", "lesions_right_subcortical": "1", "lesions_other": "0",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [({}, 0), ({"side": "left"}, 1), ({"lesions": "3", "lesions_other": "1"}, 2),
     ({"lesions_by_faces": "9"}, 0)],
)  # fmt: skip
def test_cells_of_a_patients_row_that_are_wrong_are_counted(tmp_path, changed, wrong):
    path = tmp_path / "row.tsv"
    path.write_text(tables.render([ROW | changed], list(ROW)))
    facts = {"lesions": TRUE, "side": "bilateral"}
    assert score_lesions.row_errors(path, facts) == wrong


def test_volumes_are_held_against_a_count_of_voxels(tmp_path):
    mask = np.zeros((10, 10, 10), np.uint8)
    mask[2:7, 2:7, 2:6] = 1  # 100 voxels of 8 mm3
    drawn = images.from_array(mask, np.diag([2.0, 2.0, 2.0, 1.0]))
    path = tmp_path / "lesions.tsv"
    rows = [
        {"volume_ml": "0.6", "outside_brain_voxels": 10},
        {"volume_ml": "0.16", "outside_brain_voxels": 0},
    ]
    path.write_text(tables.render(rows, list(rows[0])))
    assert score_lesions.volume_error(path, "volume_ml", drawn) == pytest.approx(0.05)
    brain = images.like((np.arange(10)[:, None, None] > 2) * np.ones_like(mask), drawn)
    assert score_lesions.outside_error(path, drawn, brain) == pytest.approx(0.1)

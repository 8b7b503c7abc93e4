"""The command scores two folders of masks, and leaves no case out in silence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from strokeprep.io import images, tables
from strokeprep.metrics.command import main

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])


def write(folder: Path, case: str, side: int, affine: np.ndarray = AFFINE) -> None:
    """A cube of some side in a mask of a case."""
    mask = np.zeros((12, 12, 12), np.uint8)
    mask[1 : 1 + side, 1 : 1 + side, 1 : 1 + side] = 1
    folder.mkdir(exist_ok=True)
    images.write(images.from_array(mask, affine), folder / f"{case}_label-L_mask.nii.gz")


@pytest.fixture
def folders(tmp_path) -> tuple[Path, Path]:
    predicted, true = tmp_path / "predicted", tmp_path / "true"
    for case, found, wanted in (("sub-01", 5, 5), ("sub-02_ses-1", 4, 5), ("sub-03", 0, 5)):
        write(predicted, case, found)
        write(true, case, wanted)
    return predicted, true


def test_cases_and_cohort_are_written(folders, tmp_path, capsys):
    assert main([*map(str, folders), "--out", str(tmp_path / "out")]) == 0
    cases = {row["case"]: row for row in tables.read(tmp_path / "out/cases.tsv")}
    assert cases["sub-01"]["dice"] == "1" and cases["sub-03"]["f1_iou20"] == "0"
    assert cases["sub-02_ses-1"]["avd_ml"] == f"{(125 - 64) * 8 / 1000:.6g}"
    cohort = {row["figure"]: row for row in tables.read(tmp_path / "out/cohort.tsv")}
    assert cohort["alcd"]["mean"] == f"{1 / 3:.6g}" and cohort["dice"]["cases"] == "3"
    assert float(cohort["dice"]["low"]) <= float(cohort["dice"]["mean"])
    assert capsys.readouterr().out.startswith("case\tdice\t")


def test_raters_get_an_icc_of_their_volumes(folders, tmp_path):
    main([*map(str, folders), "--raters", "--out", str(tmp_path / "out")])
    figures = [row["figure"] for row in tables.read(tmp_path / "out/cohort.tsv")]
    assert figures == ["dice", "avd_ml", "alcd", "icc_a1_volume"]


def test_only_what_lies_in_the_brain_counts_where_brains_are_given(folders, tmp_path):
    for case in ("sub-01", "sub-02_ses-1", "sub-03"):
        write(tmp_path / "brains", case, 4)
    inside = ["--inside", str(tmp_path / "brains"), "--out", str(tmp_path / "out")]
    assert main([*map(str, folders), *inside]) == 0
    assert [row["dice"] for row in tables.read(tmp_path / "out/cases.tsv")] == ["1", "1", "0"]


def test_a_case_without_a_partner_is_refused(folders, capsys):
    write(folders[0], "sub-04", 1)
    assert main([*map(str, folders)]) == 1
    assert "1 cases have no partner, sub-04 among them" in capsys.readouterr().err


def test_masks_on_different_grids_are_refused(folders, capsys):
    write(folders[0], "sub-01", 5, AFFINE + np.eye(4, k=3))
    assert main([*map(str, folders)]) == 1
    assert "does not lie on the grid of sub-01_label-L_mask.nii.gz" in capsys.readouterr().err


def test_two_masks_of_one_case_are_refused(folders, capsys):
    (folders[0] / "sub-01_other_mask.nii.gz").write_bytes(
        (folders[0] / "sub-01_label-L_mask.nii.gz").read_bytes()
    )
    assert main([*map(str, folders)]) == 1
    assert "Two masks of sub-01" in capsys.readouterr().err

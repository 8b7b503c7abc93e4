"""Diffusion series that hold b0 and DWI in one file become the two images that the chain works on."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from strokeprep.errors import StrokeprepError
from strokeprep.settings import config
from strokeprep.study import raw_files, table
from strokeprep.study.layouts import designs, series

BIDS = "sub-1/dwi/sub-1"
JHU = "raw-data/DWI/sub-0ab4fbd5/sub-0ab4fbd5"


def volume(path: Path, *frames: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(np.zeros((4, 4, 3, *frames), np.int16), np.eye(4)), path)


def rows(root: Path, layout: str = "bids", **more) -> dict[str, Path | None]:
    """The series of each image by its role; None for one that is a file of its own."""
    given = {"study": {"layout": layout, "root": str(root)}, "work": str(root.parent / "w")} | more
    found = designs.read(config.load(given))
    return {row.role: row.series for row in found}


def bids(root: Path, b_values: str, name: str = f"{BIDS}_dwi") -> Path:
    volume(root / f"{name}.nii.gz", 4)
    (root / f"{name}.bval").write_text(b_values)
    return root / f"{name}.nii.gz"


def test_a_bids_series_gives_b0_and_trace(tmp_path):
    path = bids(tmp_path, "0 1000 1000 1000")
    assert rows(tmp_path) == {"b0": path, "trace": path}


@pytest.mark.parametrize("b_values", ["0 0 0 0", "0 3000 3000 3000", "1000 1000 1000 1000"])
def test_a_series_without_a_wanted_weighting_is_none(tmp_path, b_values):
    bids(tmp_path, b_values)
    volume(tmp_path / "sub-1/anat/sub-1_T1w.nii.gz")
    assert rows(tmp_path) == {"t1w": None}


def test_the_config_says_which_weightings_are_wanted(tmp_path):
    path = bids(tmp_path, "0 3000 3000 3000")
    assert rows(tmp_path, intensity={"b_values": [2000, 3000]})["trace"] == path


def test_files_of_their_own_win_over_a_bids_series(tmp_path):
    bids(tmp_path, "0 1000 1000 1000")
    volume(tmp_path / f"{BIDS}_trace.nii.gz")
    assert rows(tmp_path) == {"trace": None}


def test_of_two_phase_encodings_the_one_with_weighting_is_taken(tmp_path):
    path = bids(tmp_path, "0 1000 1000 1000", f"{BIDS}_dir-AP_dwi")
    bids(tmp_path, "0 0 0 0", f"{BIDS}_dir-PA_dwi")
    assert rows(tmp_path) == {"b0": path, "trace": path}


@pytest.mark.parametrize("frames", [(2,), ()])
def test_a_johns_hopkins_dwi_is_a_series_if_its_header_says_so(tmp_path, frames):
    path = tmp_path / f"{JHU}_DWI_space-orig.nii.gz"
    volume(path, *frames)
    volume(tmp_path / f"{JHU}_ADC_space-orig.nii.gz")
    found = rows(tmp_path, "jhu")
    assert found == ({"b0": path, "trace": path} if frames else {"trace": None}) | {"adc": None}


def test_a_pattern_of_the_config_names_a_series_without_b_values(tmp_path):
    volume(tmp_path / f"{BIDS}_pair.nii", 2)
    pattern = r"sub-(?P<subject>\d)_pair"
    study = {"layout": "bids", "root": str(tmp_path), "patterns": {"dwi": pattern}}
    assert set(rows(tmp_path, study=study)) == {"b0", "trace"}


def test_the_gate_sees_what_is_made_of_a_series_and_names_the_series_too(tmp_path):
    path = bids(tmp_path, "0 1000 1000 1000")
    read = config.load({"study": {"layout": "bids", "root": str(tmp_path)}, "work": "w"})
    [subject] = table.build(designs.read(read), ["dwi"]).subjects
    made = "w/separated/sub-1/sub-1_"
    assert raw_files.made_first(subject) == dict.fromkeys(
        [f"{made}{end}" for end in ("S0map.nii.gz", "S0map.json", "trace.nii.gz", "trace.json")],
        path,
    )
    assert str(path) in raw_files.paths(subject)
    assert raw_files.public_names(subject)[str(path)] == f"bids:raw:{BIDS}_dwi.nii.gz"


def test_the_privacy_audit_reads_the_series_and_its_sidecar_and_no_path_of_the_work_folder(
    tmp_path,
):
    path = bids(tmp_path, "0 1000 1000 1000")
    (tmp_path / f"{BIDS}_dwi.json").write_text("{}")
    read = config.load({"study": {"layout": "bids", "root": str(tmp_path)}, "work": "w"})
    [subject] = table.build(designs.read(read), ["dwi"]).subjects
    assert raw_files.given(subject) == [str(path), str(tmp_path / f"{BIDS}_dwi.json")]


def test_a_bval_file_that_holds_words_is_refused(tmp_path):
    (tmp_path / "dwi.bval").write_text("0 b1000")
    with pytest.raises(StrokeprepError, match="b-values"):
        series.b_values(tmp_path / "dwi.bval")

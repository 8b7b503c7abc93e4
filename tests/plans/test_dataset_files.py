"""The dataset's own files follow the raw tables and the patients that the output holds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import trees
from strokeprep.io import tables
from workflow_tools import snakemake

PARTICIPANTS = "work/dataset/participants.tsv"
STUDY = {"study": {"layout": "bids", "root": "raw"}, "output": "out/release", "work": "work"}
IDLE = "Nothing to be done"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Two patients of empty images, with an age and a score each; the dataset's files are made."""
    folder = tmp_path_factory.mktemp("made")
    trees.make(folder / "raw", [f"sub-0{n}/anat/sub-0{n}_T1w.nii.gz" for n in (1, 2)])
    (folder / "raw/participants.tsv").write_text("participant_id\tage\nsub-01\t60\nsub-02\t50\n")
    (folder / "raw/phenotype").mkdir()
    (folder / "raw/phenotype/nihss.tsv").write_text("participant_id\tnihss\nsub-01\t7\n")
    process = snakemake(folder, STUDY, PARTICIPANTS)
    assert process.returncode == 0, process.stderr
    return folder


@pytest.fixture
def study(made, tmp_path) -> Path:
    """A copy of it, to change."""
    return Path(shutil.copytree(made, tmp_path / "study"))


def planned(folder: Path, config: dict = STUDY) -> str:
    """What a dry run says of the dataset's files."""
    shown = snakemake(folder, config, "--dry-run", PARTICIPANTS)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    return shown.stdout + shown.stderr


def ages(folder: Path) -> dict[str, str]:
    """The ages by patient."""
    return {row["participant_id"]: row["age"] for row in tables.read(folder / PARTICIPANTS)}


def test_a_corrected_table_makes_the_datasets_files_anew(study):
    assert IDLE in planned(study)
    path = study / "raw/participants.tsv"
    path.write_text(path.read_text().replace("60", "61"))
    assert "rule dataset:" in planned(study)
    assert snakemake(study, STUDY, PARTICIPANTS).returncode == 0
    assert ages(study)["sub-01"] == "61"
    assert IDLE in planned(study)


def test_a_corrected_score_does_so_too(study):
    path = study / "raw/phenotype/nihss.tsv"
    path.write_text(path.read_text().replace("7", "8"))
    assert "rule dataset:" in planned(study)


def test_patients_of_an_earlier_run_stay_listed_until_their_folders_go(study):
    for name in ("sub-01", "sub-02"):
        (study / "out/release" / name).mkdir()
    one = STUDY | {"study": STUDY["study"] | {"subjects": ["02"]}}
    shown = snakemake(study, one, PARTICIPANTS)
    assert "strokeprep: out/release also holds sub-01 of an earlier run" in shown.stderr
    assert ages(study) == {"sub-01": "60", "sub-02": "50"}
    (study / "out/release/sub-01").rmdir()
    assert snakemake(study, one, PARTICIPANTS).returncode == 0
    assert ages(study) == {"sub-02": "50"}
    assert "earlier run" not in planned(study, one)


def test_a_table_that_cannot_be_read_is_told_when_the_run_begins(study):
    (study / "raw/phenotype/mrs.xls").touch()
    assert "strokeprep: tables of patients left out" in planned(study)

"""One command says what a folder holds, writes a config, and prints the call; it never guesses in silence."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
import trees
import yaml
from strokeprep.guide import init
from strokeprep.settings import config

DICOM = b"\0" * 128 + b"DICM" + b"\2\0\0\0UL"


@pytest.fixture
def here(tmp_path, monkeypatch):
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def called(capsys, *arguments):
    """The exit status, what was printed, and what was complained of."""
    status = init.main([str(each) for each in arguments])
    shown = capsys.readouterr()
    return status, shown.out, shown.err


@pytest.mark.parametrize(
    "tree",
    [
        *("bids", "bids_protocol", "isles22", "isles24", "isles24_as_described"),
        *("jhu", "atlas", "atlas_native"),
    ],
)
def test_each_design_gets_a_config_that_a_run_takes(tree, here, tmp_path, capsys):
    status, out, _ = called(capsys, getattr(trees, tree)(tmp_path / "raw"))
    written = config.load(yaml.safe_load((here / "study.yaml").read_text()))
    assert status == 0
    assert f"(study.layout: {written.study.layout})" in out
    assert written.study.root == str(tmp_path / "raw")
    assert "/Snakefile --cores " in out
    assert "--configfile study.yaml --dry-run --quiet rules\n" in out
    assert "  strokeprep status study.yaml\n" in out


def test_patients_kinds_weights_and_what_has_no_place_are_told(here, tmp_path, capsys):
    _, out, _ = called(capsys, trees.bids(tmp_path / "raw"))
    assert "2 patients, 3 sessions:" in out
    assert "     2  non-contrast CT, of 2 patients\n" in out
    assert "Not placed, 1: no kind of scan has the name _pet (sub-02/pet/sub-02_pet.nii.gz)" in out
    assert "total-fast, hd-bet missing. Fetch: make models MODELS='total-fast hd-bet'" in out
    assert "Time and disk: not known, since no header of an image can be read." in out


def test_time_and_disk_are_told_where_headers_can_be_read(here, tmp_path, capsys):
    path = tmp_path / "raw/sub-1/anat/sub-1_T1w.nii.gz"
    path.parent.mkdir(parents=True)
    nib.save(nib.Nifti1Image(np.zeros((60, 60, 60), np.int16), np.eye(4) * 3), path)
    _, out, _ = called(capsys, tmp_path / "raw", "--without-networks", "--cores", "4")
    assert "on 4 cores (" in out and "Disk: about " in out
    assert "Weights: none are needed." in out
    assert "On top" not in out
    (here / "study.yaml").unlink()
    _, out, _ = called(capsys, tmp_path / "raw")
    assert "On top comes the time of hd-bet, totalsegmentator, which was not measured" not in out
    assert "On top comes the time of hd-bet, which was not measured." in out


def test_a_config_that_is_there_is_left_as_it_is(here, tmp_path, capsys):
    (here / "study.yaml").write_text("mine")
    status, _, err = called(capsys, trees.jhu(tmp_path / "raw"))
    assert (status, (here / "study.yaml").read_text()) == (1, "mine")
    assert "stays as it is: study.yaml. Give another name with --config" in err


def test_a_folder_of_exports_leads_to_the_intake(here, tmp_path, capsys):
    for name in ("A/1", "B/1"):
        trees.make(tmp_path / "raw", [name])
        (tmp_path / "raw" / name).write_bytes(DICOM)
    status, out, _ = called(capsys, tmp_path / "raw")
    assert status == 0
    assert f"  strokeprep intake {tmp_path / 'raw'} --output raw --work intake --plan\n" in out
    assert not list(here.iterdir())


def test_a_folder_without_images_is_refused_with_the_layouts(here, tmp_path, capsys):
    status, _, err = called(capsys, trees.make(tmp_path / "raw", ["notes.txt"]))
    assert status == 1
    assert "There are no images" in err and "Johns Hopkins" in err and "DICOM exports" in err


def test_images_under_names_that_no_layout_has_are_refused_with_the_remedy(here, tmp_path, capsys):
    status, _, err = called(capsys, trees.make(tmp_path / "raw", ["p1/t1.nii.gz"]))
    assert status == 1
    assert "No image has a name that a layout knows" in err and "study.patterns" in err


def test_a_messy_folder_is_told_part_by_part(here, tmp_path, capsys):
    root = trees.bids(tmp_path / "raw")
    names = ("sub-02/anat/T1 (copy).nii.gz", "old/scan.nrrd", "Thumbs.db", "sub-02/anat/x.nii.gz~")
    trees.make(root, names)
    (root / "sub-02/anat/sub-02_T2w.nii.gz").symlink_to(tmp_path / "gone.nii.gz")
    trees.make(tmp_path / "elsewhere", ["sub-03_T1w.nii.gz"])
    (root / "sub-03").mkdir()
    (root / "sub-03/anat").symlink_to(tmp_path / "elsewhere")
    trees.make(root, ["exports/1"])
    (root / "exports/1").write_bytes(DICOM)
    status, out, err = called(capsys, root)
    assert (status, err) == (1, "")  # a run would stop at the link
    for said in (
        "A run would stop at once. A link leads out of the study",
        "1 links lead nowhere: sub-02/anat/sub-02_T2w.nii.gz.",
        f"1 folders outside are linked to: {tmp_path / 'elsewhere'}.",
        "1 files .nrrd are left out: convert images to NIfTI first.",
        "Layout: raw BIDS",
        "3 patients",
        "the name tells another subject than the folder (",
        "sub-02/anat/T1 (copy).nii.gz",
        f"strokeprep intake {root / 'exports'} --output raw --work intake --plan",
    ):
        assert said in out


def test_of_two_studies_the_other_is_named_with_its_command(here, tmp_path, capsys):
    trees.isles24(tmp_path / "raw/isles")
    trees.bids(tmp_path / "raw/own")
    _, out, _ = called(capsys, tmp_path / "raw")
    assert "Layout: ISLES'24" in out
    other = f"strokeprep init {tmp_path / 'raw/own'} --layout bids --config bids.yaml"
    assert f"Also raw BIDS, 13 files. For a config of its own: {other}" in out


def test_the_layout_that_a_person_names_is_taken(here, tmp_path, capsys):
    trees.atlas(trees.jhu(tmp_path / "raw"))
    _, out, _ = called(capsys, tmp_path / "raw", "--layout", "atlas")
    assert "Layout: ATLAS v2.0" in out


def test_what_would_stop_a_run_is_told_and_the_config_written(here, tmp_path, capsys):
    root = trees.make(trees.bids(tmp_path / "raw"), ["sub-02/ct/sub-02_acq-ncct_ct.nii.gz"])
    status, out, _ = called(capsys, root)
    assert status == 1
    assert "A run would stop at once. Two files claim to be the ncct of sub-02" in out
    assert (here / "study.yaml").exists()


def test_nothing_but_names_of_files_is_shown(here, tmp_path, capsys):
    root = trees.bids(tmp_path / "raw")
    for path in (root / "participants.tsv", *root.rglob("*.json"), *root.rglob("*.nii.gz")):
        path.write_text('{"PatientName": "Muster^Erika"}')
    trees.make(root, ["sub-02/pet/sub-02_\x1b[2J_pet.nii.gz"])
    _, out, err = called(capsys, root)
    assert "Muster" not in out + err
    assert "\x1b" not in out + err


def test_a_large_study_is_planned_patient_by_patient(here, tmp_path, capsys):
    names = [f"sub-{n:03d}/anat/sub-{n:03d}_T1w.nii.gz" for n in range(120)]
    status, out, _ = called(capsys, trees.make(tmp_path / "raw", names))
    assert status == 0
    assert "120 patients, 120 sessions:" in out
    assert "workflow/by_patient.smk --cores" in out

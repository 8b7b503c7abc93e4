"""The rule of the gate: the files it writes, and the subjects it does not affect."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from workflow_tools import snakemake

AFFINE = np.diag([-8.0, -8.0, 10.0, 1.0])
# Characters with a meaning in a shell, a glob or a format string; braces are refused by the layouts.
METACHARACTERS = "a b;touch hit $(touch hit)`touch hit`'q\"&|*?[z]#~é%s\\"


def head(path: Path, seed: int = 0) -> Path:
    """A small NCCT: tissue inside bone inside air."""
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in (32, 32, 16)), indexing="ij")
    radius = np.sqrt(sum(axis**2 for axis in axes))
    data = np.select([radius < 0.6, radius < 0.7], [35.0, 1000.0], -1000.0)
    data += np.random.default_rng(seed).normal(0, 8, data.shape)
    nifti = nib.Nifti1Image(np.rint(data).astype(np.int16), AFFINE)
    nifti.set_qform(AFFINE, 2)
    nifti.set_sform(AFFINE, 1)
    nifti.header.set_xyzt_units("mm", "sec")
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nifti, path)
    return path


def admit(folder: Path, root: Path, *subjects: str, **study):
    """Run the gate on subjects of a study; the finished process."""
    config = {
        "study": {"layout": "bids", "root": str(root), **study},
        "output": "out/set",
        "work": "work",
    }
    reports = [f"work/admit/sub-{subject}.json" for subject in subjects]
    return snakemake(folder, config, *reports, "--quiet", "rules")


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two patients after the gate; a file of the second is cut short."""
    folder = tmp_path_factory.mktemp("two")
    for subject in ("01", "02"):
        name = f"raw/sub-{subject}/ct/sub-{subject}_acq-ncct_ct.nii.gz"
        path = head(folder / name, int(subject))
    path.write_bytes(path.read_bytes()[:3000])
    return folder, admit(folder, folder / "raw", "01", "02")


def test_the_other_patient_is_admitted(two):
    folder, process = two
    assert process.returncode != 0
    report = json.loads((folder / "work/admit/sub-01.json").read_text())
    assert report["admitted"] is True
    # A path may hold the name of a patient, so reports that are kept use BIDS names.
    assert report["files"][0]["path"] == "bids:raw:sub-01/ct/sub-01_acq-ncct_ct.nii.gz"
    assert str(folder) not in json.dumps(report)


def test_the_refused_patient_has_a_message_and_a_report_but_no_output(two):
    folder, process = two
    shown = process.stdout + process.stderr
    path = folder / "raw/sub-02/ct/sub-02_acq-ncct_ct.nii.gz"
    assert f"cut short or damaged: {path}. Copy or convert" in shown
    assert "Traceback" not in shown
    report = json.loads((folder / "work/logs/admit/sub-02_refused.json").read_text())
    assert [finding["check"] for finding in report["findings"]] == ["damaged"]
    assert report["findings"][0]["where"] == str(path)
    assert not (folder / "work/admit/sub-02.json").exists()
    assert not list((folder / "out").rglob("sub-02*"))
    assert not list(folder.rglob("*.partial-*"))


def test_after_repair_the_patient_is_admitted_and_the_refusal_is_removed(two):
    folder, _ = two
    head(folder / "raw/sub-02/ct/sub-02_acq-ncct_ct.nii.gz", 2)
    process = admit(folder, folder / "raw", "01", "02")
    assert process.returncode == 0, process.stdout + process.stderr
    assert (folder / "work/admit/sub-02.json").exists()
    assert not list((folder / "work/logs").rglob("*_refused.json"))


def test_another_patients_scan_in_the_place_of_an_admitted_one_is_looked_at_again(two):
    folder, _ = two
    path, report = (
        folder / name
        for name in ("raw/sub-01/ct/sub-01_acq-ncct_ct.nii.gz", "work/admit/sub-01.json")
    )
    before, state = json.loads(report.read_text()), path.stat()
    head(path, 7)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))  # Snakemake sees no change
    process = admit(folder, folder / "raw", "01")
    assert process.returncode == 0, process.stderr
    assert f"sub-01: {path} was replaced since it was admitted" in process.stderr
    assert json.loads(report.read_text())["files"][0]["digest"] != before["files"][0]["digest"]
    assert "was replaced" not in admit(folder, folder / "raw", "01").stderr


def test_a_scan_that_two_subjects_have_stops_them_both_when_the_run_ends(tmp_path):
    for subject in ("01", "02"):
        head(tmp_path / f"raw/sub-{subject}/ct/sub-{subject}_acq-ncct_ct.nii.gz")
    audited = tmp_path / "work/privacy/sub-01.json"  # before the other came through the gate
    audited.parent.mkdir(parents=True)
    audited.write_text("{}")
    process = admit(tmp_path, tmp_path / "raw", "01", "02")
    assert "sub-01 images: stopped" in process.stderr
    assert "its voxels are those of bids:raw:sub-02/ct/sub-02_acq-ncct_ct.nii.gz" in process.stderr
    assert not audited.exists()


def test_files_that_cannot_be_read_refuse_their_patients_and_no_other(tmp_path):
    names = [f"raw/sub-0{n}/ct/sub-0{n}_acq-ncct_ct" for n in range(1, 6)]
    for number, name in enumerate(names):
        head(tmp_path / f"{name}.nii.gz", number)
    _, dangling, looping, piped, lost = (tmp_path / name for name in names)
    for path, target in ((dangling, "gone.nii.gz"), (looping, f"{looping.name}.nii.gz")):
        path.with_suffix(".nii.gz").unlink()
        path.with_suffix(".nii.gz").symlink_to(target)
    os.mkfifo(piped.with_suffix(".json"))
    lost.with_suffix(".json").symlink_to("gone.json")
    process = admit(tmp_path, tmp_path / "raw", "01", "02", "03", "04", "05")
    assert process.returncode != 0
    assert [path.name for path in (tmp_path / "work/admit").glob("*")] == ["sub-01.json"]
    assert process.stderr.count(": stopped\n    admit: ") == 4


def test_shell_and_glob_characters_in_paths_are_harmless(tmp_path):
    root = tmp_path / METACHARACTERS
    head(root / f"sub-01/{METACHARACTERS} 01.nii.gz")
    label = root / "derivatives/manual/sub-01/ct/sub-01_acq-ncct_label-L_mask.nii.gz"
    label.parent.mkdir(parents=True)
    drawn = np.zeros((32, 32, 16), np.uint8)
    drawn[10:14, 10:14, 8] = 1
    nib.save(nib.Nifti1Image(drawn, AFFINE), label)
    # Patterns are compared with the path from the root on.
    patterns = {"ncct": r"sub-(?P<subject>01)/.*01"}
    process = admit(tmp_path, root, "01", patterns=patterns)
    assert process.returncode == 0, process.stdout + process.stderr
    report = json.loads((tmp_path / "work/admit/sub-01.json").read_text())
    assert [file["kind"] for file in report["files"]] == ["ncct", "lesion"]
    assert not list(tmp_path.rglob("hit*"))
    shutil.rmtree(root)

"""The finished built-in study as an archive, on request."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from strokeprep.io import tables
from workflow_tools import snakemake

SUBJECTS = ("--config", 'phantom={"subjects": 2}')
SETTINGS = {"folder": "demo/release", "preview": True, "leave_out": {"02": "consent withdrawn"}}


def test_a_finished_study_is_released_and_who_is_left_out_is_named(demo):
    config = (*SUBJECTS, f"release={json.dumps(SETTINGS)}")
    process = snakemake(demo.folder, None, "release", "--quiet", "rules", *config)
    assert process.returncode == 0, (process.stdout + process.stderr)[-4000:]
    release = demo.folder / "demo/release"
    (case,) = (release / "train/raw_data").iterdir()
    images = list(release.rglob(f"{case.name}*.nii.gz"))
    assert len(images) == 18 and (release / "preview/data").is_dir()
    assert tables.read(demo.folder / "demo/work/release/left_out.tsv") == [
        {"participant_id": "sub-02", "cause": "review", "reason": "consent withdrawn"}
    ]
    again = snakemake(demo.folder, None, "release", "--dry-run", *config)
    assert "Nothing to be done" in again.stdout + again.stderr


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_patient_deleted_from_the_output_is_audited_and_comes_back_the_same(demo):
    patient, release = demo.derivatives / "sub-01", demo.folder / "demo/release"
    before = digests(patient), digests(release)
    shutil.rmtree(patient)
    process = snakemake(demo.folder, None, "--quiet", "rules", *SUBJECTS)
    assert process.returncode == 0, (process.stdout + process.stderr)[-4000:]
    assert digests(patient) == before[0]
    config = (*SUBJECTS, f"release={json.dumps(SETTINGS)}")
    again = snakemake(demo.folder, None, "release", "--quiet", "rules", *config)
    assert again.returncode == 0, (again.stdout + again.stderr)[-4000:]
    assert digests(release) == before[1]

"""A study planned by patients: a job for each, with all that the steps say when they fail."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from strokeprep.io import tables
from workflow_tools import REPOSITORY, snakemake

BY_PATIENT = ("--snakefile", str(REPOSITORY / "workflow/by_patient.smk"))
STUDY = {"study": {"layout": "bids", "root": "raw"}, "output": "out/release", "work": "work"}


@pytest.fixture
def study(tmp_path) -> Path:
    """Three patients with files that are no images."""
    for name in ("sub-01", "sub-02", "sub-03"):
        path = tmp_path / f"raw/{name}/anat/{name}_T1w.nii.gz"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"broken")
    return tmp_path


def test_a_study_is_a_job_per_patient(study):
    shown = snakemake(study, STUDY, *BY_PATIENT, "--dry-run", "--quiet", "rules")
    counts = dict(re.findall(r"^(\w+) +(\d+)$", shown.stdout, re.MULTILINE))
    planned = {"patient": 3, "dataset": 1, "privacy_dataset": 1, "study": 1, "total": 6}
    assert counts == {rule: str(count) for rule, count in planned.items()}


def test_the_summary_names_the_step_that_failed_and_its_log_not_the_job_around_it(study):
    done = snakemake(study, STUDY, *BY_PATIENT)
    assert done.returncode != 0
    for name in ("sub-01", "sub-02", "sub-03"):
        log = study / f"work/logs/admit/{name}.log"
        assert f"    log: {log}\n" in done.stderr and log.exists()
    assert done.stderr.count("    admit: Not a readable NIfTI image") == 3
    assert "    patient:" not in done.stderr
    rows = tables.read(study / "out/release/docs/qc/status.tsv")
    assert {(row["status"], row["rule"]) for row in rows} == {("stopped", "admit")}
    assert (study / "out/release/dataset_description.json").exists()

"""The finished built-in study as an archive, on request."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from disturbed_runs import shown_by, started
from strokeprep.io import tables
from strokeprep.report.pages import steps
from strokeprep.review import verdicts
from strokeprep.review.verdicts import Verdict
from workflow_tools import snakemake

SUBJECTS = ("--config", 'phantom={"subjects": 2}')
SETTINGS = {"folder": "demo/release", "preview": True, "review": "two"}
NOTE = "not my patient of last week"


def judge(demo, rater: str, **other: str) -> None:
    """A rater calls all steps of both patients good, but those of the second that are given."""
    made = demo.folder / "demo/work/dataset"
    said = [
        Verdict(f"sub-{name}", step.step, other.get(step.step, "good"), step.version, NOTE)
        if name == "02"
        else Verdict(f"sub-{name}", step.step, "good", step.version)
        for name in ("01", "02")
        for step in steps.read(made, name)
    ]
    verdicts.add(demo.folder / f"demo/work/review/verdicts_{rater}.tsv", said)


@pytest.fixture(scope="module")
def released(demo):
    """A release of a study whose second patient one of two raters rejected, and that patient before it."""
    before = digests(demo.derivatives / "sub-02")
    judge(demo, "A", brain="bad")
    judge(demo, "B", brain="doubtful")
    config = (*SUBJECTS, f"release={json.dumps(SETTINGS)}")
    process = snakemake(demo.folder, None, "release", "--quiet", "rules", *config)
    assert process.returncode == 0, (process.stdout + process.stderr)[-4000:]
    return demo.folder / "demo/release", config, before


def test_a_finished_study_is_released_without_the_case_that_a_rater_rejected(demo, released):
    release, config, _ = released
    (case,) = (release / "train/raw_data").iterdir()
    images = list(release.rglob(f"{case.name}*.nii.gz"))
    assert len(images) == 18 and (release / "preview/data").is_dir()
    assert tables.read(demo.folder / "demo/work/release/left_out.tsv") == [
        {"participant_id": "sub-02", "cause": "review", "reason": "bad: brain (A)"}
    ]
    again = snakemake(demo.folder, None, "release", "--dry-run", *config)
    assert "Nothing to be done" in again.stdout + again.stderr


def test_a_rejected_case_keeps_its_derivatives_and_no_note_is_repeated(demo, released):
    release, _, before = released
    assert digests(demo.derivatives / "sub-02") == before
    for folder in (release, demo.derivatives, demo.folder / "demo/work/release"):
        assert not [p for p in folder.rglob("*") if p.is_file() and NOTE.encode() in p.read_bytes()]


def test_a_rejected_case_is_planned_again_once_its_rater_takes_it_back(demo, released):
    judge(demo, "A", brain="doubtful")
    process = snakemake(demo.folder, None, "release", "--dry-run", *released[1])
    judge(demo, "A", brain="bad")
    assert re.findall(r"cases/sub-(\d+).json", process.stdout)[:1] == ["02"]


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


PATIENCE_S = 300
MOMENTS = {
    "a case is checked": "demo/work/logs/release_case/case-01.log",
    "pictures are made": "demo/work/release/pictures/*.json",
    "images are placed": "demo/release.partial/train/raw_data/*/*/*.nii.gz",
    "the preview is written": "demo/release.partial/preview",
}


def killed_when(folder: Path, run: subprocess.Popen, pattern: str) -> None:
    """Kill a run and all of its jobs as soon as there is such a file."""
    deadline = time.monotonic() + PATIENCE_S
    while not list(folder.glob(pattern)):
        assert time.monotonic() < deadline and run.poll() is None, shown_by(folder)[-3000:]
        time.sleep(0.001)
    os.killpg(run.pid, signal.SIGKILL)
    assert run.wait(60) == -signal.SIGKILL
    shutil.rmtree(folder / ".snakemake/locks")


def test_a_release_that_is_killed_at_any_moment_comes_out_the_same(demo, released):
    """One run after the other is killed later; the old release stays until a new one is whole."""
    release, config, _ = released
    before = digests(release)
    for moment, pattern in MOMENTS.items():
        shutil.rmtree(demo.folder / "demo/release.partial", ignore_errors=True)
        for path in demo.folder.glob(pattern):
            path.unlink()
        run = started(demo.folder, None, "release", *config, "--forcerun", "release_case")
        killed_when(demo.folder, run, pattern)
        assert digests(release) == before, f"the old release changed while {moment}"
    again = snakemake(demo.folder, None, "release", "--quiet", "rules", *config)
    assert again.returncode == 0, (again.stdout + again.stderr)[-4000:]
    assert digests(release) == before
    assert not list(demo.folder.glob("demo/release.*"))


def test_a_patient_deleted_from_the_output_is_audited_and_comes_back_the_same(demo, released):
    patient, (release, config, _) = demo.derivatives / "sub-01", released
    before = digests(patient), digests(release)
    shutil.rmtree(patient)
    process = snakemake(demo.folder, None, "--quiet", "rules", *SUBJECTS)
    assert process.returncode == 0, (process.stdout + process.stderr)[-4000:]
    assert digests(patient) == before[0]
    again = snakemake(demo.folder, None, "release", "--quiet", "rules", *config)
    assert again.returncode == 0, (again.stdout + again.stderr)[-4000:]
    assert digests(release) == before[1]

"""The workflow on a real SLURM cluster, raised on this machine for the test and taken down again.

``make test-slurm`` runs it; elsewhere it is skipped with the reason. Patients of the synthetic study
stand for a study, cut down to MRI; with ``FULL=1`` all of it goes through the cluster, too, and
steps as jobs of their own.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import exports
import nibabel as nib
import numpy as np
import pytest
from disturbed_runs import digests, patient, shown_by, started
from strokeprep.io import tables
from workflow_tools import REPOSITORY, snakemake

CLUSTER = Path(__file__).with_name("cluster.sh")
PROFILE = (
    *("--workflow-profile", str(REPOSITORY / "profiles/slurm")),
    *("--snakefile", str(REPOSITORY / "workflow/by_patient.smk")),
    "--slurm-keep-successful-logs",  # they say which attempt it was
    *("--slurm-init-seconds-before-status-checks", "1"),
)
STEP_BY_STEP = (*PROFILE, "--snakefile", str(REPOSITORY / "workflow/Snakefile"))
# Too little for the Snakemakes of a job (100 MB each) and an image on the first attempt.
STARVED = ("--set-resources", "patient:mem_mb=420 * attempt ** 3")
STARVED_STEP = ("--set-resources", "brain:mem_mb=300 * attempt ** 2")
PATIENCE_S = 1800
STUDY = {
    "study": {"layout": "bids", "root": "raw"},
    "output": "out/strokeprep",
    "work": "work",
    "reference": ["t1w"],
}
T1W = "{0}/ses-02/anat/{0}_ses-02_T1w.nii.gz"


class Run(NamedTuple):
    """A finished call of snakemake on the cluster, and the folder it ran in."""

    folder: Path
    code: int
    shown: str


def on_cluster(*command: str) -> str:
    """What a command of SLURM, or of the script that raises the cluster, says."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def why_not() -> str | None:
    """What keeps SLURM from being installed and started here."""
    if os.environ.get("STROKEPREP_SLURM") != "1":
        return "it installs SLURM on this machine: ask for it with make test-slurm"
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        return "no snakemake-executor-plugin-slurm: pip install -r envs/slurm.txt"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return "SLURM can be installed by root on Debian or Ubuntu only"
    return None


# A mark, not a skip in the fixture below: the study's would be run first.
pytestmark = pytest.mark.skipif(why_not() is not None, reason=f"No SLURM cluster: {why_not()}")


FULL = pytest.mark.skipif(os.environ.get("FULL") != "1", reason="takes long: ask with FULL=1")


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Three nodes, up for the tests of this file."""
    try:
        on_cluster("bash", str(CLUSTER), "install")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"No SLURM cluster: it cannot be installed: {error.stderr[-500:]}")
    try:
        on_cluster("bash", str(CLUSTER), "start")
        yield
    finally:
        on_cluster("bash", str(CLUSTER), "stop")


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """sub-01 with MRI and a lesion, sub-02 with a T1w cut short, sub-03 with a T1w: the raw folder."""
    raw = patient(tmp_path_factory.mktemp("raw"))
    whole = raw / T1W.format("sub-01")
    for name in ("sub-02", "sub-03"):
        (raw / T1W.format(name)).parent.mkdir(parents=True)
    (raw / T1W.format("sub-02")).write_bytes(whole.read_bytes()[:100_000])
    nifti = nib.load(whole)
    # The same scan under two names would be refused.
    brighter = nib.Nifti1Image(np.asarray(nifti.dataobj) + 1, nifti.affine, nifti.header)
    nib.save(brighter, raw / T1W.format("sub-03"))
    return raw


def place(folder: Path, raw: Path) -> Path:
    """A folder to run the study in."""
    (folder / "raw").symlink_to(raw)
    return folder


@pytest.fixture(scope="module")
def undisturbed(study, tmp_path_factory) -> dict[str, str]:
    """What the study gives on this machine."""
    folder = place(tmp_path_factory.mktemp("here"), study)
    snakemake(folder, STUDY, "--quiet", "rules")
    return digests(folder / "out/strokeprep")


def lose_a_node(derivatives: Path, process: subprocess.Popen) -> None:
    """Kill the node that works on sub-01, half-way, and wait until SLURM has seen it."""
    deadline = time.monotonic() + PATIENCE_S
    while not list(derivatives.glob("sub-01/**/*_desc-defaced_*.nii.gz")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.2)
    running = on_cluster("squeue", "-h", "-t", "running", "-o", "%i %N %k").splitlines()
    job, node, _ = next(line for line in running if line.endswith("01")).split()
    on_cluster("bash", str(CLUSTER), "kill-node", node)
    while "PENDING" not in on_cluster("squeue", "-h", "-j", job, "-o", "%T"):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    # SLURM would let two minutes pass before it starts the job elsewhere.
    on_cluster("scontrol", "update", f"JobId={job}", "StartTime=now")


@pytest.fixture(scope="module")
def troubled(study, cluster, tmp_path_factory) -> Run:
    """Everything that can go wrong, in one run: bad input, too little memory, a lost node."""
    folder = place(tmp_path_factory.mktemp("cluster"), study)
    process = started(folder, STUDY, *PROFILE, *STARVED)
    try:
        lose_a_node(folder / "work/dataset", process)
        process.wait(PATIENCE_S)
    finally:
        process.terminate()
        process.wait(60)
    return Run(folder, process.returncode, shown_by(folder))


def test_a_lost_node_and_starved_jobs_change_no_byte(undisturbed, troubled):
    assert len(undisturbed) > 80
    assert digests(troubled.folder / "out/strokeprep") == undisturbed


def test_starved_patients_ran_again_with_more_memory(troubled):
    for name in ("01", "03"):
        logs = list((troubled.folder / f"logs/slurm/rule_patient/{name}").glob("*.log"))
        text = "".join(log.read_text() for log in logs)
        assert "--attempt 1" in text and "--attempt 2" in text
    assert "sub-01 images: done" in troubled.shown
    assert "sub-03 images: done" in troubled.shown


def test_a_bad_patient_fails_alone_and_the_summary_says_why(troubled):
    assert troubled.code != 0
    assert "sub-02 images: stopped" in troubled.shown
    assert "admit: " in troubled.shown and "cut short or damaged" in troubled.shown
    log = troubled.folder / "work/logs/admit/sub-02.log"
    assert f"log: {log}" in troubled.shown and "cut short or damaged" in log.read_text()
    rows = tables.read(troubled.folder / "out/strokeprep/docs/qc/status.tsv")
    ended = {row["participant_id"]: (row["status"], row["rule"]) for row in rows}
    assert ended["sub-02"] == ("stopped", "admit")
    assert {ended["sub-01"][0], ended["sub-03"][0]} == {"done"}


def test_nothing_half_written_is_left(troubled):
    assert not list((troubled.folder / "out").rglob(".partial-*"))


def test_a_local_run_finds_nothing_left_to_do(troubled):
    done = snakemake(troubled.folder, STUDY, "work/privacy/sub-01.json", "--dry-run")
    assert "Nothing to be done" in done.stdout + done.stderr


@FULL
def test_a_step_may_be_a_job_with_the_memory_its_rule_names(study, cluster, tmp_path):
    folder = place(tmp_path, study)
    target = "work/located/sub-03/ses-02/anat/sub-03_ses-02.h5"
    once = snakemake(folder, STUDY, target, *STEP_BY_STEP, *STARVED_STEP, "--retries", "0")
    assert once.returncode != 0 and not (folder / target).exists()
    told = re.search(r"brain: Killed before it could end: .*SLURM's word on it: (\S+)", once.stderr)
    (log,) = folder.glob(told[1])
    assert "exceeded memory limit" in log.read_text()
    again = snakemake(folder, STUDY, target, *STEP_BY_STEP, *STARVED_STEP)
    assert again.returncode == 0, again.stderr[-3000:]
    assert (folder / target).exists() and "Trying to restart job" in again.stderr


@FULL
def test_the_built_in_study_has_the_bytes_of_a_run_on_this_machine(demo, cluster, tmp_path):
    run = snakemake(tmp_path, None, *PROFILE, "--config", 'phantom={"subjects": 2}')
    assert run.returncode == 0, (run.stdout + run.stderr)[-4000:]
    here = digests(demo.derivatives)
    del here["docs/qc/accuracy.tsv"]  # is of the study, not of a patient
    assert digests(tmp_path / "demo/derivatives") == here


@FULL
def test_a_hundred_studies_are_taken_in_side_by_side(cluster, tmp_path):
    exports.studies(tmp_path / "export", 100)
    intake = {"exports": ["export"], "people": "private/people.tsv", "draw": True}
    run = snakemake(tmp_path, STUDY | {"intake": intake}, "intake", *PROFILE)
    assert run.returncode == 0, (run.stdout + run.stderr)[-4000:]
    assert len(list((tmp_path / "raw").rglob("*_acq-ncct_ct.nii.gz"))) == 100
    assert len(tables.read(tmp_path / "raw/participants.tsv")) == 100
    assert not list((tmp_path / "raw").rglob(".partial-*"))

"""The workflow on a real SLURM cluster, raised on this machine for the test and taken down again.

``make test-slurm`` runs it; elsewhere it is skipped with the reason. With FULL=1 the whole built-in
study goes through the cluster undisturbed, too.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from disturbed_runs import nifti_digests, shown_by, started
from strokeprep import tables
from workflow_tools import REPOSITORY, snakemake

CLUSTER = Path(__file__).with_name("cluster.sh")
PROFILE = (
    *("--workflow-profile", str(REPOSITORY / "profiles/slurm")),
    "--slurm-keep-successful-logs",  # they say which attempt it was
)
# What a job that holds an image cannot keep to on its first attempt (300 MB) and can on its second.
STARVED = [f"{rule}:mem_mb=300 * attempt ** 3" for rule in ("perfusion", "resample_perfusion")]
PATIENCE_S = 1800


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


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Three nodes, up for the tests of this file."""
    try:
        on_cluster(str(CLUSTER), "install")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"No SLURM cluster: it cannot be installed: {error.stderr[-500:]}")
    try:
        on_cluster(str(CLUSTER), "start")
        yield
    finally:
        on_cluster(str(CLUSTER), "stop")


def troubled_study(folder: Path, raw: Path) -> dict:
    """A patient whose scans are good and one whose T1w is cut short; gives the config."""
    shutil.copytree(raw, folder / "raw", ignore=shutil.ignore_patterns("sub-02*"))
    name = "sub-02/ses-02/anat/sub-02_ses-02_T1w.nii.gz"
    bad = folder / "raw" / name
    bad.parent.mkdir(parents=True)
    bad.write_bytes((raw / name).read_bytes()[:100_000])
    return {
        "study": {"layout": "bids", "root": str(folder / "raw")},
        "output": "out/strokeprep",
        "work": "work",
        "reference": ["ncct", "t1w"],
    }


def lose_a_node(derivatives: Path, process: subprocess.Popen) -> str:
    """Kill the node that works on a patient's images, half-way; gives the SLURM job's id."""
    deadline = time.monotonic() + PATIENCE_S
    while not list(derivatives.glob("sub-01/**/*_desc-defaced_*.nii.gz")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.5)
    (job, node), *_ = [
        line.split()
        for line in on_cluster(
            "squeue", "-h", "-t", "running", "-S", "S", "-o", "%i %N"
        ).splitlines()
    ]
    on_cluster(str(CLUSTER), "kill-node", node)
    while "PENDING" not in on_cluster("squeue", "-h", "-j", job, "-o", "%T"):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    # SLURM would let two minutes pass before it starts the job elsewhere.
    on_cluster("scontrol", "update", f"JobId={job}", "StartTime=now")
    return job


@pytest.fixture(scope="module")
def troubled(demo, cluster, tmp_path_factory) -> Run:
    """Everything that can go wrong, in one run: bad input, too little memory, a lost node."""
    folder = tmp_path_factory.mktemp("cluster")
    config = troubled_study(folder, demo.raw)
    process = started(folder, config, *PROFILE, "--set-resources", *STARVED)
    try:
        lose_a_node(folder / "out/strokeprep", process)
        process.wait(PATIENCE_S)
    finally:
        process.terminate()
        process.wait(60)
    return Run(folder, process.returncode, shown_by(folder))


def test_a_lost_node_and_starved_jobs_change_no_byte(demo, troubled):
    undisturbed = nifti_digests(demo.derivatives / "sub-01")
    assert nifti_digests(troubled.folder / "out/strokeprep/sub-01") == undisturbed


def test_starved_jobs_ran_again_with_more_memory(troubled):
    logs = list((troubled.folder / "logs/slurm").glob("group_perfusion*/*.log"))
    text = "".join(log.read_text() for log in logs)
    assert "--attempt 1" in text and "--attempt 2" in text
    assert "sub-01 perfusion: done" in troubled.shown


def test_a_bad_patient_fails_alone_and_the_summary_says_why(troubled):
    assert troubled.code != 0
    assert "sub-01 images: done" in troubled.shown
    assert "sub-02 images: stopped" in troubled.shown
    assert "admit: " in troubled.shown and "cut short or damaged" in troubled.shown
    assert f"log: {troubled.folder / 'work/logs/admit/sub-02.log'}" in troubled.shown
    rows = tables.read(troubled.folder / "out/strokeprep/docs/qc/status.tsv")
    ended = {(row["participant_id"], row["part"]): row["status"] for row in rows}
    assert (ended["sub-01", "images"], ended["sub-02", "images"]) == ("done", "stopped")


def test_a_patient_is_a_handful_of_slurm_jobs(troubled):
    logs = {path.parent.name for path in (troubled.folder / "logs/slurm").glob("*/*.log")}
    groups = {name.split("_")[1] for name in logs if name.startswith("group_")}
    assert {"images", "perfusion"} <= groups <= {"images", "perfusion", "checks", "pages"}


def test_nothing_half_written_is_left(troubled):
    assert not list((troubled.folder / "out").rglob(".partial-*"))


@pytest.mark.skipif(os.environ.get("FULL") != "1", reason="takes long: ask for it with FULL=1")
def test_the_built_in_study_has_the_bytes_of_a_run_on_this_machine(demo, cluster, tmp_path):
    run = snakemake(tmp_path, None, *PROFILE, "--config", 'phantom={"subjects": 2}')
    assert run.returncode == 0, (run.stdout + run.stderr)[-4000:]
    assert nifti_digests(tmp_path / "demo/derivatives") == nifti_digests(demo.derivatives)

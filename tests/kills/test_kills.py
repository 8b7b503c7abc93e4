"""Killed at any moment, of its jobs or as a whole, a rerun ends as if nothing had happened.

``KILLS=50`` in the environment kills that often; the default is a sample. A failing run prints its
seed, ``KILL_SEED=`` repeats it.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from disturbed_runs import nifti_digests, started
from workflow_tools import snakemake

KILLS = int(os.environ.get("KILLS", "4"))
SEED = int(os.environ.get("KILL_SEED", random.SystemRandom().randrange(10**6)))
TWO_SUBJECTS = ("--config", 'phantom={"subjects": 2}')
# Nothing worth killing happens before a run has read the study and planned its jobs.
LATEST_KILL_S = 20.0
PATIENCE_S = 1200
MANNERS = ("a job", "snakemake alone", "everything")


def scripts_of(run: psutil.Process) -> list[psutil.Process]:
    """The processes of a run that compute something."""
    return [
        child
        for child in run.children(recursive=True)
        if any(".snakemake/scripts" in word for word in child.cmdline())
    ]


def kill(run: subprocess.Popen, manner: str, chance: random.Random) -> None:
    """End a job, or snakemake with its jobs left behind, or all of it, without warning."""
    jobs = scripts_of(psutil.Process(run.pid))
    if manner == "a job" and jobs:
        chance.choice(jobs).kill()
        run.wait(PATIENCE_S)
    elif manner == "snakemake alone":
        run.kill()
        run.wait()
        psutil.wait_procs(jobs, timeout=PATIENCE_S)
    else:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()


def disturbed(folder: Path, manner: str, chance: random.Random) -> None:
    """Start a run and kill it after its first job has begun, at a moment of chance."""
    snakemake(folder, None, "--unlock", *TWO_SUBJECTS)
    run = started(folder, None, *TWO_SUBJECTS)
    deadline = time.monotonic() + PATIENCE_S
    while run.poll() is None and not scripts_of(psutil.Process(run.pid)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(chance.uniform(0, LATEST_KILL_S))
    if run.poll() is None:
        kill(run, manner, chance)


def forget_something(folder: Path, chance: random.Random) -> None:
    """Remove a patient's outputs, all or those of one folder, so that there is work to disturb."""
    subject = folder / "demo/derivatives" / chance.choice(["sub-01", "sub-02"])
    parts = [subject, *(path for path in subject.glob("ses-*/*") if path.is_dir())]
    shutil.rmtree(chance.choice(parts))


@pytest.mark.parametrize("number", range(KILLS))
def test_a_kill_leaves_whole_files_and_a_rerun_every_byte(demo, number, capsys):
    with capsys.disabled():
        print(f" [KILL_SEED={SEED}]" if number == 0 else "", end="")
    chance = random.Random(f"{SEED} {number}")
    before = nifti_digests(demo.derivatives)
    forget_something(demo.folder, chance)
    disturbed(demo.folder, MANNERS[number % len(MANNERS)], chance)
    halfway = nifti_digests(demo.derivatives)
    assert halfway.items() <= before.items(), "a file is there that is not whole"
    snakemake(demo.folder, None, "--unlock", *TWO_SUBJECTS)
    again = snakemake(demo.folder, None, "--quiet", "rules", *TWO_SUBJECTS)
    assert again.returncode == 0, (again.stdout + again.stderr)[-4000:]
    assert nifti_digests(demo.derivatives) == before
    assert not list(demo.derivatives.rglob(".partial-*"))

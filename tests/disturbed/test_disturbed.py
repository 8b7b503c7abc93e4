"""Disturbed at any moment, a rerun ends as if nothing had happened, byte for byte.

A journey makes one patient from the raw files and is disturbed on the way, again and again; when it
has arrived, the next begins. ``FULL=1`` disturbs 60 times, 50 of them by kills, a patient with CT
perfusion; the default is each manner once, with MRI. A failing run prints its seed: ``SEED=`` repeats
the choices, though not the moments.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from disturbed_runs import CT_PERFUSION, MRI, digests, patient, shown_by, started
from workflow_tools import snakemake

FULL = os.environ.get("FULL") == "1"
SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(10**6)))
LATEST = 0.2  # of the time an undisturbed run takes: after its first job began, no later
PATIENCE_S = 1800
DISK_BYTES = 3 * 10**9
STUDY = {
    "study": {"layout": "bids", "root": "raw"},
    "output": "out/strokeprep",
    "work": "work",
    "reference": ["ncct", "t1w"],
}
OUTPUTS = ("out", "work")


def scripts_of(run: subprocess.Popen) -> list[psutil.Process]:
    """The processes of a run that compute something."""
    try:
        children = psutil.Process(run.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return [each for each in children if ".snakemake/scripts" in " ".join(_words(each))]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def wait(run: subprocess.Popen) -> None:
    run.wait(PATIENCE_S)


# ---------------------------------------------------------------------------- disturbances


def kill_a_job(folder: Path, run: subprocess.Popen, chance: random.Random) -> None:
    jobs = scripts_of(run)
    if jobs:
        chance.choice(jobs).kill()
    wait(run)


def kill_snakemake(folder: Path, run: subprocess.Popen, chance: random.Random) -> None:
    """Its jobs go on by themselves."""
    jobs = scripts_of(run)
    run.kill()
    wait(run)
    psutil.wait_procs(jobs, timeout=PATIENCE_S)


def kill_everything(folder: Path, run: subprocess.Popen, chance: random.Random) -> None:
    os.killpg(run.pid, signal.SIGKILL)
    wait(run)


def lose_an_input(folder: Path, run: subprocess.Popen, chance: random.Random) -> None:
    lost = chance.choice(sorted((folder / "raw").rglob("sub-*.nii.gz")))
    away = lost.with_name("away")
    lost.rename(away)
    wait(run)
    away.rename(lost)


def fill_the_disk(folder: Path, run: subprocess.Popen, chance: random.Random) -> None:
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while run.poll() is None:
                file.write(bytes(1 << 20))
        except OSError:
            wait(run)
    filler.unlink()


def start_a_second(folder: Path, run: subprocess.Popen, chance: random.Random) -> None:
    """It is refused, and harms nothing."""
    second = snakemake(folder, STUDY)
    if run.poll() is None:
        assert second.returncode != 0 and "cannot be locked" in second.stdout + second.stderr
    wait(run)
    assert run.returncode == 0, shown_by(folder)[-3000:]


KILLS = (kill_a_job, kill_snakemake, kill_everything)
OTHERS = (lose_an_input, fill_the_disk, start_a_second)
Disturbance = Callable[[Path, subprocess.Popen, random.Random], None]


def plan(own_disk: bool) -> list[Disturbance]:
    """Kills in turn, and now and then something else."""
    others = [each for each in OTHERS if own_disk or each is not fill_the_disk]
    if not FULL:
        return [*KILLS, *others]
    planned: list[Disturbance] = [KILLS[number % len(KILLS)] for number in range(50)]
    for number in range(10):
        planned.insert(5 * number, others[number % len(others)])
    return planned


# ---------------------------------------------------------------------------- journeys


@pytest.fixture
def place(tmp_path) -> Iterator[Path]:
    """A folder on a small disk of its own, where that can be had."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0
    yield folder
    if mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def disturbed(folder: Path, disturb: Disturbance, chance: random.Random, latest_s: float) -> None:
    """Start a run and disturb it after its first job has begun, at a moment of chance."""
    unlock(folder)
    run = started(folder, STUDY)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while run.poll() is None and not scripts_of(run):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(chance.uniform(0, latest_s))
        disturb(folder, run, chance)
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()


def unlock(folder: Path) -> None:
    """What ``snakemake --unlock`` does, in no time."""
    shutil.rmtree(folder / ".snakemake/locks", ignore_errors=True)


def outputs(folder: Path) -> dict[str, str]:
    return digests(folder / "out/strokeprep")


def arrive(folder: Path, expected: dict[str, str]) -> None:
    """Run undisturbed; everything is there, with the bytes it should have, and nothing else."""
    unlock(folder)
    last = snakemake(folder, STUDY, "--quiet", "rules")
    assert last.returncode == 0, (last.stdout + last.stderr)[-4000:]
    assert outputs(folder) == expected
    assert not list(folder.glob("[ow]*/**/.partial-*"))
    assert not list(folder.glob("work/logs/**/*.failure.json"))


def forget(folder: Path) -> None:
    for name in OUTPUTS:
        shutil.rmtree(folder / name, ignore_errors=True)


def test_a_disturbed_run_is_taken_up_again_to_the_last_byte(place, capsys):
    with capsys.disabled():
        print(f" [SEED={SEED}]", end="", flush=True)
    chance = random.Random(SEED)
    patient(place, CT_PERFUSION if FULL else MRI)
    start = time.monotonic()
    first = snakemake(place, STUDY, "--quiet", "rules")
    assert first.returncode == 0, (first.stdout + first.stderr)[-4000:]
    latest_s = LATEST * (time.monotonic() - start)
    expected = outputs(place)
    forget(place)
    for disturb in plan(own_disk=os.path.ismount(place)):
        disturbed(place, disturb, chance, latest_s)
        found = outputs(place)
        assert found.items() <= expected.items(), f"not whole after {disturb.__name__}"
        with capsys.disabled():
            print(f"\n  {disturb.__name__}: {len(found)} of {len(expected)}", end="", flush=True)
        if found == expected:
            arrive(place, expected)
            forget(place)
    arrive(place, expected)
    if not os.path.ismount(place):
        pytest.skip("All but a full disk, for which root has to mount a small one")

"""After a disturbance at any moment, a rerun gives the same bytes as an undisturbed run.

The outputs of one patient are made from the raw files, and the run is disturbed several times; once
they are complete, they are made again. ``FULL=1`` disturbs 60 times, 50 of them by kills, a patient
with CT perfusion; the default is each disturbance once, with MRI of large voxels. A test prints its
seed: ``SEED=`` repeats the random choices, but not the exact moments.
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
LATEST = 0.2  # share of the time of an undisturbed run: the latest moment after the first job began
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
    """The processes of a run that execute a script."""
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
    """Its jobs continue without it."""
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
    """Start a second run, which is refused and does no harm."""
    second = snakemake(folder, STUDY)
    if run.poll() is None:
        assert second.returncode != 0 and "cannot be locked" in second.stdout + second.stderr
    wait(run)
    assert run.returncode == 0, shown_by(folder)[-3000:]


KILLS = (kill_a_job, kill_snakemake, kill_everything)
OTHERS = (lose_an_input, fill_the_disk, start_a_second)
Disturbance = Callable[[Path, subprocess.Popen, random.Random], None]


def plan(own_disk: bool) -> list[Disturbance]:
    """Kills in turn, and other disturbances in between."""
    others = [each for each in OTHERS if own_disk or each is not fill_the_disk]
    if not FULL:
        return [*KILLS, *others]
    planned: list[Disturbance] = [KILLS[number % len(KILLS)] for number in range(50)]
    for number in range(10):
        planned.insert(5 * number, others[number % len(others)])
    return planned


# ---------------------------------------------------------------------------- runs


@pytest.fixture
def place(tmp_path) -> Iterator[Path]:
    """A folder, if possible on a small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0
    yield folder
    if mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def disturbed(folder: Path, disturb: Disturbance, chance: random.Random, latest_s: float) -> None:
    """Start a run and disturb it at a random moment after its first job has begun."""
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
    """Do what ``snakemake --unlock`` does, but faster."""
    shutil.rmtree(folder / ".snakemake/locks", ignore_errors=True)


def outputs(folder: Path) -> dict[str, str]:
    """Digests of what was made, and of what was released of it."""
    released = digests(folder / "out/strokeprep")
    return digests(folder / "work/dataset") | {f"out/{name}": released[name] for name in released}


def finish(folder: Path, expected: dict[str, str]) -> None:
    """Run undisturbed: all outputs have the expected bytes, and there are no other files."""
    unlock(folder)
    last = snakemake(folder, STUDY, "--quiet", "rules")
    assert last.returncode == 0, (last.stdout + last.stderr)[-4000:]
    assert outputs(folder) == expected
    assert not list(folder.glob("[ow]*/**/.partial-*"))
    assert not list(folder.glob("work/logs/**/*.failure.json"))


def remove_outputs(folder: Path) -> None:
    for name in OUTPUTS:
        shutil.rmtree(folder / name, ignore_errors=True)


def test_a_rerun_after_a_disturbance_gives_the_same_bytes(place, capsys):
    with capsys.disabled():
        print(f" [SEED={SEED}]", end="", flush=True)
    chance = random.Random(SEED)
    patient(place, *((CT_PERFUSION, "small") if FULL else (MRI, "tiny")))
    start = time.monotonic()
    first = snakemake(place, STUDY, "--quiet", "rules")
    assert first.returncode == 0, (first.stdout + first.stderr)[-4000:]
    latest_s = LATEST * (time.monotonic() - start)
    expected = outputs(place)
    remove_outputs(place)
    for disturb in plan(own_disk=os.path.ismount(place)):
        disturbed(place, disturb, chance, latest_s)
        present = outputs(place)
        assert present.items() <= expected.items(), f"not whole after {disturb.__name__}"
        with capsys.disabled():
            print(f"\n  {disturb.__name__}: {len(present)} of {len(expected)}", end="", flush=True)
        if present == expected:
            finish(place, expected)
            remove_outputs(place)
    finish(place, expected)
    if not os.path.ismount(place):
        pytest.skip("All but a full disk: only root can mount a small one")

"""The checks of an installation: each says what was found, and of a fault what to do about it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata, util
from pathlib import Path
from typing import NamedTuple

from strokeprep.errors import StrokeprepError
from strokeprep.guide.words import room
from strokeprep.run import lock
from strokeprep.segmentation.weights import store
from strokeprep.settings.backends import MODELS, NetworkSettings
from strokeprep.settings.docs import CHECKOUT

OLDEST, NEWEST = (3, 11), (3, 13)  # of Python
EVERY_RUN = "imaging"  # the list of packages that nothing does without
OF_PYTHON = ("pip", "setuptools")  # every environment comes with these, in some version
PIN = re.compile(r"([A-Za-z0-9_.-]+)==(\S+)")
GPU = Path("/dev/nvidia0")
LEAST_MEMORY_MB = 4000  # what the largest step of a patient asks for without a network
LEAST_DISK = 5e9
TORCH = "pip install -r envs/segmentation.txt"
ANSWER_S = 20  # that SLURM is waited for

OK, NOTE, FAULT = "ok", "note", "FAULT"


class Finding(NamedTuple):
    """What a check found."""

    state: str
    about: str
    remedy: str = ""


def python() -> Finding:
    """Whether the version of Python is one that the pinned packages have builds for."""
    version, name = sys.version_info[:2], sys.version.split()[0]
    if OLDEST <= version <= NEWEST:
        return Finding(OK, f"Python {name}")
    span = " to ".join(".".join(map(str, each)) for each in (OLDEST, NEWEST))
    return Finding(
        FAULT, f"Python {name}, and {span} is needed", "make clean; make PYTHON=python3.12"
    )


def packages(needed: Iterable[str] = (), envs: Path = CHECKOUT / "envs") -> Iterator[Finding]:
    """Whether packages are there in the pinned versions: those of every run, and optional ones.

    ``needed`` names lists that this study cannot do without.
    """
    for name, purpose in (
        (EVERY_RUN, "every run"),
        ("segmentation", "HD-BET and TotalSegmentator"),
        ("preview", "the preview of a release"),
        ("slurm", "a SLURM cluster"),
    ):
        yield _packages(envs / f"{name}.txt", purpose, needed=name in (EVERY_RUN, *needed))
    yield _brought_along(envs)


def _packages(listed: Path, purpose: str, *, needed: bool) -> Finding:
    found = {name: (pin, _installed(name)) for name, pin in pins(listed).items()}
    lacking = [name for name, (_, version) in found.items() if version is None]
    other = [f"{name} {v} for {pin}" for name, (pin, v) in found.items() if v not in (None, pin)]
    remedy = f"pip install -r {listed.relative_to(listed.parents[1])}"
    if other or (lacking and (needed or len(lacking) < len(found))):
        wrong = [*(f"{name} missing" for name in lacking), *other]
        return Finding(FAULT, f"packages for {purpose}: {', '.join(wrong)}", remedy)
    if lacking:
        return Finding(NOTE, f"packages for {purpose} are not installed", f"If wanted: {remedy}")
    return Finding(OK, f"packages for {purpose}: {len(found)} as pinned")


def _brought_along(envs: Path) -> Finding:
    """Packages that others bring along: one that differs gives other results at most."""
    pinned = pins(envs / "constraints.txt") | pins(envs / "segmentation-constraints.txt")
    found = {name: _installed(name) for name in pinned if name not in OF_PYTHON}
    other = [f"{n} {v} for {pinned[n]}" for n, v in found.items() if v not in (None, pinned[n])]
    if other:
        remedy = "make clean, then make environments, sets all of them up anew."
        return Finding(NOTE, f"packages that others bring along: {', '.join(other)}", remedy)
    return Finding(OK, "packages that others bring along are as pinned")


def pins(listed: Path) -> dict[str, str]:
    """The packages that a list pins, with their versions."""
    lines = (
        PIN.fullmatch(line.strip()) for line in listed.read_text(encoding="utf-8").splitlines()
    )
    return {match[1]: match[2] for match in lines if match}


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name).partition("+")[0]  # torch names the build behind a plus
    except metadata.PackageNotFoundError:
        return None


def gpu(device: str) -> Finding:
    """Whether networks can use a GPU, if there is one or the config wants one."""
    wanted = device.startswith("cuda")
    if not util.find_spec("torch"):
        seen = "there is one" if GPU.exists() else "none"
        about = f"GPU: {seen}; without torch no step uses it"
        return Finding(FAULT, about, TORCH) if wanted else Finding(OK, about)
    import torch

    if torch.cuda.is_available():
        count, name = torch.cuda.device_count(), torch.cuda.get_device_name(0)
        return Finding(OK, f"GPU: {count}, the first is {name}")
    if wanted:
        remedy = "Set models.device to auto or cpu, or run where there is one."
        return Finding(
            FAULT, f"GPU: none that torch can use, and models.device is {device}", remedy
        )
    if GPU.exists() and device == "auto":
        remedy = (
            "Install a torch for its driver (docs/segmentation.md), or set models.device to cpu."
        )
        return Finding(
            FAULT, f"GPU: there is one that torch {torch.__version__} cannot use", remedy
        )
    return Finding(OK, "GPU: none; networks run on the CPU")


def weights(names: Iterable[str] | None, settings: NetworkSettings) -> Iterator[Finding]:
    """Whether weights are what was fetched, file by file: those needed, or all that are there."""
    wanted = list(MODELS) if names is None else list(names)
    there = [name for name in wanted if not store.missing([name], settings.folder)]
    if not there and names is None:
        yield Finding(NOTE, f"weights: none in {settings.folder}", "make models fetches them.")
    for name in wanted if names is not None else there:
        try:
            digest = store.verified(name, settings.folder, settings.sha256)[1]
            yield Finding(OK, f"weights of {name}: sha256:{digest[:12]}…")
        except StrokeprepError as error:
            yield Finding(FAULT, f"{error.what}: {error.where}", error.remedy)


def memory() -> Finding:
    """Whether the largest step fits."""
    megabytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 10**6
    about = f"memory: {room(megabytes * 1e6)}, {os.cpu_count()} cores"
    if megabytes < LEAST_MEMORY_MB:
        return Finding(
            FAULT, about, f"A patient needs {room(LEAST_MEMORY_MB * 1e6)}: use a larger machine."
        )
    return Finding(OK, about)


def disk(folders: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    """Whether folders can be written to, have room, and can be locked; by key of the config."""
    places = {key: _existing(Path(folder)) for key, folder in folders}
    for key, place in places.items():
        yield _disk(key, place)
    if len({os.stat(place).st_dev for place in places.values()}) > 1:
        about = "output and work lie on two file systems, so released files are copied"
        yield Finding(NOTE, about, "On one they would be hard links, which take no room.")


def _disk(key: str, place: Path) -> Finding:
    free = shutil.disk_usage(place).free
    about = f"disk for {key}: {room(free)} free in {place}"
    elsewhere = f"Set {key} to a folder on another disk"
    if not os.access(place, os.W_OK | os.X_OK):
        return Finding(FAULT, f"{about}, which cannot be written to", f"{elsewhere}, or allow it.")
    if free < LEAST_DISK:
        return Finding(FAULT, about, f"{elsewhere}, or make room.")
    if not lock.works(place):
        return Finding(FAULT, f"{about}, without file locks (flock)", f"{elsewhere}.")
    return Finding(OK, about)


def _existing(path: Path) -> Path:
    """The folder, or the nearest above it that exists."""
    absolute = Path(os.path.abspath(path))
    return next(each for each in (absolute, *absolute.parents) if each.is_dir())


def slurm() -> Finding:
    """Whether a cluster that is here answers, and Snakemake can submit to it."""
    if not shutil.which("sbatch"):
        return Finding(OK, "SLURM: not on this machine, and only needed for a cluster")
    try:
        asked = ["squeue", "--me", "--noheader"]
        answer = subprocess.run(
            asked, capture_output=True, text=True, timeout=ANSWER_S, check=False
        )
        failed = answer.stderr.strip().splitlines()[:1] if answer.returncode else []
    except (OSError, subprocess.TimeoutExpired):
        failed = [f"no answer within {ANSWER_S} s"]
    if failed:
        return Finding(NOTE, f"SLURM: squeue says: {failed[0]}", "Ask those who run the cluster.")
    if not _installed("snakemake-executor-plugin-slurm"):
        return Finding(NOTE, "SLURM: it answers, and Snakemake cannot submit to it yet",
                       "pip install -r envs/slurm.txt")  # fmt: skip
    return Finding(OK, "SLURM: it answers (docs/cluster.md)")

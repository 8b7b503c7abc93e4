"""The frame of every job: log, number of threads, sidecar, one clear message if it fails."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from multiprocessing import util
from pathlib import Path
from typing import Any

from strokeprep.bids import sidecars
from strokeprep.errors import StrokeprepError
from strokeprep.io.whole import write_json, write_text
from strokeprep.run import failures, process
from strokeprep.run.provenance import versions
from strokeprep.study.naming import MADE

# Environment variables from which libraries take their number of threads.
THREAD_VARIABLES = (
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
)
TEMPORARY = "tmp"  # folder of the work folder
FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def job(snakemake: Any) -> Iterator[dict[str, Any]]:
    """Run a rule's work. Yields a sidecar to fill, which is written when the work succeeds.

    A ``StrokeprepError`` ends the job with its message, any other exception with a message that
    points to the traceback in the log. A ``.failure.json`` beside the log tells the summary of
    the run why the job failed, or that it was killed.
    """
    os.umask(os.umask(0o077) | 0o002)  # no output is writable by everyone
    log = Path(snakemake.log[0]).resolve()
    process.load_few()
    process.keep_freed_memory()
    process.look_for_cycles_rarely()
    for variable in THREAD_VARIABLES:
        os.environ[variable] = str(snakemake.threads)
    sidecar: dict[str, Any] = {}
    with _captured(log) as terminal, private_files(Path(snakemake.config["work"])):
        try:
            # A killed job cannot write anything: write "killed" first, delete it on success.
            failures.write(log, snakemake.rule, _killed())
            yield sidecar
            if hasattr(snakemake.output, "sidecar"):
                write_sidecar(sidecar, snakemake.output.sidecar, snakemake)
            failures.beside(log).unlink()
            write_text(f"{_processor_time():.2f}\n", failures.spent_beside(log))
            process.end_quickly()
        except Exception as error:
            message = _message(error, log)
            with suppress(OSError):  # on a full disk this fails, too
                traceback.print_exc()
                failures.write(log, snakemake.rule, message, getattr(error, "reason", None))
            print(f"strokeprep: {snakemake.rule}: {message}", file=terminal, flush=True)
            sys.exit(1)


def _processor_time() -> float:
    """Seconds that this process and those that it waited for have spent."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


@contextmanager
def private_files(work: Path) -> Iterator[None]:
    """Let temporary files lie in the work folder, which is the user's alone, and not in /tmp.

    Those of a killed job stay until a later run removes them. Sockets need a short path.
    """
    util.get_temp_dir()  # where sockets are put, from now on
    folder, before = work.resolve() / TEMPORARY, tempfile.tempdir
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    tempfile.tempdir = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


def remove_old_files(work: Path, seconds: float = 86_400) -> None:
    """Remove temporary files that killed jobs left; those of a day may be of jobs still at work."""
    folder = work / TEMPORARY
    for path in folder.iterdir() if folder.is_dir() else ():
        if time.time() - path.lstat().st_mtime > seconds:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def dataset_of(snakemake: Any) -> Path:
    """The folder in which the dataset is made."""
    return Path(snakemake.config["work"]) / MADE


def place(snakemake: Any) -> dict[str, Any]:
    """The sidecar keys for the output's space and grid, which its name tells."""
    space = snakemake.wildcards.get("space", "").partition("-")[2] or None
    grid = snakemake.input.get("grid") or None
    return sidecars.in_space(
        space,
        f"bids::{_inside(snakemake, grid)}" if grid else None,
        snakemake.config["template"]["resolution_mm"],
        is_cubic=bool(snakemake.wildcards.get("res")),
    )


def write_sidecar(content: dict[str, Any], path: str, snakemake: Any) -> None:
    """Write a sidecar, with the inputs and the loaded software added."""
    known = {"Sources": _sources(snakemake), "Software": versions()}
    write_json(content | known, path)


def _message(error: Exception, log: Path) -> str:
    if isinstance(error, StrokeprepError):
        return str(error)
    if isinstance(error, OSError) and error.errno in FULL:
        return str(StrokeprepError("The disk is full", error.filename, "Make room and run again."))
    return f"Unexpected {type(error).__name__} ({error}): this is a bug. See {log}."


def _killed() -> str:
    """The message for a job that is killed; on a cluster it names the log of SLURM."""
    number = os.environ.get("SLURM_JOB_ID")
    killed = failures.KILLED
    return f"{killed} SLURM's word on it: logs/slurm/*/*/{number}.log" if number else killed


def _sources(snakemake: Any) -> list[str]:
    """BIDS URIs of the inputs. Raw files get a URI from their BIDS name, never their path."""
    inside = filter(None, (_inside(snakemake, path) for path in snakemake.input))
    derived = [f"bids::{path}" for path in inside if not path.endswith(".json")]
    return [*snakemake.params.get("raw", []), *derived]


def _inside(snakemake: Any, path: str) -> str | None:
    """A path relative to the dataset, or None for one outside of it."""
    root = dataset_of(snakemake).resolve()
    absolute = Path(path).resolve()
    return absolute.relative_to(root).as_posix() if absolute.is_relative_to(root) else None


@contextmanager
def _captured(log: Path) -> Iterator[Any]:
    """Send all output to the log, that of C++ libraries included. Yields the terminal."""
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with log.open("w", buffering=1) as file, os.fdopen(os.dup(2), "w") as terminal:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            with redirect_stdout(file), redirect_stderr(file):
                yield terminal
        finally:
            for descriptor, target in zip(saved, (1, 2), strict=True):
                os.dup2(descriptor, target)
                os.close(descriptor)

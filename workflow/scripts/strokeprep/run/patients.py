"""Run all steps of a patient in one cluster job, by a Snakemake of its own."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from strokeprep.errors import StrokeprepError
from strokeprep.io.whole import write_json

WITHIN = "STROKEPREP_PATIENT"  # environment variable that is set inside a patient's job


def run(
    targets: Sequence[str],
    snakefile: str | Path,
    profile: str | Path,
    folder: str | Path,
    config: Mapping[str, Any],
    *,
    cores: int,
    mem_mb: int,
) -> None:
    """Make a patient's files in the current folder; files that are up to date are kept.

    Each patient has a ``folder`` for Snakemake's records, so that patients can run side by side.
    """
    folder = Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    write_json(config, folder / "config.json")
    command = [sys.executable, "-m", "snakemake", *targets, "--snakefile", str(snakefile)]
    command += ["--configfile", str(folder / "config.json")]
    command += ["--profile", "none", "--workflow-profile", str(profile)]
    command += ["--cores", str(cores), "--resources", f"mem_mb={mem_mb}"]
    command += ["--persistence-backend", "db"]
    command += ["--persistence-backend-db-url", f"sqlite:///{folder / 'metadata.db'}"]
    with _alone(folder) as held:
        within = os.environ | {WITHIN: folder.name}
        done = subprocess.run(command, check=False, pass_fds=[held], env=within)
    if done.returncode:
        raise StrokeprepError(
            "Not all of this patient could be made",
            folder.name,
            "The log names the steps that failed, each with its own log.",
        )


@contextmanager
def _alone(folder: Path) -> Iterator[int]:
    """Lock a patient: a job that the cluster thinks lost may still run when it is started again.

    The operating system frees this lock when the last process that holds it ends; Snakemake's own
    lock would stay behind. Yields the file descriptor that child processes must inherit.
    """
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StrokeprepError(
                "Another job works on this patient",
                folder.name,
                "Wait for it, or end it (squeue --me lists jobs), and run again.",
            ) from None
        yield file.fileno()

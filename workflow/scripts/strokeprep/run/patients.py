"""Run all steps of a patient in one cluster job, by a Snakemake of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from strokeprep.errors import StrokeprepError
from strokeprep.io.whole import write_json
from strokeprep.run.lock import locked

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
    # A job that the cluster thinks lost may still run when it is started again.
    held = locked(
        folder,
        "Another job works on this patient",
        "Wait for it, or end it (squeue --me lists jobs), and run again.",
    )
    with held:  # child processes inherit it
        within = os.environ | {WITHIN: folder.name}
        done = subprocess.run(command, check=False, pass_fds=[held.fileno()], env=within)
    if done.returncode:
        raise StrokeprepError(
            "Not all of this patient could be made",
            folder.name,
            "The log names the steps that failed, each with its own log.",
        )

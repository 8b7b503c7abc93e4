"""Runs of the workflow that a test disturbs while they last, and the bytes they leave."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from strokeprep.whole import PARTIAL
from workflow_tools import REPOSITORY

SHOWN = "shown.txt"


def started(folder: Path, config: Mapping[str, Any] | None, *arguments: str) -> subprocess.Popen:
    """A running snakemake, head of a process group; what it shows goes to ``folder/shown.txt``."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--directory", str(folder), "--cores", "2", "--nocolor", "--profile", "none"]
    command += ["--workflow-profile", str(REPOSITORY / "profiles/default"), *arguments]
    if config is not None:
        (folder / "study.yaml").write_text(yaml.safe_dump(dict(config)))
        command += ["--configfile", str(folder / "study.yaml")]
    with (folder / SHOWN).open("w") as shown:
        return subprocess.Popen(
            command, stdout=shown, stderr=shown, cwd=folder, start_new_session=True
        )


def shown_by(folder: Path) -> str:
    """What the last started run has shown so far."""
    return (folder / SHOWN).read_text()


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of every finished file below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(PARTIAL)
    }

"""Running the workflow from tests, as a user would: the command, a config file, a folder."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[1]


def snakemake(folder: Path, config: Mapping[str, Any] | None, *arguments: str):
    """The finished process of a snakemake call in ``folder`` with a config of its own."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--directory", str(folder), "--cores", "2", "--nocolor"]
    command += ["--profile", "none", "--workflow-profile", str(REPOSITORY / "profiles/default")]
    command += list(arguments)
    if config is not None:
        path = folder / "study.yaml"
        path.write_text(yaml.safe_dump(dict(config)))
        command += ["--configfile", str(path)]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)


def jobs(process: subprocess.CompletedProcess) -> dict[str, int]:
    """How many jobs of each rule a dry run plans."""
    assert process.returncode == 0, process.stdout + process.stderr
    table = re.search(r"^job +count\n-.*\n((?:\w+ +\d+\n)+)", process.stdout, re.MULTILINE)
    assert table, f"no job table in:\n{process.stdout[-2000:]}"
    counts = {row.split()[0]: int(row.split()[1]) for row in table[1].splitlines()}
    assert counts.pop("total") == sum(counts.values())
    assert counts.pop("default") == 1
    return counts

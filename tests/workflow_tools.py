"""Running the workflow from tests, as a user would: the command, a config file, a folder."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[1]


def snakemake(folder: Path, config: Mapping[str, Any] | None, *arguments: str):
    """The finished process of a snakemake call in ``folder`` with a config of its own."""
    command = ["--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--directory", str(folder), "--cores", "2", "--nocolor"]
    command += ["--profile", "none", "--workflow-profile", str(REPOSITORY / "profiles/default")]
    command += list(arguments)
    if config is not None:
        path = folder / "study.yaml"
        path.write_text(yaml.safe_dump(dict(config)))
        command += ["--configfile", str(path)]
    with tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as err:
        code = _served(command, folder, [out.name, err.name])
        shown = [Path(each.name).read_text() for each in (out, err)]
    return subprocess.CompletedProcess(command, code, *shown)


def _served(arguments: list[str], folder: Path, shown: list[str]) -> int:
    """The exit status of a run by the server."""
    server = _server()
    asked = {
        "arguments": arguments,
        "folder": str(folder),
        "environment": dict(os.environ),
        "shown": shown,
    }
    server.stdin.write(json.dumps(asked) + "\n")
    server.stdin.flush()
    return int(server.stdout.readline())


@cache
def _server() -> subprocess.Popen:
    """The process that runs snakemake; it ends with this one, whose end of the pipe closes then."""
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("snakemake_server.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def jobs(process: subprocess.CompletedProcess) -> dict[str, int]:
    """How many jobs of each rule a dry run plans."""
    assert process.returncode == 0, process.stdout + process.stderr
    table = re.search(r"^job +count\n-.*\n((?:\w+ +\d+\n)+)", process.stdout, re.MULTILINE)
    assert table, f"no job table in:\n{process.stdout[-2000:]}"
    counts = {row.split()[0]: int(row.split()[1]) for row in table[1].splitlines()}
    assert counts.pop("total") == sum(counts.values())
    assert counts.pop("default") == 1
    return counts

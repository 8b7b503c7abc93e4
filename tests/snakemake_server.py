"""Runs snakemake in forks of a process that has loaded it: loading takes as long as a dry run itself.

Reads from standard input a line of JSON for each run, and answers with a line that holds its exit
status.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from snakemake import cli


def serve() -> None:
    """Run what is asked for, one after the other, until standard input ends."""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            run(**json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def run(arguments: list[str], folder: str, environment: dict[str, str], shown: list[str]) -> Any:
    """Become a run of snakemake in a folder; its output goes to two files."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, path in enumerate([os.devnull, *shown]):
        opened = os.open(path, os.O_WRONLY if number else os.O_RDONLY)
        os.dup2(opened, number)
    sys.argv = ["snakemake", *arguments]
    cli.main()  # ends the process


if __name__ == "__main__":
    serve()

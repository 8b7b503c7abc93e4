"""What a job leaves beside its log, for the summary of the run: why it failed, or the time it took."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from strokeprep.io.whole import PARTIAL, write_json

SUFFIX, SPENT = ".failure.json", ".spent"
# What a job leaves while it runs, since one that is killed can leave nothing more.
KILLED = "Killed before it could end: out of memory or time, a lost node, or by hand."


def beside(log: Path) -> Path:
    """The record of the job that writes a log."""
    return log.with_name(log.name + SUFFIX)


def spent_beside(log: Path) -> Path:
    """The file that tells the processor time (s) of the job that writes a log.

    Snakemake looks at a job from time to time, and so misses its last seconds.
    """
    return log.with_name(log.name + SPENT)


def write(log: Path, rule: str, message: str, reason: str | None = None) -> None:
    """Leave the record of a job; ``reason`` is the cause in a word, where it has one."""
    about = {"rule": rule, "message": message, "log": str(log), "reason": reason}
    write_json(about, beside(log))


def read(work: Path) -> list[Mapping[str, str]]:
    """Every record below a work folder, in the order of their paths."""
    found = []
    for path in sorted(work.glob(f"logs/**/*{SUFFIX}")):
        if path.name.startswith(PARTIAL):  # a job that was killed while it wrote leaves one
            continue
        with suppress(FileNotFoundError):  # the job has ended well by now
            found.append(json.loads(path.read_text()))
    return found


def is_killed(failure: Mapping[str, str]) -> bool:
    """Whether the job was killed, or runs still."""
    return failure["message"].startswith(KILLED)

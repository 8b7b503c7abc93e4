"""What a job that failed leaves beside its log, for the summary of the run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

SUFFIX = ".failure.json"


def beside(log: Path) -> Path:
    """The record of the job that writes a log."""
    return log.with_name(log.name + SUFFIX)


def read(work: Path) -> list[Mapping[str, str]]:
    """Every record below a work folder, in the order of their paths."""
    return [json.loads(path.read_text()) for path in sorted(work.glob(f"logs/**/*{SUFFIX}"))]

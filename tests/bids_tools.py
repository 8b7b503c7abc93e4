"""Checks of a dataset with the tools that users have: the BIDS validator, pybids, bids2table.

The module is not called ``bids`` because that is the name of pybids' package.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strokeprep.bids import schema as bids_schema

VALIDATOR = "bids-validator-deno"
IMAGING = (".nii.gz", ".txt", ".h5")


@dataclass(frozen=True)
class Issue:
    """One issue that the validator reports."""

    severity: str
    code: str
    location: str
    detail: str = ""


@dataclass(frozen=True)
class Report:
    """The validator's report on a dataset, and the number of files it checked."""

    issues: tuple[Issue, ...]
    files: int

    @property
    def errors(self) -> list[Issue]:
        """The issues that make the dataset invalid."""
        return [issue for issue in self.issues if issue.severity == "error"]

    @property
    def warnings(self) -> list[Issue]:
        """Recommendations of the standard that the dataset does not follow."""
        return [issue for issue in self.issues if issue.severity == "warning"]


def validate(dataset: Path, schema: Path | None = None) -> Report:
    """Check all files with our schema, or without one by the standard, with ``.bidsignore``."""
    if schema is None:
        return _run_validator(dataset)
    with tempfile.TemporaryDirectory(dir=dataset.parent) as scratch:
        # The validator always reads .bidsignore, so it gets a copy of the dataset without it.
        copy = Path(scratch) / dataset.name
        shutil.copytree(
            dataset, copy, copy_function=os.link, ignore=shutil.ignore_patterns(".bidsignore")
        )
        return _run_validator(copy, "--schema", schema.resolve().as_uri())


def _run_validator(dataset: Path, *options: str) -> Report:
    command = shutil.which(VALIDATOR, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert command, f"{VALIDATOR} is not installed"
    result = subprocess.run(
        [command, str(dataset), "--format", "json", *options],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    try:
        report = json.loads(result.stdout)
    except json.JSONDecodeError as error:
        raise AssertionError(f"{VALIDATOR} failed: {result.stderr}") from error
    issues = tuple(
        Issue(
            issue.get("severity", "error"),
            issue["code"],
            issue.get("location", ""),
            issue.get("issueMessage", issue.get("subCode", "")),
        )
        for issue in report["issues"]["issues"]
    )
    # The exit status and the list of issues must agree.
    assert (result.returncode != 0) == any(issue.severity == "error" for issue in issues)
    return Report(issues, report["summary"]["totalFiles"])


def files_checked(dataset: Path) -> set[str]:
    """The files that the validator counts if nothing is ignored; an opaque folder counts as one."""
    opaque = {"docs", "logs", "code", "sourcedata"}
    found = (path.relative_to(dataset) for path in dataset.rglob("*") if path.is_file())
    return {
        path.parts[0] if path.parts[0] in opaque else path.as_posix()
        for path in found
        if path.name != ".bidsignore" and path.parts[0] != "derivatives"
    }


def parse_with_pybids(dataset: Path, derivative: bool = True) -> dict[str, dict[str, Any]]:
    """The entities of every image and transform as pybids reads them, with the datatype ``ct``."""
    from bids import BIDSLayout

    with tempfile.TemporaryDirectory() as scratch:
        config = bids_schema.write(bids_schema.pybids_config(), Path(scratch) / "pybids.json")
        layout = BIDSLayout(
            dataset,
            validate=False,
            is_derivative=derivative,
            config=[str(config), *(["derivatives"] if derivative else [])],
        )
    return {
        Path(file.path).relative_to(dataset).as_posix(): dict(file.get_entities())
        for file in layout.get(extension=IMAGING)
    }


def parse_with_bids2table(dataset: Path) -> dict[str, dict[str, Any]]:
    """The entities of every file as bids2table reads them, with those that have no column."""
    import bids2table

    found = {}
    for row in bids2table.index_dataset(dataset).to_pylist():
        extra = dict(row.pop("extra_entities") or {})
        entities = {key: value for key, value in (row | extra).items() if value is not None}
        found[entities.pop("path")] = entities
    return {path: row for path, row in found.items() if path.endswith(IMAGING)}

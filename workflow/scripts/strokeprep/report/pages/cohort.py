"""The cohort's report: every subject's state and figures, time and memory, methods.

Snakemake's own process writes it when a run ends, from the reports that are there, whatever
failed. Until then nothing but the standard library is loaded. Pictures are files beside the page
that a browser loads as they scroll into view, so that a thousand subjects open at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from strokeprep.io import tables
from strokeprep.io.whole import write_json, write_text
from strokeprep.report import methods, plan, resources
from strokeprep.report.pages import members, overview
from strokeprep.report.pages.members import Member
from strokeprep.run.endings import Ending
from strokeprep.settings.limits import LIMITS, NONE


def write(ended: Sequence[Ending], root: Path, work: Path, folder: Path) -> None:
    """Write the cohort's page, tables and methods text into a folder, from the reports in ``root``."""
    cohort = members.read(ended, root)
    rows, columns = wide(cohort)
    _write_table(rows, {name: _described(name) for name in columns}, folder / plan.COHORT_TABLE)
    taken = resources.by_rule(resources.jobs(work))
    _write_table(taken.rows, taken.columns, folder / plan.RESOURCES)
    written = methods.of(_nodes(cohort, root))
    write_text(written.text + "\n", folder / plan.METHODS)
    write_text(written.bib, folder / plan.REFERENCES)
    write_text(overview.html(cohort, work, taken, written), folder / plan.COHORT)


def _write_table(rows: Sequence[Mapping[str, str]], columns: Mapping[str, str], path: Path) -> None:
    """A table, and what its columns mean beside it."""
    write_text(tables.render(rows, list(columns)), path)
    about = {name: {"Description": text} for name, text in columns.items()}
    write_json(about, path.with_suffix(".json"))


def _nodes(cohort: Sequence[Member], root: Path) -> dict[str, Any]:
    """The provenance of all members' files."""
    names = [
        names(member.name).provenance
        for member in cohort
        for names in (plan.image_names, plan.perfusion_names)
    ]
    paths = [path for name in names if (path := root / name).exists()]
    return {
        file: node for path in paths for file, node in json.loads(path.read_text())["Files"].items()
    }


def wide(cohort: Sequence[Member]) -> tuple[list[dict[str, str]], list[str]]:
    """One row per subject: its verdict and every figure, named ``step.metric``."""
    figures = [
        {f"{row['step']}.{row['metric']}".replace(" ", "_"): row["value"] for row in member.rows}
        for member in cohort
    ]
    names = sorted({name for values in figures for name in values})
    rows = [
        {"participant_id": f"sub-{member.name}", "verdict": member.verdict}
        | {name: values.get(name, NONE) for name in names}
        for member, values in zip(cohort, figures, strict=True)
    ]
    return rows, ["participant_id", "verdict", *names]


def _described(name: str) -> str:
    """What a column of the table means."""
    metric = name.rpartition(".")[2]
    if metric in LIMITS:
        return f"{LIMITS[metric].reason} ({LIMITS[metric].unit})"
    return {"participant_id": "The patient"}.get(name, "The gravest verdict of its figures")

"""Time and memory of each rule, with its slowest and its largest job, from what its jobs have written down.

Snakemake's own process reads them, so no imaging package is loaded here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from strokeprep.io import tables
from strokeprep.run import failures

COLUMNS = {
    "rule": "The step",
    "jobs": "How many of its jobs were measured; very short ones are not",
    "cpu_total_s": "Processor time of all its jobs (s)",
    "wall_mean_s": "Time of a job on the clock, mean (s)",
    "wall_max_s": "Time of the slowest job on the clock (s)",
    "slowest": "The slowest job, by what it makes",
    "memory_max_mb": "Largest memory of a job (MB)",
    "largest": "The job with the largest memory",
}


@dataclass(frozen=True)
class Job:
    """One measured job."""

    rule: str
    makes: str
    wall_s: float
    cpu_s: float
    memory_mb: float


def jobs(work: Path) -> list[Job]:
    """Every job with a benchmark, in the order of their names."""
    folder = work / "benchmarks"
    listed = []
    for path in sorted(folder.rglob("*.tsv")):
        name = path.relative_to(folder)
        spent = failures.spent_beside(work / "logs" / name.with_suffix(".log"))
        for row in tables.read(path)[-1:]:
            cpu = spent.read_text().strip() if spent.exists() else row["cpu_time"]
            values = [_number(value) for value in (row["s"], cpu, row["max_rss"])]
            listed.append(Job(name.parts[0], _makes(path), *values))
    return listed


def _makes(path: Path) -> str:
    """What a job makes, without folders: the name tells the same."""
    return path.name.removesuffix(".tsv").removesuffix(".nii.gz")


def _number(text: str) -> float:
    """A figure of a benchmark. Where a job was too short to be measured, it is a dash or NA."""
    return float(text) if tables.is_number(text) else 0.0


@dataclass(frozen=True)
class Taken:
    """What each rule took: one row for each, the one that took most first."""

    rows: list[dict[str, str]]
    columns = COLUMNS

    @property
    def hours(self) -> float:
        """Processor time of all jobs."""
        return sum(float(row["cpu_total_s"]) for row in self.rows) / 3600

    @property
    def slowest(self) -> dict[str, str]:
        """The rule of the slowest job."""
        return max(self.rows, key=lambda row: float(row["wall_max_s"]))

    @property
    def largest(self) -> dict[str, str]:
        """The rule of the job with the largest memory."""
        return max(self.rows, key=lambda row: float(row["memory_max_mb"]))


def by_rule(measured: Sequence[Job]) -> Taken:
    """What the rules of some jobs took."""
    rules: dict[str, list[Job]] = {}
    for job in measured:
        rules.setdefault(job.rule, []).append(job)
    total = {rule: sum(job.cpu_s for job in each) for rule, each in rules.items()}
    return Taken([_row(rule, rules[rule]) for rule in sorted(rules, key=lambda rule: -total[rule])])


def _row(rule: str, measured: Sequence[Job]) -> dict[str, str]:
    slowest = max(measured, key=lambda job: job.wall_s)
    largest = max(measured, key=lambda job: job.memory_mb)
    return {
        "rule": rule,
        "jobs": str(len(measured)),
        "cpu_total_s": f"{sum(job.cpu_s for job in measured):.1f}",
        "wall_mean_s": f"{sum(job.wall_s for job in measured) / len(measured):.1f}",
        "wall_max_s": f"{slowest.wall_s:.1f}",
        "slowest": slowest.makes,
        "memory_max_mb": f"{largest.memory_mb:.0f}",
        "largest": largest.makes,
    }

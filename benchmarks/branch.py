"""Time, CPU and memory of the CT perfusion branch of one clinical patient, by rule.

    python benchmarks/branch.py [--study FOLDER] [--cores 2] [--out branch.tsv]

One clinical patient of the built-in study is simulated and preprocessed completely, unless FOLDER holds
that already. Then the branch alone runs again and is timed: motion, the series at one frame per second in
its own and in NCCT space, its registration, vessels, maps, their copies in NCCT and MNI space, and their
audit. Fails if the branch takes longer, or a job more memory, than the limits below.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
LIMIT_SECONDS, LIMIT_MB = 180, 4096
# The first and the last rules of the branch. Rules that depend on the last ones do not run.
FIRST, LAST = "motion", ("one_second_moved", "audit_perfusion")
COLUMNS = ("rule", "jobs", "wall_s", "cpu_s", "peak_mb", "limit_s", "limit_mb", "kept")


def command(folder: Path, cores: int) -> list[str]:
    """The command that runs the whole study in a folder."""
    phantom = f'phantom={{"folder": "{folder}", "subjects": 1, "seed": 1, "size": "clinical"}}'
    study = [f"output={folder / 'derivatives'}", f"work={folder / 'work'}", phantom]
    return [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")),
        *("--directory", str(folder), "--cores", str(cores), "--quiet", "rules"),
        *("--config", *study),
    ]


def timed(folder: Path, cores: int) -> float:
    """The wall time of the branch (s), after a complete run."""
    subprocess.run(command(folder, cores), check=True)
    again = ["--forcerun", FIRST, "--until", *LAST]
    start = time.time()
    subprocess.run([*command(folder, cores), *again], check=True)
    return time.time() - start


def by_rule(benchmarks: Path, since: float) -> dict[str, list[dict[str, str]]]:
    """Snakemake's measurements of the jobs that ended after ``since``, by rule."""
    jobs: dict[str, list[dict[str, str]]] = {}
    for path in sorted(benchmarks.rglob("*.tsv")):
        if path.stat().st_mtime >= since:
            with path.open() as file:
                jobs.setdefault(path.relative_to(benchmarks).parts[0], []).extend(
                    csv.DictReader(file, delimiter="\t")
                )
    return jobs


def rows(jobs: dict[str, list[dict[str, str]]], wall_s: float) -> list[tuple]:
    """One row per rule, and one for the whole branch with its limits."""
    if not jobs.keys() >= {FIRST, *LAST}:
        raise SystemExit(f"The branch ran in part: {', '.join(jobs)}")
    table = [
        (
            rule,
            len(runs),
            f"{sum(float(run['s']) for run in runs):.1f}",
            f"{sum(float(run['cpu_time']) for run in runs):.1f}",
            f"{max(float(run['max_rss']) for run in runs):.0f}",
            *("", "", ""),
        )
        for rule, runs in jobs.items()
    ]
    peak = max(float(row[4]) for row in table)
    kept = wall_s <= LIMIT_SECONDS and peak <= LIMIT_MB
    cpu = sum(float(row[3]) for row in table)
    total = sum(row[1] for row in table)
    limits = (LIMIT_SECONDS, LIMIT_MB, "yes" if kept else "no")
    return [*table, ("branch", total, f"{wall_s:.1f}", f"{cpu:.1f}", f"{peak:.0f}", *limits)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--study", type=Path, help="folder of a run that is kept")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = (given.study or Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        wall_s = timed(folder, given.cores)
        table = rows(by_rule(folder / "work/benchmarks", time.time() - wall_s), wall_s)
    text = "\n".join("\t".join(map(str, row)) for row in [COLUMNS, *table])
    print(text)
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(text + "\n")
    if table[-1][-1] != "yes":
        raise SystemExit("The branch takes more than its limits.")


if __name__ == "__main__":
    main()

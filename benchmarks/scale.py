"""The cost of planning a study by its number of subjects: dry runs over trees of empty files.

    python benchmarks/scale.py [--subjects 1 10 100 1000] [--plans ...] [--profile] [--out scale.tsv]

A subject has NCCT, CTA, CT perfusion, DWI (three images), T1w and three masks. A study can be planned in two
ways: by ``patients``, with one job per patient that plans the patient's steps when it runs; or all ``steps``
of all patients at once. ``one`` is the plan of one patient's job in a study of this size. Time is CPU time,
and memory the largest resident set of the snakemake process. Fails if the plan by patients, or that of one
of them, exceeds the limits below.
"""

from __future__ import annotations

import argparse
import os
import pstats
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).parents[1]
LIMIT_SUBJECTS, LIMIT_SECONDS, LIMIT_MB = 1000, 120, 2000
# Snakefile and, for one patient, the target of each plan.
PLANS = {
    "patients": ("workflow/by_patient.smk",),
    "one": ("workflow/Snakefile", "derivatives/strokeprep-work/privacy/sub-0001.json"),
    "steps": ("workflow/Snakefile",),
}
ALL_STEPS_UP_TO = 100  # subjects; 1,000 take minutes, so they are planned by patients
COLUMNS = ("plan", "subjects", "jobs", "cpu_s", "wall_s", "memory_mb", "cpu_ms_per_job")
SLOWEST = 25

SUBJECT_FILES = [
    "{s}/ses-01/ct/{s}_ses-01_acq-ncct_ct.nii.gz",
    "{s}/ses-01/ct/{s}_ses-01_acq-cta_ct.nii.gz",
    "{s}/ses-01/ct/{s}_ses-01_acq-ctp_ct.nii.gz",
    "{s}/ses-02/dwi/{s}_ses-02_S0map.nii.gz",
    "{s}/ses-02/dwi/{s}_ses-02_trace.nii.gz",
    "{s}/ses-02/dwi/{s}_ses-02_ADC.nii.gz",
    "{s}/ses-02/anat/{s}_ses-02_T1w.nii.gz",
    "derivatives/manual/{s}/ses-01/anat/{s}_ses-01_acq-cta_space-orig_label-LVO_mask.nii.gz",
    "derivatives/manual/{s}/ses-01/anat/{s}_ses-01_acq-cta_space-orig_seg-CoW_dseg.nii.gz",
    "derivatives/manual/{s}/ses-02/dwi/{s}_ses-02_space-orig_label-L_desc-infarct_mask.nii.gz",
]


def study(folder: Path, subjects: int) -> Path:
    """Make a tree of this many subjects; returns the config that reads it."""
    for index in range(1, subjects + 1):
        for name in SUBJECT_FILES:
            path = folder / "raw" / name.format(s=f"sub-{index:04d}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    config = folder / "study.yaml"
    settings = {"study": {"layout": "bids", "root": "raw"}, "output": "derivatives/strokeprep"}
    config.write_text(yaml.safe_dump(settings))
    return config


def planned(folder: Path, config: Path, plan: str, profile: bool) -> dict[str, float]:
    """The jobs that a dry run plans and what it costs, by the names of the columns."""
    snakefile, *targets = PLANS[plan]
    command = [sys.executable, *(["-m", "cProfile", "-o", "plan.prof"] if profile else [])]
    command += ["-m", "snakemake", *targets, "--snakefile", str(REPOSITORY / snakefile)]
    command += ["--directory", str(folder), "--configfile", str(config), "--cores", "2"]
    command += ["--profile", "none", "--dry-run", "--quiet", "rules"]
    start = time.perf_counter()
    with (folder / "plan.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        _, status, usage = os.wait4(process.pid, 0)
    text = (folder / "plan.log").read_text()
    total = re.search(r"^total +(\d+)$", text, re.MULTILINE)
    if status or not total:
        raise SystemExit(f"The dry run failed:\n{text[-2000:]}")
    cpu, jobs = usage.ru_utime + usage.ru_stime, int(total[1])
    return {
        "jobs": jobs,
        "cpu_s": cpu,
        "wall_s": time.perf_counter() - start,
        "memory_mb": usage.ru_maxrss / 1024,
        "cpu_ms_per_job": 1000 * cpu / jobs,
    }


def kept(row: dict[str, float]) -> bool:
    """Whether a plan is within the limits, or they do not apply to it."""
    within = row["cpu_s"] <= LIMIT_SECONDS and row["memory_mb"] <= LIMIT_MB
    return within or row["subjects"] > LIMIT_SUBJECTS or row["plan"] == "steps"


def shown(value: str | float) -> str:
    """A cell of the table."""
    return value if isinstance(value, str) else f"{value:.6g}"


def line(row: dict[str, str | float], separator: str = "") -> str:
    """A line of the table; without a separator its columns are aligned."""
    cells = [shown(row[column]) for column in COLUMNS]
    return separator.join(cells) if separator else "".join(f"{cell:>16}" for cell in cells)


def measured(subjects: int, plans: Sequence[str], profile: bool) -> Iterator[dict]:
    """The rows of the table for one size of study."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = study(folder, subjects)
        for plan in plans:
            yield {"plan": plan, "subjects": subjects} | planned(folder, config, plan, profile)
            if profile:
                stats = pstats.Stats(str(folder / "plan.prof"))
                stats.sort_stats("tottime").print_stats(SLOWEST)


def main() -> int:
    """Print and write the table; returns 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subjects", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--plans", nargs="+", choices=PLANS, help="only these, at any size")
    parser.add_argument("--profile", action="store_true", help="also profile each plan")
    parser.add_argument("--out", type=Path, help="also write the table here")
    given = parser.parse_args()
    rows = []
    print(line(dict(zip(COLUMNS, COLUMNS, strict=True))), flush=True)
    for subjects in given.subjects:
        usual = [plan for plan in PLANS if plan != "steps" or subjects <= ALL_STEPS_UP_TO]
        for row in measured(subjects, given.plans or usual, given.profile):
            rows.append(row)
            print(line(row), flush=True)
    if given.out:
        given.out.parent.mkdir(exist_ok=True)
        lines = ["\t".join(COLUMNS), *(line(row, "\t") for row in rows)]
        given.out.write_text("\n".join(lines) + "\n")
    return 0 if all(map(kept, rows)) else 1


if __name__ == "__main__":
    sys.exit(main())

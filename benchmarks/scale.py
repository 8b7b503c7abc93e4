"""What planning costs as a study grows: a dry run over trees of empty files, no image in them.

    python benchmarks/scale.py [--subjects 1 10 100 1000] [--profile] [--out scale.tsv]

A subject has NCCT, CTA, CT perfusion, DWI (three images), T1w and three masks. Time is CPU time and
memory the largest resident set of the snakemake process. Fails where a study of 1,000 takes more
than the limits below.
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
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).parents[1]
LIMIT_SUBJECTS, LIMIT_SECONDS, LIMIT_MB = 1000, 120, 2000
COLUMNS = ("subjects", "jobs", "cpu_s", "wall_s", "memory_mb", "cpu_ms_per_job")
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
    """A tree of that many subjects and the config that reads it."""
    for index in range(1, subjects + 1):
        for name in SUBJECT_FILES:
            path = folder / "raw" / name.format(s=f"sub-{index:04d}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    config = folder / "study.yaml"
    config.write_text(yaml.safe_dump({"study": {"layout": "bids", "root": "raw"}}))
    return config


def planned(folder: Path, config: Path, profile: bool) -> dict[str, float]:
    """What a dry run plans and costs, under the names of the columns."""
    command = [sys.executable, *(["-m", "cProfile", "-o", "plan.prof"] if profile else [])]
    command += ["-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
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
    """Whether a study that is not larger than the limit's keeps the limits."""
    within = row["cpu_s"] <= LIMIT_SECONDS and row["memory_mb"] <= LIMIT_MB
    return within or row["subjects"] > LIMIT_SUBJECTS


def main() -> int:
    """Print and write the table; 1 if a limit is not kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subjects", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--profile", action="store_true", help="say where the time goes, too")
    parser.add_argument("--out", type=Path, help="also write the table here")
    given = parser.parse_args()
    rows = []
    print("".join(f"{column:>16}" for column in COLUMNS), flush=True)
    for subjects in given.subjects:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            row = {"subjects": subjects}
            row |= planned(folder, study(folder, subjects), given.profile)
            rows.append(row)
            print("".join(f"{row[column]:>16.6g}" for column in COLUMNS), flush=True)
            if given.profile:
                pstats.Stats(str(folder / "plan.prof")).sort_stats("tottime").print_stats(SLOWEST)
    if given.out:
        lines = ["\t".join(COLUMNS), *("\t".join(f"{r[c]:.6g}" for c in COLUMNS) for r in rows)]
        given.out.write_text("\n".join(lines) + "\n")
    return 0 if all(map(kept, rows)) else 1


if __name__ == "__main__":
    sys.exit(main())

"""Snakemake's scheduler sleeps while there is nothing to start."""

from __future__ import annotations

import pytest
import trees
from workflow_tools import REPOSITORY, snakemake

TELLING = f"""\
include: "{REPOSITORY}/workflow/Snakefile"

onstart:
    begin()
    print(f"limited: {{workflow.scheduler.job_rate_limiter is not None}}", file=sys.stderr)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "limited"), [((), False), (("--max-jobs-per-timespan", "9/1s"), True)]
)
def test_jobs_a_second_are_limited_only_where_the_user_says_so(tmp_path, asked, limited):
    trees.make(tmp_path / "raw", ["sub-01/anat/sub-01_T1w.nii.gz"])
    (tmp_path / "Snakefile").write_text(TELLING)
    config = {"study": {"layout": "bids", "root": "raw"}, "output": "release", "work": "work"}
    command = ["--snakefile", str(tmp_path / "Snakefile"), *asked, "work/dataset/participants.tsv"]
    done = snakemake(tmp_path, config, *command)
    assert done.returncode == 0, done.stderr
    assert f"limited: {limited}" in done.stderr

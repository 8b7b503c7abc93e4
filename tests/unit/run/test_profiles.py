"""The profiles fit the workflow they are for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from strokeprep.settings import config
from workflow_tools import REPOSITORY, snakemake

SLURM = yaml.safe_load((REPOSITORY / "profiles/slurm/config.yaml").read_text())


def test_what_the_slurm_profile_names_is_there():
    snakefile = REPOSITORY / SLURM["snakefile"]
    defined = set(re.findall(r"^rule (\w+):", snakefile.read_text(), re.MULTILINE))
    assert set(SLURM["set-threads"]) | set(SLURM["set-resources"]) == {"patient"} <= defined


def test_a_patients_job_has_the_cpus_a_registration_asks_for(tmp_path):
    study = {"study": {"layout": "bids", "root": str(tmp_path)}}
    assert SLURM["set-threads"]["patient"] >= config.load(study).threads.registration


def test_a_patients_job_holds_its_largest_step():
    rules = "".join(path.read_text() for path in (REPOSITORY / "workflow/rules").glob("*.smk"))
    claims = re.findall(r"^ +mem_mb=(.+)$", rules, re.MULTILINE)
    largest = max(int(number) for claim in claims for number in re.findall(r"\d{4,}", claim))
    allowed = SLURM["set-resources"]["patient"]["mem_mb"]
    assert eval(allowed, {"attempt": 1}) > largest
    assert eval(allowed, {"attempt": 2}) > eval(allowed, {"attempt": 1})


@pytest.mark.slow
def test_jobs_on_a_workstation_share_its_memory(tmp_path):
    (tmp_path / "Snakefile").write_text("rule all:\n    output: 'x'\n    shell: 'touch {output}'\n")
    done = snakemake(tmp_path, None, "--snakefile", str(tmp_path / "Snakefile"))
    provided = re.search(r"^Provided resources: .*mem_mb\D+(\d+)", done.stderr, re.MULTILINE)
    total_kb = int(re.search(r"MemTotal: +(\d+)", Path("/proc/meminfo").read_text())[1])
    assert int(provided[1]) == pytest.approx(0.8 * total_kb * 1.024e-3, rel=0.1)

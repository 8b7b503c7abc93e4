"""The workflow can be a part of another: declared as a module, with a config of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import trees
import yaml
from strokeprep.io import tables
from study_designs import design
from workflow_tools import REPOSITORY, jobs, snakemake

OUTER = """\
configfile: "outer.yaml"

module strokeprep:
    snakefile: "{snakefile}"
    config: config["preparation"]

use rule * from strokeprep as {names}

onsuccess: strokeprep.conclude()

rule default:
    default_target: True
    input: rules.{all}.input
"""


def outer(folder: Path, config: dict, names: str, *arguments: str) -> subprocess.CompletedProcess:
    """A call of a workflow that takes all rules of this one under names of its own."""
    snakefile = REPOSITORY / "workflow/Snakefile"
    text = OUTER.format(snakefile=snakefile, names=names, all=names.replace("*", "all"))
    (folder / "Snakefile").write_text(text)
    (folder / "outer.yaml").write_text(yaml.safe_dump({"preparation": config}))
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--nocolor", "--profile", "none"]
    return subprocess.run(
        [*command, *arguments], capture_output=True, text=True, cwd=folder, check=False
    )


@pytest.mark.parametrize("names", ["*", "strokeprep_*"])
def test_a_module_plans_the_jobs_of_the_workflow(tmp_path, names):
    config = design("bids", trees.bids(tmp_path / "raw"))
    planned = jobs(outer(tmp_path, config, names, "--dry-run"))
    alone = jobs(snakemake(tmp_path, config, "--dry-run"))
    assert planned == {names.replace("*", rule): count for rule, count in alone.items()}


def test_a_module_works_on_its_own_config_and_says_in_the_end_how_every_subject_fares(tmp_path):
    trees.make(tmp_path / "raw", ["sub-01/anat/sub-01_T1w.nii.gz"])
    (tmp_path / "raw/participants.tsv").write_text("participant_id\tage\nsub-01\t60\n")
    config = {"study": {"layout": "bids", "root": "raw"}, "output": "release", "work": "work"}
    done = outer(tmp_path, config, "strokeprep_*", "work/dataset/participants.tsv")
    assert done.returncode == 0, done.stdout + done.stderr
    [row] = tables.read(tmp_path / "work/dataset/participants.tsv")
    assert (row["participant_id"], row["age"]) == ("sub-01", "60")
    [status] = tables.read(tmp_path / "release/docs/qc/status.tsv")
    assert (status["participant_id"], status["status"]) == ("sub-01", "unfinished")


def test_the_catalogue_of_workflows_finds_what_it_looks_for():
    usage = yaml.safe_load((REPOSITORY / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage["software-stack-deployment"]["conda"] is True
    assert usage["report"] is True
    for name in ("README.md", "LICENSE", "config/README.md", "workflow/Snakefile"):
        assert (REPOSITORY / name).is_file()

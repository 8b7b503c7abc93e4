"""What make hands to the workflow, and where it lets anything be written."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from snakemake.cli import parse_config
from snakemake.utils import update_config
from strokeprep.settings import config
from strokeprep.settings.study import PhantomSettings
from workflow_tools import REPOSITORY, jobs, snakemake


def make(*arguments: str, folder: Path = REPOSITORY) -> str:
    """What make says, undisturbed by the make that may run the tests."""
    outside = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    done = subprocess.run(
        ["make", *arguments], cwd=folder, env=outside, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def demo() -> tuple[list[str], list[str]]:
    """The words of the command that ``make demo`` runs, and of that which judges the result."""
    shown = make("-n", "demo", "SEED=3", "SUBJECTS=4", "SIZE=clinical", "DIR=x", "CORES=5")
    run, judge = (
        shlex.split(line)
        for line in shown.replace("\\\n", "").splitlines()
        if re.search(r"bin/(snakemake|strokeprep) ", line)
    )
    return run, judge


def test_make_demo_simulates_the_study_that_it_was_asked_for(demo):
    command, _ = demo
    at = command.index("--config")
    shipped = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
    update_config(shipped, parse_config(command[at + 1 :]))
    asked = config.load(shipped)
    assert asked.phantom == PhantomSettings(folder="x", subjects=4, seed=3, size="clinical")
    assert (asked.output, asked.work) == ("x/derivatives", "x/work")
    assert command[1:at] == ["--cores", "5"]


def test_the_workflow_plans_what_make_demo_asks_for(demo, tmp_path):
    command, _ = demo
    process = snakemake(tmp_path, None, "--dry-run", *command[1:])
    counts = jobs(process)
    assert (counts["phantom"], counts["score"], counts["accuracy"]) == (4, 4, 1)
    assert re.search(r"output: x/work/dataset/docs/qc/accuracy\.tsv", process.stdout)


@pytest.mark.parametrize("study", ["jhu", "atlas"])
def test_make_demo_of_another_kind_of_study_switches_on_what_that_has(study):
    shown = make("-n", "demo", f"STUDY={study}").replace("\\\n", "")
    (line,) = (line for line in shown.splitlines() if "bin/snakemake" in line)
    command = shlex.split(line)
    files, at = command.index("--configfile"), command.index("--config")
    merged: dict = {}
    for path in command[files + 1 : at]:
        update_config(merged, yaml.safe_load((REPOSITORY / path).read_text()))
    end = next((i for i in range(at + 1, len(command)) if "=" not in command[i]), len(command))
    update_config(merged, parse_config(command[at + 1 : end]))
    asked = config.load(merged)
    assert asked.phantom is not None
    assert asked.phantom.study == study
    assert asked.lesions.tables


def test_make_cohort_scores_the_maps_of_a_simulated_study(tmp_path):
    shown = make("-n", "cohort", "STUDY=jhu", "DIR=x").replace("\\\n", "")
    (command,) = (shlex.split(line) for line in shown.splitlines() if "snakemake cohort " in line)
    files = [str(REPOSITORY / word) if word.endswith(".yaml") else word for word in command[1:]]
    process = snakemake(tmp_path, None, "--dry-run", *files)
    assert process.returncode == 0, process.stdout + process.stderr
    assert re.search(r"^score_cohort +1$", process.stdout, re.MULTILINE)


def test_make_demo_ends_with_the_verdict_on_its_own_folder(demo):
    assert demo[1] == [".venv/bin/strokeprep", "accuracy", "x"]


def test_make_release_adds_the_release_of_the_same_study():
    shown = make("-n", "release", "DIR=x", "CORES=5").replace("\\\n", "")
    lines = [shlex.split(line) for line in shown.splitlines() if "bin/snakemake" in line]
    study, release = ([word for word in line if word != "release"] for line in lines)
    assert study == release and "release" in lines[1]
    at = release.index("--config")
    shipped = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
    update_config(shipped, parse_config(release[at + 1 :]))
    asked = config.load(shipped).release
    assert (asked.folder, asked.preview, asked.archive) == ("x/release", True, "isles24")


def test_temporary_files_stay_in_the_checkout_until_make_clean(tmp_path):
    shutil.copy(REPOSITORY / "Makefile", tmp_path)
    (tmp_path / "more.mk").write_text("some:\n\t@mktemp\n")
    made = Path(make("-f", "Makefile", "-f", "more.mk", "some", folder=tmp_path).strip())
    assert made.is_file() and made.is_relative_to(tmp_path)
    make("clean", folder=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"Makefile", "more.mk"}

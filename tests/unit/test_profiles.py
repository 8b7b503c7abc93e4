"""The profiles fit the workflow they are for."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest
import trees
import yaml
from strokeprep import config
from workflow_tools import REPOSITORY, snakemake

RULES = REPOSITORY / "workflow/rules"
SLURM = yaml.safe_load((REPOSITORY / "profiles/slurm/config.yaml").read_text())


def rules_of(path: Path) -> set[str]:
    """The rules a file defines that are jobs of a cluster."""
    text = path.read_text()
    found = re.findall(r"^(?:rule|use rule \w+ as) (\w+)", text, re.MULTILINE)
    local = re.search(r"^localrules:\n((?:    \w+,\n)+)", text, re.MULTILINE)
    return set(found) - set(re.findall(r"\w+", local[1]) if local else ())


@pytest.fixture(scope="module")
def edges(tmp_path_factory) -> set[tuple[str, str]]:
    """Which rule hands files to which, in a study that uses every rule."""
    folder = tmp_path_factory.mktemp("rulegraph")
    study = {"study": {"layout": "bids", "root": str(trees.bids(folder / "raw"))}}
    shown = snakemake(folder, study, "--rulegraph").stdout
    names = dict(re.findall(r'(\d+)\[label = "(\w+)"', shown))
    return {(names[a], names[b]) for a, b in re.findall(r"(\d+) -> (\d+)", shown)}


def test_every_rule_of_a_patient_is_in_a_group():
    patients = {rule for path in RULES.glob("*.smk") for rule in rules_of(path)}
    assert set(SLURM["groups"]) == patients - rules_of(RULES / "phantom.smk")


def test_what_gets_a_time_of_its_own_is_a_rule():
    assert set(SLURM["set-resources"]) <= set(SLURM["groups"])


def test_no_path_leaves_a_group_and_comes_back(edges):
    """A group that waits for a job that waits for the group would never start."""
    after = defaultdict(set)
    for before, then in edges:
        after[before].add(then)
    group = SLURM["groups"]
    for rule in group:
        outside = [then for then in after[rule] if group.get(then) != group[rule]]
        seen = set(outside)
        while outside:
            new = after[outside.pop()] - seen
            seen |= new
            outside += new
        assert not [then for then in seen if group.get(then) == group[rule]], rule


def test_perfusion_waits_for_the_images_and_never_they_for_it(edges):
    crossing = {
        (SLURM["groups"][a], SLURM["groups"][b])
        for a, b in edges
        if a in SLURM["groups"] and b in SLURM["groups"]
    }
    assert {before for before, then in crossing if then == "images"} == {"images"}
    assert {before for before, then in crossing if then == "perfusion"} == {"images", "perfusion"}


def test_a_slurm_job_has_the_cpus_a_registration_asks_for(tmp_path):
    schema = REPOSITORY / "workflow/schemas/config.schema.yaml"
    study = {"study": {"layout": "bids", "root": str(tmp_path)}}
    assert SLURM["cores"] >= config.load(study, schema)["threads"]["registration"]


def test_jobs_on_a_workstation_share_its_memory(tmp_path):
    (tmp_path / "Snakefile").write_text("rule all:\n    output: 'x'\n    shell: 'touch {output}'\n")
    done = snakemake(tmp_path, None, "--snakefile", str(tmp_path / "Snakefile"))
    provided = re.search(r"^Provided resources: .*mem_mb\D+(\d+)", done.stderr, re.MULTILINE)
    total_kb = int(re.search(r"MemTotal: +(\d+)", Path("/proc/meminfo").read_text())[1])
    assert int(provided[1]) == pytest.approx(0.8 * total_kb * 1.024e-3, rel=0.1)

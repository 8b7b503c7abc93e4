"""Proposals of infarcts are made on request alone, outside of the dataset, and are nobody's mask."""

from __future__ import annotations

import trees
from strokeprep.settings import config
from strokeprep.study.layouts import designs
from workflow_tools import jobs, snakemake


def study(root, **sections) -> dict:
    return {"study": {"layout": "bids", "root": str(root)}} | sections


def test_a_proposal_is_drawn_on_each_diffusion_scan_in_the_work_folder(tmp_path):
    given = study(trees.bids(tmp_path / "raw"), proposal={"backend": "stroke-segmentor"})
    process = snakemake(tmp_path, given, "propose", "--dry-run")
    planned = jobs_of(process)
    assert (planned["proposal"], planned["brain"]) == (1, 1)
    name = "sub-01/ses-02/dwi/sub-01_ses-02_space-orig_label-L_desc-proposal_mask.nii.gz"
    assert f"work/proposals/{name}" in process.stdout
    assert f"dataset/{name}" not in process.stdout


def jobs_of(process) -> dict[str, int]:
    """The jobs of a plan whose target is a rule's."""
    lines = (line.split() for line in process.stdout.splitlines())
    return {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdigit()}


def test_a_run_makes_no_proposals(tmp_path):
    given = study(trees.bids(tmp_path / "raw"), proposal={"backend": "stroke-segmentor"})
    assert "proposal" not in jobs(snakemake(tmp_path, given, "--dry-run"))


def test_without_a_backend_the_message_says_what_to_set(tmp_path):
    process = snakemake(tmp_path, study(trees.bids(tmp_path / "raw")), "propose", "--dry-run")
    assert process.returncode != 0
    assert "set proposal.backend" in process.stdout + process.stderr


def test_a_proposal_among_the_manual_masks_is_not_read_as_one(tmp_path):
    root = trees.bids(tmp_path)
    dwi = f"{trees.MANUAL}/sub-01/ses-02/dwi/sub-01_ses-02"
    before = designs.read(config.load(study(root)))
    trees.make(root, [f"{dwi}_space-orig_label-L_desc-proposal_mask.nii.gz"])
    assert designs.read(config.load(study(root))) == before

"""Maps of the finished built-in study, on request; they leave the output when a patient changes."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from strokeprep.io import tables
from strokeprep.report.pages import steps
from strokeprep.review import verdicts
from strokeprep.review.verdicts import Verdict
from workflow_tools import snakemake

GIVEN = ("--config", 'phantom={"subjects": 2}')
# Of a copied study, the files tell what is current: what Snakemake remembers holds other paths.
QUIET = ("--quiet", "rules", "--rerun-triggers", "mtime")


def linked(source: str, target: str) -> None:
    """A copy of a file that may be changed, or an image that may not and takes no room."""
    (os.link if source.endswith(".nii.gz") else shutil.copy2)(source, target)


@pytest.fixture(scope="module")
def copied(demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a copy of the finished study."""
    folder = tmp_path_factory.mktemp("cohort")
    for name in ("raw", "truth", "derivatives", "work"):
        shutil.copytree(demo.folder / "demo" / name, folder / "demo" / name, copy_function=linked)
    (folder / "demo/work/lock").unlink(missing_ok=True)
    return folder


def run(folder: Path, *arguments: str) -> None:
    process = snakemake(folder, None, *arguments, *QUIET, *GIVEN)
    assert process.returncode == 0, (process.stdout + process.stderr)[-4000:]


def test_all_patients_are_in_the_maps_until_one_changes(copied):
    run(copied, "cohort")
    output = copied / "demo/derivatives"
    members = tables.read(output / "docs/cohort/members.tsv")
    assert [row["participant_id"] for row in members] == ["sub-01", "sub-02"]
    masks = (output / "docs/cohort/lesions.txt").read_text().split()
    (share,) = output.glob("tpl-*/anat/*_label-L_probseg.nii.gz")
    mean = np.mean([nib.load(output / mask).get_fdata() for mask in masks], axis=0)
    assert np.array_equal(nib.load(share).get_fdata(), mean)

    # A patient's part is made anew: what was made of the old one goes.
    listed = copied / "demo/work/released/sub-01.json"
    entries = json.loads(listed.read_text())
    name = next(iter(entries))
    listed.write_text(json.dumps({key: value for key, value in entries.items() if key != name}))
    (output / name).unlink()
    run(copied, "privacy_dataset", "--force")
    assert not list(output.glob("tpl-*")) and not (output / "docs/cohort").exists()


def test_a_patient_whom_a_rater_rejected_is_in_no_map(copied):
    brain = next(s for s in steps.read(copied / "demo/work/dataset", "02") if s.step == "brain")
    rejected = Verdict("sub-02", brain.step, "bad", brain.version)
    verdicts.add(copied / "demo/work/review/verdicts_A.tsv", [rejected])
    run(copied, "cohort", "--forcerun", "cohort_maps")  # mtimes tell nothing of verdicts
    output = copied / "demo/derivatives"
    members = tables.read(output / "docs/cohort/members.tsv")
    assert [row["participant_id"] for row in members] == ["sub-01"]
    (share,) = output.glob("tpl-*/anat/*_label-L_probseg.json")
    assert json.loads(share.read_text())["Excluded"] == ["1 patients: left out by a review"]

"""A correction makes again what depends on it and no more."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import trees
from strokeprep.run import patients
from study_designs import design
from workflow_tools import jobs, snakemake

VISIT = "sub-01/ses-01/{}/sub-01_ses-01_acq-{}_"
NAMES = {
    "brain": VISIT.format("anat", "ncct") + "space-orig_desc-brain_mask.nii.gz",
    "registration": VISIT.format("ct", "cta_ce-iohexol") + "from-cta_to-ncct_mode-image_xfm.txt",
    "artery": VISIT.format("perf", "ctp") + "space-orig_label-artery_mask.nii.gz",
}
OF_IMAGES = dict.fromkeys(("measure", "audit", "subject_report", "privacy"), 1)
OF_PERFUSION = {"resample_perfusion": 2} | dict.fromkeys(
    (
        "perfusion",
        "perfusion_regions",
        "measure_perfusion",
        "audit_perfusion",
        "perfusion_report",
        "privacy_perfusion",
    ),
    1,
)
# The jobs that each makes run again, beside its own check.
EXPECTED = {
    # All of the patient but the checks of raw files, the locations and brains of other scans, and
    # labels as they were drawn.
    "brain": OF_IMAGES | OF_PERFUSION | {
        "brain": 1,
        "face": 3,  # ncct, and cta and ctp, which have no brain of their own
        "deface": 3,
        "strip": 1,
        "motion": 1,
        "one_second": 1,
        "one_second_moved": 1,
        "register": 3,
        "normalise": 1,
        "resample": 12,
        "resample_label": 10,
    },
    "registration": OF_IMAGES | {"register": 1, "resample": 2, "resample_label": 2},
    "artery": OF_PERFUSION,
}  # fmt: skip


def touched(folder: Path, config: dict) -> None:
    """Put an empty file in place of every output that is planned, as if all had been made."""
    planned = snakemake(folder, config, "--dry-run")
    for outputs in re.findall(r"^    output: (.+)$", planned.stdout, re.MULTILINE):
        for name in outputs.split(", "):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    done = snakemake(folder, config, "--touch", "--quiet", "rules")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The folder and the config of a study of empty files, all of which are made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(patients.WITHIN, "01")  # no page of all patients is made of empty files
        folder = tmp_path_factory.mktemp("touched")
        config = design("bids", trees.bids(folder / "raw"))
        config["study"]["subjects"] = ["01"]
        config |= {"output": "out", "work": "work"}
        touched(folder, config)
        yield folder, config


def corrected(study, *words: str) -> dict:
    """The config with corrections of these outputs alone."""
    folder, config = study
    for word, name in NAMES.items():
        path = folder / "corrections" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(word) if word in words else path.unlink(missing_ok=True)
    return config | {"study": config["study"] | {"corrections": "corrections"}}


def test_without_a_correction_nothing_is_to_be_done(study):
    process = snakemake(study[0], corrected(study), "--dry-run")
    assert "Nothing to be done" in process.stdout + process.stderr


@pytest.mark.parametrize("word", NAMES)
def test_exactly_what_depends_on_a_correction_is_made_again(study, word):
    process = snakemake(study[0], corrected(study, word), "--dry-run")
    assert jobs(process) == EXPECTED[word] | {"accept": 1}

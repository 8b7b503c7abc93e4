"""Which jobs want a network, and that a run without weights never begins."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import trees
import yaml
from strokeprep.segmentation.weights import store
from strokeprep.settings.backends import MODELS, Model
from workflow_tools import REPOSITORY, jobs, snakemake

NAMES = ("total-fast", "hd-bet")


def study(root, **sections) -> dict:
    """The shipped config for raw BIDS, pointed at a tree."""
    config = yaml.safe_load((REPOSITORY / "config/bids.yaml").read_text())
    config["study"]["root"] = str(trees.bids(root))
    return config | sections


def unpacked(model: Model, place: Path) -> None:
    """A model's files, without any weights in them."""
    for pattern in model.files:
        path = place / pattern.replace("*", "trainer")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")


def weights(folder, names=NAMES, digest="0" * 64) -> None:
    """What a fetch leaves behind, without any weights in it."""
    for name in names:
        place = folder / MODELS[name].folder
        unpacked(MODELS[name], place)
        store.write_record(MODELS[name], place, None)
        record = json.loads((place / store.RECORD).read_text())
        (place / store.RECORD).write_text(json.dumps(record | {"digest": digest}))


def planned(process, rule: str) -> list[str]:
    """What a dry run says about each job of a rule."""
    assert process.returncode == 0, process.stdout + process.stderr
    return re.findall(rf"^rule {rule}:\n((?:    .*\n)+)", process.stdout, re.MULTILINE)


def test_a_dry_run_needs_no_weights_and_says_which_are_missing(tmp_path):
    process = snakemake(tmp_path, study(tmp_path / "raw"), "--dry-run")
    assert jobs(process)["brain"] == 5
    command = "make models MODELS='total-fast hd-bet' FOLDER=models"
    assert f"weights of total-fast, hd-bet are missing in models: {command}" in process.stderr
    weights(tmp_path / "models")
    process = snakemake(tmp_path, study(tmp_path / "raw"), "--dry-run")
    assert "missing" not in process.stderr


def test_a_run_without_weights_stops_before_its_first_job_with_one_message(tmp_path):
    weights(tmp_path / "models", ["hd-bet"])
    process = snakemake(tmp_path, study(tmp_path / "raw", models={"offline": "/media/usb"}))
    shown = process.stdout + process.stderr
    assert process.returncode == 1
    assert shown.count("weights of total-fast are missing") == 1
    assert "make models MODELS='total-fast' FOLDER=models FROM=/media/usb" in shown
    assert "Traceback" not in shown
    assert not (tmp_path / "derivatives").exists() and not (tmp_path / "work").exists()


def test_where_a_brain_s_network_lacks_its_weights_the_small_one_is_named_too(tmp_path):
    weights(tmp_path / "models", ["hd-bet"])
    process = snakemake(tmp_path, study(tmp_path / "raw"))
    small = "make models MODELS='mindgrab' FOLDER=models"
    said = f"; or set brain.ct to mindgrab, whose weights are half a megabyte ({small})"
    assert process.returncode == 1 and said in process.stdout + process.stderr
    process = snakemake(tmp_path, study(tmp_path / "raw"), "--dry-run")
    assert said in process.stderr
    weights(tmp_path / "models", ["mindgrab"])
    process = snakemake(tmp_path, study(tmp_path / "raw"), "--dry-run")
    assert "or set brain.ct to mindgrab, whose weights are half a megabyte\n" in process.stderr


def test_mindgrab_finds_brains_without_torch_or_gpu(tmp_path):
    brain, faces = (dict.fromkeys(("ct", "mr"), name) for name in ("mindgrab", "template"))
    config = study(tmp_path / "raw", brain=brain, deface=faces, threads={"segmentation": 2})
    process = snakemake(tmp_path, config, "--dry-run", "--cores", "2", "--resources", "gpu=1")
    assert "the weights of mindgrab are missing" in process.stderr
    assert "or set brain" not in process.stderr
    brains = planned(process, "brain")
    assert len(brains) == 5
    assert all("gpu=0" in job and "threads: 2" in job for job in brains)


def test_a_run_whose_jobs_need_no_weights_is_not_stopped_for_them(tmp_path):
    config = study(tmp_path / "raw")
    (tmp_path / "raw/participants.tsv").unlink()  # an empty one is refused
    process = snakemake(tmp_path, config, "--until", "dataset")
    assert process.returncode == 0, process.stdout + process.stderr


@pytest.mark.parametrize(("device", "gpus"), [("auto", 1), ("cuda:1", 1), ("cpu", 0)])
def test_only_jobs_with_a_network_ask_for_a_gpu(tmp_path, device, gpus):
    config = study(tmp_path / "raw", models={"device": device})
    process = snakemake(tmp_path, config, "--dry-run", "--resources", "gpu=1")
    asked = {
        rule: {int(each) for job in planned(process, rule) for each in re.findall(r"gpu=(\d)", job)}
        for rule in ("brain", "face", "register", "deface")
    }
    # Faces of CT are found by a network here, those of MR are not.
    assert asked == {"brain": {gpus}, "face": {0, gpus}, "register": set(), "deface": set()}


def test_a_ct_patient_gets_the_brain_of_the_mr(tmp_path):
    process = snakemake(tmp_path, study(tmp_path / "raw"), "--dry-run")
    moved = "dwi/sub-01_ses-02_space-ncct_desc-brain_mask.nii.gz"
    [job] = [each for each in planned(process, "resample_label") if moved in each]
    assert "dwi/sub-01_ses-02_space-orig_desc-brain_mask.nii.gz" in job
    assert "ct/sub-01_ses-01_acq-ncct_desc-defaced_ct.nii.gz" in job  # whose grid it is on


def test_a_face_found_on_the_first_ct_is_carried_to_the_others_of_its_session(tmp_path):
    process = snakemake(tmp_path, study(tmp_path / "raw"), "--dry-run")
    first = "acq-ncct_space-orig_label-face_mask.nii.gz"
    carried = {}
    for job in planned(process, "face"):
        given, made = re.findall(r"(?:input|output): (.*)", job)
        carried[made.split("/")[-1].split("_space")[0]] = first in given
    assert carried == {
        "sub-01_ses-01_acq-ncct": False,
        "sub-01_ses-01_acq-cta_ce-iohexol": True,
        "sub-01_ses-01_acq-ctp": True,
        "sub-01_ses-02": False,  # MR
        "sub-02_acq-ncct": False,
        "sub-02_acq-flair": False,
        "sub-02_run-1": False,
    }


def test_the_models_rule_takes_what_the_study_needs_from_a_folder(tmp_path):
    known = {}
    for name in NAMES:
        place = tmp_path / "usb" / MODELS[name].folder
        unpacked(MODELS[name], place)
        known[name] = store.digest_of(place)
    models = {"offline": str(tmp_path / "usb"), "folder": "here", "sha256": known}
    config = study(tmp_path / "raw", models=models)
    process = snakemake(tmp_path, config, "models")
    assert process.returncode == 0, process.stdout + process.stderr
    assert store.missing(NAMES, tmp_path / "here") == []
    assert all(store.verified(name, tmp_path / "here", known) for name in NAMES)

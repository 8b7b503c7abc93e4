"""Every study design plans exactly the jobs it needs, over trees of empty files."""

from __future__ import annotations

import re
from pathlib import Path
from subprocess import CompletedProcess
from typing import NamedTuple

import pytest
import trees
from study_designs import design
from workflow_tools import jobs, snakemake

# Whatever the layout: two skull-stripped or whole views of an NCCT go to the template, every
# other image to the reference and the template, every brain mask to both.
EXPECTED = {
    "bids": {
        "admit": 2,
        "approach": 2,  # cta and ctp, which have no brain mask of their own
        "face": 7,  # sub-01: ncct, cta, ctp, dwi; sub-02: ncct, t1w, flair
        "deface": 9,  # DWI has three images
        "motion": 1,
        "one_second": 1,
        "one_second_moved": 1,
        "perfusion": 1,
        "perfusion_regions": 1,
        "brain": 5,  # ncct and dwi; ncct, t1w and flair
        "strip": 7,
        "register": 5,  # cta, ctp, dwi; t1w, flair
        "normalise": 2,
        "resample": 18,
        "label": 3,  # lvo and infarct; infarct. The Circle of Willis came on the NCCT.
        "resample_label": 18,
        "resample_perfusion": 2,
        "measure": 2,
        "audit": 2,
        "subject_report": 2,
        "privacy": 2,
        "measure_perfusion": 1,
        "audit_perfusion": 1,
        "perfusion_report": 1,
        "privacy_perfusion": 1,
        "dataset": 1,
        "privacy_dataset": 1,
    },
    "bids_protocol": {
        "admit": 2,
        "approach": 3,  # ctp, tof and pwi
        "face": 12,
        "deface": 14,
        "average": 1,  # the MR perfusion series
        "motion": 1,  # the CT perfusion series, as the next three
        "one_second": 1,
        "one_second_moved": 1,
        "perfusion": 1,
        "perfusion_regions": 1,
        "brain": 9,  # dwi, three t1w, t2w, flair, swi, t2star; cta, as it is the reference
        "strip": 11,
        "register": 10,
        "normalise": 2,
        "resample": 25,
        "label": 2,  # infarcts on dwi and flair
        "resample_label": 21,
        "resample_perfusion": 2,
        "measure": 2,
        "audit": 2,
        "subject_report": 2,
        "privacy": 2,
        "measure_perfusion": 1,
        "audit_perfusion": 1,
        "perfusion_report": 1,
        "privacy_perfusion": 1,
        "dataset": 1,
        "privacy_dataset": 1,
    },
    "isles22": {  # without skull; FLAIR is registered to DWI
        "admit": 2,
        "deface": 5,
        "brain": 3,
        "strip": 5,
        "register": 1,
        "normalise": 2,
        "resample": 6,
        "label": 2,
        "resample_label": 8,
        "measure": 2,
        "audit": 2,
        "subject_report": 2,
        "privacy": 2,
        "dataset": 1,
        "privacy_dataset": 1,
    },
    "isles24": {  # defaced; DWI and masks on the NCCT
        "admit": 4,
        "approach": 3,  # cta and ctp; cta
        "deface": 12,
        "motion": 1,
        "one_second": 1,
        "one_second_moved": 1,
        "perfusion": 1,
        "perfusion_regions": 1,
        "brain": 7,
        "strip": 9,
        "register": 3,
        "normalise": 4,
        "resample": 24,
        "resample_label": 22,
        "resample_perfusion": 2,
        "measure": 4,
        "audit": 4,
        "subject_report": 4,
        "privacy": 4,
        "measure_perfusion": 1,
        "audit_perfusion": 1,
        "perfusion_report": 1,
        "privacy_perfusion": 1,
        "dataset": 1,
        "privacy_dataset": 1,
    },
    "isles24_as_described": {
        "admit": 3,
        "approach": 2,  # cta and ctp
        "deface": 10,
        "motion": 1,
        "one_second": 1,
        "one_second_moved": 1,
        "perfusion": 1,
        "perfusion_regions": 1,
        "brain": 5,
        "strip": 7,
        "register": 3,
        "normalise": 3,
        "resample": 20,
        "resample_label": 12,
        "resample_perfusion": 2,
        "measure": 3,
        "audit": 3,
        "subject_report": 3,
        "privacy": 3,
        "measure_perfusion": 1,
        "audit_perfusion": 1,
        "perfusion_report": 1,
        "privacy_perfusion": 1,
        "dataset": 1,
        "privacy_dataset": 1,
    },
    "jhu": {
        "admit": 3,
        "approach": 1,  # PWI
        "face": 9,
        "deface": 12,
        "average": 1,
        "brain": 8,
        "strip": 11,
        "register": 6,
        "normalise": 3,
        "diffusivity": 2,
        "normalise_grey": 2,
        "resample": 32,  # at 1 mm as they lie, too
        "label": 2,
        "resample_label": 23,
        "lesions": 2,
        "measure": 3,
        "audit": 3,
        "subject_report": 3,
        "privacy": 3,
        "dataset": 1,
        "privacy_dataset": 1,
    },
    "atlas": {  # Testing has no mask
        "admit": 2,
        "deface": 2,
        "brain": 2,
        "strip": 2,
        "normalise": 2,
        "unbias": 2,
        "normalise_grey": 2,
        "resample": 6,
        "label": 1,
        "resample_label": 5,
        "lesions": 1,
        "measure": 2,
        "audit": 2,
        "subject_report": 2,
        "privacy": 2,
        "dataset": 1,
        "privacy_dataset": 1,
    },
    "atlas_native": {
        "admit": 4,
        "deface": 4,
        "brain": 4,
        "strip": 4,
        "normalise": 4,
        "unbias": 4,
        "normalise_grey": 4,
        "resample": 12,
        "label": 2,
        "resample_label": 10,
        "lesions": 2,
        "measure": 4,
        "audit": 4,
        "subject_report": 4,
        "privacy": 4,
        "dataset": 1,
        "privacy_dataset": 1,
    },
}


class Planned(NamedTuple):
    """A dry run of the study of raw BIDS, which several tests look at."""

    root: Path
    process: CompletedProcess


@pytest.fixture(scope="module")
def planned(tmp_path_factory) -> Planned:
    folder = tmp_path_factory.mktemp("planned")
    root = trees.bids(folder / "raw")
    return Planned(root, snakemake(folder, design("bids", root), "--dry-run"))


def test_raw_bids_plans_its_jobs(planned):
    assert jobs(planned.process) == EXPECTED["bids"]


@pytest.mark.parametrize("name", [name for name in EXPECTED if name != "bids"])
def test_a_study_design_plans_its_jobs(tmp_path, name):
    root = getattr(trees, name)(tmp_path / "raw")
    process = snakemake(tmp_path, design(name, root), "--dry-run")
    assert jobs(process) == EXPECTED[name]


def test_the_built_in_study_plans_its_jobs(tmp_path):
    assert jobs(snakemake(tmp_path, None, "--dry-run")) == {
        "phantom": 2,
        "phantom_dataset": 1,
        "admit": 2,
        "approach": 2 * 2,
        "face": 2 * 5,
        "deface": 2 * 7,
        "motion": 2,
        "one_second": 2,
        "one_second_moved": 2,
        "perfusion": 2,
        "phantom_atlas": 1,
        "atlas": 1,
        "perfusion_regions": 2,
        "brain": 2 * 3,
        "strip": 2 * 5,
        "register": 2 * 4,
        "normalise": 2,
        "resample": 2 * 14,
        "label": 2 * 3,
        "resample_label": 2 * 12,
        "resample_perfusion": 2 * 2,
        "measure": 2,
        "audit": 2,
        "subject_report": 2,
        "privacy": 2,
        "measure_perfusion": 2,
        "audit_perfusion": 2,
        "perfusion_report": 2,
        "privacy_perfusion": 2,
        "score": 2,
        "accuracy": 1,
        "dataset": 1,
        "privacy_dataset": 1,
    }


def given(process, rule: str) -> list[tuple[str, str]]:
    """The inputs and the outputs of each job of a rule."""
    found = re.findall(
        rf"^rule {rule}:\n    input: (.+)\n    output: (.+)$", process.stdout, re.MULTILINE
    )
    assert found, process.stdout + process.stderr
    return found


def by_mindgrab(folder: Path) -> CompletedProcess:
    """A dry run of the same study with a network for brains."""
    config = design("bids", trees.bids(folder / "raw"))
    config["brain"] = {"ct": "mindgrab", "mr": "mindgrab"}
    return snakemake(folder, config, "--dry-run")


@pytest.mark.parametrize("backend", ["template", "mindgrab"])
def test_the_brain_comes_first_whatever_finds_it(planned, tmp_path, backend):
    process = planned.process if backend == "template" else by_mindgrab(tmp_path)
    made = {}
    for inputs, outputs in given(process, "brain"):
        image, admitted = inputs.split(", ")
        assert "/raw/" in image and "/admit/" in admitted  # and nothing that was computed
        assert [path.rpartition(".")[2] for path in outputs.split(", ")] == [
            "gz",
            "json",
            "h5",
            "json",
        ]
        made[outputs.split("_space-orig")[0].rpartition("/")[2]] = outputs
    assert set(made) == {
        "sub-01_ses-01_acq-ncct",
        "sub-01_ses-02",
        "sub-02_acq-ncct",
        "sub-02_run-1",
        "sub-02_acq-flair",
    }


def test_a_face_is_found_by_the_brain_of_its_own_scan_or_else_by_the_references(planned):
    brain, carried = {}, {}
    for inputs, outputs in given(planned.process, "face"):
        name = outputs.partition("_space-orig")[0].rpartition("/")[2]
        [mask] = re.findall(r"([^/ ]+)_space-orig_desc-brain_mask.nii.gz", inputs)
        [location] = re.findall(r"/located/\S+/([^/ ]+)\.h5", inputs)
        assert mask == location
        brain[name], carried[name] = mask, "/approached/" in inputs
    assert brain == {
        "sub-01_ses-01_acq-ncct": "sub-01_ses-01_acq-ncct",
        "sub-01_ses-01_acq-cta_ce-iohexol": "sub-01_ses-01_acq-ncct",
        "sub-01_ses-01_acq-ctp": "sub-01_ses-01_acq-ncct",
        "sub-01_ses-02": "sub-01_ses-02",
        "sub-02_acq-ncct": "sub-02_acq-ncct",
        "sub-02_run-1": "sub-02_run-1",
        "sub-02_acq-flair": "sub-02_acq-flair",
    }
    assert {name for name in carried if carried[name]} == {
        "sub-01_ses-01_acq-cta_ce-iohexol",
        "sub-01_ses-01_acq-ctp",
    }


def test_a_scan_whose_subject_has_no_reference_is_its_own_head(tmp_path):
    name = "sub-01/anat/sub-01_angio.nii.gz"
    process = snakemake(tmp_path, design("bids", trees.make(tmp_path / "raw", [name])), "--dry-run")
    counts = jobs(process)
    assert (counts["brain"], counts["face"], counts["deface"]) == (1, 1, 1)
    assert "approach" not in counts and "register" not in counts


OPENS_RAW = {"admit", "brain", "approach", "face", "deface", "label", "resample_label"}


def test_few_rules_open_raw_files(planned):
    # Manual labels are raw files as well. The privacy audit is given names, and reads what it names.
    inputs = re.findall(r"^rule (\w+):\n    input: (.+)$", planned.process.stdout, re.MULTILINE)
    opening = {
        rule for rule, files in inputs if f"{planned.root}/sub-" in files or "/manual/" in files
    }
    assert opening == OPENS_RAW


def test_a_study_of_ones_own_has_no_phantom_and_no_score(tmp_path):
    root = trees.atlas(tmp_path / "raw")
    process = snakemake(tmp_path, design("atlas", root), "--list-rules")
    rules = set(process.stdout.split())
    assert {"deface", "audit"} <= rules
    assert not {"phantom", "score", "accuracy"} & rules


def test_a_filter_leaves_the_other_subjects_out(tmp_path):
    config = design("bids", trees.bids(tmp_path / "raw"))
    config["study"]["subjects"] = ["02"]
    counts = jobs(snakemake(tmp_path, config, "--dry-run"))
    assert (counts["admit"], counts["deface"], counts["register"]) == (1, 3, 2)
    assert "motion" not in counts


def test_a_subject_whose_perfusion_is_skipped_keeps_its_series(tmp_path):
    config = design("bids", trees.bids(tmp_path / "raw")) | {"perfusion": {"skip": ["01"]}}
    counts = jobs(snakemake(tmp_path, config, "--dry-run"))
    whole = EXPECTED["bids"]
    assert counts["one_second_moved"] == whole["one_second_moved"]
    lost = {rule: whole[rule] - counts.get(rule, 0) for rule in whole}
    assert {rule: n for rule, n in lost.items() if n} == {
        "perfusion": 1,
        "perfusion_regions": 1,
        "measure_perfusion": 1,
        "audit_perfusion": 1,
        "perfusion_report": 1,
        "privacy_perfusion": 1,
        "resample_perfusion": 2,
    }


def test_an_artery_drawn_for_a_subject_is_an_input_of_its_maps_alone(tmp_path):
    config = design("bids", trees.bids(tmp_path / "raw"))
    drawn, others = (tmp_path / name for name in ("artery.nii.gz", "another.nii.gz"))
    drawn.touch()
    config["perfusion"] = {"aif": {"01": str(drawn), "02": str(others)}}
    process = snakemake(tmp_path, config, "--dry-run")
    assert jobs(process) == EXPECTED["bids"] | {"accept": 1}
    [(inputs, accepted)] = given(process, "accept")
    assert str(drawn) in inputs and str(others) not in process.stdout
    [(inputs, _)] = given(process, "perfusion")
    assert set(accepted.split(", ")) < set(inputs.split(", "))


def test_an_atlas_of_territories_is_an_input_of_the_maps_that_have_inputs_by_territory(tmp_path):
    config = design("bids", trees.bids(tmp_path / "raw"))
    atlas = tmp_path / "arterial.nii.gz"
    atlas.touch()
    local = {"inputs": "local", "territories": "arterial"}
    for vessels, needed in ((local, True), ({"inputs": "local"}, False), ({}, False)):
        config["perfusion"] = {"atlases": {"arterial": {"path": str(atlas)}}, "vessels": vessels}
        process = snakemake(tmp_path, config, "--dry-run")
        assert process.returncode == 0
        read = [read for read, _ in given(process, "perfusion")]
        assert read and all(
            ("atlas/perfusion/arterial_dseg.nii.gz" in each) is needed for each in read
        )


def test_a_correction_is_checked_first_and_an_input_of_the_step_that_it_replaces(tmp_path):
    config = design("bids", trees.bids(tmp_path / "raw"))
    config["study"]["corrections"] = str(tmp_path / "corrections")
    masks, xfm = "sub-01/ses-01/anat/sub-01_ses-01", "sub-01/ses-02/dwi/sub-01_ses-02_from-dwi"
    corrected = {
        f"{masks}_acq-ncct_space-orig_desc-brain_mask.nii.gz": "brain",
        f"{masks}_acq-cta_ce-iohexol_space-orig_label-face_mask.nii.gz": "face",
        "sub-01/ses-02/dwi/sub-01_ses-02_space-orig_label-L_desc-infarct_mask.nii.gz": "label",
        f"{masks}_acq-cta_ce-iohexol_space-ncct_seg-CoW_dseg.nii.gz": "resample_label",
        f"{xfm}_to-ncct_mode-image_xfm.txt": "register",
        "sub-02/ct/sub-02_acq-ncct_from-ncct_to-MNI152NLin2009aSym_mode-image_xfm.h5": "normalise",
    }
    trees.make(tmp_path / "corrections", corrected)
    for name in corrected:
        (tmp_path / "corrections" / name).write_text(name)
    process = snakemake(tmp_path, config, "--dry-run")
    assert jobs(process) == EXPECTED["bids"] | {"accept": len(corrected)}
    accepted = f"{config['work']}/corrections/"
    for name, rule in corrected.items():
        taking = [made for inputs, made in given(process, rule) if f"{accepted}{name}" in inputs]
        assert taking and all(name.partition("_space")[0] in made for made in taking), name


def test_a_correction_under_an_unknown_name_ends_a_run_before_it_begins(tmp_path):
    config = design("bids", trees.bids(tmp_path / "raw"))
    config["study"]["corrections"] = str(tmp_path / "corrections")
    trees.make(tmp_path / "corrections", ["sub-01/ses-01/anat/brain.nii.gz"])
    process = snakemake(tmp_path, config, "--dry-run")
    assert process.returncode and "no output of this name" in process.stdout + process.stderr


def test_faces_are_shown_only_if_the_config_asks_for_it(tmp_path):
    config = design("bids", trees.bids(tmp_path / "raw")) | {"report": {"faces": True}}
    process = snakemake(tmp_path, config, "--dry-run")
    assert jobs(process) == EXPECTED["bids"] | {"face_report": 2}
    pages = re.findall(r"output: (\S+faces/sub-\d+\.html)", process.stdout)
    assert sorted(pages) == [f"{config['work']}/faces/sub-0{n}.html" for n in (1, 2)]


def test_another_engine_plans_the_same_jobs(tmp_path):
    config = design("bids", trees.bids(tmp_path / "raw"))
    config["registration"] = {"engine": "ants", "to_template": "syn"}
    assert jobs(snakemake(tmp_path, config, "--dry-run")) == EXPECTED["bids"]


INFARCTS = {"sub-01/ses-02/dwi/sub-01_ses-02", "sub-02/anat/sub-02_run-1"}


@pytest.mark.parametrize(
    ("kind", "infarcts"), [("affine", set()), ("bspline", INFARCTS), ("syn", INFARCTS)]
)
def test_a_way_to_the_template_that_bends_gets_the_lesions_on_the_reference(
    tmp_path, kind, infarcts
):
    config = design("bids", trees.bids(tmp_path / "raw"))
    config["registration"] = {"to_reference": "affine", "to_template": kind}
    process = snakemake(tmp_path, config, "--dry-run")
    assert jobs(process) == EXPECTED["bids"]
    given = re.findall(r"^rule normalise:\n    input: (.+)$", process.stdout, re.MULTILINE)
    assert len(given) == 2
    masks = {path for line in given for path in line.split(", ") if "label-L" in path}
    wanted = {f"{name}_space-ncct_label-L_desc-infarct_mask.nii.gz" for name in infarcts}
    assert masks == {f"{config['work']}/dataset/{name}" for name in wanted}


def test_a_missing_modality_takes_only_its_own_targets(tmp_path):
    root = trees.bids(tmp_path / "raw")
    next(root.rglob("*acq-cta_ce-iohexol_ct.nii.gz")).unlink()
    process = snakemake(tmp_path, design("bids", root), "--dry-run")
    counts, whole = jobs(process), EXPECTED["bids"]
    lost = {rule: whole[rule] - counts.get(rule, 0) for rule in whole}
    assert {rule: n for rule, n in lost.items() if n} == {
        "approach": 1,
        "face": 1,
        "deface": 1,
        "register": 1,
        "resample": 2,
        "label": 1,  # the occlusion is drawn on the CTA
        "resample_label": 2,
    }
    assert "sub-01: lvo left out, its cta scan is missing." in process.stderr


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"studdy": {}}, "not known: studdy. Did you mean study?"),
        ({"study": {"layout": "bids", "root": "nowhere"}}, "folder does not exist: nowhere"),
        ({"deface": {"ct": "none"}}, "study.defaced"),
        ({"study": {"layout": "bids", "root": "raw", "subjects": ["99"]}}, "99"),
        (
            {"perfusion": {"vessels": {"inputs": "local", "territories": "aspects"}}},
            "no such atlas",
        ),
        ({"perfusion": {"vessels": {"territories": "aspects"}}}, "has no territories"),
        (
            {"perfusion": {"method": "osvd", "vessels": {"inputs": "local"}}},
            "by one arterial input",
        ),
    ],
)
def test_a_mistake_in_the_config_ends_in_one_message(tmp_path, change, words):
    config = design("bids", trees.bids(tmp_path / "raw")) | change
    process = snakemake(tmp_path, config, "--dry-run")
    assert process.returncode == 1
    assert words in process.stdout
    assert "Traceback" not in process.stdout + process.stderr

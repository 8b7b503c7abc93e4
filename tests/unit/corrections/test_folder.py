"""Files of the corrections folder are known by the names of outputs, and none is passed over."""

from __future__ import annotations

import shutil
from pathlib import Path

import corrected_heads as heads
import pytest
from strokeprep.corrections import folder
from strokeprep.errors import StrokeprepError
from strokeprep.settings.perfusion import PerfusionSettings

BRAIN = "sub-01/anat/sub-01_acq-ncct_space-orig_desc-brain_mask"
ARTERY = "sub-01/perf/sub-01_acq-ctp_space-orig_label-artery_mask"


def put(root: Path, name: str, content: str = "") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content or name)
    return path


def read(root: Path, **options):
    return folder.given(str(root), heads.study(root.parent), heads.TEMPLATE, **options)


def test_every_sort_of_output_can_be_corrected(tmp_path):
    root = tmp_path / "corrections"
    names = {
        BRAIN: ".seg.nrrd",
        "sub-01/anat/sub-01_acq-cta_space-orig_label-face_mask": ".nii",
        "sub-01/dwi/sub-01_space-orig_label-L_desc-infarct_mask": ".voi",
        ARTERY: ".nii.gz",
        "sub-01/perf/sub-01_acq-ctp_space-orig_label-vein_mask": ".nrrd",
        "sub-01/dwi/sub-01_from-dwi_to-ncct_mode-image_xfm": ".mat",
        "sub-02/ct/sub-02_acq-ncct_from-ncct_to-MNI152NLin2009aSym_mode-image_xfm": ".tfm",
        "sub-02/ct/sub-02_acq-ncct_from-MNI152NLin2009aSym_to-ncct_mode-image_xfm": ".h5",
    }
    for name, ending in names.items():
        put(root, name + ending)
    put(root, "README.md")
    put(root, ".DS_Store")
    found = read(root)
    assert {each.target.stem for each in found.values()} == set(names)
    assert all(name == each.target.name for name, each in found.items())
    assert found[f"{BRAIN}.nii.gz"].path == root / f"{BRAIN}.seg.nrrd"


def test_the_corrections_of_a_subject_that_this_run_leaves_out_wait(tmp_path):
    put(tmp_path / "corrections", "sub-09/anat/whatever.nii.gz")
    assert read(tmp_path / "corrections", others={"09"}) == {}


def test_a_vessel_that_the_config_gives_as_a_mask_is_a_correction_too(tmp_path):
    drawn = put(tmp_path, "artery.nii.gz")
    settings = PerfusionSettings(aif={"01": str(drawn)}, vof={"01": ((1.0, 2.0, 3.0),)})
    found = folder.given(None, heads.study(tmp_path), heads.TEMPLATE, perfusion=settings)
    assert {name: each.path for name, each in found.items()} == {f"{ARTERY}.nii.gz": drawn}


WRONG = {
    "no folder": ([], {}, "no such folder"),
    "outside of a subject": (["brain.nii.gz"], {}, "outside of the folder of a subject"),
    "an unknown subject": (["sub-1/anat/x.nii.gz"], {}, "no sub-1.*the study has sub-01"),
    "a misspelt name": (
        [BRAIN.replace("brain", "Brain") + ".nii.gz"],
        {},
        "no output of this name.*is it sub-01/anat/sub-01_acq-ncct_space-orig_desc-brain_mask",
    ),
    "another scan's name": (["sub-01/anat/sub-01_T1w.nii.gz"], {}, "no output of this name"),
    "what is made from others": (
        [BRAIN.replace("orig", "ncct") + ".nii.gz"],
        {},
        "made from others.*Correct what it is made from",
    ),
    "an image": (["sub-01/ct/sub-01_acq-ncct_desc-defaced_ct.nii.gz"], {}, "made from others"),
    "an ending that nobody reads": ([f"{BRAIN}.mgz"], {}, "ending .mgz.*Save masks as"),
    "a mask as a transform": ([f"{BRAIN}.txt"], {}, "mask cannot be read from .txt.*Save it as"),
    "two files for one output": ([f"{BRAIN}.nii.gz", f"{BRAIN}.nrrd"], {}, "Two files correct"),
    "an artery that the config gives": (
        [f"{ARTERY}.nii.gz"],
        {"aif": {"01": ((1.0, 2.0, 3.0),)}},
        "given by perfusion.aif as well.*Keep one",
    ),
    "an artery that is not used": ([f"{ARTERY}.nii.gz"], {"skip": ("01",)}, "perfusion.skip"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_corrects_nothing_is_refused_with_what_to_do(tmp_path, name):
    files, settings, message = WRONG[name]
    for file in files:
        put(tmp_path / "corrections", file)
    with pytest.raises(StrokeprepError, match=message):
        read(tmp_path / "corrections", perfusion=PerfusionSettings(**settings))


def test_the_mask_of_another_patient_under_a_new_name_is_refused(tmp_path):
    root = tmp_path / "corrections"
    first = put(root, f"{BRAIN}.nii.gz")
    other = root / f"{BRAIN.replace('sub-01', 'sub-02')}.nii.gz"
    other.parent.mkdir(parents=True)
    shutil.copy(first, other)
    with pytest.raises(StrokeprepError, match="One file corrects two outputs.*remove the other"):
        read(root)


def test_a_link_that_leads_nowhere_is_refused(tmp_path):
    link = put(tmp_path / "corrections", f"{BRAIN}.nii.gz")
    link.unlink()
    link.symlink_to(tmp_path / "gone.nii.gz")
    with pytest.raises(StrokeprepError, match="dangling link.*Put the file itself there"):
        read(tmp_path / "corrections")


def test_all_faults_of_a_folder_are_told_at_once(tmp_path):
    for name in ("sub-7/x.nii.gz", f"{BRAIN}.mgz"):
        put(tmp_path / "corrections", name)
    with pytest.raises(StrokeprepError, match="2 faults.*mgz.*sub-7"):
        read(tmp_path / "corrections")

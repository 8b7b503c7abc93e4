"""A correction is begun and ended by a command, and nothing that was there is lost."""

from __future__ import annotations

import re
from pathlib import Path

import corrected_heads as heads
import numpy as np
import pytest
import SimpleITK as sitk
import yaml
from strokeprep.corrections import masks
from strokeprep.editing import command, desk, labels
from strokeprep.io import images, transforms
from strokeprep.metrics import command as metrics

NCCT = "sub-01/ct/sub-01_acq-ncct_ct.nii.gz"
BRAIN = "sub-01/anat/sub-01_acq-ncct_space-orig_desc-brain_mask"


@pytest.fixture
def study(tmp_path, monkeypatch) -> Path:
    """A patient with a head and a brain mask that lacks a part; commands are called there."""
    monkeypatch.chdir(tmp_path)
    heads.write_head(tmp_path / "raw" / NCCT)
    for name in ("sub-01/ct/sub-01_acq-cta_ct.nii.gz", "sub-01/anat/sub-01_T1w.nii.gz"):
        heads.write_head(tmp_path / "raw" / name)
    (tmp_path / "work/dataset/sub-01/anat").mkdir(parents=True)
    found = (heads.radius() < 0.9).astype(np.uint8)
    heads.by_itksnap(found, tmp_path / f"work/dataset/{BRAIN}.nii.gz")
    config = {
        "study": {"layout": "bids", "root": "raw", "corrections": "corrections"},
        "output": "out",
        "work": "work",
    }
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(config))
    return tmp_path


def call(*arguments: str) -> int:
    return command.main(["sub-01", *arguments, "--config", "study.yaml"])


def test_image_mask_and_label_files_are_laid_out_for_the_editors(study, capsys):
    assert call("brain") == 0
    folder = study / "correct" / Path(BRAIN).name
    said = capsys.readouterr().out
    assert all(editor in said for editor in ("ITK-SNAP", "3D Slicer", "MRIcroGL", "--done"))
    image, mask = (images.read(folder / name) for name in (desk.IMAGE, desk.MASK))
    assert (images.array(image) == heads.head()).all()
    assert (images.array(mask) == (heads.radius() < 0.9)).all()
    snap = (folder / labels.SNAP).read_text()
    assert snap.splitlines()[1] == "# ITK-SnAP Label Description File" and '"brain"' in snap
    assert (folder / labels.SLICER).read_text().splitlines()[2].startswith("1 brain 230")


def test_what_an_editor_saved_is_taken_in_under_the_name_of_the_output(study, capsys):
    call("brain")
    folder = study / "correct" / Path(BRAIN).name
    assert call("brain", "--done") == 1 and "Nothing was changed" in capsys.readouterr().err
    heads.by_slicer(heads.brain(), folder / "Segmentation.seg.nrrd")
    assert call("brain", "--done") == 0
    taken = study / f"corrections/{BRAIN}.seg.nrrd"
    assert (
        masks.read(taken).image.GetSize()
        == masks.read(folder / "Segmentation.seg.nrrd").image.GetSize()
    )


def test_a_second_correction_keeps_the_first_at_the_desk(study, capsys):
    call("brain")
    folder = study / "correct" / Path(BRAIN).name
    first = heads.by_slicer(heads.brain(), folder / "first.seg.nrrd")
    call("brain", "--done")
    heads.by_itksnap(heads.brain(), folder / desk.MASK)
    assert call("brain", "--done") == 1 and "Several files" in capsys.readouterr().err
    assert call("brain", "--take", str(folder / desk.MASK)) == 0
    assert [path.name for path in (study / "corrections/sub-01/anat").iterdir()] == [
        f"{Path(BRAIN).name}.nii.gz"
    ]
    assert (folder / "previous.seg.nrrd").read_bytes() == first.read_bytes()


def test_a_correction_that_does_not_fit_is_not_taken_in(study, capsys):
    call("brain")
    folder = study / "correct" / Path(BRAIN).name
    heads.by_itksnap(np.ascontiguousarray(heads.brain()[::-1]), folder / desk.MASK)
    assert call("brain", "--done") == 1
    assert "flipped" in capsys.readouterr().err and not (study / "corrections").exists()


def test_a_registration_is_laid_out_and_taken_in(study, capsys):
    assert call("registration") == 1 and "--scan cta, --scan t1w" in capsys.readouterr().err
    assert call("registration", "--scan", "cta") == 0
    [folder] = (study / "correct").iterdir()
    assert (folder / desk.FIXED).exists() and (folder / desk.MOVING).exists()
    moved = sitk.TranslationTransform(3, (1.0, 2.0, 0.5))
    sitk.WriteTransform(moved, str(folder / desk.TRANSFORM))
    assert call("registration", "--scan", "cta", "--done") == 0
    [taken] = (study / "corrections").rglob("*.tfm")
    assert taken.name == "sub-01_acq-cta_from-cta_to-ncct_mode-image_xfm.tfm"
    found = transforms.matrix(transforms.read(taken))
    assert np.allclose(found[:3, 3], (1, 2, 0.5))


LESION = "sub-01/anat/sub-01_space-orig_label-L_desc-infarct_mask"


def test_a_lesion_that_nobody_drew_is_traced_by_each_rater_from_what_a_network_proposes(
    study, capsys
):
    proposed = study / "work/proposals" / f"{LESION.replace('infarct', 'proposal')}.nii.gz"
    proposed.parent.mkdir(parents=True)
    heads.by_itksnap((heads.radius() < 0.4).astype(np.uint8), proposed)
    for rater, size in (("A", 0.5), ("B", 0.6)):
        at = ["--folder", f"desk/{rater}", "--into", f"tracings/{rater}"]
        assert call("lesion", *at) == 0
        said = capsys.readouterr().out
        assert "a network proposes" in said and f"--into tracings/{rater} --done" in said
        assert (
            images.array(images.read(study / f"desk/{rater}" / desk.MASK)) == (heads.radius() < 0.4)
        ).all()
        drawn = (heads.radius() < size).astype(np.uint8)
        heads.by_slicer(drawn, study / f"desk/{rater}/Segmentation.seg.nrrd")
        assert call("lesion", *at, "--done") == 0
        assert (study / f"tracings/{rater}/{LESION}.seg.nrrd").exists()
    assert metrics.main(["tracings/A", "tracings/B", "--raters"]) == 0
    assert "sub-01\t" in capsys.readouterr().out


def test_an_infarct_is_drawn_over_the_trace_with_b0_and_adc_beside_it(study, capsys):
    for value, kind in enumerate(("S0map", "trace", "ADC"), 1):
        path = study / f"raw/sub-01/dwi/sub-01_{kind}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        images.write_array(heads.brain() * value, heads.AFFINE, path)
    assert call("lesion", "--folder", "desk", "--into", "tracings/A") == 0
    assert "Of the same scan: b0.nii.gz, adc.nii.gz." in capsys.readouterr().out
    shown = {name: images.array(images.read(study / f"desk/{name}.nii.gz")).max()
             for name in ("b0", "image", "adc")}  # fmt: skip
    assert shown == {"b0": 1, "image": 2, "adc": 3}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["spleen"], "no such spleen.*It has: brain, face, lesion, registration, template"),
        (["brain", "--folder", "out/correct"], "inside of what is released.*--folder"),
        (["brain", "--into", "out/tracings"], "inside of what is released.*--into"),
        (["brain", "--folder", "raw"], "holds files already.*--done"),
        (["lesion"], "no lesion of sub-01 that could be corrected.*--into"),
        (["brain", "--folder", "nowhere", "--done"], "Nothing was laid out.*strokeprep correct"),
        (["brain", "--take", "gone.nii.gz"], "no such file"),
        (["brain", "--take", "study.yaml"], "none that is read.*Save it as"),
    ],
)
def test_what_cannot_be_done_is_told_with_what_to_do(study, capsys, arguments, message):
    assert call(*arguments) == 1
    assert re.search(message, capsys.readouterr().err)

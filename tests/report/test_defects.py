"""Each planted defect turns the right figure to fail, and nothing fails where nothing is planted."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from report_study import SETTINGS, TEMPLATE, audited
from strokeprep.io import images, tables, transforms
from strokeprep.quality.folder import Folder
from strokeprep.quality.judgement import Judge, Measurement
from strokeprep.registration import mirror
from strokeprep.report import numbers, plan
from strokeprep.report.scene import Scene
from strokeprep.settings.limits import FAIL, PASS, WARN

JUDGE = Judge("01")


@pytest.fixture
def scene_of(patient):
    """A function that gives the scene of some derivatives, with one registered scan or none."""

    def made(root: Path, scan: str = "") -> Scene:
        whole = plan.images(patient, TEMPLATE)
        moved = tuple(each for each in whole.moved if each.scan == scan)
        return Scene(replace(whole, moved=moved, s0_on_template=""), Folder(root))

    return made


def replaced(root: Path, name: str, data: np.ndarray) -> None:
    """Put other voxels in the place of a file."""
    path = root / name
    affine = images.open_nifti(path).affine
    path.unlink()
    images.write_array(data, affine, path)


def voxels(root: Path, name: str) -> np.ndarray:
    return images.array(images.read(root / name)).copy()


def verdicts(found) -> dict[str, str]:
    return {number.metric: number.verdict for number in found}


@pytest.fixture
def moved_figures(patient):
    """A function that gives the figures of a scene's one registered scan."""

    def found(scene: Scene) -> list[Measurement]:
        measured = audited(scene.root, patient, scene.plan.moved[0].native)
        return list(numbers.of_move(scene, scene.shown[0], JUDGE, measured))

    return found


def test_a_registration_that_is_off_by_5_mm_fails(scene_of, moved_figures, spoilt):
    moved = scene_of(spoilt, "cta").plan.moved[0]
    image = images.read(spoilt / moved.on_reference)
    away = sitk.TranslationTransform(3, (3.0, 4.0, 0.0))
    shifted = transforms.resample(image, image, [away], transforms.LINEAR, images.AIR_HU)
    replaced(spoilt, moved.on_reference, images.array(shifted))
    found = {number.metric: number for number in moved_figures(scene_of(spoilt, "cta"))}
    assert found["off_mm"].verdict == FAIL
    assert found["off_mm"].value == pytest.approx(5.0, abs=0.5)


def flipped(scene: Scene) -> np.ndarray:
    """The voxels of a scene's registered scan with left and right exchanged in the head."""
    moved = scene.plan.moved[0]
    scan, found = scene.read(moved.native), transforms.read(scene.root / moved.transform)
    from_template = transforms.read(scene.root / scene.plan.from_template)
    across = transforms.linear(mirror.across(from_template))
    outside = images.background(moved.modality)
    chain = [found.GetInverse(), across, found]
    return images.array(transforms.resample(scan, scan, chain, transforms.LINEAR, outside))


@pytest.mark.parametrize("scan", ["cta", "dwi"])
def test_a_flipped_scan_fails_and_the_right_way_round_passes(scene_of, moved_figures, spoilt, scan):
    scene = scene_of(spoilt, scan)
    right = verdicts(moved_figures(scene))
    replaced(spoilt, scene.plan.moved[0].native, flipped(scene))
    wrong = verdicts(moved_figures(scene_of(spoilt, scan)))
    assert right["mirror_ratio"] == PASS
    assert wrong["mirror_ratio"] == FAIL
    assert FAIL not in right.values()


def test_half_a_brain_mask_fails(scene_of, patient, spoilt):
    whole = scene_of(spoilt).plan
    for name in (whole.brain, whole.template_brain):
        mask = voxels(spoilt, name)
        mask[: mask.shape[0] // 2] = 0
        replaced(spoilt, name, mask)
    measured = audited(spoilt, patient, whole.image, whole.template_brain)
    found = verdicts(numbers.of_brain(scene_of(spoilt), JUDGE, measured, SETTINGS))
    assert found["brain_asymmetry"] == FAIL
    assert found["template_dice"] == FAIL


@pytest.fixture
def face_verdicts(patient, spoilt):
    """A function that gives the verdicts on one face of the spoilt derivatives."""

    def found(face: plan.Face) -> dict[str, str]:
        measured = audited(spoilt, patient, face.image, face.seen, face.mask)
        only = replace(plan.images(patient, TEMPLATE), faces=(face,))
        return verdicts(numbers.of_faces(only, Folder(spoilt), JUDGE, measured))

    return found


def test_a_face_left_in_fails_whether_or_not_the_mask_knows_of_it(scene_of, face_verdicts, spoilt):
    whole = scene_of(spoilt).plan
    face = next(each for each in whole.faces if each.scan == "ncct")
    image, mask = voxels(spoilt, face.image), voxels(spoilt, face.mask)
    image[mask > 0] = 40
    replaced(spoilt, face.image, image)
    assert face_verdicts(face)["face_voxels_left"] == FAIL
    replaced(spoilt, face.mask, np.zeros_like(mask))
    found = face_verdicts(face)
    assert found["face_voxels_left"] == "pass"
    assert found["face_left_ml"] == FAIL


def test_a_frame_that_jumped_fails(scene_of, spoilt):
    scene = scene_of(spoilt)
    path = spoilt / scene.plan.series[0].motion
    rows = tables.read(path)
    rows[12] |= {"m03": "9.0", "framewise_mm": "9.0", "displacement_mm": "9.0"}
    path.unlink()
    path.write_text(tables.render(rows, list(rows[0])))
    found = verdicts(numbers.of_motion(scene, scene.plan.series[0], JUDGE))
    assert found["framewise_max_mm"] == FAIL


def test_an_arterial_input_taken_in_tissue_fails(patient, spoilt):
    about = plan.perfusion(patient, plan.Beside(Path("cells.npz")))
    assert FAIL not in verdicts(numbers.of_perfusion(about, Folder(spoilt), JUDGE)).values()
    path = spoilt / about.vessels
    with path.open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    for row in rows:  # tissue: low, late and wide
        course = np.exp(-(((float(row["time"]) - 24) / 8) ** 2))
        row["aif"] = row["aif_measured"] = f"{10 * course:.3f}"
    path.unlink()
    path.write_text(tables.render(rows, list(rows[0])))
    found = verdicts(numbers.of_vessels(about, spoilt, JUDGE))
    assert found["aif_peak_hu"] == FAIL
    assert found["aif_lead_s"] == FAIL


def test_an_artery_that_does_not_explain_the_brains_curve_is_warned_of(patient, spoilt):
    about = plan.perfusion(patient, plan.Beside(Path("cells.npz")))
    path = (spoilt / about.vessels).with_suffix(".json")
    written = json.loads(path.read_text())
    figures = {"aif_likeness": "ArterialLikeness", "aif_course_likeness": "ArterialCourseLikeness"}
    right = verdicts(numbers.of_vessels(about, spoilt, JUDGE))
    for figure, key in figures.items():
        path.unlink()
        path.write_text(json.dumps(written | {key: 0.99}))
        now = verdicts(numbers.of_vessels(about, spoilt, JUDGE))
        assert (right[figure], now[figure]) == (PASS, WARN)


def test_a_label_that_lost_a_class_fails(scene_of, patient, spoilt):
    def judged() -> dict[str, str]:
        measured = audited(spoilt, patient, label.on_reference)
        return verdicts(numbers.of_label(scene_of(spoilt), label, JUDGE, measured))

    label = next(each for each in scene_of(spoilt).plan.labels if each.kind == "cow")
    assert FAIL not in judged().values()
    classes = voxels(spoilt, label.on_reference)
    classes[classes == classes.max()] = 0
    replaced(spoilt, label.on_reference, classes)
    found = judged()
    assert found["labels_changed"] == FAIL
    assert found["class_volume_change"] == FAIL


def test_a_brain_that_was_removed_with_the_face_fails(scene_of, face_verdicts, spoilt):
    whole = scene_of(spoilt).plan
    face = next(each for each in whole.faces if each.scan == "cta")
    mask = voxels(spoilt, face.mask)
    mask[:] = 1
    replaced(spoilt, face.mask, mask)
    found = face_verdicts(face)
    assert found["brain_voxels_removed"] == FAIL

"""The score is computed from files of truth and outputs, and shows errors in either."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from strokeprep.accuracy import score
from strokeprep.io import images, labels, transforms
from strokeprep.kinds import LABELS
from strokeprep.settings.perfusion import PerfusionSettings
from strokeprep.settings.study import TemplateSettings
from strokeprep.study import naming, table
from strokeprep.study.naming import ORIG, Space
from strokeprep.study.scans import Row

AFFINE = np.diag([-2.0, -2.0, 2.0, 1.0])
SHAPE = (24, 24, 20)
SPACES = (ORIG, Space("ncct"))
MNI = "MNI152NLin2009aSym"
LIMITS = {"cta_to_ncct": {"tre_mean": 0.15}, "brain_ncct": {"dice": 0.96}}


def ball(radius, shift=(0, 0, 0)):
    grid = np.indices(SHAPE) - np.reshape(np.array(SHAPE) / 2 + shift, (3, 1, 1, 1))
    return (np.sum(grid**2, axis=0) < radius**2).astype(np.uint8)


def pose(x, turn=0.1):
    transform = sitk.Euler3DTransform()
    transform.SetRotation(turn, 0.0, 0.05)
    transform.SetTranslation((x, 3.0, -4.0))
    return transform


@pytest.fixture
def world(tmp_path):
    """A subject whose outputs are all correct."""
    raw, truth, out = (tmp_path / name for name in ("raw", "truth", "derivatives"))
    scans = {"ncct": pose(0), "cta": pose(20, -0.2)}
    rows = [Row("1", None, n, raw / f"{n}.nii.gz", entities=(f"acq-{n}",)) for n in scans]
    rows.append(Row("1", None, "lvo", raw / "lvo.nii.gz", on="cta"))
    (subject,) = table.build(rows, ["ncct"]).subjects

    def save(data, path):
        images.write_array(data, AFFINE, path)

    face, brain = ball(3, (9, 0, 0)), ball(6)
    voxels = np.random.default_rng(0).integers(0, 80, SHAPE).astype(np.int16)
    for scan in subject.scans:
        save(voxels, scan.pilot.path)
        save(np.where(face > 0, np.int16(-1024), voxels), out / naming.defaced(scan, "ct"))
        save(face, truth / f"{scan.name}_face.nii.gz")
        save(brain, truth / f"{scan.name}_brain.nii.gz")
        transforms.write(scans[scan.name], truth / f"from-head_to-{scan.name}.tfm")
    ncct, cta = subject.scans
    save(brain, out / naming.brain_mask(ncct, ORIG))
    transforms.write(pose(-5), truth / f"from-head_to-{MNI}.tfm")
    (truth / "truth.json").write_text(json.dumps({"deformation_mm": 0}))

    def between(start, end):
        return transforms.chain([start.GetInverse(), end])

    transforms.write(
        between(scans["ncct"], scans["cta"]), out / naming.to_reference(cta, "cta", "ncct")
    )
    to_mni = out / naming.to_template(ncct, "ncct", MNI)
    transforms.write(between(pose(-5), scans["ncct"]), to_mni)
    (label,) = subject.labels
    for space in (ORIG, Space("ncct")):
        save(ball(3), out / naming.label(cta, space, LABELS["lvo"]))
    save(ball(3), truth / "ncct_lvo.nii.gz")
    return subject, out, truth


def figures(world, limits=LIMITS):
    subject, out, truth = world
    checks = score.measurements(
        subject, Path(out), Path(truth), TemplateSettings(), limits, PerfusionSettings()
    )
    return {(check.step, check.metric): check for check in checks}


def test_correct_outputs_score_perfectly(world):
    found = figures(world)
    assert found["cta_to_ncct", "tre_max"].value < 1e-6
    assert found["ncct_to_mni", "tre_max"].value < 1e-6
    assert found["brain_ncct", "dice"].value == 1
    assert found["lvo_ncct", "dice"].value == 1
    assert found["deface_cta", "face_removed"].value == 1
    assert found["deface_cta", "brain_removed"].value == 0
    assert found["cta_to_ncct", "tre_mean"].passed is True
    assert found["cta_to_ncct", "tre_max"].passed is None  # no limit was given


def test_a_transform_off_by_a_millimetre_scores_a_millimetre(world):
    subject, out, _ = world
    path = out / naming.to_reference(subject.scans[1], "cta", "ncct")
    off = transforms.chain([transforms.read(path), sitk.TranslationTransform(3, (0.0, 0.0, 1.0))])
    transforms.write(off, path)
    found = figures(world)
    assert found["cta_to_ncct", "tre_mean"].value == pytest.approx(1, abs=1e-6)
    assert found["cta_to_ncct", "tre_mean"].passed is False


def test_half_a_brain_mask_scores_two_thirds(world):
    subject, out, _ = world
    path = out / naming.brain_mask(subject.scans[0], ORIG)
    half = images.array(images.read(path)).copy()
    half[: SHAPE[0] // 2] = 0
    images.write_array(half, AFFINE, path)
    check = figures(world)["brain_ncct", "dice"]
    assert check.value == pytest.approx(2 / 3, abs=0.06)
    assert check.passed is False


def test_a_face_left_in_and_a_brain_voxel_lost_are_counted(world):
    subject, out, _ = world
    raw = images.read(subject.scans[1].pilot.path)
    damaged = images.array(raw).copy()
    damaged[12, 12, 10] = -1024
    images.write_array(damaged, AFFINE, out / naming.defaced(subject.scans[1], "ct"))
    found = figures(world)
    assert found["deface_cta", "face_removed"].value == 0
    assert found["deface_cta", "brain_removed"].value == 1
    assert found["deface_ncct", "face_removed"].value == 1


def test_a_label_that_shrank_changes_its_volume_and_dice(world):
    subject, out, _ = world
    path = out / naming.label(subject.scans[1], Space("ncct"), LABELS["lvo"])
    images.write_array(ball(2), AFFINE, path)
    found = figures(world)
    assert found["lvo_ncct", "dice"].value < 0.7
    assert found["lvo_ncct", "volume_change"].value > 0.5


def move_label(world, off_mm):
    """Resample the label by the true transform and a shift; the one drawn there is smooth."""
    subject, out, truth = world
    name = {space: naming.label(subject.scans[1], space, LABELS["lvo"]) for space in SPACES}
    native, grid = labels.read(out / name[ORIG]), images.read(subject.scans[0].pilot.path)
    true = [pose(0).GetInverse(), pose(20, -0.2)]
    soft = sitk.Cast(native, sitk.sitkFloat32)
    drawn = images.array(transforms.resample(soft, grid, true)) > 0.5
    images.write_array(drawn.astype(np.uint8), AFFINE, truth / "ncct_lvo.nii.gz")
    shift = sitk.TranslationTransform(3, (off_mm, 0.0, 0.0))
    moved = transforms.resample(native, grid, [shift, *true], transforms.NEAREST)
    images.write_array(images.array(moved), AFFINE, out / name[Space("ncct")])


def test_the_attainable_score_of_nearest_neighbour_is_beside_the_actual_one(world):
    move_label(world, off_mm=0.0)
    found = figures(world)
    for metric in ("dice", "volume_change"):
        attainable = found["lvo_ncct", f"{metric}_attainable"]
        assert attainable.value == found["lvo_ncct", metric].value and attainable.passed is None
    assert 0.85 < found["lvo_ncct", "dice_attainable"].value < 0.999


def test_a_label_two_millimetres_off_scores_below_the_attainable(world):
    move_label(world, off_mm=2.0)
    found = figures(world, {"lvo_ncct": {"dice": 0.85}})
    assert found["lvo_ncct", "dice"].value < found["lvo_ncct", "dice_attainable"].value - 0.05
    assert found["lvo_ncct", "dice"].passed is False


@pytest.mark.parametrize(("off_mm", "passed"), [(0.0, True), (2.0, False)])
def test_a_label_is_held_against_what_is_attainable_not_against_a_figure(world, off_mm, passed):
    move_label(world, off_mm)
    found = figures(world, {"lvo_ncct": {"dice_lost": 0.01}})
    assert found["lvo_ncct", "dice_lost"].passed is passed


def test_volume_that_is_lost_beside_the_true_transform_fails(world):
    move_label(world, off_mm=0.0)
    subject, out, _ = world
    limits = {"lvo_ncct": {"volume_change_lost": 0.01}}
    assert figures(world, limits)["lvo_ncct", "volume_change_lost"].passed
    images.write_array(
        ball(2), AFFINE, out / naming.label(subject.scans[1], SPACES[1], LABELS["lvo"])
    )
    assert figures(world, limits)["lvo_ncct", "volume_change_lost"].passed is False

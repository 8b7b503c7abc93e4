"""Each check of the audit passes what is sound and fails one planted defect."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from strokeprep.io import images, labels, transforms
from strokeprep.quality import audit
from strokeprep.quality.folder import Folder
from strokeprep.quality.judgement import Judge, Measurement
from strokeprep.quality.plan import AuditPlan
from strokeprep.registration import template
from strokeprep.settings.study import TemplateSettings

from tests.heads import head

JUDGE = Judge("1")
LEAST_ML = 1.0
MNI = TemplateSettings(resolution_mm=8.0)
SHAPE = (20, 20, 20)
AFFINE = np.array([[-2.0, 0, 0, 19], [0, 2.0, 0, -21], [0, 0, 2.5, -17], [0, 0, 0, 1]])
AIR = images.AIR_HU


def written(path: Path, data: np.ndarray, affine: np.ndarray = AFFINE) -> str:
    """The path of an image file."""
    images.write_array(data, affine, path)
    return str(path)


def blank(dtype: type = np.uint8, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.zeros(shape, dtype)


# --- Grids ------------------------------------------------------------------------------------


def plan(**parts) -> AuditPlan:
    """What is looked at, by whole paths; nothing but the parts given."""
    return AuditPlan(
        **(
            {"subject": "1", "reference": "", "on_reference": (), "on_template": (), "labels": ()}
            | parts
        )
    )


def off_grid(path: Path, shape: tuple[int, ...], shift_mm: float) -> Measurement:
    """The check of an image that claims the grid of ``SHAPE`` and ``AFFINE``."""
    moved = AFFINE.copy()
    moved[1, 3] += shift_mm
    reference = written(path.with_name("reference.nii.gz"), blank())
    parts = plan(reference=reference, on_reference=(written(path, blank(shape=shape), moved),))
    [check] = audit.of_grids(parts, Folder(Path()), JUDGE, MNI)
    return check


@pytest.mark.parametrize("shape", [SHAPE, (*SHAPE, 3)])
def test_an_image_or_series_on_the_grid_of_its_name_passes(tmp_path, shape):
    assert off_grid(tmp_path / "x.nii.gz", shape, 0).passed


def test_an_image_beside_the_grid_of_its_name_fails(tmp_path):
    check = off_grid(tmp_path / "x.nii.gz", SHAPE, 2e-4)
    assert not check.passed
    assert check.value == pytest.approx(2e-4, rel=0.02)


def test_an_image_of_another_shape_fails_wherever_it_lies(tmp_path):
    check = off_grid(tmp_path / "x.nii.gz", (20, 20, 19), 0)
    assert not check.passed
    assert check.value == float("inf")


# --- Labels -----------------------------------------------------------------------------------


def vessels() -> np.ndarray:
    """Four classes of the size that a Circle of Willis has, on voxels of 1 mm; one of 0.06 ml."""
    data = blank(shape=(60, 60, 60))
    data[10:50, 28:32, 28:32] = 1
    data[28:32, 34:52, 28:32] = 2
    data[28:32, 8:26, 28:32] = 3
    data[28:32, 28:32, 34:38] = 4
    return data


def kept(
    folder: Path, after: np.ndarray, affine=None, whole: bool = True
) -> dict[str, Measurement]:
    """The checks of :func:`vessels` that became ``after``, by metric."""
    before = written(folder / "before.nii.gz", vessels(), np.eye(4))
    after = written(folder / "after.nii.gz", after, np.eye(4) if affine is None else affine)
    return {check.metric: check for check in of_label(before, after, whole)}


def of_label(before: str, after: str, whole: bool = True) -> list[Measurement]:
    return list(
        audit.of_labels(plan(labels=((before, after, whole),)), Folder(Path()), JUDGE, LEAST_ML)
    )


def failed(checks: dict[str, Measurement]) -> set[str]:
    return {metric for metric, check in checks.items() if check.passed is False}


def test_a_label_as_it_was_passes(tmp_path):
    checks = kept(tmp_path, vessels())
    assert {metric: check.value for metric, check in checks.items()} == {
        "labels_changed": 0,
        "volume_change": 0,
        "class_volume_change": 0,
    }
    assert failed(checks) == set()


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.5, 0.5, 2.5), (2.0, 2.0, 2.0)])
def test_a_label_that_was_turned_onto_another_grid_passes(tmp_path, spacing):
    label = images.from_array(vessels(), np.eye(4))
    affine = np.diag([*spacing, 1.0])
    shape = np.ceil(60 / np.array(spacing)).astype(int)
    turn = sitk.Euler3DTransform((-30, -30, 30), 0.15, 0.1, 0.2, (0.3, 0.4, 0.2))
    moved, _ = labels.warp(label, images.from_array(blank(shape=shape), affine), [turn])
    assert failed(kept(tmp_path, images.array(moved), affine)) == set()


def lost(data: np.ndarray) -> None:
    data[data == 4] = 0


def new(data: np.ndarray) -> None:
    data[0, 0, 0] = 5


def shrunk(data: np.ndarray) -> None:
    data[:, :, 30:][data[:, :, 30:] < 4] = 0


def exchanged(data: np.ndarray) -> None:
    """Half of one class goes to another: the total stays."""
    data[28:32, 34:43, 28:32] = 3


def grown(data: np.ndarray) -> None:
    """The smallest class doubles by a piece of the largest."""
    data[10:14, 28:32, 28:32] = 4


@pytest.mark.parametrize(
    ("defect", "metrics"),
    [
        (lost, {"labels_changed", "class_volume_change"}),
        (new, {"labels_changed"}),
        (shrunk, {"volume_change", "class_volume_change"}),
        (exchanged, {"class_volume_change"}),
        (grown, {"class_volume_change"}),
    ],
)
def test_a_label_that_changed_fails(tmp_path, defect, metrics):
    data = vessels()
    defect(data)
    assert failed(kept(tmp_path, data)) == metrics


def test_a_class_of_one_voxel_of_no_size_to_speak_of_is_no_harm(tmp_path):
    data = blank()
    data[5, 5, 5], data[8, 8, 8] = 1, 2
    path = written(tmp_path / "fine.nii.gz", data, np.diag([0.3, 0.3, 0.3, 1.0]))
    assert all(check.passed for check in of_label(path, path))


def test_a_mask_has_no_classes_to_compare(tmp_path):
    mask = written(tmp_path / "mask.nii.gz", (vessels() > 0).astype(np.uint8))
    metrics = [check.metric for check in of_label(mask, mask)]
    assert metrics == ["labels_changed", "volume_change"]


def test_a_label_that_may_leave_the_field_of_view_is_not_judged(tmp_path):
    data = vessels()
    data[:, :, 30:] = 0
    checks = kept(tmp_path, data, whole=False)
    assert checks["volume_change"].value > 0.4
    assert {check.passed for check in checks.values()} == {None}


# --- Faces ------------------------------------------------------------------------------------

FACE = (slice(4, 10), slice(12, 20), slice(0, 9))


def face() -> np.ndarray:
    data = blank()
    data[FACE] = 1
    return data


@pytest.mark.parametrize("shape", [SHAPE, (*SHAPE, 3)])
@pytest.mark.parametrize("left", [0, 1])
def test_one_voxel_of_a_face_in_an_image_or_frame_fails(tmp_path, shape, left):
    head = np.full(shape, 40, np.int16)
    head[FACE] = AIR
    if left:
        head[(5, 13, 2, 1)[: len(shape)]] = 40
    mask = written(tmp_path / "face.nii.gz", face())
    image = written(tmp_path / "head.nii.gz", head)
    [check] = audit.of_faces(plan(faces=((image, mask, "ct"),)), Folder(Path()), JUDGE)
    assert check.value == left
    assert check.passed == (not left)


# --- Brains -----------------------------------------------------------------------------------


def brain(*more: tuple[int, int, int]) -> np.ndarray:
    """A brain that touches the face nowhere, but for the voxels given."""
    data = blank()
    data[4:16, 2:12, 9:18] = 1
    for voxel in more:
        data[voxel] = 1
    return data


@pytest.mark.parametrize("removed", [[], [(5, 13, 2)]])
def test_one_voxel_of_the_brain_under_the_face_fails(tmp_path, removed):
    written(tmp_path / "face.nii.gz", face())
    written(tmp_path / "brain.nii.gz", brain(*removed))
    written(tmp_path / "reference.nii.gz", brain())
    parts = plan(reference="reference.nii.gz", brains=(("face.nii.gz", "brain.nii.gz", ""),))
    [check] = audit.measured(parts, tmp_path, JUDGE, MNI, LEAST_ML)
    assert check.value == len(removed)
    assert check.passed == (not removed)


@pytest.mark.parametrize("shift_mm", [0.0, 4.0])
def test_a_brain_on_another_scan_is_carried_to_the_face_by_the_transform(tmp_path, shift_mm):
    """The transform takes points of the brain's scan to points of the face's, 10 mm behind."""
    apart = AFFINE.copy()
    apart[1, 3] += 10
    move = transforms.linear(np.array(
        [[1.0, 0, 0, 0], [0, 1, 0, 10 - shift_mm], [0, 0, 1, 0], [0, 0, 0, 1]]
    ))  # fmt: skip
    transforms.write(move, tmp_path / "move.txt")
    paths = (
        written(tmp_path / "face.nii.gz", face()),
        written(tmp_path / "brain.nii.gz", under_no_face(), apart),
    )
    parts = plan(brains=((*paths, str(tmp_path / "move.txt")),))
    [check] = audit.of_brains(parts, Folder(Path()), JUDGE)
    assert check.passed == (shift_mm == 0)


def under_no_face() -> np.ndarray:
    """A brain right behind the face, at its height."""
    data = blank()
    data[4:10, 2:12, 0:9] = 1
    return data


@pytest.mark.parametrize(("shift_mm", "fits"), [(0, True), (24, False)])
def test_a_brain_that_misses_the_templates_fails(tmp_path, shift_mm, fits):
    grid = template.target_grid(None, MNI)
    shift = sitk.TranslationTransform(3, (0.0, float(shift_mm), 0.0))
    moved = transforms.resample(template.standard(MNI).brain, grid, [shift], transforms.NEAREST)
    images.write(sitk.Cast(moved, sitk.sitkUInt8), tmp_path / "brain.nii.gz")
    parts = plan(template_brain=str(tmp_path / "brain.nii.gz"))
    [check] = audit.of_template(parts, Folder(Path()), JUDGE, MNI)
    assert check.passed == fits
    assert (check.value == 1) == fits


# --- Brain masks ------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("shift_mm", "verdicts"), [(0, {"pass"}), (12, {"warn", "fail"})])
def test_a_brain_mask_is_judged_on_its_own_image(tmp_path, shift_mm, verdicts):
    shown = head("ct")
    mask = images.like(shown.brain.astype(np.uint8), shown.image)
    move = sitk.TranslationTransform(3, (0.0, float(shift_mm), 0.0))
    images.write(shown.image, tmp_path / "ct.nii.gz")
    images.write(transforms.resample(mask, mask, [move], transforms.NEAREST), tmp_path / "m.nii.gz")
    parts = plan(masks=((str(tmp_path / "ct.nii.gz"), str(tmp_path / "m.nii.gz"), "ct"),))
    checks = list(audit.of_masks(parts, Folder(Path()), JUDGE))
    assert {each.verdict for each in checks if each.metric == "contour_moved_mm"} <= verdicts
    assert len(checks) == 5

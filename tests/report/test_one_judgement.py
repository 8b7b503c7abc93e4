"""Audit, report and privacy give one answer to one question about the same files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from report_study import SETTINGS, TEMPLATE
from strokeprep.io import images
from strokeprep.privacy import undefaced
from strokeprep.quality import audit
from strokeprep.quality import plan as quality_plan
from strokeprep.quality.judgement import Judge, Measurement
from strokeprep.report import numbers, plan, views
from strokeprep.report.scene import Scene

JUDGE = Judge("01")
LEAST_ML = 1.0


@pytest.fixture
def audited(patient) -> quality_plan.AuditPlan:
    return quality_plan.audit_plan(patient, TEMPLATE)


@pytest.fixture
def scene(patient, finished) -> Scene:
    return Scene(plan.images(patient, TEMPLATE), views.Files(finished))


def judged(found: Iterable[Measurement], metric: str) -> list[tuple[float, str]]:
    """Values and verdicts of a figure."""
    return sorted((each.value, each.verdict) for each in found if each.metric == metric)


@pytest.mark.parametrize(
    "metric", ["template_dice", "template_off_mm", "brain_missing_ml", "brain_outlying_ml"]
)
def test_whether_the_brain_fits_the_template(audited, scene, metric):
    by_audit = audit.of_template(audited, scene.files.path, JUDGE, SETTINGS)
    by_report = numbers.of_brain(scene, JUDGE, SETTINGS)
    found = judged(by_audit, metric)
    assert found and found == judged(by_report, metric)


@pytest.mark.parametrize(
    "metric", ["contour_edge_mm", "contour_short_mm", "contour_moved_mm", "contour_worst_mm"]
)
def test_whether_a_contour_lies_on_the_edge_of_the_brain(audited, scene, metric):
    by_audit = audit.of_masks(audited, scene.files.path, JUDGE)
    by_report = [
        *numbers.of_brain(scene, JUDGE, SETTINGS),
        *(number for shown in scene.shown for number in numbers.of_move(scene, shown, JUDGE)),
    ]
    found = judged(by_audit, metric)
    assert found and found == judged(by_report, metric)


def test_whether_a_head_is_flipped(audited, scene):
    [shown] = [each for each in scene.shown if each.plan.scan == "cta"]
    alike = tuple(each for each in audited.alike if each[0] == shown.plan.native)
    by_audit = audit.of_flips(replace(audited, alike=alike), scene.files.path, JUDGE)
    found = judged(by_audit, "mirror_ratio")
    assert found and found == judged(numbers.of_move(scene, shown, JUDGE), "mirror_ratio")


@pytest.mark.parametrize("metric", ["labels_changed", "volume_change", "class_volume_change"])
def test_whether_a_label_changed(audited, scene, metric):
    on_reference = {each.on_reference for each in scene.plan.labels}
    moved = tuple(each for each in audited.labels if each[1] in on_reference)
    by_audit = audit.of_labels(replace(audited, labels=moved), scene.files.path, JUDGE, LEAST_ML)
    by_report = [
        number
        for label in scene.plan.labels
        for number in numbers.of_label(scene, label, JUDGE, LEAST_ML)
    ]
    found = judged(by_audit, metric)
    assert found and found == judged(by_report, metric)


def test_whether_defacing_removed_brain(audited, scene):
    by_report = numbers.of_faces(scene.plan, scene.files, JUDGE, scene)
    found = judged(audit.of_brains(audited, scene.files.path, JUDGE), "brain_voxels_removed")
    assert found and found == judged(by_report, "brain_voxels_removed")


@pytest.mark.parametrize("left", [0, 1])
def test_whether_a_face_is_left(audited, patient, spoilt, left):
    """One voxel in the last frame of the CT perfusion series is enough for each of them."""
    face = next(each for each in plan.images(patient, TEMPLATE).faces if each.scan == "ctp")
    if left:
        fill_one_voxel(spoilt / face.image, spoilt / face.mask)
    only = replace(plan.images(patient, TEMPLATE), faces=(face,), reference="")
    faces = tuple(each for each in audited.faces if each[0] == face.image)
    files = views.Files(spoilt)
    by_audit = audit.of_faces(replace(audited, faces=faces), files.path, JUDGE)
    by_report = numbers.of_faces(only, files, JUDGE, None)
    by_privacy = undefaced.of_voxels(spoilt, [files.path(face.image)], [files.path(face.mask)], {})
    found = judged(by_audit, "face_voxels_left")
    assert [value for value, _ in found] == [left]
    assert found == judged(by_report, "face_voxels_left")
    assert [leak.find for leak in by_privacy] == ["face"] * left


def fill_one_voxel(image: Path, mask: Path) -> None:
    """Put tissue into one emptied voxel of the last frame."""
    nifti = images.open_nifti(image)
    data = images.voxels(nifti, image).copy()
    i, j, k = (images.array(images.read(mask)) > 0).nonzero()
    data[i[0], j[0], k[0], -1] = 40
    image.unlink()
    images.write_array(data, nifti.affine, image)

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
from strokeprep.quality.folder import Folder
from strokeprep.quality.judgement import Judge, Measurement
from strokeprep.quality.measured import Audited
from strokeprep.report import numbers, plan
from strokeprep.report.scene import Scene

JUDGE = Judge("01")
LEAST_ML = 1.0


@pytest.fixture(scope="module")
def by_audit(patient, finished) -> list[Measurement]:
    """All that the audit measures of the first subject."""
    whole = quality_plan.audit_plan(patient, TEMPLATE)
    return audit.measured(whole, finished, JUDGE, SETTINGS, LEAST_ML)


@pytest.fixture(scope="module")
def by_report(patient, finished, by_audit) -> list[Measurement]:
    """All that its page shows."""
    about, files = plan.images(patient, TEMPLATE), Folder(finished)
    found = Audited(by_audit)
    return [
        *numbers.of_images(Scene(about, files), JUDGE, found, SETTINGS),
        *numbers.of_faces(about, files, JUDGE, found),
    ]


def judged(found: Iterable[Measurement], metric: str) -> list[tuple[float, str]]:
    """Values and verdicts of a figure."""
    return sorted((each.value, each.verdict) for each in found if each.metric == metric)


@pytest.mark.parametrize(
    "metric",
    [
        *("template_dice", "template_off_mm", "brain_missing_ml", "brain_outlying_ml"),
        *("contour_edge_mm", "contour_short_mm", "contour_moved_mm", "contour_worst_mm"),
        "contour_halves_mm",
        *("mirror_ratio", "edges_off_mm", "scan_size", "brain_voxels_removed", "face_left_ml"),
    ],
)
def test_the_page_shows_every_figure_that_the_audit_judges(by_audit, by_report, metric):
    found = judged(by_audit, metric)
    assert found and found == judged(by_report, metric)


@pytest.mark.parametrize("metric", ["labels_changed", "volume_change", "class_volume_change"])
def test_the_page_shows_whether_a_label_changed_on_its_way_to_the_reference(
    by_audit, by_report, metric
):
    found = judged((each for each in by_audit if "_space-ncct_" in each.step), metric)
    assert found and found == judged(by_report, metric)


@pytest.mark.parametrize("left", [0, 1])
def test_whether_a_face_is_left(patient, spoilt, left):
    """One voxel in the last frame of the CT perfusion series is enough for each of them."""
    face = next(each for each in plan.images(patient, TEMPLATE).faces if each.scan == "ctp")
    if left:
        fill_one_voxel(spoilt / face.image, spoilt / face.mask)
    only = replace(plan.images(patient, TEMPLATE), faces=(face,), reference="")
    whole, files = quality_plan.audit_plan(patient, TEMPLATE), Folder(spoilt)
    faces = tuple(each for each in whole.faces if each[0] == face.image)
    by_audit = list(audit.of_faces(replace(whole, faces=faces), files, JUDGE))
    by_report = numbers.of_faces(only, files, JUDGE, Audited(by_audit))
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

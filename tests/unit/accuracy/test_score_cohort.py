"""Maps and tables of a cohort are held against a count of their own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from strokeprep.accuracy import score_cohort
from strokeprep.accuracy.figures import against
from strokeprep.io import images, tables
from strokeprep.io.whole import write_text
from strokeprep.study import naming
from strokeprep.study.naming import Space

SPACE = Space("MNI152NLin2009aSym", "2")
SHAPE = (8, 7, 6)
AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
AFFINE[:3, 3] = -7, -6, -5  # the middle plane lies between two voxels
ATLAS = np.broadcast_to(np.repeat([1, 2], 4)[:, None, None], SHAPE).astype(np.uint8)
VOXEL_ML = 0.008


@pytest.fixture
def cohort(tmp_path) -> Path:
    """Three patients, whose maps and tables are right."""
    random = np.random.default_rng(5)
    root = tmp_path / "derivatives"
    masks = random.random((3, *SHAPE)) > 0.7
    values = random.normal(0, 1, (3, *SHAPE)).astype(np.float32)
    members, paths, regions = [], [], []
    for n, (mask, image) in enumerate(zip(masks, values, strict=True)):
        stem = f"sub-{n}/dwi/sub-{n}_space-{SPACE.label}_res-2"
        paths.append(f"{stem}_label-L_mask.nii.gz")
        save(mask.astype(np.uint8), root / paths[-1])
        save(np.ones(SHAPE, np.uint8), root / f"{stem}_desc-brain_mask.nii.gz")
        save(image, root / f"{stem}_desc-normalised_trace.nii.gz")
        members.append({"participant_id": f"sub-{n}", "side": "bilateral", "group": "n/a"})
        truth = tmp_path / f"truth/sub-{n}/truth.json"
        truth.parent.mkdir(parents=True)
        truth.write_text(json.dumps({"side": "bilateral", "type": "ischemic"}))
        regions += [region(f"sub-{n}", mask, label) for label in (1, 2)]
    write_text(tables.render(members, list(members[0])), root / "docs/cohort/members.tsv")
    write_text(tables.render(regions, list(regions[0])), root / "docs/cohort/regions.tsv")
    write_text("\n".join(paths), root / "docs/cohort/lesions.txt")
    save(ATLAS, tmp_path / "atlas.nii.gz")
    count = masks.sum(axis=0).astype(np.uint16)
    turned = [each[::-1] if each[4:].sum() > each[:4].sum() else each for each in masks]
    for suffix, desc, voxels in (
        ("probseg", None, (count / 3).astype(np.float32)),
        ("probseg", "count", count),
        ("probseg", "cohortN", np.full(SHAPE, 3, np.uint16)),
        ("mask", "atLeast", (count >= 2).astype(np.uint8)),
        ("probseg", "flipped", (np.sum(turned, axis=0) / 3).astype(np.float32)),
    ):
        save(voxels, root / naming.of_template(SPACE, None, "anat", suffix, label="L", desc=desc))
    for desc, voxels in (
        ("cohortN", np.full(SHAPE, 3, np.uint16)),
        ("cohortMean", values.mean(axis=0)),
        ("cohortSd", values.std(axis=0, ddof=1)),
    ):
        save(voxels, root / naming.of_template(SPACE, None, "dwi", "trace", desc=desc))
    return tmp_path


def save(voxels: np.ndarray, path: Path) -> None:
    images.write_array(voxels, AFFINE, path)


def region(person: str, mask: np.ndarray, label: int) -> dict:
    here, of = (mask & (label == ATLAS)).sum(), (label == ATLAS).sum()
    return {
        "participant_id": person, "atlas": "halves", "index": label,
        "lesion_ml": here * VOXEL_ML, "share_of_region": here / of, "share_of_lesion": here / mask.sum(),
    }  # fmt: skip


def figures(folder: Path) -> dict[str, float]:
    found = score_cohort.measurements(
        folder / "derivatives",
        folder / "truth",
        SPACE,
        2,
        {"halves": folder / "atlas.nii.gz"},
        against({}, "all"),
    )
    return {each.step.removeprefix("cohort_"): each.value for each in found}


def test_right_maps_and_tables_have_no_error(cohort):
    found = figures(cohort)
    assert set(found) == {
        *("members", "regions", "share", "count", "seen", "at_least", "flipped"),
        *("trace_seen", "trace_mean", "trace_sd"),
    }
    assert max(found.values()) < 1e-6


def test_a_voxel_that_is_off_in_a_map_is_found(cohort):
    for path in (cohort / "derivatives").glob("tpl-*/*/*.nii.gz"):
        voxels = images.array(images.read(path)).copy()
        voxels[3, 3, 3] += 1
        save(voxels, path)
    found = figures(cohort)
    assert all(value > 0.5 for name, value in found.items() if name not in ("members", "regions"))


def test_a_patient_without_the_group_of_the_type_is_counted(tmp_path):
    rows = []
    for n, group in enumerate(("ischemic", "n/a", "none")):
        truth = tmp_path / f"sub-{n}/truth.json"
        write_text(json.dumps({"side": "none", "type": "ischemic" if n == 0 else "none"}), truth)
        rows.append({"participant_id": f"sub-{n}", "side": "n/a", "group": group})
    assert score_cohort.members_wrong(rows, tmp_path) == 1
    without = [row | {"group": "n/a"} for row in rows]
    assert score_cohort.members_wrong(without, tmp_path) == 0


def test_a_study_without_true_sides_is_asked_for_its_patients_alone(tmp_path):
    for n in (1, 2):
        write_text(json.dumps({"deformation_mm": 0}), tmp_path / f"sub-{n}/truth.json")
    row = {"participant_id": "sub-1", "side": "left", "group": "n/a"}
    assert score_cohort.members_wrong([row], tmp_path) == 1  # the other is missing


def test_a_row_that_is_wrong_or_missing_is_counted(cohort):
    folder = cohort / "derivatives/docs/cohort"
    rows = tables.read(folder / "regions.tsv")
    rows[0]["lesion_ml"] = "0.5"
    write_text(tables.render(rows[:-1], list(rows[0])), folder / "regions.tsv")
    members = tables.read(folder / "members.tsv")
    members[1]["side"] = "left"
    write_text(tables.render(members, list(members[0])), folder / "members.tsv")
    found = figures(cohort)
    assert (found["regions"], found["members"]) == (2, 1)

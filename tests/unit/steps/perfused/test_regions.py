"""The table of regions from files: an atlas in the template, maps of a patient, a transform between."""

from __future__ import annotations

import numpy as np
import pytest
from strokeprep.io import images, tables, transforms
from strokeprep.lesions import atlas
from strokeprep.lesions.atlas import Atlas
from strokeprep.perfusion import regions
from strokeprep.settings.perfusion import PerfusionSettings
from strokeprep.steps.perfused import regions as step

SETTINGS = PerfusionSettings()
SHIFT_MM = 30.0  # from the patient to the template, towards the right
AFFINE = np.diag([4.0, 4, 4, 1]) + np.array([[0, 0, 0, -38 - SHIFT_MM], *[[0] * 4] * 3])
SHAPE = (20, 5, 5)


@pytest.fixture
def written(tmp_path):
    """Write maps with half the flow on the left; returns the table and its sidecar."""

    def tabulated():
        x = (AFFINE[0, 0] * np.arange(SHAPE[0]) + AFFINE[0, 3] + SHIFT_MM)[:, None, None]
        flow = np.broadcast_to(np.where(x < 0, 20, 40), SHAPE).astype(np.float32)
        paths = {}
        for name in regions.USED:
            paths[name] = str(tmp_path / f"{name}.nii.gz")
            images.write_array(flow if name == "cbf" else np.ones_like(flow), AFFINE, paths[name])
        numbers = (x < 0).astype(np.uint8) + 2 * (x > 0).astype(np.uint8)
        there = AFFINE + np.array([[0, 0, 0, SHIFT_MM], *[[0] * 4] * 3])
        grid = images.from_array(np.broadcast_to(numbers, SHAPE).copy(), there)
        files = [str(tmp_path / f"atlas_dseg.{end}") for end in ("nii.gz", "tsv")]
        atlas.write(Atlas(grid, {1: "left half", 2: "right half"}, 1.0), *files)
        move = np.eye(4)
        move[0, 3] = -SHIFT_MM  # LPS
        chain = transforms.linear(move)
        transforms.write(chain, tmp_path / "to_template.h5")
        (tmp_path / "volumes.tsv").write_text("reference_cbf\n40\n")
        sources = step.Sources(
            paths, str(tmp_path / "volumes.tsv"), None, str(tmp_path / "to_template.h5")
        )
        by = step.atlases(["halves"], files[:1], files[1:])
        target = str(tmp_path / "regions.tsv")
        about = step.tabulate(sources, by, target, [str(tmp_path / "drawn.nii.gz")], SETTINGS)
        return tables.read(target), about

    return tabulated


def test_regions_are_carried_to_the_patient(written):
    rows, about = written()
    assert [(row["atlas"], row["region"], row["side"]) for row in rows] == [
        ("n/a", "brain", "both"),
        ("n/a", "brain", "left"),
        ("n/a", "brain", "right"),
        ("halves", "left half", "left"),
        ("halves", "right half", "right"),
    ]
    for row in rows[1:]:
        assert float(row["volume_ml"]) == 250 * 0.064
        assert float(row["cbf_median"]) == (20 if row["side"] == "left" else 40)
    assert rows[3]["cbf_ratio"] == "0.5"


def test_regions_are_drawn_on_the_grid_of_the_maps_where_there_is_tissue(written, tmp_path):
    written()
    labels = images.array(images.read(tmp_path / "drawn.nii.gz"))
    np.testing.assert_allclose(images.affine(images.read(tmp_path / "drawn.nii.gz")), AFFINE)
    assert np.all(labels[:10] == 1) and np.all(labels[10:] == 2)


def test_the_sidecar_explains_every_column_with_its_threshold(written):
    rows, about = written()
    assert set(rows[0]) | {"Description"} == set(about)
    assert "6 s" in about["late_tmax"]["Description"]
    assert about["core_ml"]["Units"] == "mL"

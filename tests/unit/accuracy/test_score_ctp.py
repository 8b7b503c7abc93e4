"""Each score of CT perfusion shows its own kind of error, and no other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from perfused_heads import BOLUS, FRAMES, head
from strokeprep import kinds
from strokeprep.accuracy import score_ctp
from strokeprep.accuracy.truth import Truth
from strokeprep.io import images, tables, transforms
from strokeprep.perfusion import pipeline, regions
from strokeprep.phantom.scan.bolus import arterial_curve, venous_curve
from strokeprep.series import motion
from strokeprep.settings.perfusion import PerfusionSettings
from strokeprep.steps import perfusion_maps
from strokeprep.steps.perfused import regions as tabulate
from strokeprep.study import naming, table
from strokeprep.study.naming import ORIG
from strokeprep.study.scans import Row

SETTINGS = PerfusionSettings()
MNI = "MNI152NLin2009aSym"
STILL = np.tile(np.eye(4), (FRAMES, 1, 1))


def moves(matrices: np.ndarray) -> motion.Motion:
    """A motion table with these poses."""
    none, never = np.zeros(FRAMES), np.zeros(FRAMES, bool)
    return motion.Motion(
        matrices=matrices,
        moves=np.zeros((FRAMES, 6)),
        displacement_mm=none,
        framewise_mm=none,
        before=none,
        after=none,
        residual_hu=none,
        enhancement_hu=none,
        pre_contrast=never,
        still=never,
        outlier=never,
    )


class World:
    """A perfusion scan that was processed without error, and its truth."""

    def __init__(self, folder: Path) -> None:
        self.root, self.truth = folder / "derivatives", folder / "truth"
        rows = [
            Row("1", None, name, folder / f"{name}.nii.gz", entities=(f"acq-{name}",))
            for name in ("ncct", "ctp")
        ]
        (subject,) = table.build(rows, ["ncct"]).subjects
        self.reference, self.scan = subject.scans
        self.series = head()
        self._write_derivatives()
        self._write_truth()

    def path(self, name: str) -> Path:
        return self.root / name

    def begins(self, seconds: float) -> None:
        """Say when the series begins, in the time of the scan."""
        preproc = naming.preproc(self.scan, "ct", ORIG, "preproc")
        self.path(naming.sidecar(preproc)).write_text(json.dumps({"FirstFrameTime": seconds}))

    def _write_derivatives(self) -> None:
        scan, still = self.scan, transforms.linear(np.eye(4))
        series, affine = self.series, self.series.affine
        brain = series.brain.astype(np.uint8)
        preproc = self.path(naming.preproc(scan, "ct", ORIG, "preproc"))
        images.write_array(series.hu, affine, preproc, frame_seconds=1.0)
        self.begins(0.0)
        images.write_array(np.ones_like(brain), affine, self.path(naming.coverage(scan, ORIG)))
        images.write_array(brain, affine, self.path(naming.brain_mask(self.reference, ORIG)))
        transforms.write(still, self.path(naming.to_reference(scan, "ctp", "ncct")))
        transforms.write(still, self.path(naming.from_template(self.reference, "ncct", MNI)))
        motion.write(moves(STILL), self.path(naming.motion(scan)))
        sources = pipeline.Sources(
            str(preproc),
            str(self.path(naming.coverage(scan, ORIG))),
            str(self.path(naming.brain_mask(self.reference, ORIG))),
            str(self.path(naming.to_reference(scan, "ctp", "ncct"))),
            str(self.path(naming.from_template(self.reference, "ncct", MNI))),
        )
        names = {name: naming.perfusion_map(scan, name, ORIG) for name in kinds.MAPS}
        names |= {name: naming.model_map(scan, name) for name in kinds.MODEL_MAPS}
        names |= {name: naming.at_risk(scan, name, ORIG) for name in kinds.AT_RISK}
        names |= {"vessels": naming.vessels(scan), "volumes": naming.tissue_volumes(scan)}
        names |= {"voxels": naming.vessel_voxels(scan)}
        files = {name: str(self.path(where)) for name, where in names.items()}
        self.done = pipeline.computed(sources, SETTINGS)
        perfusion_maps.write(self.done, str(preproc), files)
        maps = {name: files[name] for name in regions.USED}
        table = str(self.path(naming.perfusion_regions(scan)))
        of_table = tabulate.Sources(maps, files["volumes"], sources.to_series, sources.to_template)
        tabulate.tabulate(of_table, {}, table, [], SETTINGS)

    def _write_truth(self) -> None:
        self.truth.mkdir()
        (self.truth / "truth.json").write_text("{}")
        for name in ("ctp", "ncct", MNI):
            transforms.write(transforms.linear(np.eye(4)), self.truth / f"from-head_to-{name}.tfm")
        brain, affine = self.series.brain.astype(np.uint8), self.series.affine
        images.write_array(brain, affine, self.truth / "ctp_brain.nii.gz")
        for name in kinds.MAPS:
            images.write_array(self.done.maps[name], affine, self.truth / f"ctp_{name}.nii.gz")
        times = np.arange(FRAMES, dtype=float)
        curves = zip(times, arterial_curve(times, BOLUS), venous_curve(times, BOLUS), strict=True)
        rows = [dict(zip(("time_s", "aif_hu", "vof_hu"), row, strict=True)) for row in curves]
        (self.truth / "ctp_aif.tsv").write_text(tables.render(rows, list(rows[0])))
        poses = [
            dict(zip(motion.MATRIX_COLUMNS, np.eye(4)[:3].ravel(), strict=True))
            for _ in range(FRAMES)
        ]
        (self.truth / "ctp_motion.tsv").write_text(tables.render(poses, motion.MATRIX_COLUMNS))

    def figures(self) -> dict[tuple[str, str], float]:
        """All checks, by step and metric."""
        checks = score_ctp.measurements(
            self.scan,
            self.reference,
            MNI,
            self.root,
            Truth(self.truth),
            SETTINGS,
            lambda step, metric, value: (step, metric, value),
            {},
        )
        return {(step, metric): value for step, metric, value in checks}


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.mark.slow
def test_a_series_without_error_scores_well(world):
    found = world.figures()
    assert found["ctp_to_ncct", "tre_max"] == pytest.approx(0, abs=1e-5)
    assert found["ctp_motion", "tre_worst_frame"] == pytest.approx(0, abs=1e-5)
    assert found["ctp_aif", "area_error"] < 0.05
    assert found["ctp_cbv_by_input", "correlation"] > 0.99
    assert found["ctp_cbv_by_input", "slope_error"] < 0.05
    assert found["ctp_hypoperfused", "volume_change"] < 0.1
    assert found["ctp_late", "volume_change"] < 0.1
    assert found["ctp_tmax_by_input", "shift"] < 0.5
    assert found["ctp_regions", "volume_change"] < 1e-3
    assert found["ctp_regions", "ratio_error"] < 1e-3


@pytest.mark.slow
def test_a_misplaced_series_is_an_error_of_registration(world):
    shift = np.eye(4)
    shift[0, 3] = 2.0
    place = world.path(naming.to_reference(world.scan, "ctp", "ncct"))
    transforms.write(transforms.linear(shift), place)
    found = world.figures()
    assert found["ctp_to_ncct", "tre_mean"] == pytest.approx(2.0, abs=1e-3)
    assert found["ctp_motion", "tre_worst_frame"] == pytest.approx(0, abs=1e-5)


@pytest.mark.slow
def test_a_missed_jump_is_an_error_of_motion(world):
    poses = STILL.copy()
    poses[30, 2, 3] = 1.0
    motion.write(moves(poses), world.path(naming.motion(world.scan)))
    found = world.figures()
    assert found["ctp_motion", "tre_worst_frame"] == pytest.approx(1 - 1 / FRAMES, abs=1e-3)
    assert found["ctp_to_ncct", "tre_mean"] == pytest.approx(1 / FRAMES, abs=1e-3)


@pytest.mark.slow
def test_unusable_frames_are_not_scored(world):
    poses = STILL.copy()
    poses[30, 2, 3] = 5.0
    given_up = replace(moves(poses), outlier=np.arange(FRAMES) == 30)
    motion.write(given_up, world.path(naming.motion(world.scan)))
    assert world.figures()["ctp_motion", "tre_worst_frame"] == pytest.approx(0, abs=1e-5)


def test_an_input_that_is_too_large_has_an_area_error(world):
    path = world.path(naming.vessels(world.scan))
    before = world.figures()["ctp_aif", "area_error"]
    rows = [row | {"aif": str(1.5 * float(row["aif"]))} for row in tables.read(path)]
    path.write_text(tables.render(rows, list(rows[0])))
    assert world.figures()["ctp_aif", "area_error"] == pytest.approx(0.5, abs=1.5 * before + 0.01)


def test_a_halved_blood_volume_has_a_slope_error(world):
    path = world.path(naming.perfusion_map(world.scan, "cbv", ORIG))
    image = images.read(path)
    images.write(image * 0.5, path)
    found = world.figures()
    assert found["ctp_cbv_by_input", "slope_error"] == pytest.approx(0.5, abs=0.03)
    assert found["ctp_cbv", "median_error"] == pytest.approx(0.5, abs=0.03)
    assert found["ctp_cbv_by_input", "correlation"] > 0.99


def test_an_input_that_comes_late_shifts_tmax(world):
    path = world.path(naming.perfusion_map(world.scan, "tmax", ORIG))
    before, image = world.figures(), images.read(path)
    seen = sitk.Cast(image != 0, image.GetPixelID())
    images.write(image + 2.0 * seen, path)
    found = world.figures()
    assert found["ctp_tmax_by_input", "shift"] == pytest.approx(
        2, abs=before["ctp_tmax_by_input", "shift"] + 0.01
    )
    assert found["ctp_late", "volume_change"] == before["ctp_late", "volume_change"]


def test_the_true_input_is_taken_at_the_times_of_the_series(world):
    before = world.figures()
    path = world.truth / "ctp_aif.tsv"
    rows = [row | {"time_s": str(float(row["time_s"]) + 2)} for row in tables.read(path)]
    path.write_text(tables.render(rows, list(rows[0])))
    assert world.figures()["ctp_tmax_by_input", "shift"] > 1.5
    world.begins(2.0)
    assert world.figures() == before


def test_late_tissue_that_is_not_seen_changes_its_volume(world):
    path = world.path(naming.model_map(world.scan, "penumbra_probability"))
    images.write(images.read(path) * 0, path)
    assert world.figures()["ctp_late", "volume_change"] > 0.3


def test_regions_of_the_wrong_side_have_errors(world):
    path = world.path(naming.perfusion_regions(world.scan))
    before, rows = world.figures(), tables.read(path)
    sides = {"left": "right", "right": "left", "both": "both"}
    swapped = [row | {"side": sides[row["side"]]} for row in rows]
    path.write_text(tables.render(swapped, list(rows[0])))
    found = world.figures()
    assert found["ctp_regions", "ratio_error"] > 0.5
    assert found["ctp_regions", "share_error"] > before["ctp_regions", "share_error"] + 0.1


def test_tissue_that_is_counted_on_the_other_side_changes_the_volume(world):
    path = world.path(naming.perfusion_regions(world.scan))
    rows = [row | {"volume_ml": str(1.2 * float(row["volume_ml"]))} for row in tables.read(path)]
    path.write_text(tables.render(rows, list(rows[0])))
    assert world.figures()["ctp_regions", "volume_change"] == pytest.approx(0.2, abs=0.01)

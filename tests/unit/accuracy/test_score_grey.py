"""Grey levels are held against those that were simulated."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage
from strokeprep.accuracy import score_grey
from strokeprep.accuracy.figures import against
from strokeprep.accuracy.truth import Truth
from strokeprep.io import images, tables
from strokeprep.io.whole import write_text
from strokeprep.kinds import KINDS, STRIPPED
from strokeprep.registration import template as templates
from strokeprep.settings.study import IntensitySettings, TemplateSettings
from strokeprep.study import naming, table
from strokeprep.study.naming import ORIG, Space
from strokeprep.study.scans import Row

AFFINE = np.diag([2.0, 2.0, 3.0, 1.0])
SHAPE = (20, 22, 14)
TEMPLATE = TemplateSettings(resolution_mm=2, res="2")
WANTED = IntensitySettings(dwi="bimodal", adc=True, t1w="percentiles")


class World:
    """A patient with a scan on which everything is right, but where a test says otherwise."""

    def __init__(self, folder: Path, kinds: tuple[str, ...]) -> None:
        rows = [Row("1", None, kind, folder / f"{kind}.nii.gz") for kind in kinds]
        (subject,) = table.build(rows, ["dwi", "t1w"], intensity=WANTED).subjects
        (self.scan,) = subject.scans
        self.root, self.truth = folder / "derivatives", folder / "truth"
        self.random = np.random.default_rng(6)
        brain = np.zeros(SHAPE, np.uint8)
        brain[2:-2, 2:-2, 2:-2] = 1
        self.inside = brain > 0
        for name in ("brain", "healthy"):
            self.true(name, brain)
        self.save(brain, self.root / naming.brain_mask(self.scan, ORIG))
        labels = {"1": "gm", "2": "wm"}
        facts = {"deformation_mm": 3, "b_value": 1000, "tissue_labels": labels}
        write_text(json.dumps(facts), self.truth / "truth.json")

    def save(self, voxels: np.ndarray, path: Path) -> None:
        dtype = np.uint8 if voxels.dtype == np.uint8 else np.float32
        images.write_array(voxels.astype(dtype), AFFINE, path)

    def true(self, name: str, voxels: np.ndarray) -> None:
        self.save(voxels, self.truth / f"{self.scan.name}_{name}.nii.gz")

    def raw(self, kind: str, voxels: np.ndarray) -> None:
        self.save(voxels, self.root / naming.defaced(self.scan, KINDS[kind].suffix))

    def derived(self, kind: str, desc: str, voxels: np.ndarray) -> None:
        self.save(voxels, self.root / naming.preproc(self.scan, KINDS[kind].suffix, ORIG, desc))

    def figures(self) -> dict[str, float]:
        found = score_grey.measurements(
            self.scan, [], self.root, Truth(self.truth), TEMPLATE, against({}, "1")
        )
        return {f"{each.step} {each.metric}": each.value for each in found}


@pytest.fixture
def diffusion(tmp_path):
    def made(level: float = 1, adc_scale: float = 1) -> dict[str, float]:
        world = World(tmp_path, ("b0", "trace"))
        b0 = world.random.normal(400, 20, SHAPE) * world.inside
        adc = world.random.normal(800, 30, SHAPE)
        trace = b0 * np.exp(-1e-3 * adc)
        world.true("b0", b0)
        world.true("adc", adc)
        world.raw("b0", b0)
        world.raw("trace", trace)
        mean = trace[world.inside].mean() * level
        world.derived("trace", "normalised", (trace - mean) / 12 * world.inside)
        world.derived("adc", "recalculated", adc * adc_scale * world.inside)
        return world.figures()

    return made


def test_a_right_tissue_peak_and_diffusivity_have_no_error(diffusion):
    found = diffusion()
    assert set(found) == {"trace_normalised peak_error", "adc_recalculated median_error"}
    assert max(found.values()) < 1e-4


def test_a_tissue_peak_or_diffusivity_that_is_off_scores_by_how_much(diffusion):
    found = diffusion(level=1.04, adc_scale=0.9)
    assert found["trace_normalised peak_error"] == pytest.approx(0.04, abs=1e-3)
    assert found["adc_recalculated median_error"] == pytest.approx(0.1, abs=1e-3)


@pytest.fixture
def t1w(tmp_path):
    def made(left_log_sd: float = 0, off: float = 0) -> dict[str, float]:
        world = World(tmp_path, ("t1w",))
        tissue = np.where(world.random.random(SHAPE) < 0.5, 1, 2).astype(np.uint8)
        signal = np.where(tissue == 1, 560.0, 800.0)
        signal[::4, ::4] = 150  # fluid, so that the range is wider than that of tissue
        field = np.exp(0.1 * np.linspace(-1, 1, SHAPE[0]))[:, None, None] * np.ones(SHAPE)
        left = np.exp(world.random.normal(0, left_log_sd, SHAPE)) if left_log_sd else 1
        for name, voxels in (("tissue", tissue), ("signal", signal), ("bias", field)):
            world.true(name, voxels)
        world.raw("t1w", signal * field)
        world.derived("t1w", "n4", signal * left)
        model = templates.load()
        levels = images.array(model.t1)[images.array(model.inside) > 0]
        (low, high), (to_low, to_high) = (
            np.quantile(values, (0.01, 0.99)) for values in (signal[world.inside], levels)
        )
        span = to_high - to_low
        matched = to_low + (signal - low) * span / (high - low)
        world.derived("t1w", "normalised", matched + off * span)
        return world.figures()

    return made


def test_a_right_field_and_right_levels_have_no_error(t1w):
    found = t1w()
    assert set(found) == {"t1w_n4 field_error", "t1w_normalised level_error"}
    assert max(found.values()) < 1e-4


def test_what_is_left_of_the_field_and_levels_that_are_off_are_measured(t1w):
    found = t1w(left_log_sd=0.06, off=0.08)
    assert found["t1w_n4 field_error"] == pytest.approx(0.06, rel=0.1)
    assert found["t1w_normalised level_error"] == pytest.approx(0.08, abs=1e-3)


def test_a_gamma_is_the_share_of_a_strip():
    grey = np.zeros((20, 20, 20))
    grey[6:14, 6:14, 6:14] = 600
    grey[9:11, 9:11, 9:11] = 500  # fluid of the ventricles
    inside = np.zeros(grey.shape, bool)
    inside[5:13, 6:14, 6:14] = True
    fluid = np.zeros(grey.shape, bool)
    fluid[9:11, 9:11, 9:11] = True
    found = score_grey.gammas_of(grey, inside, fluid, steps=1)
    # The scan's brain sticks out by a layer of 64 voxels at one end, and lacks one at the other.
    assert found["gamma_osbm"] == pytest.approx(64 / (6 * 64))
    assert found["gamma_isbm"] == pytest.approx(64 / (8**3 - 6**3))
    assert found["gamma_oslv"] == 1


def test_the_gamma_of_a_page_is_compared_where_the_true_transform_has_an_inverse(tmp_path):
    world = World(tmp_path, ("b0", "trace"))
    page = tmp_path / "page.tsv"
    write_text(tables.render([], ["metric", "value"]), page)
    about = (world.root, Truth(world.truth), TEMPLATE, against({}, "1"))
    assert list(score_grey.gammas(page, world.scan, *about)) == []


def test_a_gamma_is_held_against_the_released_brain_and_told_of_the_true_one(tmp_path):
    world = World(tmp_path, ("b0", "trace"))
    standard = templates.standard(TEMPLATE)
    grid, inside = images.affine(standard.t1), images.array(standard.brain) > 0
    larger = ndimage.binary_dilation(inside)
    for voxels, path in (
        (inside, world.root / naming.brain_mask(world.scan, ORIG)),
        (larger, world.truth / "dwi_brain.nii.gz"),
    ):
        images.write_array(voxels.astype(np.uint8), grid, path)
    there = Space(TEMPLATE.name, TEMPLATE.res)
    bright = np.full(inside.shape, 500, np.float32)
    for path in (
        world.root / naming.defaced(world.scan, KINDS["b0"].suffix),
        world.root / naming.preproc(world.scan, KINDS["b0"].suffix, there, STRIPPED),
        world.truth / "dwi_b0.nii.gz",
    ):
        images.write_array(bright, grid, path)
    for name in ("dwi", TEMPLATE.name):
        sitk.WriteTransform(sitk.AffineTransform(3), str(world.truth / f"from-head_to-{name}.tfm"))
    write_text(json.dumps({"deformation_mm": 0}), world.truth / "truth.json")
    page = tmp_path / "page.tsv"
    rows = [{"metric": f"gamma_{each}", "value": 0} for each in ("osbm", "isbm", "oslv")]
    write_text(tables.render(rows, ["metric", "value"]), page)

    about = (world.root, Truth(world.truth), TEMPLATE, against({}, "1"))
    found = {
        (each.step, each.metric): each.value for each in score_grey.gammas(page, world.scan, *about)
    }

    assert found["gamma_osbm", "difference"] == 0
    assert found["gamma_isbm", "difference"] == 0
    # One layer of voxels of the five that the strip has.
    assert found["gamma_osbm", "from_true_brain"] == pytest.approx(0.2, abs=0.02)

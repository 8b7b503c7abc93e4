"""Grey levels that can be compared, from files to files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from strokeprep.errors import StrokeprepError
from strokeprep.io import images
from strokeprep.kinds import KINDS
from strokeprep.privacy.allowed import releasable
from strokeprep.settings.study import IntensitySettings, TemplateSettings
from strokeprep.steps import resample
from strokeprep.steps.grey import levels

AFFINE = np.diag([2.0, 2.0, 4.0, 1.0])
TEMPLATE = TemplateSettings(resolution_mm=2)
B = 1200.0


@dataclass
class Scan:
    folder: Path
    inside: np.ndarray
    adc: np.ndarray

    def path(self, name: str) -> str:
        return str(self.folder / f"{name}.nii.gz")

    def write(self, name: str, voxels: np.ndarray, **sidecar) -> str:
        dtype = np.uint8 if name in ("brain", "lesion") else np.float32
        images.write_array(voxels.astype(dtype), AFFINE, self.path(name))
        (self.folder / f"{name}.json").write_text(json.dumps(sidecar))
        return self.path(name)

    def read(self, name: str) -> np.ndarray:
        return images.array(images.read(self.path(name)))


@pytest.fixture
def scan(tmp_path) -> Scan:
    """b0 and trace without noise, and the mask of the brain in them."""
    random = np.random.default_rng(9)
    inside = np.zeros((40, 44, 20), bool)
    inside[5:35, 6:38, 3:17] = True
    fluid = random.random(inside.shape) < 0.15
    adc = np.where(fluid, 2900, random.normal(800, 40, inside.shape))
    b0 = np.where(fluid, 1000, random.normal(400, 20, inside.shape)) * inside
    made = Scan(tmp_path, inside, adc)
    made.write("b0", b0)
    made.write("trace", b0 * np.exp(-B * 1e-6 * adc), DiffusionBValue=B)
    made.write("brain", inside)
    return made


def diffusivity_of(scan: Scan) -> dict:
    return levels.diffusivity(scan.path("b0"), scan.path("trace"), scan.path("out"), b_value=B)


def normalised(scan: Scan, **settings) -> dict:
    return levels.normalise(
        scan.path("trace"), scan.path("brain"), scan.path("out"), kind=KINDS["trace"],
        settings=IntensitySettings(**settings), template=TEMPLATE,
    )  # fmt: skip


def test_the_diffusivity_is_the_true_one_with_the_b_value_of_the_sidecar(scan):
    about = levels.diffusivity(scan.path("b0"), scan.path("trace"), scan.path("out"), b_value=1)
    found = scan.read("out")
    assert found[scan.inside] == pytest.approx(scan.adc[scan.inside], rel=0.01)
    assert not found[~scan.inside].any()
    assert (about["DiffusionBValue"], about["Units"]) == (B, "1e-6 mm2/s")


def test_the_unit_of_the_diffusivity_is_one_that_may_be_released(scan):
    about = diffusivity_of(scan)
    assert releasable({"Units": about["Units"]}) == {"Units": "1e-6 mm2/s"}


def test_a_b_value_is_never_guessed(scan):
    scan.write("trace", scan.read("trace"))
    files = [scan.path(name) for name in ("b0", "trace", "out")]
    with pytest.raises(StrokeprepError, match="b-value"):
        levels.diffusivity(*files, b_value=None)
    assert levels.diffusivity(*files, b_value=B)["DiffusionBValue"] == B


def test_images_in_each_others_place_are_refused(scan):
    with pytest.raises(StrokeprepError, match="median diffusivity of -"):
        levels.diffusivity(scan.path("trace"), scan.path("b0"), scan.path("out"), b_value=B)


def test_tissue_of_a_normalised_dwi_is_around_zero_and_the_rest_empty(scan):
    about = normalised(scan, dwi="bimodal")
    found = scan.read("out")
    tissue = found[scan.inside & (scan.adc < 1500)]
    assert abs(np.median(tissue)) < 0.1 and not found[~scan.inside].any()
    assert about["Metrics"]["GoodnessOfFit"] > 0.9 and "two Gaussians" in about["Method"]
    assert about["SkullStripped"] is True


def test_a_z_score_is_over_the_whole_brain(scan):
    normalised(scan, dwi="zscore")
    found = scan.read("out")[scan.inside]
    assert (found.mean(), found.std()) == pytest.approx((0, 1), abs=1e-4)


def test_the_sidecar_of_a_normalised_image_scales_it_in_every_space(scan):
    about = normalised(scan, dwi="bimodal")
    (scan.folder / "out.json").write_text(json.dumps(about))
    resample.move_image(
        scan.path("trace"), scan.path("moved"), kind=KINDS["trace"], chain=[],
        grid=scan.path("trace"), brain=scan.path("brain"), template=TEMPLATE,
        scaling=str(scan.folder / "out.json"),
    )  # fmt: skip
    assert scan.read("moved") == pytest.approx(scan.read("out"), abs=1e-5)


def test_cubic_voxels_keep_the_orientation_and_the_place_of_a_scan(scan):
    about = resample.move_image(
        scan.path("trace"), scan.path("cubic"), kind=KINDS["trace"], chain=[],
        grid=scan.path("trace"), brain=None, template=TEMPLATE, is_cubic=True,
    )  # fmt: skip
    cubic = images.open_nifti(Path(scan.path("cubic")))
    assert cubic.shape == (40, 44, 40) and np.allclose(cubic.affine[:3, :3], 2 * np.eye(3))
    assert "in its own orientation" in about["Description"]


@pytest.mark.slow
def test_the_brain_of_a_t1w_gets_the_percentiles_of_the_template(scan):
    from strokeprep.registration import template

    x = np.linspace(-1, 1, 40)[:, None, None]
    grey = np.where(scan.adc > 1500, 200, 700) * np.exp(0.15 * x) * scan.inside
    scan.write("t1w", grey)
    scan.write("lesion", np.zeros(grey.shape))
    unbiased = levels.unbias(
        scan.path("t1w"), scan.path("brain"), [scan.path("lesion")], scan.path("n4"),
        kind=KINDS["t1w"],
    )  # fmt: skip
    assert unbiased["LesionMasked"] and unbiased["Metrics"]["FieldLogSd"] > 0.05
    levels.normalise(
        scan.path("n4"), scan.path("brain"), scan.path("out"), kind=KINDS["t1w"],
        settings=IntensitySettings(t1w="percentiles"), template=TEMPLATE,
    )  # fmt: skip
    model = template.standard(TEMPLATE)
    wanted = np.quantile(images.array(model.t1)[images.array(model.inside) > 0], (0.01, 0.99))
    assert np.quantile(scan.read("out")[scan.inside], (0.01, 0.99)) == pytest.approx(
        wanted, rel=1e-3
    )

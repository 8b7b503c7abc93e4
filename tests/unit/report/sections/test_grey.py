"""What a page shows of grey levels that can be compared."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from strokeprep.intensity import bimodal
from strokeprep.io import images
from strokeprep.quality.folder import Folder
from strokeprep.quality.judgement import Judge
from strokeprep.report.plan import Grey
from strokeprep.report.sections import grey
from strokeprep.settings.limits import LIMITS, PASS, WARN

SHAPE = (24, 26, 16)
AFFINE = np.diag([4.0, 4.0, 6.0, 1.0])


class Patient:
    """A patient's files, and what is derived from them."""

    def __init__(self, root: Path) -> None:
        self.root, self.grey = root, []
        self.inside = np.zeros(SHAPE, np.uint8)
        self.inside[4:-4, 4:-4, 3:-3] = 1
        self.save("brain", self.inside)
        self.random = np.random.default_rng(2)

    def save(self, name: str, voxels: np.ndarray) -> str:
        dtype = np.uint8 if voxels.dtype == np.uint8 else np.float32
        images.write_array(voxels.astype(dtype), AFFINE, self.root / f"{name}.nii.gz")
        return f"{name}.nii.gz"

    def derive(self, kind: str, desc: str, voxels: np.ndarray, source: str, **metrics) -> None:
        name = self.save(f"{kind}-{desc}", voxels)
        (self.root / f"{kind}-{desc}.json").write_text(json.dumps({"Metrics": metrics}))
        self.grey.append(Grey("dwi", kind, desc, name, source, "brain.nii.gz"))

    @property
    def scene(self) -> SimpleNamespace:
        plan = SimpleNamespace(grey=self.grey, titles={"dwi": "DWI"})
        return SimpleNamespace(plan=plan, files=Folder(self.root))

    def sections(self):
        return grey.grey(self.scene)

    def numbers(self) -> dict[str, tuple[float, str]]:
        found = grey.numbers(self.scene, Judge("1", LIMITS))
        return {each.metric: (each.value, each.verdict) for each in found}


@pytest.fixture
def patient(tmp_path) -> Patient:
    return Patient(tmp_path)


def test_the_histogram_of_dwi_has_the_gaussians_of_the_sidecar(patient):
    raw = patient.random.normal(170, 15, SHAPE) * patient.inside
    peak = bimodal.tissue_peak(raw[patient.inside > 0], 0.5)
    patient.derive("trace", "normalised", raw, patient.save("dwi", raw), **peak.facts())
    (section,) = patient.sections()
    (figure,) = section.figures
    assert "what is darker" in figure.svg and "mean ± SD of tissue" in figure.svg
    assert section.steps == ("normalised trace",)
    assert patient.numbers()["tissue_fit"] == (pytest.approx(peak.r2, abs=1e-3), PASS)


def test_both_maps_of_diffusivity_are_compared_whatever_the_unit_of_the_scanner(patient):
    adc = patient.random.normal(800, 60, SHAPE) * patient.inside
    given = patient.save("adc", adc * 1e-6 / 1.04)  # in mm2/s
    patient.derive("adc", "recalculated", adc, given)
    (section,) = patient.sections()
    assert [name for name, _ in section.figures[0].frames] == [
        "scanner, × 1,000,000",
        "recalculated",
        "difference",
    ]
    found = patient.numbers()
    assert found["adc_ratio"] == (pytest.approx(1.04, rel=1e-3), PASS)
    assert found["adc_correlation"][0] == pytest.approx(1, abs=1e-4)


def test_a_map_of_another_weighting_is_noticed(patient):
    adc = patient.random.normal(800, 60, SHAPE) * patient.inside
    patient.derive("adc", "recalculated", adc, patient.save("adc", adc * 1.3))
    assert patient.numbers()["adc_ratio"] == (pytest.approx(1 / 1.3, rel=1e-3), WARN)


def test_a_diffusivity_alone_is_shown_and_not_compared(patient):
    patient.derive("adc", "recalculated", 800.0 * patient.inside, "")
    (section,) = patient.sections()
    assert [name for name, _ in section.figures[0].frames] == ["recalculated"]
    assert patient.numbers() == {}


def test_a_scan_is_shown_before_and_after_n4_with_the_field(patient):
    field = np.exp(0.2 * np.linspace(-1, 1, SHAPE[0]))[:, None, None]
    flat = 500.0 * patient.inside
    raw = patient.save("t1w", flat * field)
    patient.derive("t1w", "n4", flat, raw, FieldLogSd=0.1)
    (section,) = patient.sections()
    assert [name for name, _ in section.figures[0].frames] == ["before", "after", "field"]
    assert "N4" in section.look and "histogram" not in section.look


def test_a_z_score_has_nothing_to_show(patient):
    raw = patient.random.normal(170, 15, SHAPE) * patient.inside
    patient.derive("trace", "normalised", raw, patient.save("dwi", raw), Slope=1.0)
    assert patient.sections() == []

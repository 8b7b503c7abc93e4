"""b0 and DWI that are in each other's place are refused."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from strokeprep.gate import inspection
from strokeprep.kinds import KINDS
from strokeprep.settings.gate import GateSettings

AFFINE = np.diag([6.0, 6.0, 6.0, 1.0])


@pytest.fixture
def volumes() -> dict[str, np.ndarray]:
    """b0 and DWI of a head in air."""
    random = np.random.default_rng(4)
    fluid = random.random((30, 32, 24)) < 0.15
    head = np.zeros(fluid.shape, bool)
    head[3:-3, 3:-3, 2:-2] = True
    b0 = np.where(fluid, 1000, random.normal(400, 40, fluid.shape)) * head
    trace = b0 * np.exp(-np.where(fluid, 3.0, 0.8))
    return {"b0": b0, "trace": trace}


def found(folder: Path, b0: np.ndarray, trace: np.ndarray, *tolerate: str) -> list[tuple[str, str]]:
    scans = []
    for kind, voxels in (("b0", b0), ("trace", trace)):
        path = str(folder / f"{kind}.nii.gz")
        nib.save(nib.Nifti1Image(voxels.astype(np.float32), AFFINE), path)
        scans.append(inspection.RawImage(path, KINDS[kind], None, str(folder / "b0.nii.gz")))
    report = inspection.inspect(scans, [], GateSettings(tolerate=tolerate))
    return [(each.check, each.verdict) for each in report.findings if each.check == "swapped"]


def test_a_pair_under_its_own_names_passes(tmp_path, volumes):
    assert found(tmp_path, **volumes) == []


def test_a_pair_under_each_others_names_is_refused_unless_the_study_tolerates_it(tmp_path, volumes):
    swapped = {"b0": volumes["trace"], "trace": volumes["b0"]}
    assert found(tmp_path, **swapped) == [("swapped", "refuse")]
    assert found(tmp_path, *swapped.values(), "swapped") == [("swapped", "warn")]


def test_a_file_that_was_refused_already_is_no_part_of_a_pair(tmp_path, volumes):
    swapped = {"b0": volumes["trace"], "trace": np.full_like(volumes["b0"], np.nan)}
    assert found(tmp_path, **swapped) == []

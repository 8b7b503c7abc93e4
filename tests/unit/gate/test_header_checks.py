"""Headers are accepted, warned about or refused, and never changed."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from strokeprep.gate import header_checks
from strokeprep.io import images
from strokeprep.settings.gate import GateSettings

AFFINE = np.diag([-1.5, -1.5, 3.0, 1.0])
SHAPE = (64, 60, 5)


def stored(path: Path, affine=AFFINE, shape=SHAPE, codes=(2, 1)) -> Path:
    nifti = nib.Nifti1Image(np.zeros(shape, np.int16), affine)
    nifti.set_qform(affine, codes[0])
    nifti.set_sform(affine, codes[1])
    nifti.header.set_xyzt_units("mm", "sec")
    nib.save(nifti, path)
    return path


def failed_checks(path: Path, ndim: int = 3) -> list[str]:
    nifti = images.open_nifti(path)
    return [finding.check for finding in header_checks.of_header(nifti, path, ndim, GateSettings())]


def on_grid(tmp_path: Path, affine, shape=SHAPE) -> list[str]:
    paths = stored(tmp_path / "a.nii", affine, shape), stored(tmp_path / "b.nii")
    return [finding.check for finding in header_checks.same_grid(*paths, GateSettings())]


def test_a_sound_header_is_described_without_a_finding(tmp_path):
    path = stored(tmp_path / "ct.nii")
    assert failed_checks(path) == []
    facts = header_checks.facts(images.open_nifti(path))
    assert facts["shape"] == [64, 60, 5]
    assert facts["spacing_mm"] == [1.5, 1.5, 3]
    assert (facts["axes"], facts["qform_code"], facts["sform_code"]) == ("LPS", 2, 1)


def test_the_header_is_read_with_the_faults_that_nibabel_repairs(tmp_path):
    path = stored(tmp_path / "ct.nii")
    content = bytearray(path.read_bytes())
    content[80:84] = np.float32(-1.5).tobytes()
    path.write_bytes(content)
    nifti = images.open_nifti(path)
    assert nifti.header["pixdim"][1] == 1.5
    assert header_checks.as_stored(path, nifti)["pixdim"][1] == -1.5
    assert failed_checks(path) == ["spacing"]
    assert path.read_bytes() == content


@pytest.mark.parametrize(("shape", "ndim", "fits"), [
    ((8, 8, 8, 1), 3, True), ((8, 8, 8, 2), 3, False), ((8, 8, 8), 4, False), ((8, 8, 8, 9), 4, True),
])  # fmt: skip
def test_a_volume_may_have_a_fourth_axis_of_one_and_a_series_must_have_more(
    tmp_path, shape, ndim, fits
):
    path = stored(tmp_path / "ct.nii", np.diag([20.0, 20, 20, 1]), shape)
    assert (failed_checks(path, ndim) == []) is fits


@pytest.mark.parametrize(("mm", "check"), [(0.005, []), (0.05, ["grid_rounding"]), (0.2, ["grid"])])
def test_small_differences_of_grids_are_accepted_larger_ones_warned_about_or_refused(
    tmp_path, mm, check
):
    moved = AFFINE.copy()
    moved[1, 3] += mm
    assert on_grid(tmp_path, moved) == check


def test_a_small_rotation_is_measured_at_the_corners(tmp_path):
    turn = np.eye(4)
    turn[:3, :3] = nib.eulerangles.euler2mat(z=np.radians(0.3))
    assert on_grid(tmp_path, turn @ AFFINE) == ["grid"]


def test_grids_of_different_shape_are_refused(tmp_path):
    assert on_grid(tmp_path, AFFINE, (64, 60, 6)) == ["grid"]

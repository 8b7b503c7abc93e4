"""dcm2niix, which most labs use, reads plain series as we do. It is asked where it is installed."""

from __future__ import annotations

import shutil
import subprocess

import exports
import nibabel as nib
import numpy as np
import pytest

PROGRAM = shutil.which("dcm2niix")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="dcm2niix is not installed")
SMALL = exports.head((20, 22, 12))


def theirs(folder, out):
    """The one image that dcm2niix makes of a folder, whatever the user's own settings are."""
    out.mkdir()
    flags = ["-b", "n", "-z", "n", "-g", "i", "-d", "9", "-f", "image", "-w", "1"]
    subprocess.run([PROGRAM, *flags, "-o", out, folder], check=True, capture_output=True)
    (path,) = out.glob("*.nii")
    return nib.load(path)


def ours(folder):
    (stack,) = exports.read(folder)
    return stack.volume()


@pytest.mark.parametrize("maker", exports.MAKERS)
def test_voxels_and_places_of_a_ct_agree(maker, tmp_path):
    head = SMALL.clip(-1024)
    of = exports.study(
        exports.habits(maker, padding=None)
    )  # theirs scales padding as if it were HU
    folder = exports.write(tmp_path / "in", exports.series(of), exports.frames(head))
    mine, other = ours(folder), theirs(folder, tmp_path / "out")
    assert np.array_equal(np.asarray(other.dataobj), mine.array)
    assert np.abs(other.affine - mine.affine).max() < 1e-4


def test_voxels_and_places_of_an_mr_agree(tmp_path):
    made = exports.series(exports.study(modality="MR"), "T1", image_type=("ORIGINAL", "PRIMARY"))
    folder = exports.write(tmp_path / "in", made, exports.frames(SMALL + 1024))
    mine, other = ours(folder), theirs(folder, tmp_path / "out")
    assert np.array_equal(np.asarray(other.dataobj), mine.array)
    assert np.abs(other.affine - mine.affine).max() < 1e-4


def test_frames_of_a_plain_series_agree(tmp_path):
    bolus = exports.frames(SMALL, [1.5 * index for index in range(12)])
    folder = exports.write(tmp_path / "in", exports.series(description="CTP"), bolus)
    mine, other = ours(folder), theirs(folder, tmp_path / "out")
    assert np.array_equal(np.asarray(other.dataobj), mine.array)

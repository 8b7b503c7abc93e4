"""Files of the derivatives are read as every step reads them, and once."""

from __future__ import annotations

import numpy as np
import pytest
from strokeprep.io import images
from strokeprep.quality.folder import Folder

AFFINE = np.diag([-2.0, 2.0, 3.0, 1.0])


def test_an_image_is_what_other_steps_read(tmp_path):
    data = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    images.write_array(data, AFFINE, tmp_path / "x.nii.gz")
    read, again = Folder(tmp_path).image("x.nii.gz"), images.read(tmp_path / "x.nii.gz")
    assert np.array_equal(images.array(read), images.array(again))
    assert np.allclose(images.affine(read), images.affine(again))


def test_of_a_series_the_first_frame_is_read(tmp_path):
    data = np.arange(120, dtype=np.int16).reshape(3, 4, 5, 2)
    images.write_array(data, AFFINE, tmp_path / "x.nii.gz")
    assert np.array_equal(images.array(Folder(tmp_path).image("x.nii.gz")), data[..., 0])


def test_a_file_is_read_once(tmp_path):
    images.write_array(np.zeros((3, 4, 5), np.uint8), AFFINE, tmp_path / "x.nii.gz")
    folder = Folder(tmp_path)
    first = folder.image("x.nii.gz")
    (tmp_path / "x.nii.gz").unlink()
    assert folder.image("x.nii.gz") is first


@pytest.mark.parametrize("frames", [(), (2,)])
def test_voxels_come_as_they_are_stored_frame_by_frame(tmp_path, frames):
    data = np.arange(60 * (frames or (1,))[0], dtype=np.int16).reshape(3, 4, 5, *frames)
    images.write_array(data, AFFINE, tmp_path / "x.nii.gz")
    stored = np.concatenate(list(Folder(tmp_path).stored("x.nii.gz")))
    assert np.array_equal(stored, data.ravel(order="F"))

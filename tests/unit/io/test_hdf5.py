"""Transform files hold no times, and read back unchanged."""

from __future__ import annotations

import time

import numpy as np
import pytest
import SimpleITK as sitk
from strokeprep.io import hdf5, transforms


def composite() -> sitk.Transform:
    grid = sitk.Image([6, 5, 4], sitk.sitkVectorFloat64, 3)
    field = sitk.GetImageFromArray(
        np.random.default_rng(1).normal(size=(4, 5, 6, 3)), isVector=True
    )
    field.CopyInformation(grid)
    matrix = np.eye(4)
    matrix[:3, 3] = 1, 2, 3
    return transforms.chain([sitk.DisplacementFieldTransform(field), transforms.linear(matrix)])


@pytest.mark.slow
def test_a_transform_gives_the_same_bytes_whenever_it_is_written(tmp_path):
    files = [tmp_path / name for name in ("now.h5", "later.h5")]
    for path in files:
        sitk.WriteTransform(composite(), str(path))
        time.sleep(1.1)  # HDF5 stores whole seconds
    assert files[0].read_bytes() != files[1].read_bytes()
    assert all(hdf5.forget_times(path) > 5 for path in files)
    assert files[0].read_bytes() == files[1].read_bytes()
    point = (1.5, 2.0, 1.0)
    assert transforms.read(files[0]).TransformPoint(point) == composite().TransformPoint(point)


def test_data_that_looks_like_a_header_is_left_alone(tmp_path):
    path = tmp_path / "data.h5"
    content = hdf5.SIGNATURE + bytes([hdf5.HAS_TIMES]) + bytes(range(60))
    path.write_bytes(content)
    assert hdf5.forget_times(path) == 0
    assert path.read_bytes() == content

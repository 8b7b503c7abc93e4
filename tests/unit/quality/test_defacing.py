"""What is left of a face, and what is lost of a brain: audit, score and privacy count alike."""

from __future__ import annotations

import numpy as np
import pytest
from strokeprep.quality.defacing import filled


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_every_voxel_that_is_not_background_counts(dtype):
    values = np.array([-1024, -1024, -1023, 40], dtype)
    assert filled(values, -1024) == 2


def test_within_a_tolerance_interpolation_does_not_count():
    assert filled(np.array([-1024, -1023.2, -1020], np.float32), -1024, tolerance=1) == 1


def test_no_value_wraps_round_to_the_background():
    assert filled(np.array([31744, 32767], np.int16), -1024, tolerance=1) == 2


def test_a_region_without_voxels_has_none_filled():
    assert filled(np.zeros(0, np.int16), 0) == 0

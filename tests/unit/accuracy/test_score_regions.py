"""The volume of a region is scored where enough of the region is in view."""

from __future__ import annotations

import numpy as np
import pytest
from strokeprep.accuracy.score_regions import in_view
from strokeprep.io.tables import MISSING
from strokeprep.perfusion.regions import Labels

# A region on the left of 64 mL, and one on both sides of 128 mL, in voxels of 1 mL.
NUMBERS = np.zeros((20, 10, 10), np.uint8)
NUMBERS[2:6, 2:6, 2:6] = 1
NUMBERS[2:18, 2:4, 6:10] = 2
AFFINE = np.diag([10.0, 10, 10, 1])
AFFINE[0, 3] = -95
ATLAS = {"regions": Labels(NUMBERS, AFFINE, {1: "left cerebellum", 2: "brainstem"})}


@pytest.mark.parametrize(
    ("key", "volume_ml", "expected"),
    [
        (("regions", "left cerebellum", "left"), 15.5, False),
        (("regions", "left cerebellum", "left"), 16.5, True),
        (("regions", "brainstem", "right"), 15.5, False),
        (("regions", "brainstem", "right"), 16.5, True),
        ((MISSING, "brain", "both"), 10.0, True),
    ],
)
def test_a_quarter_of_a_side_of_a_region_has_to_be_in_view(key, volume_ml, expected):
    assert in_view({key: {"volume_ml": volume_ml}}, key, ATLAS) == expected

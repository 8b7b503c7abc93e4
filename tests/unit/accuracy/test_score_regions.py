"""The volume of a region is compared with those that its tissue has about a millimetre away."""

from __future__ import annotations

import numpy as np
import pytest
from strokeprep.accuracy.score_regions import volumes_nearby_ml
from strokeprep.perfusion import regions
from strokeprep.perfusion.regions import Labels, Tissue

# One region, 40 mm wide, in an atlas of 1 mm; tissue in voxels of 1 mm.
NUMBERS = np.zeros((60, 60, 60), np.uint8)
NUMBERS[10:50, 10:50, 10:50] = 1
AFFINE = np.eye(4)
AFFINE[0, 3] = -60
ATLAS = {"regions": Labels(NUMBERS, AFFINE, {1: "lobe"})}
KEY = ("regions", "lobe", "left")


def tissue(slices: slice) -> Tissue:
    """All places of the atlas's grid in some of its slices."""
    inside = np.zeros(NUMBERS.shape, bool)
    inside[..., slices] = True
    place = np.argwhere(inside) + AFFINE[:3, 3]
    nothing = np.zeros(len(place), np.float32)
    return Tissue(dict.fromkeys(regions.USED, nothing), place, inside, 0.001)


def test_a_region_that_is_seen_whole_keeps_its_volume_a_millimetre_away():
    assert volumes_nearby_ml(tissue(slice(None)), ATLAS)[KEY] == pytest.approx((64.0, 64.0))


@pytest.mark.parametrize(("slices", "share"), [(20, 0.05), (4, 0.25)])
def test_the_less_of_a_region_is_seen_the_more_its_volume_depends_on_its_place(slices, share):
    least, most = volumes_nearby_ml(tissue(slice(None, 10 + slices)), ATLAS)[KEY]
    seen = slices * 1.6
    assert (least, most) == pytest.approx((seen * (1 - share), seen * (1 + share)))

"""The plane that halves a mask against that of its head: one for right masks, two for tilted ones."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from masked_heads import mask_of, moved, scanned
from strokeprep.io import images
from strokeprep.quality.masks import symmetry
from strokeprep.settings.limits import LIMITS, PASS

from tests.heads import head

pytestmark = pytest.mark.slow

MODALITIES = {"ct": "ct", "t1": "mr", "b0": "mr"}


def apart_mm(contrast: str, mask: sitk.Image) -> float:
    """The figure of a mask."""
    return symmetry.planes_apart_mm(scanned(contrast).image, mask, MODALITIES[contrast])


def passes(contrast: str, mask: sitk.Image) -> bool:
    """Whether the figure of a mask passes."""
    return LIMITS["contour_halves_mm"].verdict(apart_mm(contrast, mask)) == PASS


@pytest.mark.parametrize("contrast", MODALITIES)
def test_a_right_mask_and_its_head_have_one_plane(contrast):
    assert apart_mm(contrast, mask_of(contrast)) < 0.7


@pytest.mark.parametrize("contrast", MODALITIES)
@pytest.mark.parametrize("turns_deg", [(0, 8, 0), (0, -8, 0), (0, 0, 8)])
def test_a_mask_tilted_to_the_side_or_turned_by_8_degrees_is_told(contrast, turns_deg):
    assert not passes(contrast, moved(mask_of(contrast), turns_deg=turns_deg))


@pytest.mark.parametrize("contrast", MODALITIES)
def test_a_mask_shifted_to_the_side_is_off_by_as_much(contrast):
    shifted = moved(mask_of(contrast), shift_mm=(5, 0, 0))
    assert apart_mm(contrast, shifted) == pytest.approx(5, abs=1)


def test_a_mask_shifted_to_the_front_keeps_the_plane():
    assert passes("t1", moved(mask_of("t1"), shift_mm=(0, -5, 0)))


def test_a_head_that_lies_tilted_and_shaded_has_its_plane_where_it_lies():
    tilted = head("t1", tilt_degrees=25.0)
    grey = (
        images.array(tilted.image) * np.linspace(2.0, 0.5, tilted.image.GetSize()[0])[:, None, None]
    )
    shaded = images.like(grey.astype(np.float32), tilted.image)
    mask = images.like(tilted.brain.astype(np.uint8), tilted.image)
    assert symmetry.planes_apart_mm(shaded, mask, "mr") < 1.0


def test_the_figure_does_not_depend_on_the_order_of_the_axes():
    image, mask = scanned("ct").image, moved(mask_of("ct"), turns_deg=(0, 8, 0))
    turned = [sitk.DICOMOrient(each, "PSR") for each in (image, mask)]
    one, other = (symmetry.planes_apart_mm(*pair, "ct") for pair in ((image, mask), turned))
    assert one == pytest.approx(other, abs=0.3)


def test_a_mask_too_thin_to_be_halved_has_no_figure():
    thin = images.array(mask_of("ct")).copy()
    thin[:, :, np.arange(thin.shape[2]) % 8 > 0] = 0
    thin[np.arange(thin.shape[0]) % 4 > 0] = 0
    assert not passes("ct", images.like(thin, mask_of("ct")))

"""The contour of a brain mask against the image: right ones pass, planted defects do not."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import SimpleITK as sitk
from masked_heads import mask_of, moved, scanned
from strokeprep.io import grids, images
from strokeprep.phantom import heads
from strokeprep.quality.judgement import Judge
from strokeprep.quality.masks import contour
from strokeprep.settings.limits import PASS

from tests.heads import CONTRASTS as CONTRASTS_OF_HEADS
from tests.heads import head

pytestmark = pytest.mark.slow

CONTRASTS = {"ct": "ct", "t1": "mr", "b0": "mr"}


@lru_cache
def in_thick_slices(contrast: str) -> tuple[sitk.Image, sitk.Image]:
    """A detailed head in slices of 6.5 mm, and its brain."""
    shown = heads.head(5, contrast, (), ("thick",))
    return shown.image, images.like(shown.brain.astype(np.uint8), shown.image)


def warned(contrast: str, mask: sitk.Image) -> set[str]:
    """The figures of a mask that do not pass."""
    measured = contour.measurements("brain", scanned(contrast).image, mask, CONTRASTS[contrast],
                                    Judge("1"))  # fmt: skip
    return {each.metric for each in measured if each.verdict != PASS}


def larger(mask: sitk.Image, mm: float) -> sitk.Image:
    """A mask grown by some millimetres, or shrunk by as many below zero."""
    depth = grids.distance(grids.resampled(mask, 1.0, sitk.sitkNearestNeighbor))
    return sitk.Cast(sitk.Resample(depth, mask) > -mm, sitk.sitkUInt8)


def cut(mask: sitk.Image, share: float) -> sitk.Image:
    """A mask without its front."""
    data = images.array(mask).copy()
    index = np.argwhere(data > 0)
    front = index[:, 1] > np.quantile(index[:, 1], 1 - share)
    data[tuple(index[front].T)] = 0
    return images.like(data, mask)


@pytest.mark.parametrize("contrast", CONTRASTS)
def test_the_true_brain_passes(contrast):
    assert warned(contrast, mask_of(contrast)) == set()


@pytest.mark.parametrize("contrast", CONTRASTS)
@pytest.mark.parametrize("mm", [-3.0, 3.0])
def test_a_brain_too_large_or_too_small_by_3_mm_is_told(contrast, mm):
    assert "contour_edge_mm" in warned(contrast, larger(mask_of(contrast), mm))


@pytest.mark.parametrize(
    ("contrast", "shift_mm"), [("ct", (0, 0, 5)), ("t1", (5, 0, 0)), ("b0", (0, -5, 0))]
)
def test_a_brain_shifted_by_5_mm_is_told(contrast, shift_mm):
    assert "contour_moved_mm" in warned(contrast, moved(mask_of(contrast), shift_mm))


@pytest.mark.parametrize("contrast", CONTRASTS)
def test_a_brain_nodded_by_8_degrees_is_told(contrast):
    assert "contour_moved_mm" in warned(contrast, moved(mask_of(contrast), turns_deg=(8, 0, 0)))


@pytest.mark.parametrize("contrast", CONTRASTS)
def test_a_brain_without_a_frontal_lobe_is_told(contrast):
    assert "contour_worst_mm" in warned(contrast, cut(mask_of(contrast), 0.18))


@pytest.mark.parametrize("contrast", CONTRASTS)
def test_a_brain_that_ends_8_mm_short_of_the_vertex_is_told(contrast):
    mask = mask_of(contrast)
    low = moved(mask, shift_mm=(0, 0, -8))
    assert "contour_short_mm" in warned(contrast, sitk.And(mask, low))


def test_a_thin_skull_that_is_not_dark_is_no_brain_beyond_the_mask(monkeypatch):
    thin = {"bone": 380, "fluid": 380, "scalp": 1400}
    monkeypatch.setitem(CONTRASTS_OF_HEADS, "t1", CONTRASTS_OF_HEADS["t1"] | thin)
    shown = head("t1")
    mask = images.like(shown.brain.astype(np.uint8), shown.image)
    shell = contour.of(shown.image, mask, "mr")
    _, edge = contour.edges(shell)
    assert contour.short_mm(shell, edge) < 1.0
    assert abs(np.nanmedian(edge)) < 1.5


def test_where_slices_are_thick_a_mask_that_ends_short_is_shown_and_not_judged():
    thick = head("t1", shape=(96, 108, 40), spacing=(2.2, 2.2, 6.0))
    mask = images.like(thick.brain.astype(np.uint8), thick.image)
    found = {
        each.metric: each for each in contour.measurements("", thick.image, mask, "mr", Judge("1"))
    }
    assert not found["contour_short_mm"].judged
    assert {each.verdict for each in found.values() if each.judged} == {PASS}


def test_bright_fluid_between_brain_and_skull_is_seen_whichever_of_them_a_mask_ends_at():
    for mm in (0.0, 3.0):
        shell = contour.of(scanned("b0").image, larger(mask_of("b0"), mm), "mr")
        skull, middle = contour.edges(shell)
        assert np.nanmedian(middle - skull) > 1.0


def test_no_fluid_is_seen_where_none_is_bright():
    shell = contour.of(scanned("t1").image, mask_of("t1"), "mr")
    skull, middle = contour.edges(replace(shell, grey=np.minimum(shell.grey, contour.BRIGHT)))
    assert np.array_equal(skull, middle, equal_nan=True)


def test_on_ct_a_sector_without_an_edge_ends_in_brain_where_all_others_show_theirs():
    shell = contour.of(scanned("ct").image, mask_of("ct"), "ct")
    edge = np.zeros(contour.SECTORS)
    edge[:3] = np.nan
    assert contour.short_mm(shell, edge) == contour.EDGE_REACH_MM
    edge[:12] = np.nan
    assert contour.short_mm(shell, edge) == 0


def test_where_a_piece_of_skull_is_missing_scalp_is_no_brain_beyond_the_mask():
    shown = heads.head(5, "ncct", ("craniectomy",))
    mask = images.like(shown.brain.astype(np.uint8), shown.image)
    for mm, told in ((0.0, False), (-3.0, True)):
        shell = contour.of(shown.image, larger(mask, mm), "ct")
        short = contour.short_mm(shell, contour.edges(shell)[1])
        assert (short > 2.0) == told


def test_on_mr_brain_goes_on_beyond_the_mask_only_where_it_is_as_bright():
    shell = contour.of(scanned("t1").image, mask_of("t1"), "mr")
    unseen = np.full(contour.SECTORS, np.nan)
    assert contour.short_mm(shell, unseen) < 1.0
    bright = replace(shell, grey=np.ones_like(shell.grey))
    assert contour.short_mm(bright, unseen) == contour.EDGE_REACH_MM


@pytest.mark.parametrize(("mm", "told"), [(0.0, False), (-3.0, True)])
def test_thick_slices_that_hide_the_fluid_do_not_make_a_right_mask_too_small(mm, told):
    shown, mask = in_thick_slices("t2star")
    mask = larger(mask, mm)
    assert contour.hides_fluid(contour.of(shown, mask, "mr"))
    measured = contour.measurements("brain", shown, mask, "mr", Judge("1"))
    assert ("contour_edge_mm" in {each.metric for each in measured if each.verdict != PASS}) == told


@pytest.mark.parametrize("contrast", ["flair", "t2w"])
def test_thick_slices_do_not_hide_fluid_that_is_dark_or_bright(contrast):
    assert not contour.hides_fluid(contour.of(*in_thick_slices(contrast), "mr"))


def test_a_sector_is_off_only_as_far_and_the_way_that_its_edge_is():
    slip = np.array([4, 4, -4, 4, 0])
    edge = np.array([1.0, 3.0, 3.0, np.nan, 1.0])
    assert contour.agreed(slip, edge).tolist() == [0, 1, 0, 4, 0]


def test_where_brain_fades_into_what_surrounds_it_no_edge_is_measured():
    mask = mask_of("b0")
    flat = sitk.Cast(mask, sitk.sitkFloat32) * 0 + 100
    assert np.isnan(contour.edges(contour.of(flat, mask, "mr"))).all()


def test_the_figures_do_not_depend_on_the_order_of_the_axes():
    image, mask = scanned("ct").image, mask_of("ct")
    turned = [sitk.DICOMOrient(each, "PSR") for each in (image, mask)]
    one, other = (contour.of(*pair, "ct") for pair in ((image, mask), turned))
    medians = [np.nanmedian(contour.edges(each)[1]) for each in (one, other)]
    assert medians[0] == pytest.approx(medians[1], abs=0.3)


def test_a_mask_of_scattered_pieces_is_measured_and_does_not_pass():
    pieces = images.array(mask_of("t1")).copy()
    for axis in range(3):
        keep = np.arange(pieces.shape[axis]) % 3 == 0
        pieces *= keep.reshape([-1 if each == axis else 1 for each in range(3)])
    assert warned("t1", images.like(pieces, mask_of("t1")))

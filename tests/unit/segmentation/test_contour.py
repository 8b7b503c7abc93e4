"""A brain's contour is moved to where the image shows it, and stays where it is right."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage
from strokeprep.io import images
from strokeprep.segmentation import contour
from strokeprep.segmentation.contour import GRID_MM

pytestmark = pytest.mark.slow  # about a second each

RADIUS = 40.0
SHAPE = (72, 72, 72)

# Grey values of fluid in the depth of sulci, brain, fluid over it, skull, scalp, and air.
GREY = {
    "ct": (8, 36, 8, 900, 30, -1000),
    "dark fluid": (150, 600, 150, 60, 800, 5),
    "bright fluid": (900, 500, 900, 40, 300, 5),
}


def grid() -> np.ndarray:
    """The places of the voxels (mm) from the middle of the brain."""
    middle = (np.array(SHAPE) - 1) / 2
    return (np.indices(SHAPE).T - middle).T * GRID_MM


def ball(centre=(0.0, 0.0, 0.0), radius=RADIUS) -> np.ndarray:
    """How deep each voxel lies in a ball (mm)."""
    away = grid() - np.reshape(centre, (3, 1, 1, 1))
    return (radius - np.linalg.norm(away, axis=0)).astype(np.float32)


@cache
def head(contrast: str, fluid_mm: float = 1.0, skull_mm: float = 7.0) -> sitk.Image:
    """A ball of brain with sulci, in a layer of fluid, skull, scalp and air."""
    sulcus, brain, fluid, skull, scalp, air = GREY[contrast]
    deep, (x, y, z) = ball(), grid()
    to_scalp = fluid_mm + skull_mm
    shells = [deep > 0, deep > -fluid_mm, deep > -to_scalp, deep > -to_scalp - 6]
    image = np.select(shells, [brain, fluid, skull, scalp], air).astype(np.float32)
    folds = np.sin(x / 3) * np.sin(y / 3) * np.sin(z / 3) > 0.5
    image[folds & (deep > 0) & (deep < 9)] = sulcus
    noise = np.random.default_rng(1).normal(0, 0.04 * abs(brain), SHAPE)
    return on_grid(image + noise)


def on_grid(values: np.ndarray) -> sitk.Image:
    return images.from_array(values.astype(np.float32), np.diag([GRID_MM] * 3 + [1.0]))


def corrected(contrast: str, start: np.ndarray) -> tuple[np.ndarray, dict]:
    found = contour.corrected(head(contrast), contrast, on_grid(start))
    return images.array(found.depth), dict(found.metrics)


def error_mm(depth: np.ndarray, share: float = 95) -> float:
    """How far the contour lies from the true one: 95 % of it, or another share, lies nearer."""
    return float(np.percentile(np.abs(ball()[np.abs(depth) < 1]), share))


STARTS = {
    "a shift": ball((3.0, 2.0, -2.0)),
    "a bulge": np.maximum(ball(), ball((30.0, 0.0, 0.0), 17.0)),
    "a lobe cut off": np.minimum(ball(), -ball((47.0, 0.0, 0.0), 16.0)),
}


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("contrast", GREY)
def test_what_is_wrong_is_corrected(contrast, start):
    found, _ = corrected(contrast, STARTS[start])
    assert error_mm(STARTS[start], 100) > 5.0
    assert error_mm(found, 100) < 3.5
    assert error_mm(found) < 1.5


@pytest.mark.parametrize("contrast", GREY)
def test_a_right_contour_stays(contrast):
    found, metrics = corrected(contrast, ball())
    assert error_mm(found) < 1.5
    assert abs(metrics["ContourMovedMm"]) < 0.5


@pytest.mark.parametrize("contrast", GREY)
def test_a_contour_too_large_all_over_is_brought_in(contrast):
    found, metrics = corrected(contrast, ball(radius=RADIUS + 5))
    assert error_mm(found) < 3.0
    assert metrics["ContourMovedMm"] < -3.0


@pytest.mark.parametrize("contrast", GREY)
def test_a_contour_too_small_all_over_is_brought_out(contrast):
    found, metrics = corrected(contrast, ball(radius=RADIUS - 8))
    assert metrics["ContourMovedMm"] > 3.0
    assert error_mm(found) < (5.0 if contrast == "bright fluid" else 1.6)


def test_a_contour_in_the_fluid_around_a_shrunken_brain_is_brought_in():
    shrunken = head("bright fluid", fluid_mm=9.0)
    found = contour.corrected(shrunken, "bright fluid", on_grid(ball(radius=RADIUS + 7)))
    assert error_mm(images.array(found.depth)) < 3.5


def test_a_right_contour_under_much_fluid_stays():
    shrunken = head("bright fluid", fluid_mm=9.0)
    found = contour.corrected(shrunken, "bright fluid", on_grid(ball()))
    assert error_mm(images.array(found.depth)) < 1.5


@pytest.mark.parametrize("contrast", ["ct", "dark fluid"])
def test_thick_slices_do_not_draw_the_contour_in(contrast):
    blurred = ndimage.gaussian_filter1d(images.array(head(contrast)), 4.0 / GRID_MM, axis=0)
    found = contour.corrected(on_grid(blurred), contrast, on_grid(ball()))
    assert abs(found.metrics["ContourMovedMm"]) < 1.0
    assert error_mm(images.array(found.depth)) < 2.0


def test_the_edge_of_the_scalp_is_not_taken_for_that_of_a_skull_that_is_a_shallow_dip(monkeypatch):
    monkeypatch.setitem(GREY, "shallow dip", (900, 500, 600, 370, 480, 5))
    thin = head("shallow dip", skull_mm=2.0)
    found = contour.corrected(thin, "bright fluid", on_grid(ball()))
    assert abs(found.metrics["ContourMovedMm"]) < 0.5
    assert error_mm(images.array(found.depth)) < 1.5


def test_a_shallow_fall_is_a_skull_only_where_grey_levels_rise_again():
    depth = np.arange(5.0, -7.0, -1.0)
    change = np.interp(depth, [-2, 0], [0.08, 0])
    change_with_scalp = np.where(depth < -4, 0, change)
    _, slope = contour._half_way(np.array([change, change_with_scalp]), np.array([depth, depth]))
    assert slope[0] == 0
    assert slope[1] > 0


def test_an_image_that_shows_nothing_moves_nothing():
    flat = on_grid(np.full(SHAPE, 100.0))
    found = contour.corrected(flat, "dark fluid", on_grid(ball()))
    assert found.metrics["ContourMovedMm"] == pytest.approx(0, abs=0.05)
    assert found.metrics["ContourClear"] == 0


def test_the_figures_tell_how_far_the_contour_moved():
    _, metrics = corrected("dark fluid", STARTS["a bulge"])
    assert metrics["ContourMovedLargestMm"] > 5.0
    assert metrics["ContourMoved95Mm"] < metrics["ContourMovedLargestMm"]
    assert metrics["ContourClear"] > 0.9


def test_a_brain_out_of_view_stays_out_of_view():
    away = on_grid(np.full(SHAPE, -99.0))
    found = contour.corrected(head("ct"), "ct", away)
    assert images.array(found.depth).max() < 0


def test_a_brain_at_the_edge_of_the_image_is_corrected_where_it_is_seen():
    half = (slice(None), slice(None), slice(0, 40))
    seen = on_grid(images.array(head("ct"))[half])
    found = contour.corrected(seen, "ct", on_grid(STARTS["a shift"][half]))
    at_contour = np.abs(images.array(found.depth)) < 1
    assert np.percentile(np.abs(ball()[half][at_contour]), 90) < 2.5

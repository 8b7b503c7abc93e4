"""Grids: cubic grids over oblique images, averages over blocks, and distances."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from strokeprep.io import grids, images

OBLIQUE = np.array([
    [-0.50, 0.00, 0.00, 40.0],
    [0.00, 0.49, -0.95, -30.0],
    [0.00, 0.09, 4.91, 10.0],
    [0.00, 0.00, 0.00, 1.0],
])  # fmt: skip


def oblique(data: np.ndarray) -> sitk.Image:
    """An image with thick, rotated slices and left-handed axes."""
    matrix = OBLIQUE.copy()
    rotation, _ = np.linalg.qr(matrix[:3, 1:3])
    matrix[:3, 1], matrix[:3, 2] = rotation[:, 0] * -0.5, rotation[:, 1] * -5.0
    return images.from_array(data, matrix)


def corners(image: sitk.Image) -> np.ndarray:
    """The eight corners of an image."""
    ends = [(-0.5, n - 0.5) for n in image.GetSize()]
    points = [
        image.TransformContinuousIndexToPhysicalPoint((x, y, z))
        for x in ends[0]
        for y in ends[1]
        for z in ends[2]
    ]
    return np.array(points)


def test_a_distance_is_in_millimetres_from_the_surface():
    half = np.zeros((40, 20, 20), np.uint8)
    half[:20] = 1
    field = images.array(grids.distance(images.from_array(half, np.diag([2.0, 1, 1, 1]))))
    assert field[19, 10, 10] >= 0 > field[20, 10, 10]
    assert np.diff(field[22:, 10, 10]) == pytest.approx(-2.0, abs=1e-3)
    assert np.diff(field[:18, 10, 10]) == pytest.approx(-2.0, abs=1e-3)


def test_a_depth_is_precise_to_a_fraction_of_a_voxel():
    middle, radius = np.full(3, 30.3), 21.7
    fine = np.linalg.norm(np.indices((61, 61, 61)).T - middle, axis=-1)
    ball = images.from_array((fine <= radius).astype(np.float32), np.eye(4))
    depth = grids.depth(grids.resampled(ball, 2.0))
    away = np.linalg.norm(np.indices(depth.GetSize()).T * 2.0 + 1.0 - middle, axis=-1) - radius
    at_surface, outside = np.abs(away) < 1.0, (away > 0) & (away < 8.0)
    assert images.array(depth)[at_surface] == pytest.approx(-away[at_surface], abs=0.45)
    assert images.array(depth)[outside] == pytest.approx(-away[outside], abs=1.0)


@pytest.mark.parametrize("spacing_mm", [1.0, 2.0, 4.0])
def test_a_cubic_grid_covers_the_same_space_as_its_image(spacing_mm):
    image = oblique(np.zeros((64, 60, 8), np.int16))
    grid = grids.cubic_grid(image, spacing_mm)
    assert grid.GetSpacing() == (spacing_mm,) * 3
    assert np.abs(corners(grid) - corners(image)).max() <= spacing_mm


def test_resampling_to_the_same_voxel_size_changes_nothing():
    data = np.random.default_rng(0).integers(0, 100, (12, 10, 8)).astype(np.float32)
    image = images.from_array(data, np.diag([2.0, 2.0, 2.0, 1.0]))
    assert np.allclose(images.array(grids.resampled(image, 2.0)), data)


def test_shrinking_reduces_noise_and_keeps_the_mean():
    data = np.random.default_rng(0).normal(50, 10, (64, 64, 6)).astype(np.float32)
    image = images.from_array(data, np.diag([0.5, 0.5, 5.0, 1.0]))
    small = grids.shrunk(image, 2.0)
    assert small.GetSize() == (16, 16, 6)
    assert images.array(small).mean() == pytest.approx(data.mean(), abs=1e-3)
    assert images.array(small).std() == pytest.approx(data.std() / 4, rel=0.1)


def test_a_shift_by_half_a_millimetre_makes_another_grid():
    image = oblique(np.zeros((8, 8, 8), np.int16))
    moved = sitk.Image(image)
    moved.SetOrigin((np.array(image.GetOrigin()) + [0, 0, 0.5]).tolist())
    assert grids.same_grid(image, sitk.Image(image))
    assert not grids.same_grid(image, moved)

"""The mutual information metric, and the lattice of control points of a warp."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from strokeprep.registration import mutual_information as mi


@pytest.fixture
def metric() -> mi.Metric:
    rng = np.random.default_rng(0)
    smooth = sitk.SmoothingRecursiveGaussian(sitk.GetImageFromArray(rng.random((24, 28, 26))), 2.0)
    smooth.SetSpacing((2, 1, 1.5))
    low, high = sitk.GetArrayFromImage(smooth).min(), sitk.GetArrayFromImage(smooth).max()
    volume = mi.Volume.of(smooth, lambda grey: (grey - low) / (high - low))
    where = mi.mapped(mi.index_to_physical(smooth), rng.uniform(5, 18, (3, 20_000)))
    return mi.Metric(mi.Points(where, rng.integers(0, mi.BINS, 20_000)), volume)


def test_the_gradient_of_the_metric_agrees_with_finite_differences(metric):
    _, gradient, overlap = metric(np.eye(4))
    assert overlap == 1
    for row, column in np.ndindex(3, 4):
        step = np.zeros((4, 4))
        step[row, column] = 1e-3 if column == 3 else 1e-5
        slope = (metric(np.eye(4) + step)[0] - metric(np.eye(4) - step)[0]) / (2 * step.max())
        assert slope == pytest.approx(gradient[row, column], rel=0.02, abs=1e-4)


def test_samples_outside_the_volume_add_no_information_but_count(metric):
    index = mi.mapped(metric.volume.to_index, metric.points.where)
    whole, _, _ = metric.at(index)
    index[0, ::2] = -5
    half, force, overlap = metric.at(index)
    assert overlap == 0.5
    assert not force[:, ::2].any() and force[:, 1::2].any()
    assert half < whole + 0.01


@pytest.fixture
def grid() -> sitk.Image:
    image = sitk.Image(24, 20, 16, sitk.sitkUInt8)
    image.SetSpacing((5, 6, 7))
    image.SetOrigin((-30, 10, 4))
    image.SetDirection((0, -1, 0, 1, 0, 0, 0, 0, 1))
    return image


def test_equal_displacements_of_all_knots_shift_the_whole_grid(grid):
    lattice = mi.Lattice.over(grid)
    knots = np.tile([1.0, -2.0, 3.0], (lattice.count, 1))
    field = sitk.GetArrayFromImage(lattice.displacement(knots, grid))
    np.testing.assert_allclose(field, np.broadcast_to([1, -2, 3], field.shape), atol=1e-5)


def test_only_bending_is_penalised(grid):
    lattice = mi.Lattice.over(grid)
    z, y, x = np.indices(lattice.size[::-1]).reshape(3, -1)
    straight, curved = 2.0 * x - y + 0.5 * z + 7, 0.1 * x * y
    bending = lattice.bending()
    assert straight @ (bending @ straight) == pytest.approx(0, abs=1e-6)
    assert curved @ (bending @ curved) > 0.1


def test_a_displacement_peaks_at_its_knot(grid):
    lattice = mi.Lattice.over(grid)
    knots = np.zeros((lattice.count, 3))
    middle = np.array(lattice.size) // 2
    knots[np.ravel_multi_index(middle[::-1], lattice.size[::-1])] = [5, 0, 0]
    field = sitk.GetArrayFromImage(lattice.displacement(knots, grid))[..., 0]
    peak = np.unravel_index(field.argmax(), field.shape)[::-1]
    where = np.array(grid.TransformIndexToPhysicalPoint([int(i) for i in peak]))
    knot = lattice.first + (middle - 1) * mi.KNOTS_MM  # the first lies one cell outside
    assert np.abs(where - knot).max() <= 3.6
    assert field.max() == pytest.approx(5 * (2 / 3) ** 3, rel=0.03)

"""The template: its brain, its grids, and which files may take its place."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from strokeprep.errors import StrokeprepError
from strokeprep.io import grids, images
from strokeprep.registration import template

OBLIQUE = np.array([
    [-0.50, 0.00, 0.00, 40.0],
    [0.00, 0.49, -0.95, -30.0],
    [0.00, 0.09, 4.91, 10.0],
    [0.00, 0.00, 0.00, 1.0],
])  # fmt: skip


def at(image: sitk.Image, ras: tuple[float, float, float]) -> float:
    """The voxel at a world point."""
    index = image.TransformPhysicalPointToIndex((-ras[0], -ras[1], ras[2]))
    return image.GetPixel(index)


def oblique(data: np.ndarray) -> sitk.Image:
    """An image whose slices are thick, turned and left-handed."""
    matrix = OBLIQUE.copy()
    rotation, _ = np.linalg.qr(matrix[:3, 1:3])
    matrix[:3, 1], matrix[:3, 2] = rotation[:, 0] * -0.5, rotation[:, 1] * -5.0
    return images.from_array(data, matrix)


def corners(image: sitk.Image) -> np.ndarray:
    """Where the outermost faces of an image meet, sorted."""
    ends = [(-0.5, n - 0.5) for n in image.GetSize()]
    points = [
        image.TransformContinuousIndexToPhysicalPoint((x, y, z))
        for x in ends[0]
        for y in ends[1]
        for z in ends[2]
    ]
    return np.array(points)


def saved(image: sitk.Image, path) -> str:
    images.write(image, path)
    return str(path)


def test_the_brain_is_whole_and_in_mni_coordinates():
    brain = template.load().brain
    filled = images.array(sitk.BinaryFillhole(brain)) > 0
    assert filled.sum() == (images.array(brain) > 0).sum()
    assert 1700 < filled.sum() / 1000 < 2000  # ml; the MNI brain is large
    assert at(brain, (0, -20, 10)) == 1 and at(brain, (0, -30, -40)) == 1
    assert at(brain, (0, 80, -20)) == 0 and at(brain, (32, 66, -38)) == 0  # nasion, eyeball


def test_depth_counts_millimetres_from_the_surface():
    depth = template.depth()
    assert at(depth, (25, -20, 25)) > 15
    assert at(depth, (90, -20, 10)) < at(depth, (80, -20, 10)) < 0


def test_a_distance_counts_millimetres_from_the_surface():
    half = np.zeros((40, 20, 20), np.uint8)
    half[:20] = 1
    field = images.array(grids.distance(images.from_array(half, np.diag([2.0, 1, 1, 1]))))
    assert field[19, 10, 10] >= 0 > field[20, 10, 10]
    assert np.diff(field[22:, 10, 10]) == pytest.approx(-2.0, abs=1e-3)
    assert np.diff(field[:18, 10, 10]) == pytest.approx(-2.0, abs=1e-3)


@pytest.mark.parametrize("spacing_mm", [1.0, 2.0, 4.0])
def test_a_cubic_grid_spans_the_space_of_its_image(spacing_mm):
    image = oblique(np.zeros((64, 60, 8), np.int16))
    grid = grids.cubic_grid(image, spacing_mm)
    assert grid.GetSpacing() == (spacing_mm,) * 3
    assert np.abs(corners(grid) - corners(image)).max() <= spacing_mm


def test_resampling_to_the_same_voxels_changes_nothing():
    data = np.random.default_rng(0).integers(0, 100, (12, 10, 8)).astype(np.float32)
    image = images.from_array(data, np.diag([2.0, 2.0, 2.0, 1.0]))
    assert np.allclose(images.array(grids.resampled(image, 2.0)), data)


def test_shrinking_averages_so_that_noise_goes_and_the_mean_stays():
    data = np.random.default_rng(0).normal(50, 10, (64, 64, 6)).astype(np.float32)
    image = images.from_array(data, np.diag([0.5, 0.5, 5.0, 1.0]))
    small = grids.shrunk(image, 2.0)
    assert small.GetSize() == (16, 16, 6)
    assert images.array(small).mean() == pytest.approx(data.mean(), abs=1e-3)
    assert images.array(small).std() == pytest.approx(data.std() / 4, rel=0.1)


def test_half_a_millimetre_makes_another_grid():
    image = oblique(np.zeros((8, 8, 8), np.int16))
    moved = sitk.Image(image)
    moved.SetOrigin((np.array(image.GetOrigin()) + [0, 0, 0.5]).tolist())
    assert grids.same_grid(image, sitk.Image(image))
    assert not grids.same_grid(image, moved)


def test_another_template_is_taken_by_path(tmp_path):
    small = grids.resampled(template.load().t1, 4.0)
    path = saved(small, tmp_path / "own_T1w.nii.gz")
    own = template.load(path)
    assert own.name == "own_T1w"
    assert grids.same_grid(own.brain, own.t1)


def test_a_template_with_its_skull_on_is_refused(tmp_path):
    head = images.from_array(np.full((20, 20, 20), 7, np.int16), np.diag([8.0, 8.0, 8.0, 1.0]))
    with pytest.raises(StrokeprepError, match="100% of the template"):
        template.load(saved(head, tmp_path / "head.nii.gz"))


def test_a_mask_on_another_grid_than_its_template_is_refused(tmp_path):
    small = grids.resampled(template.load().t1, 4.0)
    other = grids.resampled(template.load().t1, 5.0)
    with pytest.raises(StrokeprepError, match="not on the template's grid"):
        template.load(saved(small, tmp_path / "t1.nii.gz"), saved(other, tmp_path / "mask.nii.gz"))


def test_a_folder_of_templateflow_gives_the_template_without_its_skull(tmp_path):
    folder = tmp_path / "tpl-Own"
    folder.mkdir()
    builtin = grids.resampled(template.load().t1, 4)
    head = images.like(images.array(builtin) + np.uint8(1), builtin)
    saved(head, folder / "tpl-Own_res-01_T1w.nii.gz")
    saved(builtin > 0, folder / "tpl-Own_res-01_desc-brain_mask.nii.gz")
    own = template.load(folder)
    outside = images.array(own.inside) == 0
    assert outside.any() and images.array(own.t1)[outside].max() == 0


def test_a_folder_without_a_template_says_what_it_lacks(tmp_path):
    with pytest.raises(StrokeprepError, match="lacks .*_res-01_T1w.nii.gz and .*brain_mask"):
        template.load(tmp_path)

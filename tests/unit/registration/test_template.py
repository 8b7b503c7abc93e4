"""The template: its brain, its distances, and which files may take its place."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from strokeprep.errors import StrokeprepError
from strokeprep.io import grids, images
from strokeprep.registration import template


def at(image: sitk.Image, ras: tuple[float, float, float]) -> float:
    """The voxel at a world point."""
    index = image.TransformPhysicalPointToIndex((-ras[0], -ras[1], ras[2]))
    return image.GetPixel(index)


def saved(image: sitk.Image, path) -> str:
    images.write(image, path)
    return str(path)


def test_the_brain_has_no_holes_and_lies_in_mni_coordinates():
    brain = template.load().brain
    filled = images.array(sitk.BinaryFillhole(brain)) > 0
    assert filled.sum() == (images.array(brain) > 0).sum()
    assert 1700 < filled.sum() / 1000 < 2000  # ml; the MNI brain is large
    assert at(brain, (0, -20, 10)) == 1 and at(brain, (0, -30, -40)) == 1
    assert at(brain, (0, 80, -20)) == 0 and at(brain, (32, 66, -38)) == 0  # nasion, eyeball


def test_the_built_in_template_has_no_holes_that_its_depth_would_miss():
    assert not np.any(images.array(template.load().filled) != images.array(template.load().inside))


def test_depth_is_the_distance_from_the_surface_in_millimetres():
    depth = template.depth()
    assert at(depth, (25, -20, 25)) > 15
    assert at(depth, (90, -20, 10)) < at(depth, (80, -20, 10)) < 0


def test_another_template_is_loaded_by_its_path(tmp_path):
    small = grids.resampled(template.load().t1, 4.0)
    path = saved(small, tmp_path / "own_T1w.nii.gz")
    own = template.load(path)
    assert own.name == "own_T1w"
    assert grids.same_grid(own.brain, own.t1)


def test_a_template_with_a_skull_is_refused(tmp_path):
    head = images.from_array(np.full((20, 20, 20), 7, np.int16), np.diag([8.0, 8.0, 8.0, 1.0]))
    with pytest.raises(StrokeprepError, match="100% of the template"):
        template.load(saved(head, tmp_path / "head.nii.gz"))


def test_a_mask_on_another_grid_than_its_template_is_refused(tmp_path):
    small = grids.resampled(template.load().t1, 4.0)
    other = grids.resampled(template.load().t1, 5.0)
    with pytest.raises(StrokeprepError, match="not on the template's grid"):
        template.load(saved(small, tmp_path / "t1.nii.gz"), saved(other, tmp_path / "mask.nii.gz"))


def test_a_templateflow_folder_gives_the_template_without_its_skull(tmp_path):
    folder = tmp_path / "tpl-Own"
    folder.mkdir()
    builtin = grids.resampled(template.load().t1, 4)
    head = images.like(images.array(builtin) + np.uint8(1), builtin)
    saved(head, folder / "tpl-Own_res-01_T1w.nii.gz")
    saved(builtin > 0, folder / "tpl-Own_res-01_desc-brain_mask.nii.gz")
    own = template.load(folder)
    outside = images.array(own.inside) == 0
    assert outside.any() and images.array(own.t1)[outside].max() == 0


def test_a_folder_without_a_template_is_refused_naming_the_missing_files(tmp_path):
    with pytest.raises(StrokeprepError, match="lacks .*_res-01_T1w.nii.gz and .*brain_mask"):
        template.load(tmp_path)

"""Masks go in as editors save them, and land on the voxels that were marked."""

from __future__ import annotations

import corrected_heads as heads
import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from strokeprep.corrections import masks
from strokeprep.errors import StrokeprepError
from strokeprep.io import images

GRID = heads.as_image(heads.head())


def placed(path) -> np.ndarray:
    return images.array(masks.on_grid(masks.read(path).image, GRID, path, "the image"))


@pytest.mark.parametrize(
    ("save", "name"),
    [
        (heads.by_itksnap, "snap.nii.gz"),
        (heads.by_itksnap, "snap.nii"),
        (heads.by_itksnap, "snap.nrrd"),
        (heads.by_slicer, "segmentation.seg.nrrd"),
        (heads.by_mricrogl, "gl.nii"),
        (heads.by_mricrogl, "gl.nii.gz"),
        (heads.by_mricrogl, "gl.voi"),
        (heads.by_mricrogl, "gl.nrrd"),
    ],
)
def test_a_mask_lands_on_the_voxels_that_were_marked(tmp_path, save, name):
    assert (placed(save(heads.brain(), tmp_path / name)) == heads.brain()).all()


def test_segments_in_layers_become_values_in_their_order(tmp_path):
    left, right = np.zeros((2, *heads.SHAPE), np.uint8)
    left[20:22, 20, 15], right[26:30, 20, 15] = 1, 1
    drawn = masks.read(heads.in_layers([left, right], tmp_path / "two.seg.nrrd"))
    assert drawn.names == {1: "part 1", 2: "part 2"}
    assert (images.array(drawn.image) == left + 2 * right).all()


def test_segments_that_overlap_are_refused(tmp_path):
    both = heads.in_layers([heads.brain(), heads.brain()], tmp_path / "two.seg.nrrd")
    with pytest.raises(StrokeprepError, match="overlap"):
        masks.read(both)


def test_a_mask_on_the_axes_of_the_world_is_turned_back(tmp_path):
    turned = nib.as_closest_canonical(nib.Nifti1Image(heads.brain(), heads.AFFINE))
    nib.save(turned, tmp_path / "turned.nii.gz")
    assert turned.shape != heads.SHAPE or (turned.affine != heads.AFFINE).any()
    assert (placed(tmp_path / "turned.nii.gz") == heads.brain()).all()


def test_axes_may_be_turned_and_the_box_be_larger_than_the_image(tmp_path):
    padded = np.pad(heads.brain(), 2)
    affine = heads.AFFINE.copy()
    affine[:3, 3] -= heads.AFFINE[:3, :3] @ [2, 2, 2]
    turned = nib.Nifti1Image(padded, affine).as_reoriented([[2, 1], [0, -1], [1, 1]])
    nib.save(turned, tmp_path / "turned.nii.gz")
    assert (placed(tmp_path / "turned.nii.gz") == heads.brain()).all()


@pytest.mark.parametrize("shift", [0.3, 30.0])
def test_what_lies_beside_the_voxels_of_the_image_or_out_of_it_is_refused(tmp_path, shift):
    affine = heads.AFFINE.copy()
    affine[:3, 3] += heads.AFFINE[:3, :3] @ [shift, 0, 0]
    sitk.WriteImage(heads.as_image(heads.brain(), affine), str(tmp_path / "beside.nii.gz"))
    with pytest.raises(StrokeprepError, match="not lie on the grid of the image"):
        placed(tmp_path / "beside.nii.gz")

"""Labels are resampled without new values, and their contents are measured before and after."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from strokeprep.errors import StrokeprepError
from strokeprep.io import images, labels


@pytest.fixture
def segmentation():
    values = np.zeros((20, 20, 20), np.uint8)
    values[4:10, 4:10, 4:10] = 1
    values[12:16, 12:16, 12:16] = 7
    return images.from_array(values, np.diag([2.0, 2, 2, 1]))


def test_volumes_and_components_are_counted(segmentation):
    assert labels.contents(segmentation) == {
        "Volumes": {"1": 1.728, "7": 0.512},
        "Components": 2,
    }


def test_voxels_that_touch_at_a_corner_are_one_component():
    values = np.zeros((6, 6, 6), np.uint8)
    values[2, 2, 2] = values[3, 3, 3] = 1
    assert labels.contents(images.from_array(values, np.eye(4)))["Components"] == 1


def test_an_empty_mask_has_no_components():
    empty = images.from_array(np.zeros((4, 4, 4), np.uint8), np.eye(4))
    assert labels.contents(empty) == {"Volumes": {}, "Components": 0}


def test_resampling_makes_no_new_labels(segmentation):
    turn = sitk.Euler3DTransform((15, 15, 15), 0.3, 0.1, 0.2)
    moved, audit = labels.warp(segmentation, segmentation, [turn])
    assert set(np.unique(images.array(moved))) == {0, 1, 7}
    before, after = (sum(audit[when]["Volumes"].values()) for when in ("Before", "After"))
    assert after == pytest.approx(before, rel=0.1)


def test_a_label_outside_the_new_grid_is_missing_from_the_contents_after(segmentation):
    away = sitk.TranslationTransform(3, (500.0, 0, 0))
    _, audit = labels.warp(segmentation, segmentation, [away])
    assert audit["After"]["Volumes"] == {}


def test_a_mask_stored_with_a_slope_reads_as_whole_numbers(tmp_path):
    nifti = nib.Nifti1Image(np.full((3, 3, 3), 65535, np.uint16), np.eye(4))
    nifti.header.set_slope_inter(1 / 65535 * (1 - 2e-10), 0)
    nib.save(nifti, tmp_path / "mask.nii.gz")
    assert images.array(labels.read(tmp_path / "mask.nii.gz")).max() == 1


@pytest.mark.parametrize("value", [0.5, -1.0])
def test_a_value_that_is_no_label_is_refused(tmp_path, value):
    nib.save(
        nib.Nifti1Image(np.full((3, 3, 3), value, np.float32), np.eye(4)), tmp_path / "p.nii.gz"
    )
    with pytest.raises(StrokeprepError, match="whole, non-negative"):
        labels.read(tmp_path / "p.nii.gz")


def test_dice_is_the_overlap_of_masks():
    a, b = np.array([1, 1, 0, 0]), np.array([0, 1, 1, 0])
    assert labels.dice(a, b) == 0.5
    assert labels.dice(a, a) == 1
    assert labels.dice(a * 0, b * 0) == 1


# --- Boxes and parts --------------------------------------------------------------------------


@pytest.fixture
def three_parts() -> np.ndarray:
    """Parts of 8, 27 and 1 voxels; the last touches the second by an edge alone."""
    mask = np.zeros((12, 10, 9), bool)
    mask[0:2, 0:2, 0:2] = True
    mask[5:8, 4:7, 3:6] = True
    mask[8, 7, 4] = True
    return mask


def test_a_box_holds_its_mask_and_no_more(three_parts):
    box = labels.bounding_box(three_parts)
    assert box == (slice(0, 9), slice(0, 8), slice(0, 6))
    assert np.count_nonzero(three_parts[box]) == np.count_nonzero(three_parts)


@pytest.mark.parametrize(
    ("margin", "box"),
    [
        (2, (slice(0, 11), slice(0, 10), slice(0, 8))),
        ((0, 1, 9), (slice(0, 9), slice(0, 9), slice(0, 9))),
    ],
)
def test_a_margin_ends_where_the_array_does(three_parts, margin, box):
    assert labels.bounding_box(three_parts, margin) == box


def test_the_box_of_an_empty_mask_is_empty():
    assert labels.bounding_box(np.zeros((4, 5, 6), bool)) == (slice(0, 0),) * 3


def test_the_largest_part_touches_nothing_by_face(three_parts):
    part = labels.largest_part(three_parts)
    assert np.count_nonzero(part) == 27 and not part[8, 7, 4]


def test_the_two_largest_parts_leave_the_third(three_parts):
    assert np.count_nonzero(labels.largest_part(three_parts, 2)) == 35


def test_an_empty_mask_has_no_largest_part():
    assert not labels.largest_part(np.zeros((4, 5, 6), bool)).any()

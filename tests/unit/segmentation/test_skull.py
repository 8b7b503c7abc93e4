"""What brain and skull tell: the inside of the skull, the face, and masks carried to other scans."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from heads import TO_TEMPLATE, dice, head
from strokeprep.io import grids, images, transforms
from strokeprep.segmentation import skull


def mask(data: np.ndarray, grid: sitk.Image) -> sitk.Image:
    return images.like(data.astype(np.uint8), grid)


@pytest.fixture(scope="module")
def ct():
    """A CT head, its brain and its skull as masks."""
    made = head("ct")
    bone = images.array(made.image) > 600
    return made, mask(made.brain, made.image), mask(bone, made.image)


def region(made, brain, bone, to_template=TO_TEMPLATE) -> np.ndarray:
    grid = grids.cubic_grid(made.image, skull.WORK_MM)
    wanted = skull.face_field(grid, brain, bone, to_template)
    field = sitk.Minimum(wanted, -skull.mask_field(grid, brain) - 3.0)
    return images.array(sitk.Resample(field, made.image)) > 0


def test_inside_is_the_brain_out_to_the_bone_in_one_piece(ct):
    made, brain, bone = ct
    eroded = sitk.BinaryErode(brain, [1, 1, 0])
    found = skull.inside(eroded, bone)
    inside = images.array(found) > 0
    assert grids.same_grid(found, made.image) and found.GetPixelID() == sitk.sitkUInt8
    assert dice(inside, made.brain) > dice(images.array(eroded) > 0, made.brain)
    assert not (inside & (images.array(bone) > 0)).any()


def test_inside_leaves_out_what_is_not_connected(ct):
    made, brain, bone = ct
    stray = images.array(brain).copy()
    stray[2:5, 2:5, 2:5] = 1
    inside = images.array(skull.inside(images.like(stray, made.image), bone))
    assert inside[:8, :8, :8].sum() == 0 and inside.sum() > 0


def test_a_coarse_skull_is_refined_to_the_bone_that_is_seen(ct):
    made, _, bone = ct
    fine = images.array(bone) > 0
    coarse = np.repeat(np.repeat(fine[::2, ::2], 2, axis=0), 2, axis=1)[: fine.shape[0]]
    found = images.array(skull.refined(mask(coarse, made.image), made.image)) > 0
    assert dice(coarse, fine) < 0.82 and dice(found, fine) > 0.88


@pytest.mark.parametrize("with_bone", [True, False])
def test_the_face_is_found_and_the_brain_is_left(ct, with_bone):
    made, brain, bone = ct
    found = region(made, brain, bone if with_bone else None)
    assert (found & made.face).sum() / made.face.sum() > 0.95
    assert (found & made.brain).sum() == 0


def test_crumbs_of_brain_elsewhere_do_not_move_the_face(ct):
    made, brain, bone = ct
    crumbs = images.array(brain).copy()
    low = np.argwhere(made.face)[:, 2].min()
    crumbs[tuple(np.argwhere(made.face & (np.arange(made.face.shape[2]) == low))[0])] = 1
    found = region(made, brain, bone)
    moved = region(made, mask(crumbs, made.image), bone)
    # The crumb itself is protected as brain; that is all it does.
    assert (found & ~moved).sum() * np.prod(made.image.GetSpacing()) < 4 / 3 * np.pi * 12**3


def test_the_face_ends_before_the_back_of_the_head(ct):
    made, brain, bone = ct
    found = region(made, brain, bone)
    points = np.argwhere(found) @ images.affine(made.image)[:3, :3].T
    points += images.affine(made.image)[:3, 3]
    to_template = images.LPS @ transforms.matrix(TO_TEMPLATE) @ images.LPS
    front = points @ to_template[1, :3] + to_template[1, 3]
    assert front.min() > 0  # the middle of the template's brain, from front to back, is at -18


def test_front_and_up_are_the_patient_s_whatever_the_scan_s_axes(ct):
    made, brain, bone = ct
    axes = sitk.PermuteAxesImageFilter()
    axes.SetOrder([2, 0, 1])
    turned = [sitk.Flip(axes.Execute(each), [True, False, True]) for each in (brain, bone)]
    image = sitk.Flip(axes.Execute(made.image), [True, False, True])
    grid = grids.cubic_grid(image, skull.WORK_MM)
    field = skull.face_field(grid, *turned, TO_TEMPLATE)
    back = images.array(sitk.Resample(field, made.image, sitk.Transform(), sitk.sitkLinear, -1.0))
    assert dice(back > 0, region(made, brain, bone)) > 0.9


def test_a_slab_without_temporal_lobes_still_has_a_face(ct):
    made, brain, bone = ct
    bottom = np.argwhere(made.brain)[:, 2].min() + 8  # slices of 4 mm: above the temporal tips
    parts = [each[:, :, int(bottom) :] for each in (brain, bone)]
    slab = made._replace(
        image=made.image[:, :, int(bottom) :],
        brain=made.brain[:, :, bottom:],
        face=made.face[:, :, bottom:],
    )
    found = region(slab, *parts)
    assert (found & slab.brain).sum() == 0


def test_a_mask_is_carried_to_another_scan_by_its_transform_and_united(ct):
    made, brain, _ = ct
    shift = sitk.TranslationTransform(3, [10.0, -5.0, 8.0])
    elsewhere = sitk.Image(made.image)
    elsewhere.SetOrigin([a - b for a, b in zip(made.image.GetOrigin(), (10, -5, 8), strict=True)])
    here = mask(made.face, elsewhere)
    found = skull.carried([(brain, shift), (here, sitk.Transform())], elsewhere)
    assert grids.same_grid(found, elsewhere) and found.GetPixelID() == sitk.sitkUInt8
    assert np.array_equal(images.array(found) > 0, made.brain | made.face)
    assert images.array(skull.carried([], elsewhere)).sum() == 0

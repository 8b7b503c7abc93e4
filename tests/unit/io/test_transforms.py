"""Transforms are chained in the order in which points pass them, and applied in one interpolation."""

import numpy as np
import pytest
import SimpleITK as sitk
from strokeprep.errors import StrokeprepError
from strokeprep.io import images, transforms


def rotation(axis, degrees, centre=(0, 0, 0), shift=(0, 0, 0)):
    transform = sitk.VersorRigid3DTransform()
    transform.SetRotation(axis, np.deg2rad(degrees))
    transform.SetCenter(centre)
    transform.SetTranslation(shift)
    return transform


def bent():
    """A displacement field."""
    field = sitk.Image([20, 20, 20], sitk.sitkVectorFloat64)
    field.SetOrigin((-50, -50, -50))
    field.SetSpacing((5, 5, 5))
    offsets = sitk.GetArrayFromImage(field)
    offsets[..., 0] = 3.0
    filled = sitk.GetImageFromArray(offsets, isVector=True)
    filled.CopyInformation(field)
    return sitk.DisplacementFieldTransform(filled)


TURN, SHIFT = rotation((0, 0, 1), 90), rotation((0, 0, 1), 0, shift=(10, 0, 0))


def test_a_chain_maps_a_point_through_its_transforms_in_order():
    assert np.allclose(transforms.chain([TURN, SHIFT]).TransformPoint((1, 0, 0)), (10, 1, 0))
    assert np.allclose(transforms.chain([SHIFT, TURN]).TransformPoint((1, 0, 0)), (0, 11, 0))


def test_the_order_is_the_same_with_a_deformable_transform():
    chain = transforms.chain([bent(), TURN])
    assert not chain.IsLinear()
    assert np.allclose(chain.TransformPoint((1, 0, 0)), (0, 4, 0))


def test_an_empty_chain_is_the_identity():
    assert transforms.chain([]).TransformPoint((1.0, 2.0, 3.0)) == (1, 2, 3)


def test_points_are_given_in_ras():
    assert np.allclose(transforms.apply(SHIFT, np.array([[0.0, 0, 0]])), [[-10, 0, 0]])
    assert np.allclose(transforms.apply(bent(), np.array([[0.0, 0, 0]])), [[-3, 0, 0]])


def test_a_linear_chain_reads_back_as_it_was_written(tmp_path):
    chain = transforms.chain([rotation((1, 2, 3), 17, (4, 5, 6), (7, 8, 9)), SHIFT])
    transforms.write(chain, tmp_path / "chain.txt")
    again = transforms.read(tmp_path / "chain.txt")
    assert np.allclose(transforms.matrix(again), transforms.matrix(chain), atol=1e-12)


@pytest.mark.parametrize("room", [0, 100, 250, 330])
def test_a_full_disk_leaves_no_incomplete_transform(tmp_path, room):
    resource = pytest.importorskip("resource")
    chain = transforms.chain([rotation((1, 2, 3), 17, (4, 5, 6), (7, 8, 9)), SHIFT])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        with pytest.raises(StrokeprepError, match="disk is probably full"):
            transforms.write(chain, tmp_path / "chain.txt")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


def test_an_error_names_a_damaged_transform(tmp_path):
    (tmp_path / "broken.txt").write_text("not a transform")
    with pytest.raises(StrokeprepError, match=r"broken\.txt"):
        transforms.read(tmp_path / "broken.txt")


def test_one_interpolation_is_sharper_than_two():
    rng = np.random.default_rng(3)
    image = images.from_array(rng.normal(size=(24, 24, 24)).astype(np.float32), np.eye(4))
    there, back = SHIFT, SHIFT.GetInverse()
    half = rotation((0, 0, 1), 0, shift=(0.5, 0, 0))
    once = transforms.resample(image, image, [half, half.GetInverse()])
    twice = transforms.resample(
        transforms.resample(image, image, [half]), image, [half.GetInverse()]
    )
    inner = (slice(4, -4),) * 3
    truth = images.array(image)[inner]
    assert np.abs(images.array(once)[inner] - truth).max() < 1e-5
    assert np.abs(images.array(twice)[inner] - truth).std() > 0.1
    assert np.allclose(transforms.chain([there, back]).TransformPoint((1, 1, 1)), (1, 1, 1))


def test_voxels_outside_the_image_get_the_background_value():
    image = images.from_array(np.full((4, 4, 4), 40, np.int16), np.eye(4))
    moved = transforms.resample(image, image, [SHIFT], outside=-1024)
    assert images.array(moved).max() == -1024

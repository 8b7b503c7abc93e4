"""MindGrab's way to a mask: the cube that the network sees, and back onto the image's grid.

The network's place is taken by one that calls bright voxels brain, so the truth is known.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from meshnets import bright, write
from strokeprep.errors import StrokeprepError
from strokeprep.io import grids, images, labels
from strokeprep.segmentation import brains
from strokeprep.segmentation.backends import mindgrab
from strokeprep.segmentation.request import Request
from strokeprep.segmentation.weights import store
from strokeprep.settings.backends import BRAINS, MODELS, NetworkSettings

SIZE = 32
RADIUS_MM = 9.0


def ball(
    shape=(24, 28, 30), spacing=(1.0, 1.0, 1.0), at=(2.0, -3.0, 1.0), radius=RADIUS_MM, turn=None
) -> sitk.Image:
    """A bright ball (1) on darkness (0), its centre at a place in mm from the image's middle."""
    affine = np.diag([*spacing, 1.0])
    affine[:3, :3] = (np.eye(3) if turn is None else turn) @ affine[:3, :3]
    affine[:3, 3] = -affine[:3, :3] @ (np.array(shape) - 1) / 2
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    place = index @ affine[:3, :3].T + affine[:3, 3]
    inside = np.linalg.norm(place - np.array(at), axis=-1) < radius
    return images.from_array(inside.astype(np.float32), affine)


def request(image: sitk.Image, modality: str = "mr", models: str = "models") -> Request:
    return Request(image, modality, "scan.nii.gz", NetworkSettings(models, threads=1))


def segmented(image: sitk.Image) -> tuple[np.ndarray, dict]:
    found, facts = mindgrab.segmented(request(image), bright(), SIZE)
    assert grids.same_grid(found, image) and found.GetPixelID() == sitk.sitkUInt8
    return images.array(found) > 0, facts


ORIENTATIONS = [
    np.eye(3)[list(order)] * signs
    for order, signs in zip(
        itertools.permutations(range(3)),
        [(1, 1, 1), (-1, 1, 1), (1, -1, 1), (1, 1, -1), (-1, -1, 1), (-1, -1, -1)],
        strict=True,
    )
]


@pytest.mark.parametrize("turn", ORIENTATIONS)
def test_the_mask_lies_on_the_grid_of_an_image_of_any_orientation(turn):
    image = ball(turn=turn)
    found, _ = segmented(image)
    assert labels.dice(found, images.array(image)) > 0.97


@pytest.mark.parametrize("spacing", [(0.4, 0.4, 1.5), (2.0, 2.0, 2.0), (1.0, 6.0, 1.0)])
def test_the_mask_lies_on_the_grid_of_voxels_of_any_size(spacing):
    image = ball(shape=tuple(np.ceil(28 / np.array(spacing)).astype(int)), spacing=spacing)
    found, _ = segmented(image)
    assert labels.dice(found, images.array(image)) > 0.75  # coarse voxels make a smaller ball
    away = np.argwhere(found).mean(axis=0) - np.argwhere(images.array(image)).mean(axis=0)
    assert np.abs(away * spacing).max() < 0.1


def test_the_cube_has_the_axes_that_the_network_was_trained_on():
    middle = (SIZE - 1) / 2
    for away, axis, sign in (((-8, 0, 0), 0, 1), ((0, 0, -8), 1, 1), ((0, 8, 0), 2, 1)):  # RAS
        cube = images.array(mindgrab.conformed(ball(at=away, radius=3), "mr", SIZE))
        centre = np.argwhere(cube > 0.5).mean(axis=0) - middle
        assert centre[axis] == pytest.approx(8 * sign, abs=0.6)
        assert np.abs(np.delete(centre, axis)).max() < 0.6


def test_outside_of_the_scan_the_cube_is_as_dark_as_the_scan_gets():
    image = ball() + 7
    cube = images.array(mindgrab.conformed(image, "mr", SIZE))
    assert cube[0, 0, 0] == cube.min() == 7


def test_of_a_scan_that_is_taller_than_the_cube_the_upper_end_is_seen():
    image = ball(shape=(24, 24, 3 * SIZE), at=(0, 0, 1.5 * SIZE - 12))
    found, _ = segmented(image)
    assert labels.dice(found, images.array(image)) > 0.97


def test_on_ct_most_grey_values_go_to_soft_tissue():
    hu = np.array([-3000.0, -1000, -100, 0, 100, 1100])
    image = images.from_array(np.tile(hu, (6, 6, 1)).astype(np.float32), np.eye(4))
    cube = mindgrab.conformed(image, "ct", SIZE)
    again = sitk.Resample(cube, image, sitk.Transform(), sitk.sitkLinear)
    assert images.array(again)[3, 3] == pytest.approx([0, 0, 10, 110, 210, 260], abs=1e-3)


def test_grey_values_run_from_the_darkest_to_the_brightest_but_for_a_few():
    grey = np.arange(101, dtype=np.float32).reshape(1, 1, 101)
    made = mindgrab.normalised(grey, "scan.nii.gz")[0, 0]
    assert made.dtype == np.float32
    assert (made[:3] == 0).all() and made[50] == pytest.approx(0.5) and (made[98:] == 1).all()


def test_an_image_of_one_grey_value_is_refused():
    with pytest.raises(StrokeprepError, match="one grey value: scan.nii.gz"):
        segmented(ball() * 0 + 5)


def test_the_largest_piece_is_the_mask_and_the_others_are_told():
    small = ball(at=(2.0, 9.0, 1.0), radius=3)
    image = sitk.Maximum(ball(at=(2.0, -3.0, 1.0), radius=7), small)
    found, facts = segmented(image)
    assert not (found & (images.array(small) > 0)).any()
    assert facts["Pieces"] == 2
    assert facts["PiecesMl"] == pytest.approx([1.4, 0.12], rel=0.15)
    assert facts["LargestShare"] == pytest.approx(1.4 / 1.52, abs=0.02)


def test_holes_are_filled():
    hollow = ball() - ball(radius=4)
    found, facts = segmented(hollow)
    assert labels.dice(found, images.array(ball())) > 0.97 and facts["Pieces"] == 1


def test_an_empty_answer_is_refused_with_the_scan_and_what_to_do():
    with pytest.raises(StrokeprepError, match="found no brain: scan.nii.gz.*another backend"):
        mindgrab.segmented(request(ball()), bright(threshold=1e6), SIZE)


@pytest.fixture
def models(tmp_path):
    """A models folder with weights that find what is bright."""
    write(bright(), tmp_path / "mindgrab" / "model.bin")
    store.write_record(MODELS["mindgrab"], tmp_path / "mindgrab", None)
    return tmp_path


def test_the_backend_reads_its_weights_and_says_what_it_used(models, monkeypatch):
    monkeypatch.setattr(mindgrab, "SIZE", SIZE)
    monkeypatch.setattr(brains, "SMALLEST_ML", 1.0)
    digest = store.digests(["mindgrab"], models)["mindgrab"]
    asked = request(ball(), models=str(models))
    asked = replace(asked, settings=replace(asked.network(), sha256={"mindgrab": digest}))
    found, facts = brains.mask(asked, BRAINS["mindgrab"])
    assert labels.dice(images.array(found), images.array(ball())) > 0.97
    assert facts["BrainBackend"] == "mindgrab" and facts["Pieces"] == 1
    assert facts["Model"]["Weights"] == {"mindgrab": f"sha256:{digest}"}


def test_weights_that_are_not_what_was_fetched_are_refused(models):
    path = models / "mindgrab" / "model.bin"
    path.write_bytes(path.read_bytes()[:-4] + b"\1\1\1\1")
    with pytest.raises(StrokeprepError, match="not what was fetched"):
        mindgrab.brain(request(ball(), models=str(models)))

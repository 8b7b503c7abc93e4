"""Motion of a simulated head with known poses, with a bolus, noise and a head holder."""

from __future__ import annotations

import moving_heads as heads
import nibabel as nib
import numpy as np
import pytest
from strokeprep.errors import StrokeprepError
from strokeprep.io import frames as io_frames
from strokeprep.series import motion, motion_fit
from strokeprep.settings.registration import MOTION


@pytest.fixture(scope="module")
def moving():
    return heads.series(heads.nodding())


@pytest.fixture(scope="module")
def found(moving):
    return motion_fit.of_frames(moving.frames, heads.AFFINE)


@pytest.mark.slow
def test_motion_is_estimated_to_a_small_fraction_of_a_voxel(moving, found):
    wrong = heads.error_mm(found.matrices, moving.matrices)
    rest = heads.error_mm(np.array([np.eye(4)] * len(moving.frames)), moving.matrices)
    assert rest.max() > 2.5
    assert wrong.mean() < 0.08
    assert wrong.max() < 0.15


def test_the_reference_pose_is_that_of_the_frames_before_contrast(found):
    assert found.displacement_mm[:3].max() < 0.1
    assert found.still[:3].all()
    assert not found.still[6:].any()


def test_a_sudden_move_is_followed(moving, found):
    """From frame 7 to 8 the head turns and drops; all other steps are smaller."""
    assert np.argmax(found.framewise_mm) == 8
    assert heads.error_mm(found.matrices, moving.matrices)[8:].max() < 0.15


@pytest.mark.slow
def test_a_head_holder_that_stays_in_place_does_not_bias_the_pose(moving):
    poses = moving.matrices[[0, 1, 2, 5, 8, 11]]
    wrong = []
    for holder in (True, False):
        frames = [heads.frame(pose, seed=n, holder=holder) for n, pose in enumerate(poses)]
        found = motion_fit.of_frames(frames, heads.AFFINE)
        wrong.append(heads.error_mm(found.matrices, poses).max())
    assert max(wrong) < 0.15


def test_the_arrival_of_contrast_is_detected(found):
    before = np.flatnonzero(found.pre_contrast)
    assert before.tolist() == list(range(len(before)))
    assert heads.ARRIVAL - 1 <= len(before) <= heads.ARRIVAL
    assert found.enhancement_hu.max() > 25
    assert np.argmax(found.enhancement_hu) == np.argmax(heads.BOLUS)


def test_every_frame_fits_better_after_than_before(found):
    moved = ~found.still
    assert np.all(found.after[moved] > found.before[moved])
    assert found.after.min() > 0.98


def test_nodding_is_a_turn_about_x(moving, found):
    turned = found.moves[:, 3] - found.moves[0, 3]
    true = -np.array([4.0 * np.sin(5 * s) for s in np.clip(np.arange(12) - 2, 0, None) / 9])
    assert np.abs(turned - true).max() < 0.15  # x points left in LPS, right in RAS


@pytest.mark.slow
def test_noise_is_not_mistaken_for_motion():
    found = motion_fit.of_frames(heads.series(np.array([np.eye(4)] * 12)).frames, heads.AFFINE)
    assert found.all_still
    assert found.displacement_mm.max() < 0.05
    assert not found.outlier.any()


@pytest.mark.slow
def test_all_frames_of_a_series_without_contrast_are_pre_contrast():
    still = heads.series(np.array([np.eye(4)] * 5), bolus=np.zeros(5))
    found = motion_fit.of_frames(still.frames, heads.AFFINE)
    assert found.pre_contrast.all()
    assert found.enhancement_hu.max() < MOTION.least_bolus_hu


@pytest.mark.slow
@pytest.mark.parametrize("frame", [0, 1, 2, 3, 9])
def test_a_frame_corrupted_by_motion_is_an_outlier_and_does_not_affect_the_others(moving, frame):
    frames = list(moving.frames)
    corrupt = frames[frame].copy()
    corrupt[:, :, ::2] = heads.frame(heads.pose((6, 0, 8), (6, -7, 0)), 160)[:, :, ::2]
    frames[frame] = corrupt
    found = motion_fit.of_frames(frames, heads.AFFINE)
    assert np.flatnonzero(found.outlier).tolist() == [frame]
    assert heads.error_mm(found.matrices, moving.matrices, anchor=5)[found.usable].max() < 0.15


@pytest.mark.slow
@pytest.mark.parametrize("frame", [0, 1, 2, 3, 7, 11])
def test_an_empty_frame_is_an_outlier_and_does_not_affect_the_others(moving, found, frame):
    frames = list(moving.frames)
    frames[frame] = np.full_like(frames[frame], -1024)
    without = motion_fit.of_frames(frames, heads.AFFINE)
    assert np.flatnonzero(without.outlier).tolist() == [frame]
    assert heads.error_mm(without.matrices, moving.matrices, anchor=5)[without.usable].max() < 0.15
    assert without.summary()["MeanFramewiseMm"] <= 1.5 * found.summary()["MeanFramewiseMm"]
    assert without.steps_mm.max() <= found.framewise_mm.max() + 0.1
    assert len(without.rows()) == len(frames)


@pytest.mark.slow
def test_a_frame_with_the_head_far_away_is_an_outlier(moving):
    frames = [*moving.frames[:11], heads.frame(heads.pose((0, 0, 13), (6, 0, 0)), 90)]
    assert np.flatnonzero(motion_fit.of_frames(frames, heads.AFFINE).outlier).tolist() == [11]


@pytest.mark.slow
def test_the_edge_of_an_emptied_face_does_not_bias_the_pose(moving):
    x, y, z = np.indices(heads.SHAPE)
    emptied = (y < 24) & (z < 6)
    frames = [np.where(emptied, np.int16(-1024), frame) for frame in moving.frames]
    found = motion_fit.of_frames(frames, heads.AFFINE, emptied)
    assert heads.error_mm(found.matrices, moving.matrices).max() < 0.2


@pytest.mark.slow
def test_a_file_gives_the_same_motion_as_its_frames(moving, found, tmp_path):
    path = tmp_path / "ctp.nii.gz"
    nib.save(nib.Nifti1Image(np.stack(moving.frames, axis=3), heads.AFFINE), path)
    again = motion_fit.estimate(path)
    np.testing.assert_allclose(again.matrices, found.matrices, atol=1e-5)  # affines are float32
    assert len(again.rows()[0]) == len(motion.COLUMNS)


def test_a_motion_table_reads_back_as_it_was_written(found, tmp_path):
    motion.write(found, tmp_path / "motion.tsv")
    kept = motion.read(tmp_path / "motion.tsv")
    np.testing.assert_array_equal(kept.matrices, found.matrices)
    assert kept.rows() == found.rows()
    assert kept.summary() == found.summary()


@pytest.mark.slow
def test_a_large_rotation_is_followed_and_not_an_outlier():
    turned = heads.pose((8, 0, 0), (0, 4, 5))
    frames = [*(heads.frame(seed=seed) for seed in range(4)), heads.frame(turned)]
    found = motion_fit.of_frames(frames, heads.AFFINE)
    assert not found.outlier.any()
    assert heads.error_mm(found.matrices, np.array([np.eye(4)] * 4 + [turned])).max() < 0.2


def test_scaled_integers_are_read_in_their_units(moving, tmp_path):
    image = nib.Nifti1Image(np.stack(moving.frames[:2], axis=3) + np.int16(1024), heads.AFFINE)
    image.header.set_slope_inter(1, -1024)
    nib.save(image, tmp_path / "ctp.nii.gz")
    first = next(io_frames.stream(tmp_path / "ctp.nii.gz"))
    expected = nib.load(tmp_path / "ctp.nii.gz").get_fdata()[..., 0]
    np.testing.assert_array_equal(first, expected)


def test_an_error_names_a_truncated_file(moving, tmp_path):
    path = tmp_path / "ctp.nii.gz"
    nib.save(nib.Nifti1Image(np.stack(moving.frames[:4], axis=3), heads.AFFINE), path)
    path.write_bytes(path.read_bytes()[:-90_000])
    with pytest.raises(StrokeprepError, match=r"cut short.*ctp\.nii\.gz"):
        motion_fit.estimate(path)


def test_a_series_without_a_head_is_refused():
    noise = np.random.default_rng(0).normal(0, 5, (4, *heads.SHAPE))
    with pytest.raises(StrokeprepError, match="edges of a head"):
        motion_fit.of_frames(list(noise), heads.AFFINE, where="ctp.nii.gz")

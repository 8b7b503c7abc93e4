"""The one-second series: which voxels it keeps exactly, and how close to the truth the others are."""

from __future__ import annotations

import moving_heads as heads
import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
import time_weights
from strokeprep.errors import StrokeprepError
from strokeprep.io import images, transforms
from strokeprep.series import motion, motion_fit, resampling, timing
from strokeprep.series.extremes import Extremes

SHAPE, AFFINE = (12, 10, 6), np.diag([-2.0, -2.0, 5.0, 1.0])


def at_rest(frames: int, **changes) -> motion.Motion:
    """A head that never moves."""
    zeros, true = np.zeros(frames), np.ones(frames, bool)
    numbers = ("displacement_mm", "framewise_mm", "before", "after", "residual_hu")
    values = dict.fromkeys((*numbers, "enhancement_hu"), zeros) | {
        "matrices": np.tile(np.eye(4), (frames, 1, 1)),
        "moves": np.zeros((frames, 6)),
        "pre_contrast": true,
        "still": true,
        "outlier": ~true,
    }
    return motion.Motion(**(values | changes))


def moved(matrices) -> motion.Motion:
    """A head in given poses."""
    still = np.array([np.allclose(matrix, np.eye(4)) for matrix in matrices])
    return at_rest(len(matrices), matrices=np.array(matrices), still=still)


def shift(*mm) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = mm
    return matrix


def save(frames, path, affine=AFFINE):
    nib.save(nib.Nifti1Image(np.stack(frames, axis=-1), affine), path)
    return path


def timed(frames=7, slices=SHAPE[2], **sidecar):
    return timing.resolve(sidecar or {"RepetitionTime": 1}, frames, slices)


@pytest.fixture
def noise():
    return np.random.default_rng(1).integers(-1024, 2000, (7, *SHAPE)).astype(np.int16)


@pytest.fixture
def run(tmp_path):
    """Writes a series and reads back its voxels and coverage."""

    def written(frames, times, moves, affine=AFFINE, **options):
        source = save(frames, tmp_path / "ctp.nii.gz", affine)
        target, mask = tmp_path / "out.nii.gz", tmp_path / "mask.nii.gz"
        note = tmp_path / "out.npz"
        written.facts = resampling.write(
            source, target, mask, note, timing=times, motion=moves, **options
        )
        noted = Extremes.of_unchanged(note, target)
        written.extremes = noted.least, noted.greatest
        written.target = target
        return np.asarray(nib.load(target).dataobj), np.asarray(nib.load(mask).dataobj)

    return written


def test_a_still_series_at_one_second_keeps_its_voxels_exactly(run, noise):
    found, covered = run(noise, timed(), at_rest(7))
    np.testing.assert_array_equal(found, np.moveaxis(noise, 0, -1))
    assert covered.all()
    assert run.facts["SpatialInterpolations"] == 0


def test_still_frames_keep_their_voxels_in_a_series_that_moves(run, noise):
    moves = moved([np.eye(4)] * 6 + [shift(0.7, 0, 0)])
    found, covered = run(noise, timed(), moves)
    inside = covered.astype(bool)
    for second in range(6):
        np.testing.assert_array_equal(found[inside, second], noise[second][inside])
    assert not np.array_equal(found[inside, 6], noise[6][inside])


def test_the_header_holds_only_geometry_and_seconds(run, noise):
    run(noise, timed(RepetitionTime=2), at_rest(7))
    image = nib.load(run.target)
    header = image.header
    assert header["pixdim"][4] == 1
    assert header.get_xyzt_units() == ("mm", "sec")
    assert header.get_data_dtype() == np.int16
    assert (image.dataobj.slope, image.dataobj.inter) == (1, 0)
    assert header["descrip"].tobytes().strip(b"\0") == b""
    np.testing.assert_array_equal(image.affine, AFFINE)


def test_seconds_between_frames_are_interpolated_linearly(run, noise):
    times = timed(VolumeTiming=[0, 1.3, 2.6, 3.9, 5.2, 9.0, 12.4])
    found, _ = run(noise, times, at_rest(7))
    expected = time_weights.weights(times, SHAPE[2]).apply(np.moveaxis(noise, 0, -1).astype(float))
    assert found.shape[3] == 13
    assert np.abs(found - expected).max() <= 0.51  # rounding


def test_every_slice_of_a_shuttle_is_interpolated_at_its_own_time(run, noise):
    to = np.linspace(0, 1.6, SHAPE[2])
    sidecar = {"RepetitionTime": 2, "SliceTiming": [to, to[::-1]] * 3 + [to]}
    times = timed(**sidecar)
    found, _ = run(noise, times, at_rest(7))
    expected = time_weights.weights(times, SHAPE[2]).apply(np.moveaxis(noise, 0, -1).astype(float))
    assert np.abs(found - expected).max() <= 0.51


def test_a_shuttle_keeps_its_acquisition_times_on_another_grid(run, tmp_path):
    times = timed(RepetitionTime=2, SliceTiming=np.linspace(0, 1.6, SHAPE[2]).tolist())
    ramp = [np.broadcast_to(row * 10, SHAPE).astype(np.int16) for row in times.of_slices(6)]
    finer = np.diag([-1.5, -1.5, 2.5, 1.0])
    finer[:3, 3] = (-2, -2, 3)
    grid = save([np.zeros((10, 9, 7), np.int16)], tmp_path / "ncct.nii.gz", finer)
    found, covered = run(ramp, times, at_rest(7), grid=grid)
    expected = np.broadcast_to(10 * times.grid(), found.shape)
    assert covered.all()
    assert np.abs(found - expected).max() <= 1.5  # source and result are rounded


@pytest.mark.filterwarnings("error")
def test_a_shuttle_passes_through_a_tilted_grid_a_few_seconds_at_a_time(run, tmp_path, monkeypatch):
    times = timed(20, RepetitionTime=2, SliceTiming=np.linspace(0, 1.6, SHAPE[2]).tolist())
    ramp = [np.broadcast_to(row * 10, SHAPE).astype(np.int16) for row in times.of_slices(6)]
    turn = np.eye(4)
    turn[1:3, 1:3] = [[0.8, -0.6], [0.6, 0.8]]
    tilted = turn @ np.diag([-1.5, -1.5, 2.5, 1.0])
    tilted[:3, 3] = (-2, -4, -6)
    grid = save([np.zeros((10, 12, 14), np.int16)], tmp_path / "ncct.nii.gz", tilted)
    mixed = []
    plain = resampling._mixed
    monkeypatch.setattr(resampling, "_mixed", lambda *args: mixed.append(1) or plain(*args))
    found, covered = run(ramp, times, at_rest(20), grid=grid)
    assert 0 < covered.mean() < 0.8
    expected = np.broadcast_to(10 * times.grid(), found.shape)
    assert np.abs(found - expected)[covered > 0].max() <= 1.5
    assert len(mixed) <= 2 * len(times.grid())  # no second waits for a frame that never comes


def test_outlier_frames_are_interpolated_from_their_neighbours(run):
    frames = [np.full(SHAPE, 10 * number, np.int16) for number in range(7)]
    frames[0], frames[3], frames[6] = (np.full(SHAPE, 999, np.int16) for _ in range(3))
    outlier = np.isin(np.arange(7), (0, 3, 6))
    found, _ = run(frames, timed(), at_rest(7, outlier=outlier, still=~outlier))
    assert found[5, 5, 3].tolist() == [10, 10, 20, 30, 40, 50, 50]
    assert run.facts["InterpolatedInTime"] == [0, 3, 6]


def test_fewer_than_two_usable_frames_are_refused(run, noise):
    with pytest.raises(StrokeprepError, match="Fewer than two"):
        run(noise, timed(), at_rest(7, outlier=np.arange(7) > 0))


def test_outside_the_slab_is_air_and_not_covered(run, noise, tmp_path):
    taller = np.diag([-2.0, -2.0, 5.0, 1.0])
    taller[2, 3] = -15
    grid = save([np.zeros((12, 10, 14), np.int16)], tmp_path / "ncct.nii.gz", taller)
    found, covered = run(noise, timed(), at_rest(7), grid=grid)
    assert covered[0, 0].tolist() == [0] * 3 + [1] * 6 + [0] * 5
    assert np.all(found[covered == 0] == images.AIR_HU)
    np.testing.assert_array_equal(found[:, :, 3:9], np.moveaxis(noise, 0, -1))


def test_a_voxel_outside_the_slab_in_one_frame_is_not_covered_in_any(run, noise):
    found, covered = run(noise, timed(), moved([np.eye(4)] * 6 + [shift(0, 0, 5.0)]))
    assert covered[0, 0].tolist() == [1] * 5 + [0]
    assert np.all(found[:, :, 5] == images.AIR_HU)


def test_a_grid_that_does_not_overlap_is_refused(run, noise, tmp_path):
    grid = save([np.zeros(SHAPE, np.int16)], tmp_path / "ncct.nii.gz", AFFINE)
    with pytest.raises(StrokeprepError, match="do not overlap"):
        run(noise, timed(), at_rest(7), grid=grid, chain=[transforms.linear(shift(500, 0, 0))])


def test_the_chain_maps_the_grid_to_the_reference_pose(run, tmp_path):
    """A point marked in each frame according to its pose is found where the chain maps it."""
    place = np.array([10.0, 8.0, 15.0])  # LPS: voxel 5, 4, 3
    poses = [np.eye(4), shift(4, 0, 0), shift(0, -2, 5)]
    frames = []
    for matrix in poses:
        frame = np.full(SHAPE, -1000, np.int16)
        frame[tuple(np.rint((matrix[:3, 3] + place) / (2, 2, 5)).astype(int))] = 500
        frames.append(frame)
    grid = save([np.zeros((20, 20, 10), np.int16)], tmp_path / "ncct.nii.gz", AFFINE)
    chain = [transforms.linear(shift(-6, -4, -10)), transforms.linear(shift(0, -2, 0))]
    found, _ = run(frames, timed(3), moved(poses), grid=grid, chain=chain)
    for second in range(3):
        spot = np.argwhere(found[..., second] == 500)
        assert spot.tolist() == [[8, 7, 5]]


def test_the_same_input_gives_the_same_bytes(run, noise, tmp_path):
    times, moves = timed(RepetitionTime=1.5), moved([shift(0.3 * i, 0, 0) for i in range(7)])
    run(noise, times, moves)
    first = run.target.read_bytes()
    run(noise, times, moves)
    assert run.target.read_bytes() == first
    assert first[4:8] == bytes(4)  # no time stamp
    assert not list(tmp_path.glob(".partial*"))


def test_what_each_voxel_holds_at_least_and_at_most_is_noted(run, noise):
    poses = [np.eye(4)] * 5 + [shift(0.7, 0, 0), shift(0, 8, 0)]
    found, _ = run(noise, timed(), moved(poses))
    for noted, voxels in zip(run.extremes, (found.min(-1), found.max(-1)), strict=True):
        np.testing.assert_array_equal(noted, voxels.ravel(order="F"))


def test_a_failure_leaves_no_file(run, noise, tmp_path):
    cut = save(noise, tmp_path / "cut.nii.gz")
    cut.write_bytes(cut.read_bytes()[:-2000])
    with pytest.raises(StrokeprepError, match="cut short"):
        targets = (tmp_path / name for name in ("o.nii.gz", "m.nii.gz", "o.npz"))
        resampling.write(cut, *targets, timing=timed(), motion=at_rest(7))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.nii.gz"]


def test_one_interpolation_is_closer_to_the_truth_than_two(run, tmp_path):
    """Motion and grid in one interpolation, against correcting motion first and moving it afterwards."""
    poses = np.array([heads.pose((t, 0, -t), (0.5 * t, t, 0.4 * t)) for t in (0, 0.9, 1.7, 2.6)])
    frames = [heads.frame(matrix, noise_hu=0, holder=False) for matrix in poses]
    tilt = transforms.linear(heads.pose((5, 2, 3), (3, -2, 1)))
    truth = heads.frame(transforms.matrix(tilt.GetInverse()), noise_hu=0, holder=False)
    grid = save([truth], tmp_path / "ncct.nii.gz", heads.AFFINE)
    times = timed(4, heads.SHAPE[2])
    once, covered = run(frames, times, moved(poses), heads.AFFINE, grid=grid, chain=[tilt])
    corrected, _ = run(frames, times, moved(poses), heads.AFFINE)
    twice, also = run(
        list(np.moveaxis(corrected, -1, 0)), times, at_rest(4), heads.AFFINE, grid=grid,
        chain=[tilt],
    )  # fmt: skip
    both = (covered & also).astype(bool)
    both[:, :, [0, -1]] = False
    error = [
        np.sqrt(np.mean((series[both][:, 1:] - truth[both][:, None].astype(float)) ** 2))
        for series in (once, twice)
    ]
    assert error[0] < 0.9 * error[1]


@pytest.mark.slow
def test_a_series_that_was_corrected_before_is_recognised_and_keeps_its_voxels(run, tmp_path):
    moving = heads.series(heads.nodding(8, most=3.0), heads.BOLUS[:8])
    times = timed(len(moving.frames), heads.SHAPE[2])
    found = motion_fit.of_frames(moving.frames, heads.AFFINE)
    assert not found.all_still
    corrected, covered = run(moving.frames, times, found, heads.AFFINE)
    assert run.facts["SpatialInterpolations"] == 1
    frames = list(np.moveaxis(corrected, -1, 0))
    again = motion_fit.of_frames(frames, heads.AFFINE, emptied=covered == 0)
    assert again.all_still
    twice, _ = run(frames, times, again, heads.AFFINE)
    np.testing.assert_array_equal(twice, corrected)
    assert run.facts["SpatialInterpolations"] == 0


def test_a_chain_may_hold_a_deformable_transform(run, noise, tmp_path):
    field = sitk.GetImageFromArray(np.zeros((6, 10, 12, 3)), isVector=True)
    field.SetSpacing((2, 2, 5))
    warp = sitk.DisplacementFieldTransform(field)
    grid = save([np.zeros(SHAPE, np.int16)], tmp_path / "ncct.nii.gz", AFFINE)
    found, covered = run(noise, timed(), at_rest(7), grid=grid, chain=[warp])
    np.testing.assert_array_equal(found, np.moveaxis(noise, 0, -1))
    assert covered.all()

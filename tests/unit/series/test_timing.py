"""Frame times are read from the sidecar or the config, checked, and never guessed."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
import time_weights
from strokeprep.errors import StrokeprepError
from strokeprep.kinds import KINDS
from strokeprep.privacy import allowed
from strokeprep.series import timing
from strokeprep.steps import deface

DENSE_THEN_SPARSE = [0.0, 1.5, 3.0, 4.5, 6.0, 9.0, 12.0]


def resolve(sidecar, frames=7, slices=4, **options):
    return timing.resolve(sidecar, frames, slices, **options)


def refused(sidecar, match, **options):
    with pytest.raises(StrokeprepError, match=match):
        resolve(sidecar, **options)


@pytest.mark.parametrize("key", timing.START_KEYS)
def test_frame_times_are_used_unchanged(key):
    found = resolve({key: DENSE_THEN_SPARSE})
    assert found.times.tolist() == DENSE_THEN_SPARSE
    assert found.source == key
    assert not found.regular
    assert not found.one_second
    assert found.interval_s == 1.5


def test_one_interval_gives_the_times_of_all_frames():
    found = resolve({"RepetitionTime": 1.5})
    assert found.times.tolist() == [0, 1.5, 3, 4.5, 6, 7.5, 9]
    assert found.regular


def test_missing_times_are_refused_naming_the_keys():
    for key in (*timing.START_KEYS, "RepetitionTime", "config"):
        refused({"KVP": 80}, key)


def test_the_header_interval_is_used_only_when_the_config_says_so():
    refused({}, "Nothing says", header_s=2.0)
    assert resolve({}, header_s=2.0, override="header").interval_s == 2.0
    refused({}, "no interval", override="header")
    refused({}, "'guess'", override="guess")


def test_the_config_takes_precedence_over_the_sidecar():
    assert resolve({"RepetitionTime": 1.5}, override=2).interval_s == 2
    assert resolve({}, override=DENSE_THEN_SPARSE).times.tolist() == DENSE_THEN_SPARSE
    assert resolve({}, override=2).source == "config"


def test_a_header_that_disagrees_is_reported():
    assert resolve({"RepetitionTime": 1.5}, header_s=1.5).header_agrees is True
    assert resolve({"RepetitionTime": 1.5}, header_s=3.0).header_agrees is False
    assert resolve({"RepetitionTime": 1.5}).header_agrees is None
    mean_in_header = np.mean(np.diff(DENSE_THEN_SPARSE))
    assert resolve({"VolumeTiming": DENSE_THEN_SPARSE}, header_s=mean_in_header).header_agrees


@pytest.mark.parametrize(
    "sidecar, match",
    [
        ({"VolumeTiming": [0, 1, 2]}, "3 times for 7 frames"),
        ({"VolumeTiming": [0, 1, 2, 2, 3, 4, 5]}, "does not rise"),
        ({"VolumeTiming": [0, 1, 2, float("nan"), 3, 4, 5]}, "does not rise"),
        ({"VolumeTiming": 1.5}, "not a list"),
        ({"VolumeTiming": ["a"] * 7}, "not a list"),
        ({"RepetitionTime": [1.5]}, "not a number"),
        ({"RepetitionTime": True}, "not a number"),
        ({"RepetitionTime": 0}, "does not rise"),
        ({"RepetitionTime": 1500}, "milliseconds"),
        ({"RepetitionTime": 2, "VolumeTiming": DENSE_THEN_SPARSE}, "contradict"),
        ({"RepetitionTime": 2, "SliceTiming": [0, 1]}, "one per slice"),
        ({"RepetitionTime": 2, "SliceTiming": "up"}, "one per slice"),
        (
            {"RepetitionTime": 2, "SliceTiming": [[3] * 4] + [[0] * 4] * 5 + [[0, 1, 0, 1]]},
            "not over",
        ),
        ({"RepetitionTime": 2, "SliceTiming": [0, 500, 1000, 1500]}, "not over"),
    ],
)
def test_impossible_times_are_refused(sidecar, match):
    refused(sidecar, match)


def test_two_sources_that_agree_are_accepted():
    volume = (2 * np.arange(7)).tolist()
    assert resolve({"RepetitionTime": 2, "VolumeTiming": volume}).source == "VolumeTiming"


def test_a_gap_is_found_and_sparse_late_frames_are_not_one():
    assert resolve({"VolumeTiming": [0, 1, 2, 3, 4, 15, 16]}).gaps == ((4.0, 15.0),)
    assert resolve({"VolumeTiming": DENSE_THEN_SPARSE}).gaps == ()


def test_a_series_at_one_second_is_recognised_despite_rounding():
    assert resolve({"RepetitionTime": 1}).one_second
    rounded = resolve({"VolumeTiming": [0.0, 1.01, 2.0, 2.99, 4.0, 5.0, 5.99]})
    assert rounded.one_second
    assert rounded.grid().tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert np.all(np.isin(time_weights.weights(rounded, 1).share, (0, 1)))


def test_slices_taken_at_different_times_are_a_shuttle():
    found = resolve({"RepetitionTime": 2, "SliceTiming": [0, 0.5, 1, 1.5]})
    assert found.shuttle
    assert found.of_slices(4)[1].tolist() == [2, 2.5, 3, 3.5]
    assert found.grid()[[0, -1]].tolist() == [1.5, 11.5]  # no slice is extrapolated
    assert not resolve({"RepetitionTime": 2, "SliceTiming": [0.5] * 4}).shuttle


def test_slice_times_are_reversed_for_a_reversed_encoding_direction():
    sidecar = {"RepetitionTime": 2, "SliceTiming": [0, 0.5, 1, 1.5]}
    found = resolve(sidecar | {"SliceEncodingDirection": "k-"})
    assert found.of_slices(4)[0].tolist() == [1.5, 1, 0.5, 0]


def test_a_table_that_moves_to_and_fro_has_offsets_per_frame():
    to, fro = [0, 0.5, 1, 1.5], [1.5, 1, 0.5, 0]
    found = resolve({"RepetitionTime": 2, "SliceTiming": [to, fro] * 3 + [to]})
    assert found.of_slices(4)[1].tolist() == [3.5, 3, 2.5, 2]


def test_a_linear_course_is_interpolated_exactly_in_every_slice():
    found = resolve({"VolumeTiming": DENSE_THEN_SPARSE, "SliceTiming": [0, 0.4, 0.8, 1.2]})
    frames = 5 + 3 * found.of_slices(4).T  # slices × frames
    curves = time_weights.weights(found, 4).apply(frames)
    np.testing.assert_allclose(curves, np.broadcast_to(5 + 3 * found.grid(), curves.shape))


def test_the_one_second_grid_runs_from_the_first_to_the_last_frame():
    grid = resolve({"VolumeTiming": [0.2, 1.5, 3.0, 4.5, 6.0, 9.0, 12.2]}).grid()
    np.testing.assert_allclose(grid, 0.2 + np.arange(13))


def test_unusable_frames_have_no_weight():
    found = resolve({"RepetitionTime": 2})
    usable = np.array([False, True, True, False, True, True, False])
    weights = time_weights.weights(found, 1, usable)
    used = set(weights.before.ravel()) | set(weights.after.ravel())
    assert used <= set(np.flatnonzero(usable))
    curve = weights.apply((10.0 * found.times)[None])[0]
    assert curve.tolist() == [20, 20, 20, 30, 40, 50, 60, 70, 80, 90, 100, 100, 100]


def test_the_header_interval_is_read_with_its_unit(tmp_path):
    image = nib.Nifti1Image(np.zeros((4, 4, 4, 7), np.int16), np.eye(4))
    image.header.set_xyzt_units("mm", "msec")
    image.header["pixdim"][4] = 1500
    nib.save(image, tmp_path / "ctp.nii")
    found = timing.of_series(tmp_path / "ctp.nii", {"RepetitionTime": 1.5})
    assert found.header_s == 1.5
    assert found.summary()["HeaderAgrees"] is True
    nib.save(nib.Nifti1Image(np.zeros((4, 4, 4), np.int16), np.eye(4)), tmp_path / "ct.nii")
    with pytest.raises(StrokeprepError, match="no time series"):
        timing.of_series(tmp_path / "ct.nii", {"RepetitionTime": 1.5})


def test_a_header_without_a_time_unit_gives_no_interval():
    image = nib.Nifti1Image(np.zeros((4, 4, 4, 7), np.int16), np.eye(4))
    image.header["pixdim"][4] = 1
    assert timing.header_interval(image) is None


def test_an_invalid_unit_of_length_does_not_affect_the_unit_of_time():
    image = nib.Nifti1Image(np.zeros((4, 4, 4, 7), np.int16), np.eye(4))
    image.header["pixdim"][4] = 1500
    image.header["xyzt_units"] = 6 + 16
    assert timing.header_interval(image) == 1.5


TO, FRO = [0, 0.5, 1, 1.5], [1.5, 1, 0.5, 0]


@pytest.mark.parametrize(
    "raw",
    [
        {"FrameTimesStart": DENSE_THEN_SPARSE},
        {"VolumeTiming": DENSE_THEN_SPARSE, "SliceTiming": [0, 0.4, 0.8, 1.2]},
        {"RepetitionTime": 2, "SliceTiming": TO, "SliceEncodingDirection": "k-"},
        {"RepetitionTime": 2, "SliceTiming": [TO, FRO] * 3 + [TO]},
    ],
)
def test_released_metadata_give_the_same_times(raw):
    released = allowed.releasable(raw | {"PatientName": "Doe^Jane"})
    assert released == raw
    np.testing.assert_array_equal(resolve(released).of_slices(4), resolve(raw).of_slices(4))


@pytest.mark.parametrize(
    ("unit", "interval", "seconds"),
    [("sec", 1.5, 1.5), ("msec", 1500, 1.5), ("unknown", 1, None), ("sec", 0, None)],
)
def test_a_defaced_image_has_the_same_header_interval(tmp_path, unit, interval, seconds):
    image = nib.Nifti1Image(np.zeros((4, 4, 4, 7), np.int16), np.eye(4))
    image.header.set_xyzt_units("mm", unit)
    image.header["pixdim"][4] = interval
    nib.save(image, tmp_path / "raw.nii.gz")
    released = tmp_path / "defaced.nii.gz"
    deface.image(str(tmp_path / "raw.nii.gz"), None, None, str(released), kind=KINDS["ctp"])
    for path in (tmp_path / "raw.nii.gz", released):
        assert timing.header_interval(nib.load(path)) == seconds
    if seconds is None:
        with pytest.raises(StrokeprepError, match="no interval"):
            timing.of_series(released, {}, "header")

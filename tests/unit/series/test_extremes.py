"""What is noted of a series while it is written tells which places are empty in every frame."""

from __future__ import annotations

import os

import numpy as np
import pytest
from strokeprep.io import images
from strokeprep.series.extremes import Extremes, Noted

AIR = images.AIR_HU
SHAPE, BOX = (6, 5, 4), (slice(1, 5), slice(0, 5), slice(1, 4))
EMPTY, DARK, LIT, OUTSIDE = (1, 2, 1), (2, 2, 1), (3, 2, 2), (0, 0, 0)


@pytest.fixture
def series(tmp_path):
    """A file, and frames that are air but for a voxel darker once and another lit once."""
    frames = np.full((3, *SHAPE), AIR, np.int16)
    frames[(1, *DARK)] = AIR - 5
    frames[(2, *LIT)] = 40
    noted = Noted(BOX, SHAPE, AIR)
    for frame in frames:
        noted.add(np.asfortranarray(frame[BOX]))
    path = tmp_path / "series.nii.gz"
    path.write_bytes(b"frames")
    noted.write(tmp_path / "note.npz", path)
    return path


def found(series) -> Extremes | None:
    return Extremes.of_unchanged(series.with_name("note.npz"), series)


def places(*voxels) -> np.ndarray:
    """Where voxels lie in a frame of the file."""
    return np.ravel_multi_index(np.transpose(voxels), SHAPE, order="F")


@pytest.mark.parametrize(
    ("voxel", "tolerance", "differs"),
    [(EMPTY, 0, 0), (OUTSIDE, 0, 0), (LIT, 0, 1), (DARK, 0, 1), (DARK, 5, 0), (LIT, 5, 1)],
)
def test_a_voxel_differs_if_any_frame_does(series, voxel, tolerance, differs):
    assert found(series).differing(places(voxel), AIR, tolerance) == differs


def test_the_voxels_of_a_region_are_counted(series):
    assert found(series).differing(places(EMPTY, DARK, LIT, OUTSIDE), AIR, 0) == 2


def test_a_series_that_changed_is_not_judged_by_its_note(series):
    series.write_bytes(b"others")
    assert found(series) is None


def test_a_series_that_was_only_touched_is_judged_by_its_note(series):
    os.utime(series, ns=(1, 1))  # Snakemake does so when a job is done
    assert found(series) is not None


def test_a_series_without_a_note_has_to_be_read(tmp_path):
    assert Extremes.of_unchanged(tmp_path / "none.npz", tmp_path / "series.nii.gz") is None

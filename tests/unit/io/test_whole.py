"""A file is there whole or not at all, and every writer has a place of its own."""

from __future__ import annotations

import pytest
from strokeprep.io.whole import final_name, whole


def test_a_writer_that_fails_leaves_nothing_and_harms_nothing(tmp_path):
    path = tmp_path / "image.nii.gz"
    path.write_text("old")
    with pytest.raises(KeyError), whole(path) as partial:
        partial.write_text("ne")
        raise KeyError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_two_writers_of_one_file_write_to_two(tmp_path):
    with whole(tmp_path / "x") as first:
        first.write_text("first")
        name = first.name
    with whole(tmp_path / "x") as second:
        assert second.name != name
        second.write_text("second")
    assert (tmp_path / "x").read_text() == "second"


def test_what_a_killed_writer_left_goes_and_other_files_stay(tmp_path):
    (tmp_path / ".partial-0a1b2c3d-x.json").touch()
    (tmp_path / ".partial-0a1b2c3d-y.json").touch()
    with whole(tmp_path / "deep" / ".." / "x.json") as partial:
        partial.touch()
    assert {path.name for path in tmp_path.iterdir()} == {
        ".partial-0a1b2c3d-y.json",
        "x.json",
        "deep",
    }


def test_a_file_being_written_is_known_by_its_final_name():
    assert final_name(".partial-0a1b2c3d-sub-01_ct.nii.gz") == "sub-01_ct.nii.gz"
    assert final_name("sub-01_ct.nii.gz") == "sub-01_ct.nii.gz"

"""A file is complete or absent, and every writer has a partial file of its own."""

from __future__ import annotations

import pytest
from strokeprep.io.whole import State, final_name, whole


def test_a_writer_that_fails_leaves_no_file_and_keeps_the_old_one(tmp_path):
    path = tmp_path / "image.nii.gz"
    path.write_text("old")
    with pytest.raises(KeyError), whole(path) as partial:
        partial.write_text("ne")
        raise KeyError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_two_writers_of_one_file_use_different_partial_files(tmp_path):
    with whole(tmp_path / "x") as first:
        first.write_text("first")
        name = first.name
    with whole(tmp_path / "x") as second:
        assert second.name != name
        second.write_text("second")
    assert (tmp_path / "x").read_text() == "second"


def test_a_partial_file_of_a_killed_writer_is_removed_and_others_stay(tmp_path):
    (tmp_path / ".partial-0a1b2c3d-x.json").touch()
    (tmp_path / ".partial-0a1b2c3d-y.json").touch()
    with whole(tmp_path / "deep" / ".." / "x.json") as partial:
        partial.touch()
    assert {path.name for path in tmp_path.iterdir()} == {
        ".partial-0a1b2c3d-y.json",
        "x.json",
        "deep",
    }


def test_the_final_name_of_a_partial_file_is_known():
    assert final_name(".partial-0a1b2c3d-sub-01_ct.nii.gz") == "sub-01_ct.nii.gz"
    assert final_name("sub-01_ct.nii.gz") == "sub-01_ct.nii.gz"


def test_a_file_is_read_once_and_again_when_it_was_touched(tmp_path, monkeypatch):
    path, read, of = tmp_path / "a.txt", [], State.of
    path.write_text("old")
    monkeypatch.setattr(State, "of", lambda path: read.append(path) or of(path))
    first = State.once(path)
    assert State.once(path) == first and len(read) == 1
    path.write_text("new")  # as long as before
    assert State.once(path) == of(path) and len(read) == 2
    assert State.once(path).sha256 != first.sha256

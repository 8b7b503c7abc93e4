"""Raw files are known again: replaced ones are noticed, and a scan that two subjects have."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from strokeprep.gate import given
from strokeprep.io.whole import State, write_json


@pytest.fixture
def raw(tmp_path) -> Path:
    """A raw file whose state was written down."""
    path = tmp_path / "raw/sub-01_ct.nii.gz"
    path.parent.mkdir()
    path.write_text("voxels")
    given.record([str(path)], tmp_path / "given.json")
    return path


def replaced(raw: Path) -> list[str]:
    return given.replaced(raw.parents[1] / "given.json", [str(raw)])


def put(raw: Path, content: str, times: tuple[int, int]) -> None:
    """Another file in the place of this one."""
    raw.unlink()
    raw.write_text(content)
    os.utime(raw, ns=times)


def times(raw: Path) -> tuple[int, int]:
    return raw.stat().st_atime_ns, raw.stat().st_mtime_ns


def test_a_file_that_is_left_alone_is_not_replaced(raw):
    assert replaced(raw) == []


@pytest.mark.parametrize("content", ["other!", "longer voxels"])
def test_another_file_with_the_same_time_of_change_is_noticed(raw, content):
    put(raw, content, times(raw))
    assert replaced(raw) == [str(raw)]


def test_another_file_that_is_older_is_noticed(raw):
    put(raw, "other!", (0, 0))
    assert replaced(raw) == [str(raw)]


def test_the_same_file_put_there_again_is_no_other(raw):
    put(raw, "voxels", (0, 0))
    assert replaced(raw) == []


def test_the_same_file_put_there_again_is_read_once(raw, monkeypatch):
    put(raw, "voxels", (0, 0))
    assert replaced(raw) == []
    monkeypatch.setattr(State, "of", lambda path: pytest.fail(f"{path} was read again"))
    assert replaced(raw) == []


def test_a_replaced_file_stays_noticed_until_its_subject_is_admitted_again(raw):
    put(raw, "other!", times(raw))
    assert replaced(raw) == replaced(raw) == [str(raw)]


def test_a_file_that_is_not_there_is_told_elsewhere(raw):
    raw.unlink()
    assert replaced(raw) == []


def image(path: str, digest: str) -> dict:
    return {"path": path, "digest": digest, "shape": [2, 3, 4], "quantiles": {}}


ONE, SAME, OTHER = (
    image(f"bids:raw:sub-{n}/ct/sub-{n}_ct.nii.gz", d) for n, d in ("1a", "2a", "3b")
)
EMPTY_LABEL = {"path": "mask", "digest": "0", "shape": [2, 3, 4]}


@pytest.fixture
def reports(tmp_path) -> dict:
    for name, file in (("1", ONE), ("2", SAME), ("3", OTHER)):
        write_json({"files": [file, EMPTY_LABEL]}, tmp_path / f"sub-{name}.json")
    return given.reports(tmp_path)


def test_a_scan_of_two_subjects_is_found_for_both_and_no_other(reports):
    assert given.twins(reports) == {
        "1": [(ONE["path"], SAME["path"])],
        "2": [(SAME["path"], ONE["path"])],
    }


def test_the_same_scan_twice_in_one_subject_is_no_matter_of_two():
    assert given.twins({"1": {"files": [ONE, ONE | {"path": "again"}]}}) == {}


def test_the_digests_of_the_images_asked_for_come_with_their_shapes(reports):
    assert given.digests(reports["1"], [ONE["path"]]) == {"a": (2, 3, 4)}
    assert given.digests(reports["1"], []) == {}

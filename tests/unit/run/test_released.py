"""The output holds what an audit has passed, byte for byte, and nothing else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from strokeprep.errors import StrokeprepError
from strokeprep.run import check
from strokeprep.run.released import Release

IMAGE, TABLE = "sub-01/ct/sub-01_ct.nii.gz", "docs/qc/sub-01_audit.tsv"


@pytest.fixture
def release(tmp_path) -> Release:
    """Two patients, one of them made and audited."""
    release = Release(tmp_path / "out", tmp_path / "work")
    for subject in ("sub-01", "sub-02"):
        for name in (IMAGE, TABLE):
            make(release, name.replace("sub-01", subject))
    release.put("sub-01", [IMAGE, TABLE])
    return release


def make(release: Release, name: str, content: str = "voxels") -> None:
    path = release.made / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # as everything that is made: under another name, then moved
    path.write_text(content)


def files(release: Release) -> set[str]:
    found = (path for path in release.output.rglob("*") if not path.is_dir())
    return {path.relative_to(release.output).as_posix() for path in found}


def kept_time(path: Path, content: str) -> None:
    """Other content with the same time of change, in a new file."""
    state = path.stat()
    path.unlink()
    path.write_text(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def test_what_passed_its_audit_is_there_and_nothing_else(release):
    assert files(release) == {IMAGE, TABLE}
    assert release.faults() == release.faults(read=True) == []


def test_a_subject_that_stopped_leaves_nothing_behind(release):
    make(release, IMAGE, "other voxels")  # made again, and never audited
    assert release.settle(["sub-01"]) == ["sub-01"]
    assert files(release) == set() and not list(release.output.iterdir())


def test_a_withdrawn_subject_disappears_and_the_others_stay(release):
    release.put("sub-02", [IMAGE.replace("sub-01", "sub-02")])
    assert release.settle(["sub-02"]) == ["sub-01"]
    assert files(release) == {IMAGE.replace("sub-01", "sub-02")}
    assert release.parts() == ["sub-02"]


def test_files_that_only_a_former_plan_wanted_go_when_the_part_is_released_again(release):
    release.put("sub-01", [IMAGE])
    assert files(release) == {IMAGE}


def add_raw(release: Release) -> None:
    (release.output / "sub-01/ct/raw_T1w.nii.gz").write_text("face")


def add_former_study(release: Release) -> None:
    (release.output / "sub-99").mkdir()
    (release.output / "sub-99/x.nii.gz").write_text("face")


def add_document(release: Release) -> None:
    (release.output / "letter.docx").write_text("Dear")


def add_link(release: Release) -> None:
    (release.output / "more").symlink_to("/")


def replace_image(release: Release) -> None:
    (release.output / IMAGE).unlink()
    (release.output / IMAGE).write_text("face")


def replace_image_keeping_its_time_and_size(release: Release) -> None:
    kept_time(release.output / IMAGE, "voxelS")


def link_image(release: Release) -> None:
    (release.output / IMAGE).unlink()
    (release.output / IMAGE).symlink_to(release.made / IMAGE)


def write_into_image(release: Release) -> None:
    (release.output / IMAGE).write_text("voxelS")


INTRUSIONS = (
    add_raw, add_former_study, add_document, add_link, replace_image,
    replace_image_keeping_its_time_and_size, link_image, write_into_image,
)  # fmt: skip


@pytest.mark.parametrize("intrude", INTRUSIONS, ids=lambda each: each.__name__)
def test_a_file_that_no_audit_has_passed_is_refused(release, intrude):
    intrude(release)
    assert len(release.faults()) == 1
    with pytest.raises(StrokeprepError, match="no audit has passed"):
        release.require(run=True)


def test_a_file_whose_times_alone_differ_is_read_and_passes(release):
    os.utime(release.output / IMAGE)
    assert release.faults() == []


def test_released_files_that_are_missing_let_the_audit_run_again(release):
    report = release.work / "privacy/sub-01.json"
    report.parent.mkdir()
    report.write_text("{}")
    shutil.rmtree(release.output)
    release.require(run=False)
    assert report.exists()
    release.require(run=True)
    assert not report.exists()


def test_a_kill_between_two_files_leaves_nothing_that_is_refused(release, monkeypatch):
    def killed(source, target):
        raise KeyboardInterrupt

    make(release, IMAGE, "new voxels")
    monkeypatch.setattr(os, "link", killed)
    with pytest.raises(KeyboardInterrupt):
        release.put("sub-01", [IMAGE, TABLE])
    release.require(run=True)


def test_a_copy_is_made_where_no_link_can_be(release, monkeypatch):
    def refused(source, target):
        raise OSError("another file system")

    monkeypatch.setattr(os, "link", refused)
    release.put("sub-01", [IMAGE, TABLE])
    assert files(release) == {IMAGE, TABLE} and release.faults() == []


def test_reading_an_output_again_tells_what_was_changed_and_what_is_private(release):
    make(release, TABLE, "a\tb\n1\t2\n")
    release.put("sub-01", [TABLE])
    assert check.faults(release.output, release.work) == []
    (release.output / TABLE).write_text("a\tb\n1\t2021-03-12\n")
    changed, private = check.faults(release.output, release.work)
    assert changed.endswith("was changed since its release") and "looks like a date" in private

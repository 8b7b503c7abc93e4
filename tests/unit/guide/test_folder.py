"""A look at a folder tells images, exports, links and what cannot be read, whatever lies in it."""

from __future__ import annotations

import os
import zipfile

import pytest
import trees
from strokeprep.errors import StrokeprepError
from strokeprep.guide import folder

DICOM = b"\0" * 128 + b"DICM" + b"\2\0\0\0UL"


def test_images_are_told_from_other_files(tmp_path):
    found = folder.contents(trees.make(tmp_path, ["a/x.nii.gz", "b.nii", "notes.txt", "t.mnc"]))
    assert [os.path.relpath(path, tmp_path) for path in found.images] == ["b.nii", "a/x.nii.gz"]
    assert (found.files, dict(found.other_formats)) == (4, {".mnc": 1})


def test_hidden_folders_are_not_entered(tmp_path):
    assert folder.contents(trees.make(tmp_path, [".git/annex/x.nii.gz"])).images == []


def test_dicom_is_told_by_its_first_bytes_whatever_its_name(tmp_path):
    for name in ("export/1/IM0001", "export/2/a.dcm"):
        trees.make(tmp_path, [name])
        (tmp_path / name).write_bytes(DICOM)
    found = folder.contents(trees.make(tmp_path, ["export/3/README"]))
    assert found.dicom == [str(tmp_path / "export/1"), str(tmp_path / "export/2")]


def test_an_archive_with_dicom_is_an_export(tmp_path):
    for name, content in (("scans.zip", DICOM), ("papers.zip", b"%PDF")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("1", content)
    assert folder.contents(tmp_path).dicom == [str(tmp_path / "scans.zip")]


def test_links_are_told_by_where_they_lead(tmp_path):
    outside = trees.make(tmp_path / "outside", ["sub-01/x.nii.gz"])
    root = trees.make(tmp_path / "raw", ["y.nii.gz"])
    (root / "sub-01").symlink_to(outside / "sub-01")
    (root / "twin.nii.gz").symlink_to("y.nii.gz")
    (root / "gone.nii.gz").symlink_to(root / "nowhere")
    (root / "round").symlink_to(root)
    found = folder.contents(root)
    assert found.outside == [str(outside / "sub-01")]
    assert found.broken == [str(root / "gone.nii.gz")]
    assert len(found.images) == 3  # y, its twin, and the linked x; none of them twice


def test_of_many_linked_folders_that_which_holds_all_is_named(tmp_path):
    root, outside = tmp_path / "raw", tmp_path / "store"
    root.mkdir()
    for index in range(8):
        trees.make(outside, [f"{index}/x.nii.gz"])
        (root / f"{index}").symlink_to(outside / f"{index}")
    assert folder.contents(root).outside == [str(outside)]


def test_a_folder_that_cannot_be_listed_is_named_and_the_rest_is_read(tmp_path, monkeypatch):
    root = trees.make(tmp_path, ["closed/x.nii.gz", "open/y.nii.gz"])
    scan = os.scandir

    def guarded(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", guarded)
    found = folder.contents(root)
    assert found.unreadable == [str(root / "closed")]
    assert found.images == [str(root / "open/y.nii.gz")]


@pytest.mark.parametrize(("name", "says"), [("none", "no such folder"), ("file", "not a folder")])
def test_what_is_no_folder_is_refused(tmp_path, name, says):
    (tmp_path / "file").touch()
    with pytest.raises(StrokeprepError, match=says):
        folder.contents(tmp_path / name)

"""An export is read whole, and nothing in it leads anywhere else."""

from __future__ import annotations

import os
import zipfile
from collections import Counter

import exports
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from strokeprep.errors import StrokeprepError
from strokeprep.intake.reading import files, headers, pixels


@pytest.fixture(scope="module")
def slice_bytes(tmp_path_factory):
    folder = exports.write(
        tmp_path_factory.mktemp("one"), exports.series(), [exports.frames()[0][:1]]
    )
    return (folder / "IM00001").read_bytes()


def reasons(folder) -> Counter[str]:
    found = list(files.found(folder))
    return Counter(each.why if isinstance(each, files.Passed) else "DICOM" for each in found)


def test_files_are_found_at_any_depth_under_any_name(tmp_path, slice_bytes):
    for name in ("plain", "with space.bin", "ü/ö/ä/é.txt", "/".join("abcdefghijkl") + "/x.dcm"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(slice_bytes)
    assert reasons(tmp_path) == {"DICOM": 4}


def test_what_is_no_image_is_counted_by_its_reason(tmp_path, slice_bytes):
    (tmp_path / "notes.txt").write_text("read me")
    (tmp_path / "empty").touch()
    (tmp_path / "deflated").write_bytes(
        slice_bytes[:300].replace(b"1.2.840.10008.1.2.1\0", files.DEFLATED) + bytes(99)
    )
    os.mkfifo(tmp_path / "pipe")
    assert reasons(tmp_path) == {
        files.NOT_DICOM: 1,
        files.EMPTY: 1,
        files.COMPRESSED: 1,
        files.SPECIAL: 1,
    }


def test_a_link_is_followed_inside_the_export_alone(tmp_path, slice_bytes):
    outside = tmp_path / "outside"
    outside.write_bytes(slice_bytes)
    export = tmp_path / "export"
    export.mkdir()
    (export / "real").write_bytes(slice_bytes)
    (export / "inside").symlink_to(export / "real")
    (export / "out").symlink_to(outside)
    (export / "round").symlink_to(export)
    assert reasons(export) == {"DICOM": 2, files.LINK: 2}


def test_names_in_an_archive_lead_nowhere(tmp_path, slice_bytes):
    path = tmp_path / "export.bin"  # known by its content
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../escaped", slice_bytes)
        archive.writestr("/etc/escaped", slice_bytes)
        archive.writestr("notes", "x" * 2000)
    assert reasons(path) == {"DICOM": 2, files.NOT_DICOM: 1}
    source = next(each for each in files.found(path) if isinstance(each, files.Source))
    assert headers.read(source)[0].pixels.rows == exports.SHAPE[1]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["export.bin"]


def test_an_archive_that_unpacks_to_far_too_much_is_not_unpacked(
    tmp_path, monkeypatch, slice_bytes
):
    monkeypatch.setattr(files, "MOST_BYTES", 1 << 20)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("large", slice_bytes + bytes(1 << 21))
        archive.writestr("fits", slice_bytes)
    assert reasons(path) == {files.TOO_LARGE: 1, "DICOM": 1}


def test_a_damaged_archive_is_one_file_that_cannot_be_read(tmp_path):
    path = tmp_path / "export.zip"
    path.write_bytes(b"PK\x03\x04" + bytes(500))
    assert reasons(path) == {files.BAD_ARCHIVE: 1}


def test_a_directory_whose_records_go_round_in_circles_is_not_followed(tmp_path):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = "1.2.840.10008.1.3.10", pixels.LITTLE
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    made = FileDataset("DICOMDIR", {}, file_meta=meta, preamble=bytes(128))
    record = pydicom.Dataset()
    record.OffsetOfTheNextDirectoryRecord = record.OffsetOfReferencedLowerLevelDirectoryEntity = 300
    record.ReferencedFileID = ["..", "..", "etc", "passwd"]
    made.DirectoryRecordSequence = [record]
    made.save_as(tmp_path / "DICOMDIR", enforce_file_format=True)
    assert reasons(tmp_path) == {files.IS_DIRECTORY: 1}


def test_an_export_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(StrokeprepError, match="no such export"):
        list(files.found(tmp_path / "nothing"))


# --- Damaged headers ------------------------------------------------------------------------


def unread(path) -> str:
    ((_, found),) = headers.each([files.Source(str(path))])
    return found if isinstance(found, str) else "read"


def test_a_file_that_is_cut_short_is_known_before_its_pixels_are_read(tmp_path, slice_bytes):
    path = tmp_path / "short"
    path.write_bytes(slice_bytes[:-100])
    assert unread(path) == "it is cut short"


@pytest.mark.parametrize("length", [140, 300, 420, 700])
def test_a_header_that_is_cut_short_is_no_image(length, tmp_path, slice_bytes):
    path = tmp_path / "short"
    path.write_bytes(slice_bytes[:length])
    assert unread(path).startswith("it")


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (b"\x28\x00\x10\x00US\x02\x00", b"\x28\x00\x10\x00US\xff\xff"),  # a wrong length
        (b"\x28\x00\x10\x00US", b"\x28\x00\x10\x00XX"),  # a VR that does not exist
        (b"\x28\x00\x00\x01US", b"\x28\x00\x00\x01SQ"),  # a sequence that is none
        (b"\x20\x00\x32\x00DS", b"\x20\x00\x32\x00OB"),
    ],
)
def test_wrong_lengths_and_representations_harm_nobody(good, bad, tmp_path, slice_bytes):
    assert good in slice_bytes
    path = tmp_path / "bad"
    path.write_bytes(slice_bytes.replace(good, bad))
    unread(path)  # anything but an exception


def test_no_reason_repeats_what_a_file_holds(tmp_path, slice_bytes):
    named = slice_bytes.replace(b"HEAD", b"MINE")
    for cut in range(132, len(named), 977):
        path = tmp_path / f"cut{cut}"
        path.write_bytes(named[:cut])
        assert "MINE" not in unread(path) and "Planted" not in unread(path)

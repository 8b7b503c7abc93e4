"""Exports that are damaged or made to do harm: one message each, and the study beside it is taken in.

Each case is the export of a good patient and of a bad one, whose 16 files are damaged in one way.
"""

from __future__ import annotations

import os
import random
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import exports
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from strokeprep.intake import stage, writing
from strokeprep.phantom.dicom.headers import PLANTED

SMALL = exports.frames(exports.head((12, 14, 16)))
GOOD = "sub-01/ses-01/ct/sub-01_ses-01_acq-ncct_ct: written"
BAD = "sub-02/ses-01/ct/sub-02_ses-01_acq-ncct_ct: "
TAKEN = BAD + "written"
PLAIN, LOSSLESS = b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.4.70"
Damage = Callable[[Path], object]


@dataclass(frozen=True)
class Said:
    """What a run said of the two exports."""

    lines: list[str]
    rows: list[dict]
    table: str
    files: int  # that were there
    raw: Path

    @property
    def counted(self) -> int:
        return sum(int(row["files"]) for row in self.rows)

    @property
    def everything(self) -> str:
        return "\n".join([*self.lines, self.table])


# --- Ways of damaging the files of a folder ---------------------------------------------------


def each_file(change: Callable[[bytes], bytes]) -> Damage:
    def damage(folder: Path) -> None:
        for path in sorted(folder.iterdir()):
            path.write_bytes(change(path.read_bytes()))

    return damage


def replaced(old: bytes, new: bytes) -> Damage:
    def change(content: bytes) -> bytes:
        assert old in content
        return content.replace(old, new)

    return each_file(change)


def tags(**values) -> Damage:
    return lambda folder: exports.edit(
        folder, lambda dataset: [setattr(dataset, name, value) for name, value in values.items()]
    )


def element(tag: int, representation: str, value) -> Damage:
    """A value that pydicom would not write under the tag's own representation."""

    def change(dataset) -> None:
        dataset[tag] = pydicom.DataElement(tag, representation, value)

    return lambda folder: exports.edit(folder, change)


def zipped(name: Callable[[int], str], spoil: Callable[[bytes], bytes] = bytes) -> Damage:
    """All files in one archive, under the names that are given."""

    def damage(folder: Path) -> None:
        files = sorted(folder.iterdir())
        archive = folder / "export.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
            for index, path in enumerate(files):
                opened.writestr(zipfile.ZipInfo(name(index)), path.read_bytes())
                path.unlink()
        archive.write_bytes(spoil(archive.read_bytes()))

    return damage


def beside(name: str, content: bytes) -> Damage:
    return lambda folder: (folder / name).write_bytes(content)


def deep(folder: Path) -> None:
    """A sequence in a sequence, four hundred times."""
    for path in sorted(folder.iterdir()):
        nested = b""
        for _ in range(400):
            item = b"\xfe\xff\x00\xe0" + len(nested).to_bytes(4, "little") + nested
            nested = b"\x40\x00\x75\x02SQ\0\0" + len(item).to_bytes(4, "little") + item
        content = path.read_bytes()
        at = content.index(b"\xe0\x7f\x10\x00")
        path.write_bytes(content[:at] + nested + content[at:])


def two_births(folder: Path) -> None:
    for index, path in enumerate(sorted(folder.iterdir())):
        dataset = pydicom.dcmread(path)
        dataset.PatientBirthDate = f"19{30 + index % 2}0101"
        dataset.save_as(path)


def two_patients(folder: Path) -> None:
    for path in sorted(folder.iterdir())[8:]:
        dataset = pydicom.dcmread(path)
        dataset.PatientID = "SOMEONE"
        dataset.save_as(path)


def flipped(seed: int) -> Damage:
    """Six bytes of each header changed by chance."""
    chance = random.Random(seed)

    def change(content: bytes) -> bytes:
        made = bytearray(content)
        for _ in range(6):
            made[chance.randrange(132, min(len(made), 1400))] = chance.randrange(256)
        return bytes(made)

    return each_file(change)


def header(change: Callable[[Dataset], object]) -> Damage:
    return lambda folder: exports.edit(folder, change)


def one_slice(**values) -> Damage:
    """Tags of a slice in the middle."""

    def damage(folder: Path) -> None:
        path = sorted(folder.iterdir())[7]
        dataset = pydicom.dcmread(path)
        for name, value in values.items():
            setattr(dataset, name, value)
        dataset.save_as(path)

    return damage


def private_lies(dataset: Dataset) -> None:
    """Private tags of other forms than they should have, with private data."""
    known = dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    known.add_new(0x0C, "LO", PLANTED)
    unknown = dataset.private_block(0x0029, PLANTED, create=True)
    unknown.add_new(0x10, "OB", PLANTED.encode() * 5)
    unknown.add_new(0x11, "UN", b"\xff" * 32)


def nested(dataset: Dataset) -> None:
    """Other positions and pixels in sequences: of a referenced image, and of an icon."""
    other = Dataset()
    other.ImagePositionPatient, other.PixelSpacing, other.Rows = [0, 0, 0], [9, 9], 1
    other.StudyInstanceUID = "1.2.9"
    dataset.ReferencedImageSequence = [other]
    dataset["ReferencedImageSequence"].is_undefined_length = True
    icon = Dataset()
    icon.Rows = icon.Columns = icon.BitsAllocated = icon.BitsStored = 8
    icon.SamplesPerPixel, icon.PixelRepresentation, icon.PixelData = 1, 0, bytes(64)
    dataset.IconImageSequence = [icon]


def drawn_over(dataset: Dataset) -> None:
    """An overlay with a name on it."""
    for element, representation, value in (
        (0x10, "US", dataset.Rows),
        (0x11, "US", dataset.Columns),
        (0x22, "LO", PLANTED),
        (0x40, "CS", "G"),
        (0x50, "SS", [1, 1]),
        (0x100, "US", 1),
        (0x102, "US", 0),
        (0x3000, "OW", b"\xff" * 64),
    ):
        dataset.add_new(0x60000000 + element, representation, value)


def other_uids(folder: Path) -> None:
    """Every file once more, as of another series."""
    for path in sorted(folder.iterdir()):
        dataset = pydicom.dcmread(path)
        dataset.SeriesInstanceUID += ".9"
        dataset.SOPInstanceUID += ".9"
        dataset.SeriesNumber = 77
        dataset.save_as(folder / f"{path.name}-again")


def two_byte_orders(folder: Path) -> None:
    """Every other file with the most significant byte first."""
    for path in sorted(folder.iterdir())[::2]:
        dataset = pydicom.dcmread(path)
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRBigEndian
        dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
        forced = {"implicit_vr": False, "little_endian": False, "force_encoding": True}
        pydicom.dcmwrite(path, dataset, **forced)


def in_chinese(dataset: Dataset) -> None:
    dataset.SpecificCharacterSet = "GB18030"
    dataset.PatientName = "王^小东"
    dataset.SeriesDescription = "头颅 without 王小东"


def renamed(folder: Path) -> None:
    for index, path in enumerate(sorted(folder.iterdir())):
        path.rename(folder / f"Ünï {index} 病人\u202e;$(x)\n.dcm")


def links(folder: Path) -> None:
    (folder / "file").symlink_to("/etc/passwd")
    (folder / "folder").symlink_to("/etc")
    (folder / "round").symlink_to(folder)
    (folder / "nowhere").symlink_to(folder / "nothing")


def circular_directory(folder: Path) -> None:
    """A DICOMDIR whose only record is its own next and its own child, and names a file outside."""
    record = Dataset()
    record.OffsetOfTheNextDirectoryRecord = record.OffsetOfReferencedLowerLevelDirectoryEntity = 300
    record.ReferencedFileID = ["..", "..", "etc", "passwd"]
    made = pydicom.dcmread(next(folder.iterdir()))
    made.SOPClassUID = "1.2.840.10008.1.3.10"
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.DirectoryRecordSequence = [record]
    made.save_as(folder / "DICOMDIR", enforce_file_format=True)


def circles(folder: Path) -> None:
    """Links to one another, to the folder above, and of a folder to itself."""
    (folder / "a").symlink_to(folder / "b")
    (folder / "b").symlink_to(folder / "a")
    (folder / "up").symlink_to("..")
    (folder / "deeper").mkdir()
    (folder / "deeper/self").symlink_to(".")


def empty_folders(folder: Path) -> None:
    deepest = folder.joinpath(*"abcdefghijklmnopqrstuvwxyz")
    deepest.mkdir(parents=True)
    (deepest / "empty").touch()


def pretended_size(content: bytes) -> bytes:
    """An archive whose directory says that its first member unpacks to 4 GB."""
    at = content.index(b"PK\x01\x02")
    return content[: at + 24] + (0xFFFFFFF0).to_bytes(4, "little") + content[at + 28 :]


ROWS, PATIENT = b"\x28\x00\x10\x00US\x02\x00", b"\x10\x00\x20\x00LO"
NO_HEADER, NO_STUDY = "a DICOM file whose header cannot be read", "a DICOM file of no study"
NO_PLACE, NO_GRID = (
    "nothing says where its slices lie",
    "its orientation or pixel size is impossible",
)
ONE_PLACE = "each position has 16 images, and no clock tells them apart"
CASES: dict[str, tuple[Damage, str]] = {
    "cut in the pixels": (each_file(lambda content: content[:-50]), "it is cut short"),
    "cut in the header": (each_file(lambda content: content[:500]), NO_STUDY),
    "cut behind the preamble": (each_file(lambda content: content[:132]), NO_STUDY),
    "without a preamble": (each_file(lambda content: content[132:]), "no DICOM"),
    "zeros": (each_file(lambda content: bytes(len(content))), "no DICOM"),
    "nothing": (each_file(lambda content: b""), "an empty file"),
    "65,535 rows": (element(0x00280010, "US", 65535), "it is cut short"),
    "no rows": (tags(Rows=0), "no usable matrix"),
    "12 bits": (tags(BitsAllocated=12), "no usable matrix"),
    "a billion frames": (tags(NumberOfFrames=10**9), "without saying where each lies"),
    "a negative number of frames": (tags(NumberOfFrames=-1), TAKEN),
    "a length beyond the file": (replaced(ROWS, ROWS[:-2] + b"\xff\xff"), "it holds no pixels"),
    "an undefined length": (
        replaced(PATIENT, PATIENT[:4] + b"UN\0\0\xff\xff\xff\xff"),
        NO_HEADER,
    ),
    "a VR that does not exist": (replaced(ROWS, b"\x28\x00\x10\x00XX\x02\x00"), "no usable matrix"),
    "a sequence that is none": (
        replaced(b"\x28\x00\x00\x01US", b"\x28\x00\x00\x01SQ"),
        "it holds no pixels",
    ),
    "400 sequences in one another": (deep, TAKEN),
    "a slope of nothing": (tags(RescaleSlope="0"), "the scale of its values is impossible"),
    "a slope that is no number": (element(0x00281053, "LO", "nan"), "that its values are HU"),
    "a huge slope": (element(0x00281053, "LO", "1e300"), "the scale of its values is impossible"),
    "no pixel size": (tags(PixelSpacing=[0, 0]), NO_GRID),
    "a negative pixel size": (tags(PixelSpacing=[-1, 1]), NO_GRID),
    "no directions": (tags(ImageOrientationPatient=[0] * 6), NO_GRID),
    "positions that are no numbers": (element(0x00200032, "LO", "nan\\nan\\nan"), NO_PLACE),
    "positions that are infinite": (element(0x00200032, "LO", "1e400\\0\\0"), NO_PLACE),
    "all slices in one place": (tags(ImagePositionPatient=[0, 0, 0]), ONE_PLACE),
    "no study": (tags(StudyInstanceUID=""), NO_STUDY),
    "no patient": (tags(PatientID=""), "its files have no PatientID"),
    "two patients in one study": (two_patients, "files of two patients bear the UID of one study"),
    "two dates of birth": (two_births, "one PatientID has two dates of birth"),
    "one UID for all images": (tags(SOPInstanceUID="1.2.3"), "claim to be one image and differ"),
    "a character set that does not exist": (element(0x00080005, "CS", "NO_SUCH"), TAKEN),
    "names in any script": (renamed, TAKEN),
    "links out, round and to nowhere": (links, "a link out of the export"),
    "a pipe": (lambda folder: os.mkfifo(folder / "pipe"), "no plain file"),
    "a circular DICOMDIR": (circular_directory, "DICOMDIR"),
    "26 folders deep": (empty_folders, "an empty file"),
    "an archive": (zipped(str), TAKEN),
    "an archive that leads upwards": (zipped("../../../tmp/{}".format), TAKEN),
    "an archive with absolute names": (zipped("/etc/{}".format), TAKEN),
    "an archive of one name": (zipped(lambda index: "same"), "is there more than once"),
    "an archive that is cut": (zipped(str, lambda made: made[:-300]), "an archive that cannot be"),
    "an archive that says 4 GB": (zipped(str, pretended_size), "larger than 2 GiB"),
    "an archive in an archive": (beside("in.zip", b"PK\x03\x04" + bytes(200)), "cannot be read"),
    "a deflated file": (replaced(PLAIN, b"1.2.840.10008.1.2.1.99"), "a deflated DICOM file"),
    "JPEG that is none": (
        replaced(b"\x02\x00\x10\x00UI\x14\x00" + PLAIN, b"\x02\x00\x10\x00UI\x16\x00" + LOSSLESS),
        "its pixels cannot be unpacked",
    ),
    "private tags that lie": (header(private_lies), TAKEN),
    "other positions and an icon in sequences": (header(nested), TAKEN),
    "an overlay": (header(drawn_over), TAKEN),
    "a position of an unknown form": (
        element(0x00200032, "UN", b"0\\0\\0 "),
        ONE_PLACE,
    ),
    "padding with the value of brain": (
        element(0x00280120, "US", 1024 + 35),
        "its padding has a value that tissue has",
    ),
    "padding with the value of air": (element(0x00280120, "US", 24), TAKEN),
    "every file once more in another series": (other_uids, TAKEN),
    "two byte orders in one series": (two_byte_orders, TAKEN),
    "names in Chinese": (header(in_chinese), TAKEN),
    "a DICOMDIR of no bytes": (beside("DICOMDIR", b""), "an empty file"),
    "links in circles": (circles, "a link out of the export"),
    "images without a UID": (tags(SOPInstanceUID=""), "it has no UID"),
    "a slice with other pixels": (one_slice(PixelSpacing=[6.9, 7]), "slices are missing"),
    "a slice of another modality": (one_slice(Modality="MR"), "slices are missing"),
    "a slice far away": (one_slice(ImagePositionPatient=[0, 0, 5000]), "in a straight line"),
    "dates that are none": (
        element(0x00080020, "LO", "99999999"),
        TAKEN,
    ),
    "a private name as the kernel": (element(0x00181210, "SH", PLANTED), "private content"),
    "orientations that are no numbers": (element(0x00200037, "LO", "nan\\0\\0\\0\\1\\0"), NO_PLACE),
    "a study that is a path": (tags(StudyInstanceUID="../../../tmp/x"), TAKEN),
    **{f"bytes changed by chance, {seed}": (flipped(seed), "it") for seed in range(3)},
}  # fmt: skip


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    folder = tmp_path_factory.mktemp("intact")
    for name, patient, hour in (("good", "GOOD", 12), ("bad", "BAD", 9)):
        begins = exports.NOON.replace(hour=hour)
        of = exports.study(patient=patient, begins=begins, private=True)
        exports.write(folder / name, exports.series(of, f"Head without {PLANTED}"), SMALL)
    return folder


def take_in(intact: Path, folder: Path, damage: Damage) -> Said:
    """Damage the bad export and take both in."""
    export = shutil.copytree(intact, folder / "export")
    damage(export / "bad")
    present = sum(len(files) for _, _, files in os.walk(export))
    people = folder / "people.tsv"
    people.write_text("patient\tissuer\tsubject\nGOOD\t\t01\nBAD\t\t02\n")
    people.chmod(0o600)
    request = stage.Request((export,), folder / "raw", folder / "work", people)
    rows = stage.planned(request, stage.listed(request))
    lines = [line for each in stage.index(request) for line in stage.taken_in(request, each["key"])]
    return Said(lines, rows, (request.work / "plan.tsv").read_text(), present, request.raw)


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch):
    """Pictures take most of the time and tell nothing here."""
    monkeypatch.setattr(writing, "look_of", lambda volume, kind, times: None)


@pytest.mark.parametrize("name", list(CASES))
def test_a_bad_export_is_told_by_one_message_and_disturbs_nobody(name, intact, tmp_path):
    damage, message = CASES[name]
    said = take_in(intact, tmp_path, damage)
    assert GOOD in said.lines
    assert message in said.everything
    assert PLANTED.lower() not in said.everything.lower()
    bad = [line for line in said.lines if line.startswith(BAD)]
    written = list(said.raw.glob("sub-02/**/*.nii.gz"))
    assert bool(written) == any(line.endswith(": written") for line in bad)
    if "archive" not in name and "links" not in name:  # of these the members and links count
        assert said.counted == said.files
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "export", "people.tsv", "raw", "work",
    ]  # fmt: skip


def test_a_thousand_tiny_files_are_counted_and_passed(intact, tmp_path):
    def tiny(folder: Path) -> None:
        for index in range(1000):
            (folder / f"tiny{index}").write_bytes(b"x")

    said = take_in(intact, tmp_path, tiny)
    assert GOOD in said.lines and TAKEN in said.lines and said.counted == said.files

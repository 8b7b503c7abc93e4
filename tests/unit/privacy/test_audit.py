"""The audit finds every leak planted in a dataset, and nothing in a clean one."""

from __future__ import annotations

import base64
import gzip
import json
import os
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from raw_digests import raw_digests
from strokeprep.errors import StrokeprepError
from strokeprep.io import images
from strokeprep.privacy import audit, files, leaks, private_words
from strokeprep.privacy.leaks import Leak

AFFINE = np.diag([-4.0, -4.0, 5.0, 1.0])
SHAPE = (32, 32, 16)
CT = "sub-01/ses-01/ct/sub-01_ses-01_acq-"
MASK = "sub-01/ses-01/anat/sub-01_ses-01_acq-ncct_space-orig_label-face_mask"
CTP_MASK = MASK.replace("ncct", "ctp")
NCCT, CTP = f"{CT}ncct_desc-defaced_ct", f"{CT}ctp_desc-defaced_ct"
STILL, MOVED = f"{CT}ctp_desc-preproc_ct", f"{CT}cta_space-ncct_ct"
LESION = "sub-01/ses-02/dwi/sub-01_ses-02_space-orig_label-L_desc-infarct_mask"
FACE = (slice(8, 24), slice(16, 32), slice(0, 10))
PATIENT = {
    "PatientName": "Quillfeather^Obadiah",
    "PatientID": "Q7-4411",
    "PatientBirthDate": "19310617",
    "InstitutionName": "Saint Ulfrida Infirmary",
    "AcquisitionDateTime": "2019-03-05T11:22:33",
    "SeriesDescription": "Kopf nativ Obadiah",
    "KVP": 120,
    "Manufacturer": "Ulmtronic",
}


class Study:
    """A raw study and a clean dataset made from it."""

    def __init__(self, folder: Path) -> None:
        self.raw, self.out, self.logs = folder / "in" / "raw", folder / "out", folder / "logs"
        self.twins: list[tuple[str, str]] = []
        self._make_raw()
        self._make_dataset()

    def _make_raw(self) -> None:
        random = np.random.default_rng(0)
        self.head = random.integers(0, 80, SHAPE).astype(np.int16)
        self.series = random.integers(0, 80, (*SHAPE, 5)).astype(np.int16)
        for name, data in (("ncct", self.head), ("ctp", self.series)):
            path = self.raw / f"{CT}{name}_ct.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            nifti = nib.Nifti1Image(data, AFFINE)
            nifti.header["descrip"] = b"Quillfeather O. 5.3.2019"
            text = b"ward nurse Brunhilde\nroom 12"
            nifti.header.extensions.append(nib.nifti1.Nifti1Extension("comment", text))
            nib.save(nifti, path)
            Path(str(path).replace(".nii.gz", ".json")).write_text(json.dumps(PATIENT))

    def _make_dataset(self) -> None:
        face = np.zeros(SHAPE, np.uint8)
        face[FACE] = 1
        empty = self.head.copy()
        empty[FACE] = -1024
        series = self.series.copy()
        series[FACE] = -1024
        self.add(MASK, face, ["bids:raw:sub-01/ses-01/ct/sub-01_ses-01_acq-ncct_ct.nii.gz"])
        self.add(CTP_MASK, face, ["bids:raw:sub-01/ses-01/ct/sub-01_ses-01_acq-ctp_ct.nii.gz"])
        raw = f"bids:raw:{CT}ncct_ct.nii.gz"
        self.add(NCCT, empty, [raw, f"bids::{MASK}.nii.gz"], KVP=120, Manufacturer="Ulmtronic")
        raw = f"bids:raw:{CT}ctp_ct.nii.gz"
        self.add(CTP, series, [raw, f"bids::{CTP_MASK}.nii.gz"])
        self.add(STILL, series, [f"bids::{CTP}.nii.gz"])
        self.add(MOVED, empty, [f"bids::{NCCT}.nii.gz"])
        self.add(LESION, face, [f"bids:raw:{LESION}.nii.gz"])
        self.write("docs/qc/sub-01_audit.tsv", "subject\tstep\nsub-01\tgrid\n")
        self.write("dataset_description.json", '{"Name": "A study"}')
        self.write("participants.tsv", "participant_id\tage\nsub-01\t88\n")
        (self.logs / "deface/sub-01").mkdir(parents=True)
        (self.logs / "deface/sub-01/ncct.log").write_text("done\n")

    def add(self, name: str, data: np.ndarray, sources: list[str], **keys) -> None:
        images.write_array(data, AFFINE, self.out / f"{name}.nii.gz")
        self.sidecar(name, Description="An image", Sources=sources, **keys)

    def sidecar(self, name: str, **keys) -> None:
        path = self.out / f"{name}.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(known | keys))

    def write(self, name: str, content: str) -> None:
        path = self.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def words(self) -> private_words.PrivateWords:
        files = sorted(str(path) for path in self.raw.rglob("*.*"))
        stems = [Path(path).name.partition(".")[0] for path in files]
        return private_words.of_files(files, str(self.raw), ["sub-01", "ses-01", "01", *stems])

    def leaks(self, **options) -> list[Leak]:
        digests = raw_digests(self.raw.rglob("*.nii.gz"))
        options = {"raw_digests": digests, "logs": self.logs, "twins": self.twins} | options
        words = self.words()
        of_subject = audit.of_subject(self.out, "01", words, **options)
        return of_subject + audit.of_dataset(self.out, ["01"], words)


@pytest.fixture
def study(tmp_path) -> Study:
    old = os.umask(0o022)
    yield Study(tmp_path)
    os.umask(old)


def test_a_clean_dataset_is_clean(study):
    assert study.leaks() == []
    assert leaks.report([]) == {"clean": True, "leaks": []}


def add_anat(study: Study, flair: np.ndarray | None = None) -> None:
    """A T1w and a FLAIR on one grid, whose faces were found apart by a voxel."""
    for shift, (suffix, acq) in enumerate({"T1w": "", "FLAIR": "_acq-flair"}.items()):
        face = np.zeros(SHAPE, np.uint8)
        face[8 + shift : 24 + shift, 16:, :10] = 1
        emptied = np.where(face, 0, study.head) if flair is None or not shift else flair
        stem = "sub-01/ses-02/anat/sub-01_ses-02"
        mask = f"{stem}{acq}_space-orig_label-face_mask"
        raw = f"bids:raw:{stem}_{suffix}.nii.gz"
        study.add(mask, face, [raw])
        sources = [raw, f"bids::{mask}.nii.gz"]
        study.add(f"{stem}_desc-defaced_{suffix}", emptied.astype(np.int16), sources)


def test_scans_that_share_a_grid_are_each_held_to_their_own_face(study):
    add_anat(study)
    assert study.leaks() == []


def test_a_single_voxel_left_in_the_face_of_one_of_them_is_a_leak(study):
    flair = study.head.copy()
    flair[9:25, 16:, :10] = 0
    flair[24, 20, 5] = 50  # beside the face of the T1w
    add_anat(study, flair)
    [leak] = study.leaks()
    assert (leak.find, leak.where.endswith("_desc-defaced_FLAIR.nii.gz")) == ("face", True)


# --- Planted leaks ----------------------------------------------------------------------------


def in_header(**fields: bytes) -> Callable[[Study], None]:
    def plant(study: Study) -> None:
        path = study.out / f"{NCCT}.nii.gz"
        nifti = nib.load(path)
        data = np.asarray(nifti.dataobj)
        for key, value in fields.items():
            nifti.header[key] = value
        nib.save(nib.Nifti1Image(data, None, nifti.header), path)

    return plant


def in_extension(study: Study) -> None:
    path = study.out / f"{STILL}.nii.gz"
    nifti = nib.load(path)
    nifti.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"Obadiah"))
    nib.save(nib.Nifti1Image(np.asarray(nifti.dataobj), None, nifti.header), path)


def in_gzip(study: Study) -> None:
    path = study.out / f"{NCCT}.nii.gz"
    content = gzip.decompress(path.read_bytes())
    with path.open("wb") as raw, gzip.GzipFile("Quillfeather.nii", "wb", fileobj=raw, mtime=0) as f:
        f.write(content)


def in_hidden_bytes(study: Study) -> None:
    path = study.out / f"{NCCT}.nii.gz"
    content = bytearray(gzip.decompress(path.read_bytes()))
    struct.pack_into("<f", content, 108, 384)
    content[352:352] = b"Quillfeather Obadiah".ljust(32, b"\0")
    path.write_bytes(gzip.compress(bytes(content), mtime=0))


def behind_the_voxels(study: Study) -> None:
    path = study.out / f"{NCCT}.nii.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + b"Quillfeather", mtime=0))


def in_a_second_gzip(study: Study) -> None:
    path = study.out / f"{NCCT}.nii.gz"
    path.write_bytes(path.read_bytes() + gzip.compress(b"Quillfeather", mtime=0))


def runs_as_its_owner(study: Study) -> None:
    (study.out / f"{NCCT}.json").chmod(0o4755)


def undefaced_frame(name: str) -> Callable[[Study], None]:
    def plant(study: Study) -> None:
        path = study.out / f"{name}.nii.gz"
        data = np.asarray(nib.load(path).dataobj).copy()
        data[..., 3] = study.series[..., 3]
        images.write_array(data, AFFINE, path)

    return plant


def undefaced_image(name: str) -> Callable[[Study], None]:
    return lambda study: images.write_array(study.head, AFFINE, study.out / f"{name}.nii.gz")


def undefaced_elsewhere(study: Study) -> None:
    """The raw voxels with another affine, on a grid that no face mask has."""
    affine = AFFINE + 0.0
    affine[0, 3] = 30
    name = f"{CT}cta_space-MNI152NLin2009aSym_res-1_ct"
    study.add(name, study.head, [f"bids::{NCCT}.nii.gz"])
    images.write_array(study.head, affine, study.out / f"{name}.nii.gz")


def sidecar(name: str = NCCT, **keys) -> Callable[[Study], None]:
    return lambda study: study.sidecar(name, **keys)


def file(name: str, content: str = "") -> Callable[[Study], None]:
    return lambda study: study.write(name, content)


def link(study: Study) -> None:
    (study.out / "sub-01/ses-01/ct/more").symlink_to(study.raw)


def log(content: str) -> Callable[[Study], None]:
    return lambda study: (study.logs / "deface/sub-01/ncct.log").write_text(content)


def picture_with_a_name() -> bytes:
    """A PNG with a name in a text chunk."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    text = chunk(b"tEXt", b"Title\0Quillfeather")
    body = chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")
    return files.PNG + head + text + body


def picture_file(study: Study) -> None:
    (study.out / "docs/qc/sub-01_aif.png").write_bytes(picture_with_a_name())


def picture_of_a_page(study: Study) -> None:
    inline = base64.b64encode(picture_with_a_name()).decode()
    page = f'<img src="data:image/png;base64,{inline}">'
    (study.out / "docs/qc/sub-01.html").write_text(page)


def image_as_mask(study: Study) -> None:
    name = "sub-01/ses-01/anat/sub-01_ses-01_space-orig_label-L_desc-infarct_mask"
    grey = np.arange(np.prod(SHAPE)).reshape(SHAPE) % 200
    study.add(name, grey.astype(np.uint8), [RAW])


def world_writable(study: Study) -> None:
    (study.out / f"{NCCT}.json").chmod(0o666)


RAW = "bids:raw:sub-01/ses-01/ct/sub-01_ses-01_acq-ncct_ct.nii.gz"
PLANTED: dict[str, tuple[str, Callable[[Study], None]]] = {
    "a name in descrip": ("header", in_header(descrip=b"Quillfeather")),
    "a name in aux_file": ("header", in_header(aux_file=b"q.nii")),
    "a name in intent_name": ("header", in_header(intent_name=b"Obadiah")),
    "a name in db_name": ("header", in_header(db_name=b"Ulfrida")),
    "an extension": ("header", in_extension),
    "a file name in the gzip": ("header", in_gzip),
    "bytes after the header": ("header", in_hidden_bytes),
    "bytes behind the voxels": ("header", behind_the_voxels),
    "a second gzip behind the first": ("header", in_a_second_gzip),
    "a date as the largest grey value": ("header", in_header(cal_max=19310617)),
    "a date as a duration": ("header", in_header(slice_duration=310617)),
    "a file that runs with its owner's rights": ("writable", runs_as_its_owner),
    "an unlisted key": ("key", sidecar(PatientWeight=80)),
    "a name as a key": ("key", sidecar(**{"Quillfeather": 1})),
    "a name as an inner key": ("key", sidecar(Metrics={"Obadiah^Q": 1})),
    "a name as a value": ("word", sidecar(Description="Head of Obadiah")),
    "a name in another order": ("word", sidecar(Description="obadiah quillfeather")),
    "an institution": ("word", sidecar(Description="from SAINT ULFRIDA INFIRMARY")),
    "an identifier": ("word", sidecar(Description="case Q7-4411")),
    "a birth date in another notation": ("word", sidecar(Description="born 17.06.1931")),
    "a text of the raw header": ("word", sidecar(Description="by nurse Brunhilde")),
    "any date": ("value", sidecar(Description="seen 2021-11-30")),
    "any path": ("value", sidecar(Description="see /srv/store/case")),
    "any name in DICOM notation": ("value", sidecar(Description="Some^Body")),
    "a name as a tube voltage": ("value", sidecar(KVP="Obadiah")),
    "the path of the input": (
        "word", lambda s: s.sidecar(NCCT, Description=f"from {s.raw / 'sub-01'}")
    ),
    "a name as a file name": ("name", file("sub-01/ses-01/ct/sub-01_desc-quillfeather_ct.json", "{}")),
    "an unknown file name": ("file", file("sub-01/ses-01/ct/sub-01_desc-nurse_ct.json", "{}")),
    "an unknown type of file": ("file", file("sub-01/ses-01/ct/sub-01_ct.dcm", "x")),
    "a partial file": ("file", file("sub-01/ses-01/ct/.partial-0a1b2c3d-sub-01_ct.json", "{}")),
    "a name in a table": ("word", file("participants.tsv", "participant_id\tw\nsub-01\tObadiah\n")),
    "a name in a subject's report": ("word", file("docs/qc/sub-01_audit.tsv", "a\nQuillfeather\n")),
    "a name in a page": ("word", file("docs/qc/index.html", "<p>Obadiah Quillfeather</p>")),
    "a name in a log": ("word", log("reading the head of Quillfeather\n")),
    "a path in a log": ("word", lambda s: log(f"reading {s.raw}/x\n")(s)),
    "a scan that another subject has": ("twin", lambda s: s.twins.append((RAW, RAW.replace("01", "02")))),
    "text in a picture": ("picture", picture_file),
    "text in a picture of a page": ("picture", picture_of_a_page),
    "an undefaced frame": ("face", undefaced_frame(CTP)),
    "an undefaced frame of a derived series": ("face", undefaced_frame(STILL)),
    "an undefaced image": ("face", undefaced_image(NCCT)),
    "an undefaced image on the grid of another": ("face", undefaced_image(MOVED)),
    "the raw voxels with another affine": ("raw", undefaced_elsewhere),
    "an image made from a raw one": ("source", sidecar(MOVED, Sources=[RAW])),
    "an image without sources": ("source", sidecar(MOVED, Sources=[])),
    "a label without sources": ("source", sidecar(LESION, Sources=[])),
    "an image without a sidecar": ("source", lambda s: (s.out / f"{MOVED}.json").unlink()),
    "a missing source": ("source", sidecar(MOVED, Sources=["bids::sub-01/a.nii.gz"])),
    "a source outside of the dataset": ("source", sidecar(MOVED, Sources=[f"bids::{NCCT}.nii.gz", "/raw/x.nii"])),
    "a defaced image without a mask": ("source", sidecar(NCCT, Sources=[RAW])),
    "an image as a mask": ("source", image_as_mask),
    "a link": ("link", link),
    "a file that everybody may change": ("writable", world_writable),
    "the folder of an unlisted subject": (
        "source", lambda s: images.write_array(s.head, AFFINE, s.out / "sub-99/ct/sub-99_ct.nii.gz")
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_leak_is_found(study, name):
    find, plant = PLANTED[name]
    plant(study)
    found = study.leaks()
    assert find in {leak.find for leak in found}, found
    with pytest.raises(StrokeprepError) as caught:
        leaks.enforce(found)
    said = str(caught.value) + json.dumps(leaks.report(found))
    # The audit must not repeat the private words.
    assert not [word for word in ("uillfeather", "badiah", "Q7-4411", "1931") if word in said]


def test_every_kind_of_leak_is_planted():
    assert {find for find, _ in PLANTED.values()} == set(leaks.FINDS)


# --- No leaks --------------------------------------------------------------------------


def test_words_that_the_workflow_writes_itself_are_no_leak(tmp_path):
    beside = tmp_path / "ct.json"
    beside.write_text(json.dumps({"PatientName": "Brain^Image", "SeriesDescription": "defaced CT"}))
    words = private_words.of_files([str(beside)], str(tmp_path), [])
    assert words.found_in("Brain mask of the defaced image") == []
    assert words.found_in("Brain^Image") != []


def test_what_may_be_released_is_no_private_word(tmp_path):
    beside = tmp_path / "ct.json"
    beside.write_text(json.dumps({"Manufacturer": "Ulmtronic", "StationName": "Ulmtronic"}))
    words = private_words.of_files([str(beside)], str(tmp_path), [])
    assert words.found_in('{"Manufacturer": "Ulmtronic"}') == []


def test_the_digest_of_a_networks_weights_is_no_date(study):
    digest = "a20261130f" + "0" * 54
    study.sidecar(MASK, Model={"Package": "HD-BET", "Weights": {"hd-bet": f"sha256:{digest}"}})
    assert study.leaks() == []
    study.sidecar(MASK, Model={"Package": digest})
    assert {leak.find for leak in study.leaks()} == {"value"}


def test_a_private_word_inside_a_longer_word_is_no_leak(study):
    assert study.words().found_in("obadiahs") == []
    assert study.words().found_in("(Obadiah)") != []


def test_a_leak_of_subject_10_is_not_reported_for_subject_1(study):
    study.write("docs/qc/sub-010_audit.tsv", "a\nQuillfeather\n")
    words = study.words()
    assert audit.of_subject(study.out, "01", words) == []


def test_the_log_of_a_failure_may_name_its_file(study):
    log(f"cannot read {study.raw}/x\n")(study)
    (study.logs / "deface/sub-01/ncct.log.failure.json").write_text(f'"{study.raw}"')
    assert study.leaks() == []


def test_a_study_declared_defaced_needs_no_masks(study):
    study.sidecar(NCCT, Sources=[RAW])
    found = audit.of_subject(study.out, "01", study.words(), declared_defaced=True)
    assert found == []


def test_files_that_are_not_to_be_released_can_be_left_out(study):
    study.write(
        "sub-01/ses-01/ct/.partial-0a1b2c3d-sub-01_ses-01_acq-ctp_desc-preproc_ct.json", "{"
    )
    everything = {str(p.relative_to(study.out)).partition(".")[0] for p in study.out.rglob("*.*")}
    undefaced_frame(STILL)(study)
    assert study.leaks(only=everything - {STILL}) == []
    assert study.leaks() != []


def test_a_small_subject_takes_little_time(study):
    start = time.process_time()
    study.leaks()
    assert time.process_time() - start < 5


def test_the_guide_lists_every_kind_of_leak():
    guide = (Path(__file__).parents[3] / "docs/privacy.md").read_text()
    for find, what in leaks.FINDS.items():
        assert f"| `{find}` | {what} |" in guide


def test_files_of_the_top_level_are_chosen_by_their_names_without_extension(study):
    study.write("letter.md", "Dear")
    chosen = audit.paths_of_dataset(study.out, (), ["participants", "docs/qc/sub-01_audit"])
    names = {path.relative_to(study.out).as_posix() for path in chosen if path.is_file()}
    assert names == {"participants.tsv", "docs/qc/sub-01_audit.tsv"}


def test_a_scan_of_two_subjects_is_refused_with_what_to_do_about_it():
    (leak,) = leaks.of_twins([("sub-01_ct.nii.gz", "sub-02_ct.nii.gz")])
    message = str(leak.error())
    assert "sub-02_ct.nii.gz" in message and "remove it from the other subject" in message


def test_remedies_are_of_kinds_that_the_audit_finds():
    assert set(leaks.REMEDIES) <= set(leaks.FINDS)

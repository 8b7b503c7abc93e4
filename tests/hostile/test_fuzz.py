"""For any bytes the gate gives a report or one clear error, but never crashes."""

from __future__ import annotations

import gzip
import json
import os
import struct
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from strokeprep.errors import StrokeprepError
from strokeprep.gate import inspection
from strokeprep.gate.checks import CHECKS
from strokeprep.io import images, json_files, labels
from strokeprep.kinds import KINDS
from strokeprep.privacy import allowed

# With STROKEPREP_FUZZ=20, twenty times as many examples are tried.
EFFORT = int(os.environ.get("STROKEPREP_FUZZ", "1"))
FUZZ = settings(
    max_examples=150 * EFFORT,
    deadline=None,
    derandomize=EFFORT == 1,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
AFFINE = np.diag([-8.0, -8.0, 10.0, 1.0])
HEADER_BYTES = 348


def nifti_bytes(shape=(16, 16, 8), dtype=np.int16, **changes) -> bytes:
    data = np.random.default_rng(0).integers(-1000, 1000, shape).astype(dtype)
    nifti = nib.Nifti1Image(data, AFFINE)
    nifti.set_qform(AFFINE, 2)
    nifti.set_sform(AFFINE, 1)
    nifti.header.set_xyzt_units("mm", "sec")
    return nifti.to_bytes()


PLAIN, SERIES = nifti_bytes(), nifti_bytes((8, 8, 4, 12))
FLIPS = st.lists(
    st.tuples(st.integers(0, HEADER_BYTES + 3), st.integers(1, 255)), min_size=1, max_size=8
)
# The fields in which damage matters most: offset and format.
FIELDS = {"dim": (40, "8h"), "type": (70, "2h"), "pixdim": (76, "8f"), "offset": (108, "f"),
          "scale": (112, "2f"), "codes": (252, "2h"), "quatern": (256, "6f"),
          "srow": (280, "12f")}  # fmt: skip
ODD_FLOATS = st.one_of(
    st.floats(width=32),
    st.sampled_from([0.0, -1.0, 1e-38, 1e38, float("nan"), float("inf"), -float("inf")]),
)
ODD_SHORTS = st.one_of(st.integers(-(2**15), 2**15 - 1), st.sampled_from([0, 1, -1, 32767, 512]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def report_on(path: Path, kind: str) -> inspection.Report:
    """The gate's report on one file; it must be complete and valid JSON."""
    report = inspection.inspect([inspection.RawImage(str(path), KINDS[kind], None, str(path))], [])
    for finding in report.findings:
        assert finding.check in CHECKS
        assert finding.what and finding.remedy
    json.dumps(report.as_json(), allow_nan=False)
    return report


def check_readers(path: Path) -> None:
    """Check that readers read an admitted file, or raise the project's own error."""
    for reader in (images.read, images.read_mean, images.read_grid, labels.read):
        try:
            reader(path)
        except StrokeprepError as error:
            assert error.remedy


@FUZZ
@given(flips=FLIPS, series=st.booleans(), packed=st.booleans())
@example(flips=[(123, 4)], series=True, packed=False)  # a unit of length that does not exist
def test_no_flipped_byte_of_a_header_crashes_the_gate(folder, flips, series, packed):
    content = bytearray(SERIES if series else PLAIN)
    for position, mask in flips:
        content[position] ^= mask
    path = folder / ("flip.nii.gz" if packed else "flip.nii")
    path.write_bytes(gzip.compress(bytes(content), 1) if packed else content)
    report = report_on(path, "ctp" if series else "t1w")
    if not report.refused:
        check_readers(path)


@FUZZ
@given(data=st.data(), field=st.sampled_from(sorted(FIELDS)))
def test_no_extreme_number_in_a_header_crashes_the_gate(folder, data, field):
    offset, form = FIELDS[field]
    count = int(form[:-1] or 1)
    values = ODD_SHORTS if form[-1] == "h" else ODD_FLOATS
    content = bytearray(PLAIN)
    struct.pack_into(f"<{form}", content, offset, *(data.draw(values) for _ in range(count)))
    path = folder / "odd.nii"
    path.write_bytes(content)
    report = report_on(path, "t1w")
    if not report.refused:
        check_readers(path)


@FUZZ
@given(content=st.binary(max_size=600), packed=st.booleans())
def test_no_file_crashes_the_readers(folder, content, packed):
    path = folder / ("any.nii.gz" if packed else "any.nii")
    path.write_bytes(gzip.compress(content) if packed else content)
    assert report_on(path, "ncct").refused
    check_readers(path)


@FUZZ
@given(position=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255))
def test_no_damaged_gzip_passes(folder, position, mask):
    content = bytearray(gzip.compress(PLAIN, 6, mtime=0))
    where = 10 + int(position * (len(content) - 10))  # after the header of the gzip
    content[where] ^= mask
    path = folder / "damaged.nii.gz"
    path.write_bytes(content)
    assert report_on(path, "t1w").refused


@FUZZ
@given(length=st.integers(0, len(PLAIN) - 1), packed=st.booleans())
def test_no_file_cut_short_passes(folder, length, packed):
    whole = gzip.compress(PLAIN, 6, mtime=0) if packed else PLAIN
    assume(length < len(whole))
    path = folder / ("cut.nii.gz" if packed else "cut.nii")
    path.write_bytes(whole[:length])
    assert report_on(path, "t1w").refused


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
KEYS = st.sampled_from(["RepetitionTime", "VolumeTiming", "FrameTimesStart", "SliceTiming",
                        "SliceLocation", "ImagePositionPatient", "SpacingBetweenSlices",
                        "GantryDetectorTilt", "Modality", "Units", "PatientID"])  # fmt: skip


@FUZZ
@given(content=st.dictionaries(KEYS, JSON, max_size=5))
def test_no_sidecar_crashes_the_gate(folder, content):
    path = folder / "series.nii"
    path.write_bytes(SERIES)
    beside = folder / "series.json"
    beside.write_text(json.dumps(content))
    scan = inspection.RawImage(str(path), KINDS["ctp"], str(beside), str(path))
    report = inspection.inspect([scan], [])
    assert {finding.check for finding in report.findings} <= set(CHECKS)
    try:
        json.dumps(allowed.releasable(json_files.read(beside)), allow_nan=False)
    except StrokeprepError:
        assert any(finding.check == "sidecar" for finding in report.findings)


@FUZZ
@given(content=st.binary(max_size=300))
def test_no_bytes_crash_the_reader_of_sidecars(folder, content):
    path = folder / "any.json"
    path.write_bytes(content)
    try:
        assert isinstance(json_files.read(path), dict)
    except StrokeprepError as error:
        assert error.where == str(path)


@FUZZ
@given(
    shape=st.tuples(*(st.integers(8, 20) for _ in range(3))),
    dtype=st.sampled_from(["<i2", ">i2", "<f4", "<u1", "<f8", ">u2"]),
    level=st.integers(0, 9),
)
def test_every_sound_image_is_read_back_completely(folder, shape, dtype, level):
    data = np.random.default_rng(sum(shape)).integers(0, 200, shape).astype(dtype)
    path = folder / "sound.nii.gz"
    path.write_bytes(gzip.compress(nib.Nifti1Image(data, AFFINE).to_bytes(), level))
    parts = list(images.blocks(images.open_nifti(path), path, 3))
    assert np.array_equal(np.concatenate(parts).T, data)

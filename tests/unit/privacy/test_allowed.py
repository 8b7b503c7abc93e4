"""Words that could name a patient go; timing and physics stay."""

from __future__ import annotations

import pytest
from strokeprep.errors import StrokeprepError
from strokeprep.io import json_files
from strokeprep.privacy import allowed


def test_timing_and_physics_stay_and_the_patient_goes():
    raw = {
        "VolumeTiming": [0.0, 1.5, 3.0],
        "KVP": 120,
        "ConvolutionKernel": "H31s",
        "Manufacturer": "GE MEDICAL SYSTEMS",
        "PatientName": "Doe^Jane",
        "PatientBirthDate": "1950-01-01",
        "InstitutionName": "General Hospital",
        "AcquisitionDateTime": "2001-01-02T03:00:00",
        "SeriesInstanceUID": "1.2.3.4",
        "SeriesDescription": "head Mrs Doe",
        "SomethingNew": 3,
    }
    kept = ("VolumeTiming", "KVP", "ConvolutionKernel", "Manufacturer")
    assert allowed.releasable(raw) == {key: raw[key] for key in kept}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("KVP", "Doe"),
        ("KVP", True),
        ("KVP", [120]),
        ("KVP", {"PatientName": "Doe"}),
        ("VolumeTiming", [0, "Doe"]),
        ("VolumeTiming", 3),
        ("VolumeTiming", [978404400.0, 978404401.5]),
        ("ExposureTime", 19500101),
        ("ExposureTime", float("nan")),
        ("ManufacturersModelName", "ACC000103"),
        ("Manufacturer", 3),
        ("Manufacturer", "Doe^Jane"),
        ("Manufacturer", "1950-01-01"),
        ("ManufacturersModelName", "scanned for Jane Doe on the first of May"),
        ("ConvolutionKernel", "Jane\nDoe"),
    ],
)
def test_an_allowed_key_with_the_wrong_sort_of_value_goes(key, value):
    assert allowed.releasable({key: value}) == {}


def test_a_name_goes_wherever_it_is_written():
    raw = {"PatientName": "Doe^Jane", "Manufacturer": "Jane Doe", "ConvolutionKernel": "Doe"}
    assert allowed.releasable(raw) == {"ConvolutionKernel": "Doe"}


def test_a_sidecar_is_read_with_or_without_a_byte_order_mark(tmp_path):
    for mark in (b"", b"\xef\xbb\xbf"):
        (tmp_path / "ct.json").write_bytes(mark + b'{"KVP": 120}')
        assert json_files.read(tmp_path / "ct.json") == {"KVP": 120}


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[1]", b'"text"', b'{"a": "\xff"}', b"[" * 99_999, b'{"a": 1' + b"0" * 99 + b"}"],
)
def test_what_is_no_sidecar_is_refused_with_its_name(tmp_path, content):
    path = tmp_path / "ct.json"
    path.write_bytes(content)
    with pytest.raises(StrokeprepError) as caught:
        json_files.read(path)
    assert caught.value.where == str(path)


def test_a_sidecar_that_is_gone_is_named(tmp_path):
    with pytest.raises(StrokeprepError, match="missing.*ct.json"):
        json_files.read(tmp_path / "ct.json")

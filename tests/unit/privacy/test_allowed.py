"""Timing and physics of a sidecar are released; values that could identify a patient are not."""

from __future__ import annotations

import pytest
from strokeprep.privacy import allowed


def test_timing_and_physics_are_released_and_the_patient_is_not():
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
def test_an_allowed_key_with_a_value_of_the_wrong_form_is_dropped(key, value):
    assert allowed.releasable({key: value}) == {}


@pytest.mark.parametrize("start", [978404400.0, 44_130.25, 1_615_543_200_000.0])
def test_frame_times_never_tell_the_date_or_the_time_of_day(start):
    times = [start, start + 1.5, start + 3]
    assert allowed.releasable({"VolumeTiming": times}) == {"VolumeTiming": [0, 1.5, 3]}


def test_frame_times_within_minutes_of_the_start_of_a_scan_are_kept():
    assert allowed.releasable({"FrameTimesStart": [2.5, 4]}) == {"FrameTimesStart": [2.5, 4]}


@pytest.mark.parametrize(
    "raw",
    [
        {"ManufacturersModelName": "12 March 2021"},
        {"ManufacturersModelName": "Mar 2021"},
        {"ManufacturersModelName": "12_3_2021"},
        {"ManufacturersModelName": "03476 12345"},
        {"ManufacturersModelName": "Jane Doe", "PatientName": ["Doe^Jane"]},
        {"ManufacturersModelName": "Jane Doe", "PatientName": {"Alphabetic": "Doe^Jane"}},
        {"ManufacturersModelName": "JaneDoe", "PatientName": "Doe^Jane"},
        {"ManufacturersModelName": "DOEJANE2", "PatientName": "Doe^Jane"},
        {"ConvolutionKernel": "Mueller Eva", "PatientName": "Müller^Eva"},
        {"ConvolutionKernel": "Muller-Eva", "PatientName": "Müller^Eva"},
        {"XRayExposure": 210312},
        {"ManufacturersModelName": "QCT17", "StationName": "QCT17"},
        {"ManufacturersModelName": "Optima qct-17", "StationName": "QCT 17"},
        {"ConvolutionKernel": "B 77123 f", "PatientID": "77123"},
        {"Manufacturer": "St Elsewhere", "InstitutionName": ["St. Elsewhere"]},
    ],
)
def test_a_date_a_number_or_a_name_in_the_place_of_a_measurement_is_dropped(raw):
    assert allowed.releasable(raw) == {}


def test_a_maker_after_whom_the_station_or_the_place_is_called_is_kept():
    named = {"StationName": "Siemens CT 2", "InstitutionName": "Siemens Clinic"}
    kept = {"Manufacturer": "SIEMENS"}
    assert allowed.releasable(kept | named) == kept


def test_the_name_of_a_person_is_dropped_under_any_key():
    raw = {"PatientName": "Doe^Jane", "Manufacturer": "Jane Doe", "ConvolutionKernel": "Doe"}
    assert allowed.releasable(raw) == {"ConvolutionKernel": "Doe"}

"""The raw dataset tells ages and sexes, and the rows that a lab wrote stay theirs."""

from __future__ import annotations

import json

import pytest
from strokeprep.intake import dataset, studies

KNOWN = [
    {"subject": "02", "session": "01", "hours": 0.0, "age": None, "sex": "F"},
    {"subject": "02", "session": "02", "hours": 51.5, "age": 89, "sex": "F"},
]


def describe(tmp_path, known=KNOWN):
    raw = tmp_path / "raw"
    raw.mkdir(exist_ok=True)
    dataset.describe(raw, "02", known)
    dataset.add_patient(raw / "participants.tsv", tmp_path / "lock", "02", known)
    return (raw / "participants.tsv").read_text()


def test_a_patient_is_told_by_age_and_sex_alone(tmp_path):
    assert describe(tmp_path) == "participant_id\tage\tsex\nsub-02\t89\tF\n"
    meaning = json.loads((tmp_path / "raw/participants.json").read_text())
    assert "89 and above" in meaning["age"]["Description"]


def test_sessions_are_told_in_hours(tmp_path):
    describe(tmp_path)
    told = (tmp_path / "raw/sub-02/sub-02_sessions.tsv").read_text()
    assert told == "session_id\thours_since_first_scan\nses-01\t0\nses-02\t51.5\n"


def test_rows_and_columns_that_are_there_stay(tmp_path):
    (tmp_path / "raw").mkdir()
    table = tmp_path / "raw/participants.tsv"
    table.write_text("participant_id\tnihss\tage\nsub-01\t7\t60\n")
    expected = "participant_id\tnihss\tage\nsub-01\t7\t60\nsub-02\tn/a\t89\n"
    assert describe(tmp_path) == describe(tmp_path) == expected


@pytest.mark.parametrize(
    ("facts", "age"),
    [
        ({"PatientBirthDate": "19310203", "StudyDate": "20010203"}, 70),
        ({"PatientBirthDate": "19010203", "StudyDate": "20010203"}, 89),
        ({"PatientBirthDate": "18500101", "StudyDate": "20010203"}, None),
        ({"PatientBirthDate": "20010204", "StudyDate": "20010203"}, None),
        ({"PatientBirthDate": "1931", "PatientAge": "064Y"}, 64),
        ({"PatientAge": "093Y"}, 89),
        ({"PatientAge": "018M"}, 1),
        ({"PatientAge": "old"}, None),
        ({}, None),
    ],
)
def test_ages_are_whole_years_and_the_oldest_are_one_group(facts, age):
    assert studies.age(facts) == age

"""Labels of file names that identify a patient are refused, and usual pseudonyms never are."""

from __future__ import annotations

import pytest
from strokeprep.gate.name_checks import Pseudonyms, of_labels

PATIENT = {
    "PatientName": "Müller^Obadiah",
    "PatientID": "77123456",
    "OtherPatientIDs": ["Q7-4411"],
    "AccessionNumber": 210300,
    "PatientBirthDate": "1931-06-17",
    "AcquisitionDateTime": "2021-03-12T11:22:33",
    "ReferringPhysicianName": "Li^An",
    "InstitutionName": "Saint Ulfrida Infirmary",
    "SeriesNumber": 1,
    "StudyID": "1",
    "ProtocolName": "CTA thin",
}


def checks(entity: str, sidecar: dict = PATIENT, headers=(), pseudonyms=None) -> list[str]:
    found = of_labels([entity], {"a.json": sidecar}, {"a.nii": headers}, "a.nii", pseudonyms)
    return [finding.check for finding in found]


@pytest.mark.parametrize(
    ("entity", "check"),
    [
        ("sub-77123456", "named_number"),
        ("sub-077123456", "named_number"),
        ("sub-Q74411", "named_number"),
        ("ses-210300", "named_number"),
        ("acq-ct77123456", "named_number"),
        ("ses-12032021", "named_date"),
        ("ses-20210312", "named_date"),
        ("ses-210312", "named_date"),
        ("ses-202103", "named_date"),
        ("ses-17061931", "named_date"),
        ("acq-ObadiahMueller", "named_person"),
        ("acq-obadiah", "named_person"),
        ("acq-MULLER", "named_person"),
        ("acq-mullerthin", "named_person"),
        ("acq-ctLi", "named_person"),
        ("ses-ulfrida", "named_person"),
    ],
)
def test_a_label_that_the_sidecar_gives_away_is_refused(entity, check):
    assert checks(entity) == [check]


@pytest.mark.parametrize(
    ("entity", "check"),
    [
        ("sub-4711081", "named_number"),
        ("ses-03122021", "named_date"),
        ("ses-20191231", "named_date"),
        ("ses-12mar2021", "named_date"),
        ("ses-March2021", "named_date"),
    ],
)
def test_a_label_in_the_shape_of_a_date_or_a_hospital_number_is_refused(entity, check):
    assert checks(entity, {}) == [check]


@pytest.mark.parametrize(
    ("text", "entity", "check"),
    [
        ("Quillfeather^O", "acq-quillfeather", "named_person"),
        ("QF 5.3.2019".replace("5.3", "05.03"), "ses-050319", "named_date"),
        ("case 881234", "sub-881234", "named_number"),
    ],
)
def test_a_label_that_the_header_gives_away_is_refused(text, entity, check):
    assert checks(entity, {}, [text]) == [check]


PSEUDONYMS = (
    "sub-01", "sub-1", "sub-0001", "sub-strokecase0001", "sub-stroke0117", "sub-r001s001",
    "sub-r052s029", "sub-P012", "sub-patient12", "sub-C01B", "sub-100307", "sub-0a1b2c3d",
    "sub-MNI0001", "ses-01", "ses-1", "ses-02", "ses-baseline", "ses-24h", "ses-followup", "ses-2021",
    "acq-ncct", "acq-cta", "acq-ctp", "acq-ncct1mm", "acq-mprage", "acq-thin", "acq-3d", "run-1",
    "ce-GD", "dir-AP", "acq-b1000", "acq-Br40",
)  # fmt: skip


@pytest.mark.parametrize("entity", PSEUDONYMS)
@pytest.mark.parametrize(
    "sidecar",
    [
        PATIENT,
        {},
        {"PatientName": "Anonymous", "PatientID": "01"},
        {"PatientName": "Phantom^Patient"},
    ],
    ids=("identified", "bare", "anonymous", "phantom"),
)
def test_usual_labels_are_never_refused(entity, sidecar):
    assert checks(entity, sidecar) == []


@pytest.mark.parametrize("entity", [each for each in PSEUDONYMS if each.startswith("sub-")])
def test_a_pseudonym_that_the_files_already_bear_is_not_refused(entity):
    name = entity.removeprefix("sub-")
    for written in (name, entity, name.upper()):
        assert checks(entity, {"PatientID": written, "PatientName": written}) == []


def test_of_a_table_of_pseudonyms_the_first_column_alone_may_name_a_subject():
    rows = [{"code": "sub-4711081", "mrn": "77123456"}, {"code": "B", "mrn": "88"}]
    table = Pseudonyms.of(rows)
    assert checks("sub-4711081", {}, pseudonyms=table) == []
    assert checks("sub-b", {}, pseudonyms=table) == []
    assert set(checks("sub-77123456", {}, pseudonyms=table)) == {"named_pseudonym"}
    assert checks("sub-03", {}, pseudonyms=table) == ["named_pseudonym"]
    assert checks("ses-03122021", {}, pseudonyms=table) == ["named_date"]


def test_names_at_any_depth_of_a_sidecar_count():
    nested = {"PatientName": [{"Alphabetic": "Quillfeather^Obadiah"}]}
    assert checks("acq-quillfeather", nested) == ["named_person"]

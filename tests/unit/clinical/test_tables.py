"""Of a clinical table, known columns alone are released; the rest is named in the log."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

import pytest
from strokeprep.clinical import sheets, tables
from strokeprep.clinical.columns import KNOWN
from strokeprep.errors import StrokeprepError
from strokeprep.settings.study import Column, StudySettings

PEOPLE = ("sub-01", "sub-02")

IDENTIFYING = [
    "medical_record_number",
    "patient_number",
    "case_number",
    "nhs_number",
    "insurance",
    "city",
    "street",
    "plz",
    "postal_code",
    "surgeon",
    "neurologist",
    "next_of_kin",
    "mother",
    "site",
    "clinic",
    "yob",
    "geboren",
    "device_serial_number",
    "url",
    "ip",
    "tel",
    "fax",
    "contact",
    "dicom_dir",
    "free_text",
    "DOB",
    "date_of_birth",
    "AdmissionDate",
    "Last_Name",
    "first_name",
    "PatientID",
    "MRN",
    "accession_number",
    "StudyInstanceUID",
    "patientid",
    "id",
    "e-mail",
    "Comments",
    "name",
    "surname",
    "initials",
    "address",
    "zip_code",
    "phone",
    "mobile",
    "employer",
    "occupation",
    "religion",
    "ethnicity",
    "nationality",
    "passport",
    "licence_plate",
    "account_number",
    "ssn",
    "social_security",
    "health_plan",
    "certificate",
    "ward",
    "room",
    "bed",
    "physician",
    "referring",
    "operator",
    "technician",
    "station",
    "hospital",
    "department",
    "institution",
    "country",
    "region",
    "county",
    "village",
    "admission",
    "discharge_date",
    "time_of_scan",
    "scan_date",
    "study_date",
    "series_uid",
    "path",
    "file",
    "folder",
    "comment",
    "remark",
    "note",
    "history",
    "narrative",
    "report",
    "findings",
    "diagnosis_text",
    "spouse",
    "father",
    "guardian",
    "child",
    "photo",
    "fingerprint",
    "genotype",
    "barcode",
    "token",
    "hash",
    "username",
    "login",
    "birthday",
    "born",
    "year",
    "month",
    "weekday",
]


def raw(folder: Path, **texts: str) -> Path:
    """A raw dataset of tables, with ``|`` between cells; ``__`` in a name is a folder."""
    for name, text in texts.items():
        path = folder / f"{name.replace('__', '/')}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("|", "\t"))
    return folder


def read(root: Path, tool: str = "baseline", **study) -> tables.Table:
    return tables.phenotype(root, PEOPLE, StudySettings(layout="bids", **study))[tool]


def workbook(path: Path, *rows: tuple, merged: str = "") -> Path:
    from openpyxl import Workbook

    book = Workbook()
    for row in rows:
        book.active.append(row)
    if merged:
        book.active.merge_cells(merged)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    return path


@pytest.mark.parametrize("heading", IDENTIFYING)
def test_a_heading_that_is_not_known_is_left_out_and_named(tmp_path, heading):
    root = raw(tmp_path, phenotype__baseline=f"participant_id|nihss|{heading}\nsub-01|7|5\n")
    table = read(root)
    assert table.columns == ["nihss"] and table.rows == {"sub-01": {"nihss": "7"}}
    assert table.unknown == [heading]


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_column_is_known_by_its_name_and_its_published_title(tmp_path, name):
    for heading in filter(None, (name, KNOWN[name].title)):
        root = raw(tmp_path, phenotype__baseline=f"participant_id|{heading}\nsub-01|n/a\n")
        assert read(root).columns == [name]


def test_a_unit_may_stand_behind_a_heading_and_another_unit_may_not(tmp_path):
    text = "participant_id|Glucose [mg/dl]|CRP (mg/l)\nsub-01|100|5\n"
    table = read(raw(tmp_path, phenotype__baseline=text))
    assert table.columns == ["glucose"] and table.unknown == ["CRP (mg/l)"]


def test_a_refused_cell_is_told_by_its_place_and_not_by_what_it_holds(tmp_path):
    text = "participant_id|age|sex\nsub-01|12 March 2021|Firstname Surname\nsub-02|71|F\n"
    table = read(raw(tmp_path, phenotype__baseline=text))
    assert table.rows["sub-01"] == {"age": "n/a", "sex": "n/a"}
    assert table.refused == [
        "baseline.tsv, row 2, column age: not an age",
        "baseline.tsv, row 2, column sex: none of F, M, O",
    ]


def test_a_column_of_the_config_is_released_with_its_type_and_meaning(tmp_path):
    ward = Column("level", "Ward", levels={"a": "stroke unit", "b": "intensive care"})
    text = "participant_id|ward|room\nsub-01|Stroke unit|12\nsub-02|with Dr Surname|3\n"
    table = read(raw(tmp_path, phenotype__baseline=text), columns={"ward": ward})
    assert [table.rows[person]["ward"] for person in PEOPLE] == ["a", "n/a"]
    assert table.meanings["ward"] == {"Description": "Ward", "Levels": dict(ward.levels)}
    assert table.unknown == ["room"]


def test_the_dictionary_of_a_table_is_ours_and_not_the_input_s(tmp_path):
    root = raw(tmp_path, phenotype__baseline="participant_id|nihss\nsub-01|7\n")
    (root / "phenotype/baseline.json").write_text('{"nihss": {"Description": "Ask Dr Surname"}}')
    assert read(root).meanings["nihss"]["Description"] == KNOWN["nihss"].description
    assert tables.sources(root) == [str(root / "phenotype/baseline.tsv")]


def test_a_table_named_after_a_patient_is_released_under_a_common_name(tmp_path):
    root = raw(tmp_path, **{"phenotype__Surname 1931": "participant_id|nihss\nsub-01|7\n"})
    assert tables.names(root) == ["clinical"]
    assert read(root, "clinical").rows["sub-01"] == {"nihss": "7"}


def test_values_of_one_patient_that_contradict_one_another_are_refused(tmp_path):
    one, other = "participant_id|nihss\nsub-01|7\n", "participant_id|nihss\nsub-01|8\n"
    root = raw(tmp_path, phenotype__x=one, phenotype__y=other)
    with pytest.raises(StrokeprepError, match="More than one row for sub-01, or two that differ"):
        read(root, "clinical")
    assert read(raw(tmp_path, phenotype__y=one), "clinical").rows["sub-01"] == {"nihss": "7"}


def test_a_quote_in_a_cell_of_a_tsv_swallows_no_rows(tmp_path):
    text = 'participant_id|nihss|x\nsub-01|3|"long\nsub-02|4|\n'
    rows = read(raw(tmp_path, phenotype__baseline=text)).rows
    assert rows == {"sub-01": {"nihss": "3"}, "sub-02": {"nihss": "4"}}


# --- Workbooks ----------------------------------------------------------------------------------


def test_a_workbook_as_isles24_ships_it_is_read(tmp_path):
    heads = ("Age", "Sex", "Onset to door", "Door to groin", "Wake-up")
    values = (74, "F", datetime.time(1, 20), datetime.timedelta(hours=26), 1)
    place = "train/phenotype/sub-01/ses-01/sub-01_ses-01_demographic_baseline.xlsx"
    workbook(tmp_path / place, heads, values)
    assert read(tmp_path, "demographic_baseline").rows["sub-01"] == {
        "age": "74",
        "sex": "F",
        "onset_to_door": "80",
        "door_to_groin": "1560",
        "wake_up": "1",
    }


def test_the_metadata_of_atlas_are_read(tmp_path):
    heads = ("Subject ID", "Session", "# Lesions LH Subcortical", "Days Post Stroke", "Chronicity")
    workbook(tmp_path / "ATLAS_2/2022_MetaData.xlsx", heads, ("01", 1, 2, 400.0, 180))
    table = read(tmp_path, "clinical")
    assert table.rows["sub-01"] == {
        "lesions_lh_subcortical": "2",
        "days_post_stroke": "400",
        "chronicity": "180",
    }
    assert table.unknown == ["Session"]


def test_titles_above_the_headings_of_a_workbook_are_skipped(tmp_path):
    rows = ("Outcome of our patients",), (), ("participant_id", "mRS 3 months"), ("sub-01", 2)
    workbook(tmp_path / "phenotype/outcome.xlsx", *rows)
    assert read(tmp_path, "outcome").rows == {"sub-01": {"mrs_90d": "2"}}


@pytest.mark.parametrize(
    "cell", ["=1+1", datetime.datetime(2021, 3, 12), datetime.date(2021, 3, 12)]
)
def test_a_formula_or_a_date_in_a_workbook_is_no_value(tmp_path, cell):
    workbook(tmp_path / "phenotype/outcome.xlsx", ("participant_id", "nihss"), ("sub-01", cell))
    table = read(tmp_path, "outcome")
    assert table.rows["sub-01"] == {"nihss": "n/a"} and len(table.refused) == 1


def test_a_merged_cell_is_no_value(tmp_path):
    rows = ("participant_id", "nihss", "mrs"), ("sub-01", 4, None), ("sub-02", 5, 1)
    workbook(tmp_path / "phenotype/outcome.xlsx", *rows, merged="B2:C2")
    table = read(tmp_path, "outcome")
    assert table.rows == {
        "sub-01": {"nihss": "n/a", "mrs": "n/a"},
        "sub-02": {"nihss": "5", "mrs": "1"},
    }


def test_of_two_formats_of_a_table_one_is_read(tmp_path):
    root = raw(tmp_path, phenotype__outcome="participant_id|nihss\nsub-01|4\n")
    workbook(root / "phenotype/outcome.xlsx", ("participant_id", "nihss"), ("sub-01", 5))
    assert read(root, "outcome").rows == {"sub-01": {"nihss": "4"}}


# --- Files that are no tables -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"participant_id,nihss\nsub-01," + b"9" * 200_000, "field larger than"),
        ("a.csv", b'participant_id,nihss\nsub-01,"7', "unexpected end of data"),
        ("a.csv", b"participant_id,nihss\nsub-01\xff,7", "not UTF-8"),
        ("a.csv", "participant_id,nihss".encode("utf-16"), "not UTF-8"),
        ("a.csv", b"", "empty"),
        ("a.xlsx", b"PK\x03\x04 no workbook", "no workbook"),
        ("a.xlsx", b"", "no workbook"),
    ],
)
def test_a_file_that_cannot_be_read_for_certain_is_one_message(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(StrokeprepError, match=message):
        sheets.read(path)


def test_a_pipe_a_folder_and_a_dangling_link_are_no_tables_and_are_told(tmp_path):
    (tmp_path / "phenotype/folder.tsv").mkdir(parents=True)
    os.mkfifo(tmp_path / "phenotype/pipe.tsv")
    (tmp_path / "phenotype/link.tsv").symlink_to(tmp_path / "nowhere.tsv")
    assert tables.sources(tmp_path) == []
    assert tables.unread(tmp_path) == [
        f"phenotype/{name}.tsv" for name in ("folder", "link", "pipe")
    ]


def test_a_table_that_is_a_link_out_of_the_study_is_refused(tmp_path):
    elsewhere = raw(tmp_path / "elsewhere", outcome="participant_id|nihss\nsub-01|4\n")
    (tmp_path / "study/phenotype").mkdir(parents=True)
    (tmp_path / "study/phenotype/outcome.tsv").symlink_to(elsewhere / "outcome.tsv")
    with pytest.raises(StrokeprepError, match="leads out of the study"):
        read(tmp_path / "study", "outcome")
    links = (str(elsewhere),)
    assert read(tmp_path / "study", "outcome", links=links).rows == {"sub-01": {"nihss": "4"}}

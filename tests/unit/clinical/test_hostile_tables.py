"""Tables as they come from hospitals: each is read for certain or refused, with its row and column."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook
from strokeprep.bids import dataset
from strokeprep.clinical import tables
from strokeprep.errors import StrokeprepError
from strokeprep.settings.study import StudySettings

PEOPLE = ("sub-01", "sub-02")
GAP = "n/a"


def read(root: Path) -> tables.Table:
    return tables.phenotype(root, PEOPLE, StudySettings(layout="bids"))["baseline"]


def as_text(folder: Path, content: bytes) -> Path:
    (folder / "phenotype").mkdir()
    (folder / "phenotype/baseline.csv").write_bytes(content)
    return folder


def as_workbook(folder: Path, *rows: tuple, merged: str = "") -> Path:
    (folder / "phenotype").mkdir()
    book = Workbook()
    for row in rows:
        book.active.append(row)
    if merged:
        book.active.merge_cells(merged)
    book.save(folder / "phenotype/baseline.xlsx")
    return folder


READ = {
    "a mark of the byte order": b"\xef\xbb\xbfparticipant_id,nihss\nsub-01,7\n",
    "line ends of Windows": b"participant_id,nihss\r\nsub-01,7\r\n",
    "no line end at the end": b"participant_id,nihss\nsub-01,7",
    "empty lines": b"\nparticipant_id,nihss\n\n\nsub-01,7\n\n",
    "semicolons": b"participant_id;nihss\nsub-01;7\n",
    "tabs in a CSV": b"participant_id\tnihss\nsub-01\t7\n",
    "quotes": b'"participant_id","nihss"\n"sub-01","7"\n',
    "spaces around cells": b" participant_id , nihss \n sub-01 , 7 \n",
    "spaces that do not break": "participant_id,nihss\nsub-01,\u00a07\n".encode(),
    "another heading of the patient": b"Subject ID,nihss\nsub-01,7\n",
    "a patient without sub-": b"participant_id,nihss\n01,7\n",
    "the patient in the last column": b"nihss,participant_id\n7,sub-01\n",
    "a heading in capitals": b"PARTICIPANT_ID,NIHSS\nsub-01,7\n",
    "a number with a decimal of zero": b"participant_id,nihss\nsub-01,7.0\n",
    "a decimal comma in quotes": b'participant_id,nihss\nsub-01,"7,0"\n',
    "a decimal comma between semicolons": b"participant_id;nihss\nsub-01;7,0\n",
    "a column without heading": b"participant_id,nihss,\nsub-01,7,secret\n",
    "an unknown column": b"participant_id,nihss,ward\nsub-01,7,4b\n",
    "a second row of headings": b"participant_id,nihss\nparticipant_id,nihss\nsub-01,7\n",
    "a row of units": b"participant_id,nihss\n,points\nsub-01,7\n",
    "a row of a sum": b"participant_id,nihss\nsub-01,7\nmean,7\n",
    "a patient of another study": b"participant_id,nihss\nsub-99,42\nsub-01,7\n",
    "the name of a person as patient": b"participant_id,nihss\nJane Doe,9\nsub-01,7\n",
    "line ends of old Macs": b"participant_id,nihss\rsub-01,7\r",
    "a heading over two lines": b'participant_id,"NIH Stroke\nScale"\nsub-01,7\n',
    "a heading with a sign of no width": "participant_id,NIHSS\u200b\nsub-01,7\n".encode(),
    "rows without a patient": b"participant_id,nihss\n,3\n,4\nsub-01,7\n",
}


@pytest.mark.parametrize("name", READ)
def test_a_table_is_read_whatever_its_dress(tmp_path, name):
    table = read(as_text(tmp_path, READ[name]))
    assert table.rows == {"sub-01": {"nihss": "7"}} and table.columns == ["nihss"]
    assert table.refused == []


REFUSED = {
    "a patient twice": (b"participant_id,nihss\nsub-01,7\nsub-01,8\n", "More than one row"),
    "a patient twice in two spellings": (
        b"participant_id,nihss\nsub-01,7\n01,7\n",
        "More than one",
    ),
    "a heading twice": (b"participant_id,nihss,nihss\nsub-01,7,8\n", "repeated headings"),
    "two headings of one meaning": (b"participant_id,sex,gender\nsub-01,F,F\n", "are both sex"),
    "a row too long": (b"participant_id,nihss\nsub-01,7,8\n", "Row 2 of the table"),
    "a row too short": (b"participant_id,nihss,mrs\nsub-01,7\n", "Row 2 of the table"),
    "a decimal comma between commas": (b"participant_id,nihss\nsub-01,7,5\n", "Row 2"),
    "no column of patients": (b"name,nihss\nsub-01,7\n", "no participant_id column"),
    "a quote that is not closed": (b'participant_id,nihss\nsub-01,"7\n', "unexpected end"),
    "UTF-16": ("participant_id,nihss\nsub-01,7\n".encode("utf-16"), "not UTF-8"),
    "Latin-1": ("participant_id,größe\nsub-01,7\n".encode("latin-1"), "not UTF-8"),
    "an image": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "not UTF-8"),
    "nothing": (b"", "empty"),
    "empty lines alone": (b"\n\n\n", "empty"),
    "a page of the web": (b"<html><td>participant_id</td></html>", "no participant_id column"),
    "the line in which Excel names the delimiter": (
        b"sep=;\nparticipant_id;nihss\nsub-01;7\n",
        "no participant_id column",
    ),
    "a title above the headings": (
        b"Our patients,\nparticipant_id,nihss\nsub-01,7\n",
        "no participant_id column",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_table_that_cannot_be_read_for_certain_is_refused(tmp_path, name):
    content, message = REFUSED[name]
    with pytest.raises(StrokeprepError, match=message) as refused:
        read(as_text(tmp_path, content))
    assert "baseline.csv" in str(refused.value)


def test_a_zero_byte_in_a_cell_is_no_value(tmp_path):
    table = read(as_text(tmp_path, b"participant_id,nihss\nsub-01,\x007\n"))
    assert table.refused == ["baseline.csv, row 2, column nihss: not a number"]


# A cell of a workbook, and the value of a column that it gives; None is a refusal.
CELLS = [
    ("nihss", 7, "7"),
    ("nihss", 7.0, "7"),
    ("nihss", "7", "7"),
    ("nihss", True, None),
    ("nihss", 7.4, None),
    ("nihss", -1, None),
    ("nihss", 1e12, None),
    ("nihss", "#N/A", GAP),
    ("nihss", "#DIV/0!", None),
    ("nihss", "=SUM(A1:A3)", None),
    ("nihss", "7/42", None),
    ("nihss", "about 7", None),
    ("nihss", "nan", GAP),
    ("nihss", " ", GAP),
    ("nihss", None, GAP),
    ("glucose", 0.1 + 110, "110.1"),
    ("glucose", "110 mg/dL", "110"),
    ("glucose", "6.1 mmol/L", None),
    ("glucose", "110MG/DL", "110"),
    ("nihss", "\uff17", None),
    ("nihss", "\u22127", None),
    ("nihss", 99, None),
    ("nihss", "#REF!", None),
    ("inr", 1.1, "1.1"),
    ("lesion_volume", 0.00001, "0.00001"),
    ("inr", "> 20", None),
    ("hba1c", 0.065, None),
    ("hba1c", "6.5 %", "6.5"),
    ("age", "> 89", None),
    ("age", 999, None),
    ("sex", "w", None),
    ("hypertension", "ja", None),
    ("glucose", "1.105,5", None),
    ("age", 67, "67"),
    ("age", 43902, None),
    ("age", datetime.datetime(1950, 3, 12), None),
    ("age", datetime.date(1950, 3, 12), None),
    ("age", "1950", None),
    ("age", "12.03.1950", None),
    ("hypertension", True, "1"),
    ("hypertension", 0, "0"),
    ("hypertension", 2, None),
    ("hypertension", "yes, since 1998", None),
    ("sex", "Female", "F"),
    ("sex", 1, None),
    ("sex", "F (Jane Doe)", None),
    ("tici", "2B", "2b"),
    ("tici", "3*", "3"),
    ("tici", "3 (2b before)", None),
    ("onset_to_door", datetime.time(1, 20), "80"),
    ("onset_to_door", datetime.timedelta(hours=26), "1560"),
    ("onset_to_door", "14:32 on Monday", None),
    ("onset_to_door", "80 min", "80"),
    ("onset_to_door", -15, None),
    ("onset_to_door", datetime.datetime(2021, 3, 12, 14, 32), None),
]


@pytest.mark.parametrize(("column", "cell", "value"), CELLS)
def test_a_cell_of_a_workbook_gives_a_value_or_is_refused_by_row_and_column(
    tmp_path, column, cell, value
):
    rows = ("participant_id", column), ("sub-02", None), ("sub-01", cell)
    table = read(as_workbook(tmp_path, *rows))
    assert table.rows["sub-01"] == {column: value or GAP}
    where = [text.partition(":")[0] for text in table.refused]
    assert where == ([] if value else [f"baseline.xlsx, row 3, column {column}"])


@pytest.mark.parametrize(
    ("cell", "reason"), [("=70+1", "a formula"), (datetime.date(1950, 3, 12), "a date")]
)
def test_a_cell_without_a_value_is_refused_for_what_it_is(tmp_path, cell, reason):
    table = read(as_workbook(tmp_path, ("participant_id", "age"), ("sub-01", cell)))
    assert table.refused == [f"baseline.xlsx, row 2, column age: {reason}"]


@pytest.mark.parametrize(
    "ids",
    [(1, 2), (1.0, 2.0), ("Sub-01", "Sub-02"), ("sub 01", "sub_02"), (datetime.date(2021, 1, 1),)],
)
def test_rows_of_nobody_in_the_study_are_told_where_its_patients_have_none(tmp_path, ids):
    rows = ("participant_id", "nihss"), *((each, 7) for each in ids)
    table = read(as_workbook(tmp_path, *rows))
    assert table.rows == {} and table.others == [
        f"baseline.xlsx, row {number}" for number in range(2, len(ids) + 2)
    ]
    (remark,) = dataset.left_out("baseline", table, PEOPLE)
    assert "no row for sub-01, sub-02" in remark and "baseline.xlsx, row 2" in remark


def test_rows_of_others_are_not_told_where_every_patient_has_one(tmp_path):
    rows = ("participant_id", "nihss"), *((name, 7) for name in (*PEOPLE, "sub-99"))
    table = read(as_workbook(tmp_path, *rows))
    assert table.others and not list(dataset.left_out("baseline", table, PEOPLE))


def test_sheets_beside_the_first_are_counted_and_told_if_they_hold_anything(tmp_path):
    root = as_workbook(tmp_path, ("participant_id", "nihss"), *((name, 7) for name in PEOPLE))
    book = load_workbook(root / "phenotype/baseline.xlsx")
    book.create_sheet("empty")
    book.create_sheet("old").append(("participant_id", "mrs"))
    book.save(root / "phenotype/baseline.xlsx")
    remarks = list(dataset.left_out("baseline", read(root), PEOPLE))
    assert remarks == ["baseline: sheets beside the first, which are not read: baseline.xlsx (1)"]


def test_the_file_by_which_excel_marks_an_open_workbook_is_no_table(tmp_path):
    root = as_text(tmp_path, b"participant_id,nihss\nsub-01,7\n")
    (root / "phenotype/~$baseline.xlsx").write_bytes(b"Jane Doe")
    assert read(root).rows == {"sub-01": {"nihss": "7"}}
    assert tables.names(root) == ["baseline"] and tables.unread(root) == []


@pytest.mark.parametrize("cell", ["Jane Doe", "12.03.1950", "call 03476 1234"])
def test_a_refusal_does_not_tell_what_the_cell_holds(tmp_path, cell):
    table = read(as_workbook(tmp_path, ("participant_id", "nihss"), ("sub-01", cell)))
    assert len(table.refused) == 1 and cell not in table.refused[0]


def test_cells_that_are_merged_over_two_patients_are_the_value_of_neither(tmp_path):
    rows = ("participant_id", "nihss"), ("sub-01", 7), ("sub-02", None)
    table = read(as_workbook(tmp_path, *rows, merged="B2:B3"))
    assert table.rows == {person: {"nihss": GAP} for person in PEOPLE} and len(table.refused) == 2

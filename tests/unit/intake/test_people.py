"""Codes come from the lab's own table or by chance, and the table stays with the lab."""

from __future__ import annotations

import multiprocessing
import stat

import pytest
from strokeprep.errors import StrokeprepError
from strokeprep.intake import people
from strokeprep.intake.studies import Patient

HEADER = "patient\tissuer\tsubject\n"


@pytest.fixture
def table(tmp_path):
    return tmp_path / "private" / "people.tsv"


def write(table, text):
    table.parent.mkdir(exist_ok=True)
    table.write_text(HEADER + text)
    table.chmod(0o600)


def test_a_patient_gets_the_code_of_the_table(table):
    write(table, "A1\tX\t07\nA1\tY\t08\nB\t\tsub-09\n")
    patients = [Patient("A1", "X"), Patient("A1", "Y"), Patient("B", "Z"), Patient("C")]
    codes = people.codes(table, patients, draw=False)
    assert list(codes.values()) == ["07", "08", "09"] and Patient("C") not in codes


def test_codes_are_drawn_once_and_only_the_owner_can_read_them(table):
    patients = [Patient(f"P{index}") for index in range(30)]
    drawn = people.codes(table, patients, draw=True)
    assert len(set(drawn.values())) == 30
    assert people.codes(table, patients, draw=True) == drawn
    assert stat.S_IMODE(table.stat().st_mode) == 0o600
    assert list(drawn.values()) != sorted(drawn.values())  # no order tells who came first


def test_codes_that_are_drawn_at_the_same_time_do_not_meet(table):
    with multiprocessing.get_context("fork").Pool(4) as pool:
        pool.starmap(draw, [(table, index) for index in range(12)])
    known = people.codes(table, [Patient(f"P{index}") for index in range(12)], draw=False)
    assert len(set(known.values())) == 12


def draw(table, index):
    people.codes(table, [Patient(f"P{index}")], draw=True)


def test_a_table_that_others_can_read_is_refused(table):
    write(table, "A\t\t01\n")
    table.chmod(0o640)
    with pytest.raises(StrokeprepError, match="chmod 600"):
        people.codes(table, [], draw=False)


def test_a_table_in_the_output_is_refused(table, tmp_path):
    write(table, "A\t\t01\n")
    with pytest.raises(StrokeprepError, match="given away"):
        people.codes(table, [], draw=False, outputs=[tmp_path])


@pytest.mark.parametrize(
    "line", ["SECRET\t\t01\nSECRET\t\t02\n", "SECRET\t\t\n", "SECRET\t\t../x\n"]
)
def test_a_fault_of_the_table_is_told_by_its_line_alone(line, table):
    write(table, line)
    with pytest.raises(StrokeprepError, match="Line [23] ") as caught:
        people.codes(table, [], draw=False)
    assert "SECRET" not in str(caught.value)


def test_without_a_table_nobody_gets_a_code(table):
    with pytest.raises(StrokeprepError, match="no table of patients"):
        people.codes(table, [Patient("A")], draw=False)

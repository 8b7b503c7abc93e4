"""Clinical values of a release: altered, capped, withheld, in groups that are large enough."""

from __future__ import annotations

import hashlib

import pytest
from openpyxl import load_workbook
from strokeprep.clinical import alteration, anonymity, outgoing, workbook
from strokeprep.clinical.columns import KNOWN
from strokeprep.errors import StrokeprepError
from strokeprep.io.whole import write_text
from strokeprep.settings.finished.release import ReleaseSettings
from strokeprep.study import naming

KEY = b"secret"


def told(value: str, name: str, person: str = "sub-01", key: bytes = KEY, **settings) -> str:
    rows = {person: {name: value}}
    return outgoing.told(rows, [person], [name], ReleaseSettings(**settings), key)[person][name]


# --- Alteration -----------------------------------------------------------------------------------


def test_altered_values_stay_within_the_share_and_are_spread_over_it():
    values = [float(told("100", "glucose", f"sub-{n}")) for n in range(400)]
    assert 94.9 <= min(values) < 95.5 and 104.5 < max(values) <= 105.1
    assert sum(values) / len(values) == pytest.approx(100, abs=0.5)


def test_a_patient_gets_the_same_alteration_in_every_release_and_each_column_its_own():
    assert told("5.31", "crp") == told("5.31", "crp")
    drawn = {told("100", name) for name in ("glucose", "creatinine")}
    assert "100" in drawn and len(drawn) == 2  # creatinine is none of those that are altered
    factors = {told("100", name, altered=("glucose", "ldl")) for name in ("glucose", "ldl")}
    assert len(factors) == 2


@pytest.mark.parametrize("value", ["10", "1499.6", "1500"])
def test_an_altered_value_is_written_without_exponent_and_lies_in_the_range_that_is_told(value):
    about = outgoing.meanings(["glucose"], ReleaseSettings())["glucose"]
    for person in range(50):
        written = told(value, "glucose", f"sub-{person}")
        assert "e" not in written
        assert about["Minimum"] <= float(written) <= about["Maximum"]


def test_another_study_alters_otherwise():
    assert told("100", "glucose", key=b"one") != told("100", "glucose", key=b"other")


@pytest.mark.parametrize("share", [0, 0.05, 0.5])
def test_the_table_says_by_how_much(share):
    said = outgoing.meanings(["glucose", "age"], ReleaseSettings(altered_by=share))
    assert f"up to {share * 100:g} %" in said["glucose"]["Description"]
    assert "Altered" not in said["age"]["Description"]


def test_what_was_measured_of_lesions_does_not_stand_for_what_somebody_found(tmp_path):
    write_text("participant_id\tside\nsub-01\tleft\n", tmp_path / naming.ALL_LESIONS)
    write_text("participant_id\tage\nsub-01\t70\n", tmp_path / "phenotype/clinical.tsv")
    write_text("participant_id\nsub-01\n", tmp_path / "participants.tsv")
    assert outgoing.collected(tmp_path) == {"sub-01": {"age": "70"}}


# --- Values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "name", "released"),
    [
        ("n/a", "glucose", "n/a"),
        ("89", "age", "89"),
        ("97", "age", "89"),
        ("71.9", "age", "71"),
        ("F", "sex", "F"),
        ("80.512", "onset_to_door", "80.5167"),
        ("2b", "tici", "2b"),
    ],
)
def test_a_value_is_released_as_the_archive_has_it(value, name, released):
    assert told(value, name) == released


def test_a_withheld_column_is_empty():
    assert told("F", "sex", withheld=("sex",)) == "n/a"


@pytest.mark.parametrize(
    ("value", "name", "cell"),
    [
        ("n/a", "age", None),
        ("71", "age", 71),
        ("1.25", "inr", 1.25),
        ("1", "hypertension", 1),
        ("1560", "door_to_groin", "26:00:00"),
        ("80.5167", "onset_to_door", "01:20:31"),
        ("3", "tici", "3"),
    ],
)
def test_a_cell_of_a_table_is_a_number_a_clock_or_empty_and_never_nan(value, name, cell):
    assert outgoing.cell(value, KNOWN[name]) == cell


def test_a_gap_of_one_table_is_filled_from_another(tmp_path):
    (tmp_path / "phenotype").mkdir()
    (tmp_path / "phenotype/baseline.tsv").write_text("participant_id\tage\tsex\nsub-01\tn/a\tF\n")
    (tmp_path / "participants.tsv").write_text("participant_id\tage\nsub-01\t71\nsub-02\t60\n")
    assert outgoing.collected(tmp_path) == {
        "sub-01": {"age": "71", "sex": "F"},
        "sub-02": {"age": "60"},
    }


# --- Groups ---------------------------------------------------------------------------------------

ROWS = [
    *({"sex": "F", "age": "71", "center": "1"} for _ in range(5)),
    *({"sex": "F", "age": "79", "center": "1"} for _ in range(2)),
    {"sex": "M", "age": "79", "center": "1"},
    {"sex": "M", "age": "n/a", "center": "2"},
]


def test_the_smallest_groups_come_first_and_a_gap_is_a_value():
    found = anonymity.groups(ROWS, ("sex", "age"), 10)
    assert [tuple(each) for each in found] == [
        (("M", "70-79"), 1),
        (("M", "n/a"), 1),
        (("F", "70-79"), 7),
    ]


def test_finer_bands_make_smaller_groups():
    assert len(anonymity.groups(ROWS, ("sex", "age"), 5)) == 4


def test_groups_that_are_too_small_are_refused_by_name_and_number(tmp_path):
    found = anonymity.groups(ROWS, ("sex", "age"), 10)
    with pytest.raises(StrokeprepError, match=r"2 groups .* by sex, age: M, 70-79 \(1\); M, n/a"):
        anonymity.refuse_small(found, ("sex", "age"), 2, tmp_path)
    anonymity.refuse_small(found, ("sex", "age"), 1, tmp_path)
    anonymity.refuse_small(anonymity.groups(ROWS[:7], ("sex",), 10), ("sex",), 7, tmp_path)


# --- Workbooks ------------------------------------------------------------------------------------


def test_a_workbook_holds_numbers_texts_and_empty_cells(tmp_path):
    workbook.write_xlsx([["Age", "CRP", "TICI"], [71, None, "2b"]], tmp_path / "a.xlsx")
    sheet = load_workbook(tmp_path / "a.xlsx").active
    assert [[cell.value for cell in row] for row in sheet] == [
        ["Age", "CRP", "TICI"],
        [71, None, "2b"],
    ]


def test_columns_of_a_workbook_are_as_wide_as_their_cells(tmp_path):
    rows = [["A title over all columns of this table"], ["Age", "Onset to door"], [71, None]]
    workbook.write_xlsx([*rows, [5, "x" * 200]], tmp_path / "a.xlsx")
    widths = load_workbook(tmp_path / "a.xlsx").active.column_dimensions
    assert (widths["A"].width, widths["B"].width) == (5, workbook.WIDEST)


def test_a_workbook_tells_no_time_so_that_its_bytes_are_the_same(tmp_path, monkeypatch):
    digests = set()
    for year in (2001, 2031):
        monkeypatch.setattr("time.time", lambda year=year: (year - 1970) * 31_556_952.0)
        workbook.write_xlsx([["Age"], [71]], tmp_path / "a.xlsx")
        digests.add(hashlib.sha256((tmp_path / "a.xlsx").read_bytes()).hexdigest())
    assert len(digests) == 1


def test_what_is_altered_is_told_in_words():
    assert (
        alteration.told(0.05)
        == "Altered at random by up to 5 % of the value and rounded, to protect patients."
    )

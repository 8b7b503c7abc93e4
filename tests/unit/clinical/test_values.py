"""A cell is released as a number in its range, one of its levels, or a duration, or not at all."""

from __future__ import annotations

import pytest
from strokeprep.clinical.columns import KNOWN
from strokeprep.clinical.values import parsed
from strokeprep.io.tables import MISSING
from strokeprep.settings.study import Column

NOTE = Column("text", "A remark")


@pytest.mark.parametrize(
    ("column", "cell", "value"),
    [
        ("glucose", "110", "110"),
        ("glucose", "98,5", "98.5"),
        ("glucose", "110 mg/dL", "110"),
        ("glucose", "110 mg/dl", "110"),
        ("crp", "0,125", "0.125"),
        ("inr", "1.1", "1.1"),
        ("inr", "1", "1"),
        ("inr", "2.31", "2.31"),
        ("nihss", "7.0", "7"),
        ("mrs_90d", "6", "6"),
        ("age", "067Y", "67"),
        ("age", "61.5", "61.5"),
        ("age", "18 months", "1.5"),
        ("age", "93", "89"),
        ("age", "90+", "89"),
        ("age", "103 years old", "89"),
        ("sex", "female", "F"),
        ("sex", "m", "M"),
        ("diabetes", "yes", "1"),
        ("diabetes", "False", "0"),
        ("tici", "2B", "2b"),
        ("lesion_type", "None", "none"),
        ("lesion_type", "n/a", "n/a"),
        ("door_to_groin", "1:20:00", "80"),
        ("door_to_groin", "0 days 01:20:30", "80.5"),
        ("door_to_groin", "26:00", "1560"),
        ("door_to_groin", "95", "95"),
        ("door_to_groin", "95 min", "95"),
    ],
)
def test_a_value_is_read_in_the_spellings_of_hospitals(column, cell, value):
    assert parsed(cell, KNOWN[column]) == value


@pytest.mark.parametrize("name", [name for name in KNOWN if KNOWN[name].type == "number"])
def test_every_number_in_the_range_of_a_column_is_kept_to_its_last_digit(name):
    low, high = KNOWN[name].range
    step = (high - low) / 1000
    for value in (f"{low + n * step:.6g}" for n in range(1001)):
        assert float(parsed(value, KNOWN[name])) == float(value)


@pytest.mark.parametrize(
    ("column", "cell"),
    [("lesion_volume", "0.000012"), ("door_to_groin", "0.00001"), ("crp", "-0"), ("age", "0.5")],
)
def test_a_value_is_written_so_that_it_can_be_read_again(column, cell):
    value = parsed(cell, KNOWN[column])
    assert "e" not in value and parsed(value, KNOWN[column]) == value


@pytest.mark.parametrize("cell", ["", "n/a", "NaN", "nan", "-", "?", "unknown", "N.A.", "None"])
def test_a_gap_is_a_gap_in_every_spelling(cell):
    assert parsed(cell, KNOWN["nihss"]) == MISSING


@pytest.mark.parametrize(
    "cell",
    ["March 12, 2021", "12-Mar-21", "20210312T143200", "1615543200", "43902", "2021/3", "03122021",
     "12 mars 21", "令和3年3月12日", "2021-03-12", "=A1", "=HYPERLINK(...)", "1e2", "0x1f",
     "inf", "١٢", "call 03476 1234", "seven", "1,234", "12;13", "<5"],
)  # fmt: skip
@pytest.mark.parametrize("column", ["glucose", "nihss", "age", "door_to_groin", "diabetes", "sex"])
def test_a_date_an_identifier_or_a_text_is_no_value(column, cell):
    with pytest.raises(ValueError):
        parsed(cell, KNOWN[column])


@pytest.mark.parametrize(
    ("column", "cell"),
    [("nihss", "43"), ("nihss", "7.5"), ("mrs", "-1"), ("age", "126"), ("glucose", "5")],
)
def test_a_value_out_of_range_is_refused(column, cell):
    with pytest.raises(ValueError):
        parsed(cell, KNOWN[column])


@pytest.mark.parametrize("cell", ["=1+1", "+4917612345", "@SUM(A1)", "-1", "x" * 61, "a\x07b"])
def test_a_text_that_a_spreadsheet_would_run_or_that_is_long_is_refused(cell):
    with pytest.raises(ValueError):
        parsed(cell, NOTE)


def test_a_short_text_is_kept_where_the_config_says_so():
    assert parsed("left insula", NOTE) == "left insula"

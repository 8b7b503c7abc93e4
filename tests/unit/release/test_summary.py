"""The tables of a release's description say how many cases tell a value, and what it is."""

from __future__ import annotations

from strokeprep.release import summary


def told(name: str, *values: str) -> list[tuple]:
    rows = {str(number): {name: value} for number, value in enumerate(values)}
    return [
        (row["column"], row["cases"], row["value"]) for row in summary.demographics(rows, [name])
    ]


def test_numbers_have_a_mean_and_a_standard_deviation_with_their_unit():
    assert told("glucose", "100", "120", "n/a") == [("Glucose (mg/dL)", 2, "110.0 ± 14.1")]
    assert told("mrs_90d", "1", "3") == [("mRS 3 months", 2, "2.00 ± 1.41")]
    assert told("inr", "1.1") == [("INR", 1, "1.10 ± 0.00")]


def test_levels_have_shares_of_the_cases_that_tell_them():
    assert told("sex", "F", "M", "F", "n/a") == [
        ("Sex: female", 3, "2 (67%)"),
        ("Sex: male", 3, "1 (33%)"),
    ]
    assert told("hypertension", "1", "0", "0", "0") == [("Hypertension", 4, "1 (25%)")]
    assert told("diabetes", "0") == [("Diabetes", 1, "0 (0%)")]


def test_hospitals_are_counted_and_not_averaged():
    assert told("center", "2", "1", "2") == [
        ("Center: 1", 3, "1 (33%)"),
        ("Center: 2", 3, "2 (67%)"),
    ]


def test_a_column_that_nobody_tells_is_left_out():
    assert told("crp", "n/a", "n/a") == []

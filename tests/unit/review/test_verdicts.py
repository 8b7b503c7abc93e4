"""A rater's file is read as pages and spreadsheets save it, and refused where it says what none can."""

from __future__ import annotations

import pytest
from strokeprep.errors import StrokeprepError
from strokeprep.review import verdicts
from strokeprep.review.verdicts import Verdict

HEADING = "participant_id\tstep\tverdict\tversion\tnote\n"
LINE = "sub-01\tbrain\tgood\tabcdefghijkl\tfits\n"
FOUND = Verdict("sub-01", "brain", "good", "abcdefghijkl", "fits")


@pytest.mark.parametrize(
    "text",
    [
        HEADING + LINE,
        "\ufeff" + (HEADING + LINE).replace("\n", "\r\n"),
        "note\tversion\tverdict\tstep\tparticipant_id\tmore\n"
        "fits\tabcdefghijkl\tgood\tbrain\tsub-01\tx\n",
        HEADING + LINE.replace("fits", '"fits"'),
    ],
    ids=["page", "spreadsheet", "other order", "quoted"],
)
def test_a_table_is_read_as_it_was_saved(text):
    assert verdicts.parsed(text, "x") == [FOUND]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lacks a column"),
        (HEADING.replace("step", "part"), "lacks a column"),
        (HEADING + LINE.replace("sub-01", "Jane"), "Line 2 has a participant_id"),
        (HEADING + LINE.replace("good", "fine"), "Line 2 has a verdict"),
        (HEADING + LINE.replace("brain", "../brain"), "Line 2 has a step"),
        (HEADING + LINE.replace("abcdefghijkl", "1"), "Line 2 has a version"),
        (HEADING + LINE.replace("fits", "x" * 501), "Line 2 has a note"),
        (HEADING + LINE + LINE.replace("good", "bad"), "Two verdicts on sub-01 brain"),
    ],
)
def test_what_no_rater_can_have_said_is_refused(text, said):
    with pytest.raises(StrokeprepError, match=said):
        verdicts.parsed(text, "x")


def test_a_line_that_ends_early_says_nothing():
    assert verdicts.parsed(HEADING + "sub-01\tbrain\n", "x")[0].is_empty


def test_a_verdict_takes_the_place_of_the_one_before_and_an_empty_one_takes_it_back(tmp_path):
    path = tmp_path / "review/verdicts_A.tsv"
    verdicts.add(path, [FOUND, Verdict("sub-02", "brain", "bad", "abcdefghijkl")])
    verdicts.add(path, [Verdict("sub-01", "brain", "bad", "ponmlkjihgfe")])
    verdicts.add(path, [Verdict("sub-02", "brain", "n/a", "abcdefghijkl")])
    (rater,) = verdicts.raters(path.parent)
    assert rater.name == "A"
    assert list(rater.verdicts.values()) == [Verdict("sub-01", "brain", "bad", "ponmlkjihgfe")]


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "verdicts_A.tsv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StrokeprepError, match="cannot be read"):
        verdicts.raters(tmp_path)

"""The command tells how far each rater is, and refuses what cannot be served."""

from __future__ import annotations

import sys

import pytest
from strokeprep.io.whole import write_text
from strokeprep.report import plan
from strokeprep.report.pages import steps
from strokeprep.report.pages.steps import Step
from strokeprep.review import command, verdicts
from strokeprep.review.verdicts import Verdict

NOW, BEFORE = "abcdefghijkl", "ponmlkjihgfe"


@pytest.fixture
def called(tmp_path, monkeypatch):
    """A function that runs the command on a study of one case and two steps."""
    made = tmp_path / "work/dataset"
    write_text("a page", made / plan.COHORT)
    table = steps.table([Step("brain", "Brain masks", NOW), Step("to-cta", "CTA", NOW)])
    write_text(table, made / plan.image_names("01").steps)

    def run(*arguments: str, folder=tmp_path) -> int:
        monkeypatch.setattr(sys, "argv", ["strokeprep review", str(folder), *arguments])
        return command.main()

    return run


def test_it_tells_how_far_each_rater_is_and_what_is_bad(called, tmp_path, capsys):
    said = [
        Verdict("sub-01", "brain", "bad", BEFORE),
        Verdict("sub-01", "to-cta", "good", NOW),
        Verdict("sub-02", "brain", "bad", NOW),  # of another study
    ]
    verdicts.add(tmp_path / "work/review/verdicts_A.tsv", said)
    assert called() == 0
    assert capsys.readouterr().out == (
        "A: 1 of 2 steps judged\n  bad: sub-01 brain (made again since)\n"
    )


def test_without_verdicts_it_says_so(called, capsys):
    assert called() == 0
    assert "No verdicts lie in" in capsys.readouterr().out


@pytest.mark.parametrize("rater", [(), ("--rater", "../A"), ("--rater", "")])
def test_nothing_is_served_without_a_name_for_the_file(called, rater, capsys):
    with pytest.raises(SystemExit):
        called("--serve", *rater)
    assert "--serve needs --rater" in capsys.readouterr().err


def test_a_folder_that_holds_no_study_is_refused(called, tmp_path, capsys):
    with pytest.raises(SystemExit):
        called(folder=tmp_path / "work")
    assert "name the work folder with --work" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_told_before_a_page_opens(called, tmp_path, capsys):
    write_text("no table", tmp_path / "work/review/verdicts_A.tsv")
    assert called("--serve", "--rater", "A") == 1
    assert "lacks a column" in capsys.readouterr().err

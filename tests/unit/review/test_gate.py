"""A case is released if as many people as asked judged it as it is now, and nobody called it bad."""

from __future__ import annotations

import pytest
from strokeprep.io.whole import write_text
from strokeprep.report import plan
from strokeprep.report.pages import steps
from strokeprep.report.pages.steps import Step
from strokeprep.review import gate
from strokeprep.review.verdicts import Rater, Verdict

NOW, BEFORE = "abcdefghijkl", "ponmlkjihgfe"


@pytest.fixture
def objection(tmp_path):
    """A function that says why a case of two steps is not released."""
    made = [Step("brain", "Brain masks", NOW), Step("to-cta", "CTA", NOW)]
    write_text(steps.table(made), tmp_path / plan.image_names("01").steps)

    def found(review: str, *raters: Rater, subject: str = "01"):
        return gate.objection(subject, tmp_path, raters, review)

    return found


def rater(name: str, brain: str, cta: str = "good", version: str = NOW) -> Rater:
    """A rater's words on both steps; those on the brain are about one version of it."""
    said = [
        Verdict("sub-01", "brain", brain, version, "a note"),
        Verdict("sub-01", "to-cta", cta, NOW),
    ]
    return Rater(name, {each.key: each for each in said})


ONE, OTHER = rater("A", "good"), rater("B", "doubtful")


@pytest.mark.parametrize(
    ("review", "raters"),
    [("none", []), ("one", [ONE]), ("two", [ONE, OTHER]), ("one", [rater("C", "n/a"), OTHER])],
)
def test_a_case_that_enough_people_judged_passes(objection, review, raters):
    assert objection(review, *raters) is None


@pytest.mark.parametrize(
    ("review", "raters", "why"),
    [
        ("one", [], "not judged by one: brain, to-cta"),
        ("two", [ONE], "not judged by two: brain, to-cta"),
        ("one", [rater("C", "n/a")], "not judged by one: brain"),
        ("one", [rater("A", "good", version=BEFORE)], "not judged by one: brain"),
        ("two", [ONE, rater("B", "good", version=BEFORE)], "not judged by two: brain"),
        ("none", [rater("A", "bad"), OTHER], "bad: brain (A)"),
        ("two", [rater("A", "bad"), rater("B", "bad", "bad")], "bad: brain (A); brain (B); to-cta (B)"),
    ],
)  # fmt: skip
def test_a_case_that_too_few_judged_or_anybody_rejected_is_left_out(objection, review, raters, why):
    assert objection(review, *raters) == why


def test_a_rejection_stands_until_its_rater_has_looked_again(objection):
    said = objection("none", rater("A", "bad", version=BEFORE))
    assert said == "bad: brain (A, made again since: look at it again)"
    assert objection("none", rater("A", "doubtful")) is None


def test_what_is_said_of_a_step_that_is_no_more_decides_nothing(objection):
    gone = Verdict("sub-01", "maps", "bad", NOW)
    assert objection("none", Rater("A", {gone.key: gone})) is None


def test_a_case_without_pages_is_not_judged(objection):
    assert objection("one", ONE, subject="02") == "has no step that people could judge"
    assert objection("none", ONE, subject="02") is None


def test_no_note_is_repeated(objection):
    assert "a note" not in objection("none", rater("A", "bad"))

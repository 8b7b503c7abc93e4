"""Two raters' files become shares, kappas and a list of disagreements."""

from __future__ import annotations

import sys

import pytest
from strokeprep.io import tables
from strokeprep.review import agreement, verdicts
from strokeprep.review.verdicts import Rater, Verdict

NOW, BEFORE = "abcdefghijkl", "ponmlkjihgfe"
# Of fifty cases; the example of the article on Cohen's kappa that most textbooks repeat.
BOTH = (
    [("good", "good")] * 20 + [("good", "bad")] * 5 + [("bad", "good")] * 10 + [("bad", "bad")] * 15
)


def rater(name: str, said: list[str], version: str = NOW, step: str = "brain") -> Rater:
    given = [Verdict(f"sub-{n:02d}", step, each, version) for n, each in enumerate(said)]
    return Rater(name, {each.key: each for each in given})


ONE, OTHER = rater("A", [one for one, _ in BOTH]), rater("B", [other for _, other in BOTH])


def test_share_and_kappa_are_those_of_the_textbook():
    found = agreement.compared(ONE, OTHER)
    step, whole = agreement.of_steps(found.pairs)
    assert step == whole | {"step": "brain"}
    assert (step["judged_by_both"], step["share"], step["kappa"]) == (50, "0.700", "0.400")
    assert float(step["low"]) < 0.4 < float(step["high"])
    assert len(agreement.differing(found.pairs)) == 15


def test_raters_of_one_verdict_agree_and_have_no_kappa():
    same = rater("A", ["good"] * 3)
    step, _ = agreement.of_steps(agreement.compared(same, same).pairs)
    assert (step["share"], step["kappa"], step["low"]) == ("1.000", "n/a", "n/a")


def test_what_cannot_be_compared_is_counted_and_left_out():
    one, other = rater("A", ["good", "bad", "n/a"]), rater("B", ["good"], BEFORE)
    other = Rater("B", {**rater("B", ["good"] * 3).verdicts, **other.verdicts})
    found = agreement.compared(one, other)
    assert [pair.case for pair in found.pairs] == ["sub-01"]
    assert (found.single, found.apart) == (1, 1)


@pytest.fixture
def command(tmp_path, monkeypatch):
    """A function that runs the command on two raters' files; returns its exit status."""

    def run(*raters: Rater) -> int:
        for each in raters:
            verdicts.add(tmp_path / f"verdicts_{each.name}.tsv", each.verdicts.values())
        files = [str(tmp_path / f"verdicts_{each.name}.tsv") for each in raters]
        monkeypatch.setattr(sys, "argv", ["agreement", *files, "--out", str(tmp_path / "out")])
        return agreement.main()

    return run


def test_the_command_writes_both_tables(command, tmp_path, capsys):
    assert command(ONE, OTHER) == 0
    assert "0 steps were judged by one of them alone" in capsys.readouterr().err
    assert [row["step"] for row in tables.read(tmp_path / "out/agreement.tsv")] == ["brain", "all"]
    first = tables.read(tmp_path / "out/disagreements.tsv")[0]
    assert first == {"participant_id": "sub-20", "step": "brain", "first": "good", "second": "bad"}


def test_raters_of_other_steps_cannot_be_compared(command, capsys):
    assert command(ONE, rater("B", ["good"], step="to-cta")) == 1
    assert "They judged no step both" in capsys.readouterr().err

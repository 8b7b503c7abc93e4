"""The last lines of a run say who is done, who is not, and why."""

from __future__ import annotations

import json

from strokeprep import summary, tables
from strokeprep.tables import Check


def test_every_subject_is_done_stopped_or_unfinished(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).touch()
    log = tmp_path / "logs/admit/sub-02.log"
    log.parent.mkdir(parents=True)
    log.with_name("sub-02.log.failure.json").write_text(
        json.dumps({"rule": "admit", "message": "The image is empty: x. Export.", "log": str(log)})
    )
    wanted = {
        "01": [str(tmp_path / "a"), str(tmp_path / "b")],
        "02": [str(tmp_path / "c")],
        "03": [str(tmp_path / "a"), str(tmp_path / "c")],
        "2": [str(tmp_path / "c")],
    }
    text = summary.text(wanted, tmp_path, tmp_path / "out")
    assert "sub-01: done, 2 files" in text
    assert f"sub-02: stopped\n    admit: The image is empty: x. Export.\n    log: {log}" in text
    assert "sub-03: unfinished, 1 of 2 files" in text
    assert "sub-2: unfinished" in text  # not taken for sub-02
    assert "1 of 4 subjects done" in text


def accuracy(tmp_path, *checks):
    path = tmp_path / "accuracy.tsv"
    path.write_text(tables.render([check.row() for check in checks], tables.CHECK_COLUMNS))
    return summary.accuracy(path)


def test_the_accuracy_table_shows_mean_and_worst_subject(tmp_path):
    text, passed = accuracy(
        tmp_path,
        Check("01", "cta_to_ncct", "tre_mean", 0.1, "mm", 0.3),
        Check("02", "cta_to_ncct", "tre_mean", 0.2, "mm", 0.3),
        Check("01", "brain_ncct", "dice", 0.99, "ratio", 0.96, at_least=True),
        Check("02", "brain_ncct", "dice", 0.97, "ratio", 0.96, at_least=True),
    )
    assert passed
    rows = {tuple(line.split()[:2]): line.split()[2:] for line in text.splitlines()}
    assert rows["cta_to_ncct", "tre_mean"] == ["0.15", "0.2", "≤", "0.3", "yes", "mm"]
    assert rows["brain_ncct", "dice"] == ["0.98", "0.97", "≥", "0.96", "yes"]


def test_one_subject_over_a_limit_fails_the_table(tmp_path):
    text, passed = accuracy(
        tmp_path,
        Check("01", "cta_to_ncct", "tre_mean", 0.4, "mm", 0.3),
        Check("02", "cta_to_ncct", "tre_mean", 0.2, "mm", 0.3),
    )
    assert not passed
    assert "0.4" in text and "no" in text


def test_a_figure_without_a_limit_passes_nothing_and_fails_nothing(tmp_path):
    text, passed = accuracy(tmp_path, Check("01", "x", "tre_mean", 9, "mm"))
    assert passed and "n/a" in text

"""The last lines of a run say who is done, who is not, and why."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from strokeprep.accuracy import summary
from strokeprep.accuracy.figures import SCORED
from strokeprep.io import tables
from strokeprep.io.whole import PARTIAL, write_text
from strokeprep.quality.judgement import CHECK_COLUMNS, Measurement
from strokeprep.run import endings
from strokeprep.study import naming


def failed(work, rule, log, **about):
    """Leave what a job leaves that failed."""
    log = work / "logs" / rule / log
    log.parent.mkdir(parents=True, exist_ok=True)
    failure = {"rule": rule, "message": "It broke: x. Mend it.", "log": str(log)} | about
    log.with_name(f"{log.name}.failure.json").write_text(json.dumps(failure))
    return log


@pytest.fixture
def wanted(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).touch()
    a, b, c = (str(tmp_path / name) for name in "abc")
    return {
        "01": {"images": [a, b], "perfusion": [a]},
        "02": {"images": [c]},
        "03": {"images": [a, c], "perfusion": []},
        "2": {"images": [c]},
    }


def test_every_subject_is_done_stopped_or_unfinished(tmp_path, wanted):
    log = failed(tmp_path, "admit", "sub-02.log")
    text = endings.text(endings.endings(wanted, tmp_path), tmp_path / "out", tmp_path / "page")
    assert "sub-01 images: done, 2 files" in text
    assert f"sub-02 images: stopped\n    admit: It broke: x. Mend it.\n    log: {log}" in text
    assert "sub-03 images: unfinished, 1 of 2 files" in text
    assert "sub-2 images: unfinished" in text  # not taken for sub-02
    assert "1 of 4 subjects done" in text


def test_a_record_that_a_killed_job_had_begun_to_write_is_passed_over(tmp_path, wanted):
    log = failed(tmp_path, "admit", "sub-02.log")
    (log.parent / f"{PARTIAL}0a1b2c3d-sub-03.log.failure.json").touch()
    ended = {each.subject: each.status for each in endings.endings(wanted, tmp_path)}
    assert (ended["02"], ended["03"]) == ("stopped", "skipped")


def test_perfusion_that_fails_leaves_the_images_done(tmp_path, wanted):
    failed(tmp_path, "perfusion", "sub-01/perf/sub-01_desc-aif.log", reason="no-bolus")
    ended = {(each.subject, each.part): each for each in endings.endings(wanted, tmp_path)}
    assert ended["01", "images"].status == "done"
    assert ended["01", "perfusion"].status == "stopped"
    assert ended["01", "perfusion"].row["reason"] == "no-bolus"
    assert ended["03", "perfusion"].status == "skipped"


def test_motion_that_fails_stops_the_images_since_all_else_of_the_scan_rests_on_it(
    tmp_path, wanted
):
    failed(tmp_path, "motion", "sub-01/perf/sub-01_desc-motion.log")
    ended = {(each.subject, each.part): each for each in endings.endings(wanted, tmp_path)}
    assert ended["01", "images"].status == "stopped"


def test_the_released_table_holds_no_message(tmp_path, wanted):
    failed(tmp_path, "admit", "sub-02.log")
    endings.write_status(endings.endings(wanted, tmp_path), tmp_path / "status.tsv")
    text = (tmp_path / "status.tsv").read_text()
    assert "sub-02\timages\tstopped\tadmit\tn/a" in text
    assert "broke" not in text and str(tmp_path) not in text


def test_what_belongs_to_no_subject_is_told_too(tmp_path, wanted):
    failed(tmp_path, "privacy_dataset", "dataset.log")
    others = endings.of_the_study(wanted, tmp_path)
    text = endings.text(
        endings.endings(wanted, tmp_path), tmp_path / "out", tmp_path / "page", others
    )
    assert "all subjects: stopped\n    privacy_dataset: It broke" in text


def test_the_cohort_table_has_the_rows_of_those_who_have_one(tmp_path):
    (tmp_path / "1.tsv").write_text("core_ml\n12\n")
    sources = [({"scan": name}, tmp_path / f"{name}.tsv") for name in ("1", "2")]
    endings.gather(sources, tmp_path / "all.tsv")
    assert tables.read(tmp_path / "all.tsv") == [{"scan": "1", "core_ml": "12"}]


def check(subject, step, metric, value, end=None):
    """A figure of the score that fails beyond ``end``."""
    limit = SCORED[metric] if end is None else SCORED[metric].failing_at(end)
    return Measurement(subject, step, metric, value, limit)


def table(path, *checks):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tables.render([check.check_row() for check in checks], CHECK_COLUMNS))
    return path


def accuracy(tmp_path, *checks):
    return summary.accuracy(table(tmp_path / "accuracy.tsv", *checks))


def test_the_accuracy_table_shows_mean_and_worst_subject(tmp_path):
    text, passed = accuracy(
        tmp_path,
        check("01", "cta_to_ncct", "tre_mean", 0.1, 0.3),
        check("02", "cta_to_ncct", "tre_mean", 0.2, 0.3),
        check("01", "brain_ncct", "dice", 0.99, 0.96),
        check("02", "brain_ncct", "dice", 0.97, 0.96),
    )
    assert passed
    rows = {tuple(line.split()[:2]): line.split()[2:] for line in text.splitlines()}
    assert rows["cta_to_ncct", "tre_mean"] == ["0.15", "0.2", "≤", "0.3", "yes", "mm"]
    assert rows["brain_ncct", "dice"] == ["0.98", "0.97", "≥", "0.96", "yes"]


def test_tables_of_accuracy_are_joined_where_they_are_there(tmp_path):
    paths = [tmp_path / f"{name}.tsv" for name in ("patients", "cohort", "none")]
    for path, step in zip(paths, ("brain_dwi", "cohort_share"), strict=False):
        table(path, check("01", step, "dice", 0.99))
    write_text(summary.joined(paths), tmp_path / "all.tsv")
    assert [row["step"] for row in tables.read(tmp_path / "all.tsv")] == [
        "brain_dwi",
        "cohort_share",
    ]


def test_one_subject_over_a_limit_fails_the_table(tmp_path):
    text, passed = accuracy(
        tmp_path,
        check("01", "cta_to_ncct", "tre_mean", 0.4, 0.3),
        check("02", "cta_to_ncct", "tre_mean", 0.2, 0.3),
    )
    assert not passed
    assert "0.4" in text and "no" in text


def test_the_worst_of_what_should_be_large_is_the_least_also_without_a_limit(tmp_path):
    text, _ = accuracy(
        tmp_path,
        check("01", "cow_ncct", "dice", 0.95),
        check("02", "cow_ncct", "dice", 0.85),
        check("01", "ctp_aif", "area_error", 0.02),
        check("02", "ctp_aif", "area_error", 0.06),
    )
    worst = {tuple(line.split()[:2]): line.split()[3] for line in text.splitlines()[1:]}
    assert worst == {("cow_ncct", "dice"): "0.85", ("ctp_aif", "area_error"): "0.06"}


def test_a_figure_without_a_limit_passes_nothing_and_fails_nothing(tmp_path):
    text, passed = accuracy(tmp_path, check("01", "x", "tre_mean", 9))
    assert passed and "n/a" in text


@pytest.mark.parametrize(
    ("worst", "status", "verdict"),
    [(0.3, 0, "Every limit is kept."), (0.4, 1, "Some limits are NOT kept")],
)
def test_the_last_command_of_a_demo_names_both_results_and_fails_with_a_limit(
    tmp_path, worst, status, verdict
):
    folder = tmp_path / "demo"
    made = table(
        folder / "derivatives" / naming.ACCURACY,
        check("01", "cta_to_ncct", "tre_mean", 0.2, 0.3),
        check("02", "cta_to_ncct", "tre_mean", worst, 0.3),
        check("02", "ctp_aif", "area_error", 9),
    )
    done = subprocess.run(
        [sys.executable, "-m", "strokeprep.command", "accuracy", str(folder)],
        env=os.environ | {"PYTHONPATH": str(Path(summary.__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    assert f"Derivatives    {folder / 'derivatives'}\n" in done.stdout
    assert f"Accuracy table {made}\n" in done.stdout
    assert verdict in done.stdout


def test_the_job_around_a_patients_steps_counts_only_where_no_step_has_failed(tmp_path):
    wanted = {name: {"images": ["a"], "perfusion": ["b"]} for name in ("1", "2")}
    failed(tmp_path, "patient", "sub-1.log")
    failed(tmp_path, "perfusion", "sub-1/perf/x.log")
    failed(tmp_path, "patient", "sub-2.log")
    ended = {(each.subject, each.part): each for each in endings.endings(wanted, tmp_path)}
    assert ended["1", "images"].status == "unfinished"
    assert ended["1", "perfusion"].row["rule"] == "perfusion"
    assert ended["2", "images"].row["rule"] == "patient"


@pytest.mark.parametrize(
    ("name", "review", "lacking", "searched", "left_out"),
    [
        ("01", None, [], True, None),
        ("01", "consent withdrawn", ["ncct"], True, ("review", "consent withdrawn")),
        ("01", None, ["cow-msk", "lvo-msk"], True, ("incomplete", "no cow-msk, lvo-msk")),
        ("01", None, [], False, ("unfinished", "not searched by the privacy audit")),
        ("02", None, [], True, ("unfinished", "images unfinished")),
        ("03", None, [], True, ("unfinished", "images stopped by audit")),
    ],
)
def test_a_patient_who_is_not_released_has_a_reason(
    wanted, tmp_path, name, review, lacking, searched, left_out
):
    failed(tmp_path, "audit", "sub-03.log")
    ended = endings.endings({name: wanted[name]}, tmp_path)
    assert endings.left_out(review, lacking, ended, searched) == left_out

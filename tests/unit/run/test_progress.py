"""Progress: who is done, what is left, and no more words than that."""

from __future__ import annotations

import io
import logging

import pytest
from snakemake_interface_logger_plugins.common import LogEvent
from strokeprep.run import progress
from strokeprep.run.progress import Course, Task

TASKS = {
    n: Task(rule, f"sub-{subject:02}")
    for n, (subject, rule) in enumerate((s, r) for s in (1, 2) for r in ("deface", "brain"))
} | {9: Task("dataset", progress.STUDY)}


class Clock:
    """A clock that goes on when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """A stream that is looked at."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def logger():
    made = logging.Logger("test")
    made.addHandler(logging.StreamHandler(io.StringIO()))
    return made


def run(logger: logging.Logger, jobs) -> None:
    """The events of a run that does some jobs."""
    for job in jobs:
        logger.info("Select jobs to execute...")
        logger.info("Execute 1 jobs...", extra={"event": LogEvent.JOB_STARTED, "jobs": [job]})
        logger.info("Rule: x", extra={"event": LogEvent.JOB_INFO})
        logger.info("Finished", extra={"event": LogEvent.JOB_FINISHED, "job_id": job})
        logger.info(None, extra={"event": LogEvent.PROGRESS})


@pytest.mark.parametrize(
    ("wildcards", "name"),
    [
        ({"subject": "01"}, "sub-01"),
        ({"folder": "sub-02/ses-01", "stem": "sub-02_ses-01"}, "sub-02"),
        ({}, progress.STUDY),
    ],
)
def test_a_job_belongs_to_the_subject_in_its_wildcards(wildcards, name):
    assert progress.owner(wildcards) == name


def test_a_log_gets_one_line_per_subject_and_nothing_else(logger):
    stream = io.StringIO()
    progress.watch(logger, TASKS, stream)
    run(logger, TASKS)
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("strokeprep: sub-01 done, 1 of 2")
    assert lines[1:] == ["strokeprep: sub-02 done, 2 of 2"]
    assert logger.handlers[0].stream.getvalue() == ""


def test_a_warning_and_an_error_are_still_said(logger):
    progress.watch(logger, TASKS, io.StringIO())
    logger.warning("The disk is full")
    logger.error("Error in rule", extra={"event": LogEvent.JOB_ERROR})
    assert logger.handlers[0].stream.getvalue() == "The disk is full\nError in rule\n"


def test_when_jobs_are_done_snakemake_has_the_last_word(logger):
    progress.watch(logger, TASKS, io.StringIO())
    run(logger, TASKS)
    progress.end(logger)
    logger.info("Complete log(s): run.log")
    assert logger.handlers[0].stream.getvalue() == "Complete log(s): run.log\n"
    assert len(logger.handlers) == 1


def test_a_text_is_known_by_its_event_whatever_it_says(logger):
    progress.watch(logger, TASKS, io.StringIO())
    logger.info("Jobs are chosen", extra={"event": LogEvent.RESOURCES_INFO})
    logger.info("Execute this by hand", extra={"event": LogEvent.ERROR})
    assert logger.handlers[0].stream.getvalue() == "Execute this by hand\n"


def test_the_log_file_keeps_every_word(logger, tmp_path):
    logger.addHandler(logging.FileHandler(tmp_path / "log"))
    progress.watch(logger, TASKS, io.StringIO())
    run(logger, [0])
    assert "Rule: x" in (tmp_path / "log").read_text()


def test_a_terminal_shows_one_line_that_is_drawn_over(logger):
    stream = Terminal()
    progress.watch(logger, TASKS, stream)
    logger.info("", extra={"event": LogEvent.JOB_STARTED, "jobs": [0, 2]})
    shown = stream.getvalue()
    assert shown.endswith("\r") and "\n" not in shown
    assert "0 of 5 jobs, 0 of 2 subjects" in shown


def test_the_line_names_who_is_at_work_and_keeps_its_width():
    course = Course(TASKS)
    course.begin([0])
    course.finish(0)
    course.begin([1, 2])
    text = progress.line(course, 200)
    assert text.endswith("| sub-01 1/2 · sub-02 0/2 | brain, deface")
    assert len(progress.line(course, 40)) == 40


def test_the_time_left_is_that_of_the_rules_to_come_side_by_side():
    clock = Clock()
    course = Course({n: Task("slow" if n < 4 else "fast", "sub-01") for n in range(8)}, clock)
    assert course.left_s is None
    course.begin([0, 1, 4])  # three at once
    clock.now = 2.0
    course.finish(4)
    clock.now = 20.0
    course.finish(0)
    course.finish(1)
    # 42 s of work in 20 s; two slow jobs of 20 s and three fast ones of 2 s are to come
    assert course.left_s == pytest.approx(46 / (42 / 20))
    assert progress.lasting(course.left_s) == "about 20 s left"


def test_a_job_that_is_told_twice_or_unknown_counts_once():
    course = Course(TASKS)
    course.finish(0)
    course.finish(0)
    course.finish(77)
    assert course.counts == (1, 5)

"""Measurements: their verdicts, and the rows that audit, score and report make of them."""

from __future__ import annotations

import pytest
from strokeprep.accuracy.figures import SCORED
from strokeprep.quality.judgement import CHECK_COLUMNS, REPORT_COLUMNS, Judge, worst
from strokeprep.settings import field
from strokeprep.settings.finished.report import ReportSettings
from strokeprep.settings.limits import (
    FAIL,
    LIMITS,
    NONE,
    PASS,
    WARN,
    AuditSettings,
)

JUDGE = Judge("01")


@pytest.mark.parametrize(
    ("value", "verdict", "passed", "told"),
    [(0.95, PASS, True, "yes"), (0.9, WARN, None, NONE), (0.8, FAIL, False, "no")],
)
def test_audit_and_report_say_the_same_of_one_value(value, verdict, passed, told):
    found = JUDGE("x", "template_dice", value)
    assert (found.verdict, found.passed) == (verdict, passed)
    assert (found.check_row()["pass"], found.report_row()["verdict"]) == (told, verdict)
    assert (found.check_row()["limit"], found.report_row()["fail_beyond"]) == ("≥ 0.85",) * 2


def test_rows_have_the_columns_of_their_tables():
    found = JUDGE("x", "template_dice", 1)
    assert tuple(found.check_row()) == CHECK_COLUMNS
    assert list(found.report_row()) == list(REPORT_COLUMNS)


def test_a_value_that_is_only_shown_has_no_verdict():
    found = JUDGE("x", "volume_change", 0.9, judged=False)
    assert (found.verdict, found.passed, found.check_row()["limit"]) == (NONE, None, NONE)


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_value_that_is_no_number_fails(value):
    assert JUDGE("x", "affine_difference", value).passed is False


def test_the_gravest_verdict_counts():
    assert worst([PASS, FAIL, WARN]) == FAIL
    assert worst([NONE, PASS]) == PASS
    assert worst([]) == NONE


# --- Limits -----------------------------------------------------------------------------------


def test_a_limit_of_the_audit_moves_the_verdict_of_the_report():
    strict = LIMITS | AuditSettings(template_dice=0.95, volume_change=0.02).limits()
    judge = Judge("01", strict)
    assert judge("x", "template_dice", 0.93).report_row()["verdict"] == FAIL
    assert judge("x", "volume_change", 0.03).report_row()["verdict"] == FAIL
    assert judge("x", "class_volume_change", 0.03).report_row()["verdict"] == FAIL


def test_the_audits_defaults_are_the_limits_of_the_figures():
    assert LIMITS | AuditSettings().limits() == LIMITS


def test_no_figure_has_its_limit_in_two_sections_of_the_config():
    assert not {name for name in movable() if LIMITS[name].audited}
    assert {name for name in LIMITS if LIMITS[name].audited} >= set(AuditSettings().limits())


def movable() -> set[str]:
    return set(field.schema(ReportSettings)["properties"]["limits"]["properties"])


@pytest.mark.parametrize(("better", "worse", "metric"), [(0.9, 0.8, "dice"), (1, 2, "tre_mean")])
def test_a_limit_knows_which_value_is_worse(better, worse, metric):
    assert SCORED[metric].badness(worse) > SCORED[metric].badness(better)
    limit = SCORED[metric].failing_at(better)
    assert (limit.verdict(better), limit.verdict(worse)) == (PASS, FAIL)


def test_a_warning_comes_no_later_than_a_failure_that_was_moved():
    limit = LIMITS["template_dice"].failing_at(0.95)
    assert limit.verdict(0.94) == FAIL and limit.verdict(0.95) == PASS

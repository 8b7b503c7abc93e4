"""Limits of the report's figures: ranges, reasons, and the way through a config."""

from __future__ import annotations

from strokeprep.quality.judgement import Judge
from strokeprep.settings import config
from strokeprep.settings.finished.report import limits_of
from strokeprep.settings.limits import FAIL, LIMITS, NONE, PASS, WARN, Limit


def test_a_verdict_is_what_the_ranges_say():
    limit = Limit("ml", (10, 20), (5, 30), "why")
    assert [limit.verdict(v) for v in (15, 7, 25, 4, 31)] == [PASS, WARN, WARN, FAIL, FAIL]
    assert limit.verdict(float("nan")) == FAIL
    assert Limit("ml", (None, None), (None, None), "").verdict(3) == NONE


def test_a_config_can_move_a_limit_and_every_limit_has_a_reason():
    judge = Judge("1", limits_of({"off_mm": [None, None, 1, 9]}))
    assert judge("x", "off_mm", 5).verdict == WARN
    assert Judge("1")("x", "off_mm", 5).verdict == FAIL
    assert all(len(limit.reason) > 15 for limit in LIMITS.values())


def test_limits_survive_the_way_through_the_schema():
    section = config.schema()["properties"]["report"]["properties"]["limits"]
    given = {name: rule["default"] for name, rule in section["properties"].items()}
    assert given and Judge("1", limits_of(given)).limits == LIMITS


def test_a_warning_comes_before_a_failure():
    for name, limit in LIMITS.items():
        for n, sign in ((0, 1), (1, -1)):
            if None not in (limit.warn[n], limit.fail[n]):
                assert sign * limit.warn[n] >= sign * limit.fail[n], name

"""A figure that fails stops its subject with a message; one that warns is told."""

from __future__ import annotations

import pytest
from strokeprep.errors import StrokeprepError
from strokeprep.quality import verdict
from strokeprep.quality.judgement import Judge
from strokeprep.settings.limits import LIMITS

JUDGE = Judge("1")


def test_a_check_that_fails_is_named_with_its_value_and_limit():
    checks = [
        JUDGE("label:x", "volume_change", 0.25),
        JUDGE("label:y", "volume_change", 0.9, judged=False),
    ]
    with pytest.raises(
        StrokeprepError, match=r"label:x volume_change = 0.25 ratio \(limit ≤ 0.1\)"
    ):
        verdict.check(checks, "1")
    verdict.check(checks[1:], "1")


def test_what_neither_passes_nor_fails_is_told_with_the_reason():
    between = JUDGE("likeness:x", "mirror_ratio", 1.0)
    [line] = verdict.warnings([between, JUDGE("likeness:y", "mirror_ratio", 0.7)])
    assert "likeness:x" in line and LIMITS["mirror_ratio"].reason in line
    assert between.passed is None
    verdict.check([between], "1")


def test_a_flipped_scan_is_told_from_other_faults():
    with pytest.raises(StrokeprepError, match="Left and right are exchanged"):
        verdict.check([JUDGE("likeness:x", "mirror_ratio", 1.3)], "1")


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        (["contour_moved_mm", "template_off_mm"], "another backend for brains"),
        (["template_off_mm"], "another registration.to_template"),
        (["label_ml", "volume_change"], "Look at the images named"),
    ],
)
def test_the_message_names_what_to_try(metrics, words):
    with pytest.raises(StrokeprepError, match=words):
        verdict.check([JUDGE("x", metric, 99.0) for metric in metrics], "1")

"""Figures are judged and shown as they were measured."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from strokeprep.quality import measured
from strokeprep.quality.judgement import Judge
from strokeprep.settings.limits import LIMITS

JUDGE = Judge("1")
FOUND = [
    JUDGE("likeness:sub-1/ct/cta.nii.gz", "mirror_ratio", 1 / 3),
    JUDGE("label:cow.nii.gz", "volume_change", 0.4, judged=False),
    JUDGE("grid:cta.nii.gz", "affine_difference", math.inf),
]


def test_figures_read_back_to_the_last_digit(tmp_path):
    measured.write(FOUND, tmp_path / "figures.json")
    assert measured.read(tmp_path / "figures.json", JUDGE) == FOUND


def test_other_limits_judge_the_same_figures_and_none_that_is_only_shown(tmp_path):
    measured.write(FOUND, tmp_path / "figures.json")
    strict = LIMITS | {
        name: replace(LIMITS[name], fail=(None, 0.1)) for name in ("mirror_ratio", "volume_change")
    }
    flipped, label, _ = measured.read(tmp_path / "figures.json", Judge("1", strict))
    assert flipped.passed is False and label.passed is None


def test_a_page_shows_the_figures_of_a_file_by_its_own_name():
    audited = measured.Audited(FOUND)
    [shown] = audited.of("likeness", "sub-1/ct/cta.nii.gz", "cta to ncct")
    assert (shown.step, shown.value, shown.verdict) == ("cta to ncct", 1 / 3, FOUND[0].verdict)
    assert not list(audited.of("likeness", "sub-1/ct/cta.nii.gz", "cta to ncct", "face_left_ml"))


def test_two_masks_of_one_name_in_two_folders_are_kept_apart():
    found = [
        JUDGE(measured.step_of("deface", f"sub-1/{folder}/face.nii.gz"), "face_voxels_left", value)
        for folder, value in (("anat", 1), ("dwi", 2))
    ]
    [shown] = measured.Audited(found).of("deface", "sub-1/dwi/face.nii.gz", "deface dwi")
    assert shown.value == 2


def test_a_file_of_which_nothing_was_measured_is_an_error():
    with pytest.raises(KeyError, match="likeness:t1w.nii.gz"):
        list(measured.Audited(FOUND).of("likeness", "t1w.nii.gz", "t1w to ncct"))

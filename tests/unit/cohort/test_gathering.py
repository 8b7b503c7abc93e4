"""Each patient is counted once, in the maps of all and of the own group."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from strokeprep.cohort.gathering import MOST_GROUPS
from strokeprep.cohort.plan import NO_IMAGES
from strokeprep.errors import StrokeprepError
from strokeprep.io import images
from strokeprep.io.whole import write_text


def test_maps_of_all_and_of_groups_hold_the_masks_of_their_patients(study):
    cohort = study.gathered()
    assert np.array_equal(cohort.everybody.lesions.count, sum(study.masks.values()))
    ischemic = cohort.groups["ischemic"].lesions
    assert np.array_equal(ischemic.count, study.masks["01"] + study.masks["02"])
    assert cohort.groups["none"].lesions.patients == 0


def test_patients_without_a_lesion_are_in_the_means_alone(study):
    cohort = study.gathered()
    assert cohort.everybody.images["trace"].patients == 4
    assert cohort.everybody.lesions.patients == 3
    none = cohort.groups["none"].images["trace"]
    assert np.array_equal(none.mean()[none.inside], study.images["04"][none.inside])


def test_a_member_has_the_volumes_of_the_lesion_by_side(study):
    member = study.gathered().members[0]
    mask = study.masks["01"]
    assert member.ml == pytest.approx(mask.sum() * 0.008) and member.drawn_ml == 1.5
    assert member.left_ml == pytest.approx(mask[:4].sum() * 0.008)
    assert member.left_ml + member.right_ml == pytest.approx(member.ml)


def test_the_side_of_a_lesion_follows_the_rule_of_the_table_of_lesions(study):
    wide = study._replace(grid=replace(study.grid, bilateral_share=0.0))
    none = study._replace(grid=replace(study.grid, bilateral_share=0.5))
    assert {each.side for each in wide.gathered().members if each.mask} == {"bilateral"}
    for each in none.gathered().members:
        if each.mask:
            assert each.side == ("left" if each.left_ml > each.right_ml else "right")


def test_the_side_is_that_of_the_table_of_lesions_where_there_is_one(study):
    write_text("lesions\tside\n2\tbilateral\n", study.root / "lesions.tsv")
    told = replace(study.candidates[0], told="lesions.tsv")
    loose = replace(study.grid, bilateral_share=0.5)  # by which nobody has lesions on both sides
    (member,) = study._replace(candidates=[told], grid=loose).gathered().members
    assert member.side == "bilateral"


def test_a_patient_without_any_file_is_excluded(study):
    missing = replace(study.candidates[0], subject="09", mask="", images={})
    cohort = study._replace(candidates=[*study.candidates, missing]).gathered()
    assert dict(cohort.excluded) == {NO_IMAGES: 1} and len(cohort.members) == 4


def test_an_image_on_another_grid_is_refused_by_name(study, tmp_path):
    name = "other_mask.nii.gz"
    images.write_array(np.ones((3, 3, 3), np.uint8), np.eye(4), study.root / name)
    other = replace(study.candidates[0], mask=name)
    with pytest.raises(StrokeprepError, match=f"not on the grid of the template.*{name}"):
        study._replace(candidates=[other]).gathered()


def test_a_column_with_a_value_for_each_patient_is_no_column_of_groups(study):
    groups = {f"{n:02}": f"value{n}" for n in range(MOST_GROUPS + 1)}
    with pytest.raises(StrokeprepError, match="cohort.groups"):
        study.gathered(groups)

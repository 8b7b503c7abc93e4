"""Each study design is told from the others by the names in its folder."""

from __future__ import annotations

from typing import get_args

import pytest
import trees
from strokeprep.guide import folder, recognition
from strokeprep.settings.study import Layout

# Patients and files of each tree that have a place, as tests/trees.py describes them.
TREES = {
    "bids": ("bids", 2, 13),
    "bids_protocol": ("bids", 2, 16),
    "isles22": ("isles22", 2, 7),
    "isles24": ("isles24", 4, 17),
    "isles24_as_described": ("isles24", 3, 11),
    "jhu": ("jhu", 3, 14),
    "atlas": ("atlas", 2, 3),
    "atlas_native": ("atlas", 4, 6),
}


def matches(root):
    return recognition.matches(folder.contents(root))


@pytest.mark.parametrize(("tree", "expected"), TREES.items())
def test_every_design_is_told_and_no_other_is_named(tree, expected, tmp_path):
    [match] = matches(getattr(trees, tree)(tmp_path))
    assert (match.design, len(match.subjects), len(match.rows)) == expected


def test_every_layout_of_real_studies_has_a_design():
    layouts = {recognition.example(design)["study"]["layout"] for design in recognition.DESIGNS}
    assert layouts == set(get_args(Layout)) - {"phantom"}


@pytest.mark.parametrize("tree", ["bids", "isles22", "isles24", "jhu"])
def test_a_study_may_begin_further_down(tree, tmp_path):
    root = getattr(trees, tree)(tmp_path / "data/set")
    [match] = matches(tmp_path)
    assert match.design == TREES[tree][0]
    assert match.root in (root, tmp_path)  # of JHU, names are read in any folder
    assert len(match.rows) == TREES[tree][2]


def test_two_studies_side_by_side_are_both_named(tmp_path):
    trees.isles24(tmp_path / "isles")
    trees.bids(tmp_path / "own")
    found = [(match.design, match.root.name) for match in matches(tmp_path)]
    assert found == [("isles24", "isles"), ("bids", "own")]


def test_two_designs_in_one_folder_are_both_named(tmp_path):
    trees.jhu(tmp_path)
    trees.atlas(tmp_path)
    assert {match.design for match in matches(tmp_path)} == {"jhu", "atlas"}


def test_a_study_that_contradicts_itself_is_told_with_what_is_wrong(tmp_path):
    root = trees.make(trees.bids(tmp_path), ["sub-02/ct/sub-02_acq-ncct_ct.nii.gz"])
    [match] = matches(root)
    assert match.design == "bids"
    assert "Two files claim to be the ncct of sub-02" in str(match.fault)


def test_a_name_that_snakemake_cannot_take_is_told(tmp_path):
    root = trees.make(tmp_path / "raw{1}", ["sub-01/anat/sub-01_T1w.nii.gz"])
    [match] = matches(root)
    assert "has a brace" in str(match.fault)


def test_links_out_of_a_study_are_followed(tmp_path):
    outside = trees.make(tmp_path / "store", ["anat/sub-01_T1w.nii.gz"])
    (tmp_path / "raw/sub-01").mkdir(parents=True)
    (tmp_path / "raw/sub-01/anat").symlink_to(outside / "anat")
    [match] = matches(tmp_path / "raw")
    assert match.config.study.links == (str(outside / "anat"),)
    assert match.subjects == {"01"}


def test_an_empty_folder_follows_no_design(tmp_path):
    assert matches(tmp_path) == []

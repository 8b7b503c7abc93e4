"""Every output on another grid is a move, made from files that are there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import trees
from strokeprep.kinds import BRAIN, KINDS, LABELS, NATIVE
from strokeprep.study import moves, naming, outputs, table
from strokeprep.study.naming import Space
from strokeprep.study.scans import Row, Study
from study_designs import DESIGNS, TEMPLATE, built

FOLDER = "sub-1/ses-01"
NCCT = f"{FOLDER}/ct/sub-1_ses-01_acq-ncct"
CTA = f"{FOLDER}/ct/sub-1_ses-01_acq-cta"
TO_TEMPLATE = f"{NCCT}_from-ncct_to-{TEMPLATE.label}_mode-image_xfm.h5"
TO_NCCT = f"{CTA}_from-cta_to-ncct_mode-image_xfm.txt"


def study(space: str = NATIVE) -> Study:
    """An NCCT, a CTA, and an occlusion drawn on the CTA, which may lie on the NCCT's grid."""
    return table.build(
        [
            Row("1", "01", "ncct", Path("ncct.nii"), entities=("acq-ncct",)),
            Row("1", "01", "cta", Path("cta.nii"), entities=("acq-cta",)),
            Row("1", "01", "lvo", Path("lvo.nii"), on="cta", space=space),
        ],
        ["ncct"],
    )


@pytest.mark.parametrize("design", DESIGNS)
def test_every_output_on_another_grid_is_a_move_of_outputs_or_of_a_drawn_label(tmp_path, design):
    planned = built(design, getattr(trees, design)(tmp_path), defaced=False)
    found = moves.Moves(planned, TEMPLATE)
    for subject in planned.subjects:
        names = outputs.outputs(subject, TEMPLATE) + outputs.perfusion_outputs(subject, TEMPLATE)
        elsewhere = [
            name
            for name in names
            if "_space-" in name and "_space-orig_" not in name and "desc-coverage" not in name
        ]
        assert elsewhere
        for move in map(found.__getitem__, elsewhere):
            assert bool(move.source) != bool(move.drawn)
            needed = [move.source, move.grid, move.brain, *move.transforms]
            assert set(filter(None, needed)) <= set(names)


def test_an_image_goes_to_the_template_through_the_reference():
    move = moves.Moves(study(), TEMPLATE)[f"{CTA}_space-{TEMPLATE.label}_res-2_ct.nii.gz"]
    assert move.kind is KINDS["cta"]
    assert move.source == f"{CTA}_desc-defaced_ct.nii.gz"
    assert move.transforms == (TO_TEMPLATE, TO_NCCT)
    assert move.grid == ""


def test_an_image_that_shows_nothing_but_the_brain_takes_the_mask_of_its_grid():
    name = f"{NCCT}_space-{TEMPLATE.label}_res-2_desc-brain_ct.nii.gz"
    found = moves.Moves(study(), TEMPLATE)
    brain = found[found[name].brain]
    assert brain.kind is BRAIN
    assert brain.source == f"{FOLDER}/anat/sub-1_ses-01_acq-ncct_space-orig_desc-brain_mask.nii.gz"
    assert (brain.grid, brain.transforms) == (found[name].grid, found[name].transforms)


@pytest.mark.parametrize(
    ("space", "source", "transforms"),
    [
        (NATIVE, f"{FOLDER}/anat/sub-1_ses-01_acq-cta_space-orig_label-LVO_mask.nii.gz", [TO_NCCT]),
        ("ncct", "", []),
    ],
)
def test_a_label_is_moved_from_where_it_was_drawn(space, source, transforms):
    found = moves.Moves(study(space), TEMPLATE)
    onto = {
        space: found[naming.label(found.study.scans[1], space, LABELS["lvo"])]
        for space in (Space("ncct"), TEMPLATE)
    }
    assert {move.source for move in onto.values()} == {source}
    assert list(onto[Space("ncct")].transforms) == transforms
    assert list(onto[TEMPLATE].transforms) == [TO_TEMPLATE, *transforms]
    assert onto[Space("ncct")].grid == f"{NCCT}_desc-defaced_ct.nii.gz"
    assert all(bool(move.drawn) == (space == "ncct") for move in onto.values())


def test_without_a_reference_labels_stay_where_they_were_drawn():
    subject = replace(study().subjects[0], reference=None)
    [(name, move)] = moves.of_subject(subject, TEMPLATE).items()
    assert "_space-orig_" in name
    assert move.transforms == () and move.drawn is subject.labels[0]

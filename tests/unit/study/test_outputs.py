"""Whatever the audit reads is made, for every study design and with or without faces."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import trees
from strokeprep.kinds import NATIVE
from strokeprep.quality import plan as quality_plan
from strokeprep.study import outputs, table
from strokeprep.study.scans import Row
from study_designs import DESIGNS, TEMPLATE, built


def files(value: Any) -> set[str]:
    """Every path in a plan."""
    if isinstance(value, str):
        return {value} if "/" in value else set()
    if isinstance(value, dict):
        return files(tuple(value.values()))
    return {path for each in value for path in files(each)} if isinstance(value, tuple) else set()


@pytest.mark.parametrize("defaced", [True, False])
@pytest.mark.parametrize("design", DESIGNS)
def test_every_file_of_an_audit_is_an_output(tmp_path, design, defaced):
    subjects = built(design, getattr(trees, design)(tmp_path), defaced=defaced).subjects
    for subject in (each for each in subjects if each.reference):
        made = set(outputs.outputs(subject, TEMPLATE))
        plan = quality_plan.audit_plan(subject, TEMPLATE)
        assert files(asdict(plan)) and files(asdict(plan)) <= made
        made.update(outputs.perfusion_outputs(subject, TEMPLATE))
        assert files(asdict(quality_plan.perfusion_audit_plan(subject, TEMPLATE))) <= made


@pytest.mark.parametrize(("space", "moved"), [(NATIVE, True), ("ncct", False)])
def test_only_a_face_that_lies_apart_is_carried_to_the_brain_of_the_reference(space, moved):
    rows = [
        Row("1", None, "ncct", Path("ncct.nii"), entities=("acq-ncct",)),
        Row("1", None, "cta", Path("cta.nii"), space=space, entities=("acq-cta",)),
    ]
    [subject] = table.build(rows, ["ncct"]).subjects
    ncct, cta = quality_plan.audit_plan(subject, TEMPLATE).brains
    assert ncct[1:] == ("sub-1/anat/sub-1_acq-ncct_space-orig_desc-brain_mask.nii.gz", "")
    assert cta[1] == ncct[1]
    assert bool(cta[2]) == moved

"""Images that are computed from others of their scan, for configs that ask for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from strokeprep.settings.study import IntensitySettings
from strokeprep.study import moves, outputs, table
from strokeprep.study.naming import Space
from strokeprep.study.scans import Row, Subject

MNI = Space("MNI152NLin2009aSym", "1")
DWI, T1W = "sub-1/dwi/sub-1", "sub-1/anat/sub-1"


def subject(*roles: str, **settings) -> Subject:
    """A patient with these images and a lesion on the DWI."""
    rows = [Row("1", None, role, Path(f"{role}.nii")) for role in roles]
    rows += [Row("1", None, "lesion", Path("lesion.nii"), on="dwi")]
    [found] = table.build(rows, ["dwi", "t1w"], intensity=IntensitySettings(**settings)).subjects
    return found


def test_nothing_is_derived_unless_the_config_asks():
    names = outputs.outputs(subject("b0", "trace", "adc", "t1w"), MNI)
    assert not [name for name in names if "normalised" in name or "n4" in name or "_res-1_" in name
                and "_space-orig_" in name or "recalculated" in name]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "made"),
    [
        ({"dwi": "bimodal"}, f"{DWI}_desc-normalised_trace"),
        ({"dwi": "zscore"}, f"{DWI}_space-{MNI.label}_res-1_desc-normalised_trace"),
        ({"adc": True}, f"{DWI}_desc-recalculated_ADC"),
        ({"adc": True}, f"{DWI}_space-{MNI.label}_res-1_desc-recalculated_ADC"),
        ({"t1w": "n4"}, f"{T1W}_desc-n4_T1w"),
        ({"t1w": "percentiles"}, f"{T1W}_space-{MNI.label}_res-1_desc-normalised_T1w"),
        ({"cubic": ("dwi",)}, f"{DWI}_space-orig_res-1_desc-brain_S0map"),
        ({"cubic": ("dwi",)}, f"{DWI}_space-orig_res-1_desc-brain_mask"),
        ({"cubic": ("dwi",)}, f"{DWI}_space-orig_res-1_label-L_desc-infarct_mask"),
        ({"cubic": ("dwi",), "dwi": "bimodal"}, f"{DWI}_space-orig_res-1_desc-normalised_trace"),
    ],
)
def test_what_the_config_asks_for_is_an_output(settings, made):
    assert f"{made}.nii.gz" in outputs.outputs(subject("b0", "trace", "t1w", **settings), MNI)


def test_the_bias_field_alone_leaves_grey_levels_as_they_are():
    names = outputs.outputs(subject("t1w", t1w="n4"), MNI)
    assert not any("normalised" in name for name in names)


def test_without_a_b0_there_is_no_diffusivity_to_compute():
    assert not any("recalculated" in n for n in outputs.outputs(subject("trace", adc=True), MNI))


def test_normalised_images_are_interpolated_once_from_the_whole_head_and_scaled_then():
    planned = moves.of_subject(subject("trace", "t1w", dwi="bimodal", t1w="percentiles"), MNI)
    dwi = planned[f"{DWI}_space-{MNI.label}_res-1_desc-normalised_trace.nii.gz"]
    assert dwi.source == f"{DWI}_desc-defaced_trace.nii.gz"
    assert dwi.scaled_by == f"{DWI}_desc-normalised_trace.nii.gz"
    t1w = planned[f"{T1W}_space-{MNI.label}_res-1_desc-normalised_T1w.nii.gz"]
    assert t1w.source == f"{T1W}_desc-n4_T1w.nii.gz"


def test_everything_on_cubic_voxels_is_a_move_from_a_file_that_is_made():
    patient = subject("b0", "trace", dwi="bimodal", adc=True, cubic=("dwi",))
    names = outputs.outputs(patient, MNI)
    planned = moves.of_subject(patient, MNI)
    cubic = [name for name in names if "_space-orig_res-1_" in name]
    assert len(cubic) == 6
    for name in cubic:
        move = planned[name]
        assert move.is_cubic and {move.source, move.grid} | {move.brain or move.grid} <= set(names)

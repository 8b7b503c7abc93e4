"""The columns of the tables of lesions, and what they mean. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LEFT, RIGHT, BOTH = "left", "right", "bilateral"
CORTICAL, SUBCORTICAL, OTHER = "cortical", "subcortical", "other"

# A row for each lesion; what index and name are, BIDS says.
LESION = {
    "index": "",
    "name": "",
    "volume_ml": "Volume on the grid on which it was drawn (mL)",
    "template_volume_ml": "Volume in the space of the template (mL)",
    **{axis: f"The {axis} of its centre in the template (mm, RAS)" for axis in "xyz"},
    "side": "left, right or bilateral",
    "type": "cortical, subcortical or other; n/a without an atlas or mostly outside the brain",
    "outside_brain_voxels": "Voxels of the template's grid that lie in it and not in the brain",
}
COUNTED = {
    **{
        f"lesions_{side}_{kind}": f"Number of {kind} lesions, {where}"
        for side, where in ((LEFT, "left"), (RIGHT, "right"), (BOTH, "on both sides"))
        for kind in (CORTICAL, SUBCORTICAL)
    },
    f"lesions_{OTHER}": "Number of lesions of cerebellum and brainstem",
}
# A row for each patient.
PATIENT = {
    "lesions": "Number of lesions: parts that touch by face, edge or corner are one (26-connected)",
    "lesions_by_faces": "Number of parts that touch by faces alone (6-connected)",
    "volume_ml": "Volume of all on the grid on which they were drawn (mL)",
    "template_volume_ml": "Volume of all in the space of the template (mL)",
    "side": "left, right or bilateral; n/a without a lesion",
    **COUNTED,
    "outside_brain_voxels": "Voxels of the template's grid that lie in a lesion and not in its brain",
}
KEYS = {
    "participant_id": "The patient",
    "session_id": "The session in which the lesions were drawn",
}
ABOUT = "Lesions of manual masks, counted and placed by rule"


def meanings() -> dict[str, Any]:
    """What the JSON beside the table of all patients says."""
    tool = {"Description": ABOUT, "MeasurementToolMetadata": {"Description": ABOUT}}
    return tool | described(KEYS | PATIENT)


def described(columns: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """What columns mean, as the JSON beside a table says it."""
    return {name: {"Description": text} for name, text in columns.items() if text}

"""What sidecars, tables and pages tell of the arterial inputs of territories."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from strokeprep.perfusion.inputs.local import Local, LocalInputs
from strokeprep.perfusion.inputs.territories import BLEND_MM


def column(territory: str) -> str:
    """The column of a territory's own input.

    >>> column("right carotid")
    'aif_right_carotid'
    """
    return "aif_" + re.sub(r"\W+", "_", territory)


def vessel(territory: str) -> str:
    """What the table of voxels calls the artery of a territory."""
    return f"artery of {territory}"


def columns(own: Sequence[Local]) -> dict[str, dict[str, str]]:
    """What the columns of territories mean."""
    return {
        column(local.territory): {
            "Description": f"Arterial input of the {local.territory} over baseline, without drift, scaled",
            "Units": "HU",
        }
        for local in own
    }


def about(local: LocalInputs | None) -> dict[str, Any]:
    """What the sidecar of the vessels says of territories, where they may have inputs of their own."""
    if local is None:
        return {}
    return {
        "ArterialInputs": "local",
        "TerritoriesBlendMm": BLEND_MM,
        "Territories": [_about(each) for each in local.each],
    } | columns(local.own)


def _about(local: Local) -> dict[str, Any]:
    """What is told of one territory. One without an input of its own says why."""
    told: dict[str, Any] = {"Territory": local.territory, "OwnInput": local.refused is None}
    if local.found:
        told |= {
            "LagSeconds": round(local.found.lag_s, 2),
            "ArterialLikeness": round(local.found.likeness, 4),
            "ArterialLikenessOfWholeBrain": round(local.found.whole_likeness, 4),
        }
    if local.refused is not None:
        return told | {"WholeBrainBecause": local.refused}
    vessels = local.vessels
    return told | {
        "Voxels": len(vessels.aif_voxels),
        "PeakHu": round(float(vessels.measured.max()), 1),
        "ArterialScale": round(vessels.scale, 4),
        "ArterialScaleSD": round(vessels.scale_sd, 4),
    }


def of_map(name: str, local: LocalInputs | None) -> dict[str, Any]:
    """By which input a map is in each territory, where they may have their own."""
    if local is None:
        return {}
    if name == "tmax":
        return {"ArterialInput": "global"}
    own = [each.territory for each in local.own]
    return {"ArterialInput": "local", "TerritoriesWithOwnInput": own}

"""How scans are shown: their names, grey scales and slices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from strokeprep.drawing import pictures
from strokeprep.drawing.pictures import AXIAL, CORONAL, SAGITTAL, Layer, Picture, Scale, Slice
from strokeprep.kinds import SCANS
from strokeprep.report import views
from strokeprep.report.scene import Scene, Shown

MAP_MM = 1.5
AROUND_BRAIN_MM = 8.0
FEW_COLOURS = 128  # enough for grey levels and outlines; a third of the bytes
BRAIN_HU = Scale(*SCANS["ctp"].window_hu)
BONE_HU = Scale(-150, 350)


def strip(
    volume: np.ndarray, cuts: Sequence[Slice], scale: Scale, layers: Sequence[Layer] = ()
) -> Picture:
    """Grey slices side by side, as a picture of few colours."""
    return pictures.picture(pictures.strip(volume, cuts, scale, layers), FEW_COLOURS)


def with_and_without(
    name: str, volume: np.ndarray, cuts: Sequence[Slice], scale: Scale, layers: Sequence[Layer]
) -> tuple[tuple[str, Picture], tuple[str, Picture]]:
    """Two frames to flick between: slices with their layers (called ``name``), and bare."""
    return (
        (name, strip(volume, cuts, scale, layers)),
        ("image", strip(volume, cuts, scale)),
    )


def cuts(mask: np.ndarray, count: int) -> list[Slice]:
    """Axial slices spread over a mask, and a coronal and a sagittal one through its middle."""
    i, j, _ = views.middle(mask)
    return [
        *(Slice(AXIAL, k) for k in views.levels(mask, count)),
        Slice(CORONAL, j),
        Slice(SAGITTAL, i),
    ]


def scale_of_reference(scene: Scene) -> Scale:
    """The grey scale of the reference."""
    return scale(scene.grey, scene.plan.modality, scene.plan.reference, scene.brain)


def scale_of(shown: Shown, scene: Scene) -> Scale:
    """The grey scale of a registered scan."""
    return scale(shown.after, shown.plan.modality, shown.plan.scan, scene.brain)


def scale(values: np.ndarray, modality: str, scan: str, inside: np.ndarray) -> Scale:
    """A fixed window on CT; on MR from zero to the bright end of what is ``inside``."""
    if modality != "ct":
        return mr_scale(values, inside)
    return Scale(*SCANS[scan].window_hu)


def mr_scale(values: np.ndarray, inside: np.ndarray) -> Scale:
    """From zero to a tenth above the 99th percentile of what is ``inside``."""
    if not inside.any():
        return Scale(0, 1)
    return Scale(0, max(float(np.quantile(values[inside], 0.99)) * 1.1, 1e-6))

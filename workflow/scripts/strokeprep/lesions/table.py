"""Each lesion of a mask: counted on the grid that it was drawn on, placed in the template.

A lesion is a part of the mask that touches no other by face, edge or corner (26-connected). It is counted
before it is moved, because nearest neighbour breaks parts that hang together by a corner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from strokeprep.io import images
from strokeprep.lesions.atlas import Atlas
from strokeprep.lesions.columns import BOTH, CORTICAL, LEFT, OTHER, RIGHT, SUBCORTICAL
from strokeprep.registration.template import Template
from strokeprep.settings.finished.lesions import LESIONS, LesionSettings

NONE = "n/a"


@dataclass(frozen=True)
class Lesion:
    """One lesion. Its place is its centre of gravity in template space (RAS mm)."""

    number: int
    ml: float  # on the grid that it was drawn on
    template_ml: float
    centre: tuple[float, float, float] | None  # None where nothing of it is left in the template
    side: str
    on_sides: tuple[int, int]  # voxels left and right of the plane x = 0 in the template
    type: str
    outside: int  # voxels of the template's grid outside its brain


def numbered(mask: sitk.Image, corners: bool = True) -> sitk.Image:
    """The parts of a mask by number, the largest first; ``corners`` says whether corners connect them."""
    parts = sitk.ConnectedComponent(mask > 0, corners)
    return sitk.Cast(sitk.RelabelComponent(parts, sortByObjectSize=True), sitk.sitkUInt16)


def measured(
    parts: sitk.Image,
    moved: sitk.Image,
    template: Template,
    regions: Atlas | None,
    settings: LesionSettings = LESIONS,
) -> list[Lesion]:
    """The lesions of a numbered mask, with the same mask on the template's grid."""
    there = images.array(moved)
    brain = images.array(template.brain) > 0
    kinds = _kinds(regions, settings)
    drawn = np.bincount(images.array(parts).ravel())
    found = []
    for number in range(1, len(drawn)):
        index = np.argwhere(there == number)
        on_sides, outside = _on_sides(index, moved), int((~brain[tuple(index.T)]).sum())
        lies_outside = outside > len(index) / 2
        found.append(
            Lesion(
                number,
                drawn[number] * _ml(parts),
                len(index) * _ml(moved),
                _centre(index, moved),
                side_by(*on_sides, settings.bilateral_share),
                on_sides,
                NONE if lies_outside else _type_of(index, kinds, _ml(moved), settings),
                outside,
            )
        )
    return found


def side_by(left: float, right: float, bilateral_share: float = LESIONS.bilateral_share) -> str:
    """The side of what has so much on the left and so much on the right."""
    if not left + right:
        return NONE
    if min(left, right) > bilateral_share * (left + right):
        return BOTH
    return LEFT if left > right else RIGHT


def side_of_all(lesions: Sequence[Lesion], bilateral_share: float = LESIONS.bilateral_share) -> str:
    """The side of a patient: both if one lesion lies on the left and another on the right.

    One that crosses the middle, as a registration may make it do, counts by its voxels.
    """
    if {LEFT, RIGHT} <= {lesion.side for lesion in lesions}:
        return BOTH
    left, right = (sum(lesion.on_sides[side] for lesion in lesions) for side in (0, 1))
    return side_by(left, right, bilateral_share)


def _kinds(regions: Atlas | None, settings: LesionSettings) -> tuple[np.ndarray, np.ndarray] | None:
    """Where cortex is, and where cerebellum and brainstem are."""
    if regions is None:
        return None
    return regions.mask(settings.cortex), regions.mask(settings.other)


def _type_of(
    index: np.ndarray,
    kinds: tuple[np.ndarray, np.ndarray] | None,
    voxel_ml: float,
    settings: LesionSettings,
) -> str:
    """cortical, subcortical or other; n/a without an atlas."""
    if kinds is None or not len(index):
        return NONE
    in_cortex, in_other = (np.count_nonzero(kind[tuple(index.T)]) for kind in kinds)
    if in_other > len(index) / 2:
        return OTHER
    reaches = in_cortex >= settings.cortical_share * len(index)
    return CORTICAL if reaches and in_cortex * voxel_ml >= settings.cortical_ml else SUBCORTICAL


def _centre(index: np.ndarray, grid: sitk.Image) -> tuple[float, float, float] | None:
    if not len(index):
        return None
    x, y, z = (images.affine(grid) @ [*index.mean(axis=0), 1])[:3].tolist()
    return x, y, z


def _on_sides(index: np.ndarray, grid: sitk.Image) -> tuple[int, int]:
    """How many voxels lie left and right of the plane x = 0; those on it count for neither."""
    row = images.affine(grid)[0]
    x = np.round(index @ row[:3] + row[3], 3)  # exactly 0 on the plane
    return int((x < 0).sum()), int((x > 0).sum())


def _ml(grid: sitk.Image) -> float:
    return float(np.prod(grid.GetSpacing())) / 1000


def lesion_rows(lesions: Sequence[Lesion]) -> list[dict[str, str | int]]:
    """A row for each lesion, as BIDS describes the numbers of a segmentation."""
    return [
        {
            "index": each.number,
            "name": f"lesion {each.number}",
            "volume_ml": f"{each.ml:.4f}",
            "template_volume_ml": f"{each.template_ml:.4f}",
            **{
                axis: NONE if each.centre is None else f"{each.centre[place]:.1f}"
                for place, axis in enumerate("xyz")
            },
            "side": each.side,
            "type": each.type,
            "outside_brain_voxels": each.outside,
        }
        for each in lesions
    ]


def patient_row(
    lesions: Sequence[Lesion],
    counted_by_faces: int,
    bilateral_share: float = LESIONS.bilateral_share,
) -> dict[str, str | int]:
    """What a patient's lesions amount to: one row."""
    return {
        "lesions": len(lesions),
        "lesions_by_faces": counted_by_faces,
        "volume_ml": f"{sum(each.ml for each in lesions):.4f}",
        "template_volume_ml": f"{sum(each.template_ml for each in lesions):.4f}",
        "side": side_of_all(lesions, bilateral_share),
        **_counts(lesions),
        "outside_brain_voxels": sum(each.outside for each in lesions),
    }


def _counts(lesions: Sequence[Lesion]) -> dict[str, int]:
    """How many lesions lie where, as ATLAS counts them."""

    def count(kind: str, side: str | None = None) -> int:
        return sum(each.type == kind and side in (None, each.side) for each in lesions)

    by_side = {
        f"lesions_{side}_{kind}": count(kind, side)
        for side in (LEFT, RIGHT, BOTH)
        for kind in (CORTICAL, SUBCORTICAL)
    }
    return by_side | {f"lesions_{OTHER}": count(OTHER)}

"""Strokes old and new: irregular regions in the parenchyma of one hemisphere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from strokeprep.phantom.head.mapping import Mapping
from strokeprep.phantom.head.shapes import Lattice, Point
from strokeprep.phantom.head.tissue import Canvas, doubled, embedded

EDGE_MM = 0.8  # the blur of a lesion's edge
REACH_MM = 55  # from the centre to the sides of the box that holds a lesion
LONG = (0.8, 1.25, 1.0)  # the territory of the middle cerebral artery is long from front to back


@dataclass(frozen=True)
class Growth:
    """A lesion that may grow: the order in which the voxels of a box are reached."""

    box: tuple[slice, ...]
    reached: np.ndarray  # mm; infinite where the lesion cannot go
    voxel_mm: float

    def voxels(self, ml: float) -> int:
        """How many voxels a volume takes."""
        return int(ml * 1000 / self.voxel_mm**3)

    def share(self, voxels: int) -> np.ndarray:
        """Each voxel's share of the lesion once it has so many voxels, or all it can have."""
        tissue = np.isfinite(self.reached)
        order = np.sort(self.reached[tissue])
        grown = (self.reached < order[min(voxels, len(order) - 1)]).astype(np.float32)
        return ndimage.gaussian_filter(grown, EDGE_MM / self.voxel_mm) * tissue


def growth(
    centre: Point,
    shares: dict[str, np.ndarray],
    mapping: Mapping,
    lattice: Lattice,
    random: np.random.Generator,
    unevenness_mm: float = 7.0,
    within: str = "tissue",
) -> Growth:
    """A lesion around a point (MNI) of one hemisphere.

    It goes through the tissue alone, or ``within`` the brain, which has sulci and stays in one piece.
    """
    middle = mapping.head_point(np.array(centre))
    box = lattice.box(middle - REACH_MM, middle + REACH_MM)
    x, y, z = (
        (c - m) / long for c, m, long in zip(lattice.coordinates(box), middle, LONG, strict=True)
    )
    radius = np.sqrt(x**2 + y**2 + z**2)
    uneven = ndimage.zoom(random.standard_normal((9, 9, 9)), 29 / 9, order=3)  # every 4 mm
    for _ in range(round(np.log2(4 / lattice.spacing))):
        uneven = doubled(uneven)
    reached = radius + unevenness_mm * uneven[tuple(slice(n) for n in radius.shape)]
    filled = shares["brain"][box] if within == "brain" else (shares["gm"] + shares["wm"])[box]
    tissue = filled > 0.6
    midline = mapping.head_point(np.array([0.0, centre[1], 10.0]))[0]
    tissue &= (lattice.coordinates(box)[0] - midline) * np.sign(centre[0]) > 4
    return Growth(box, np.where(tissue, reached, np.inf), lattice.spacing)


def stroke_shares(
    grown: Growth, core_ml: float, penumbra_ratio: float, lattice: Lattice
) -> dict[str, np.ndarray]:
    """Infarct core and the penumbra around it."""
    voxels = grown.voxels(core_ml)
    core, whole = (grown.share(n) for n in (voxels, int(voxels * (1 + penumbra_ratio))))
    core = np.minimum(core, whole)
    return {
        "core": embedded(core, grown.box, lattice),
        "penumbra": embedded(whole - core, grown.box, lattice),
    }


def paint_lesion(
    canvas: Canvas,
    shares: dict[str, np.ndarray],
    grown: Growth,
    ml: float,
    rim: float,
    of: Sequence[str],
) -> None:
    """Paint the material of a lesion and that of its rim, whose volume is ``rim`` of the lesion's.

    The brain's own tissue is gone where the lesion is.
    """
    voxels = grown.voxels(ml)
    inside, around = grown.share(voxels), grown.share(int(voxels * (1 + rim)))
    canvas.cover(of[1], grown.box, around)
    canvas.cover(of[0], grown.box, inside)
    for name in ("gm", "wm"):
        shares[name][grown.box] *= 1 - inside

"""One synthetic patient: its random traits, and its head with the stroke.

Head space is the patient's own RAS frame, close to MNI space; `Mapping` maps it to MNI.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from strokeprep.io.labels import bounding_box
from strokeprep.phantom.head.anatomy import anatomy, lattice_image
from strokeprep.phantom.head.mapping import Mapping, head_lattice
from strokeprep.phantom.head.shapes import Lattice
from strokeprep.phantom.head.tissue import (
    Canvas,
    doubled,
    embedded,
    face_share,
    paint_brain,
    paint_head,
)
from strokeprep.phantom.head.vessels import Vessel, surface_distance, vessels


@dataclass(frozen=True)
class Traits:
    """The differences between subjects, except for the shape of the head."""

    lesion_side: str
    lesion_ml: float
    penumbra_ratio: float  # penumbra volume over core volume
    lesion_centre: tuple[float, float, float]  # MNI
    lesion_hu: float  # on the non-contrast scan
    skull_mm: float  # added to the skull's thickness
    scalp_mm: float  # added to the scalp's


@dataclass
class Head:
    """A subject's head on a regular lattice; arrays are [z, y, x], shares are 0..1."""

    lattice: Lattice
    mapping: Mapping
    traits: Traits
    vessels: list[Vessel]  # RAS head points
    volumes: dict[str, np.ndarray]  # hu, t1, b0, adc: without vessels, without lesion
    shares: dict[str, np.ndarray]  # gm, wm, brain, face, core, penumbra and the vessel kinds
    tissue: np.ndarray  # MATERIALS by number, uint8

    def image(self, array: np.ndarray) -> sitk.Image:
        """An image in head space of an array on this head's lattice."""
        return lattice_image(array, self.lattice)

    def ml(self, share: np.ndarray) -> float:
        """Volume of a share."""
        return float(share.sum(dtype=np.float64)) * self.lattice.spacing**3 / 1000

    def cropped(self, share: np.ndarray) -> sitk.Image:
        """The same for a share that is mostly zero, cropped to the box of the rest."""
        box = bounding_box(share > 0, 1)
        return lattice_image(share[box], self.lattice.inset(box))


def draw_traits(random: np.random.Generator) -> Traits:
    """A middle-cerebral-artery stroke on one side, and small differences of the skull."""
    side = str(random.choice(["L", "R"]))
    sign = -1 if side == "L" else 1
    centre = (sign * random.uniform(38, 44), random.uniform(-18, 6), random.uniform(2, 20))
    return Traits(
        lesion_side=side,
        lesion_ml=random.uniform(25, 75),
        penumbra_ratio=random.uniform(0.8, 1.6),
        lesion_centre=centre,
        lesion_hu=random.uniform(-8, -5),
        skull_mm=random.uniform(-0.5, 1.2),
        scalp_mm=random.uniform(-0.8, 1.0),
    )


def make_head(
    mapping: Mapping, traits: Traits, voxel_mm: float, random: np.random.Generator
) -> Head:
    """Resample the anatomy to head space and add the stroke."""
    lattice = head_lattice(mapping.affine, voxel_mm)
    canvas = Canvas(anatomy(), mapping, lattice)
    paint_head(canvas, traits.skull_mm, traits.scalp_mm)
    shares = canvas.brain_shares()
    paint_brain(canvas, shares)
    shares["face"] = face_share(canvas)
    tubes = [v.mapped(mapping.head_point) for v in vessels(traits.lesion_side)]
    shares |= _vessel_shares(tubes, lattice)
    shares |= _stroke_shares(shares, mapping, traits, lattice, random)
    return Head(lattice, mapping, traits, tubes, canvas.volumes, shares, canvas.tissue)


def _vessel_shares(tubes: list[Vessel], lattice: Lattice) -> dict[str, np.ndarray]:
    """Each voxel's share of every kind of vessel."""
    kinds = ("artery", "collateral", "thrombus", "vein")
    shares = {kind: np.zeros(lattice.shape, np.float32) for kind in kinds}
    for vessel in tubes:
        inside = vessel.mapped(lambda point: point - np.array(lattice.origin))
        drawn = surface_distance(inside, lattice.shape, (lattice.spacing,) * 3, lattice.spacing)
        if drawn is not None:
            box, distance = drawn
            view = shares[vessel.kind][box]
            np.maximum(view, np.clip(0.5 - distance / lattice.spacing, 0, 1), out=view)
    for kind in kinds[:-1]:
        shares["vein"] *= 1 - shares[kind]
    shares["artery"] *= 1 - shares["thrombus"]
    shares["collateral"] *= 1 - np.maximum(shares["thrombus"], shares["artery"])
    return shares


def _stroke_shares(
    shares: dict[str, np.ndarray],
    mapping: Mapping,
    traits: Traits,
    lattice: Lattice,
    random: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Infarct core and the penumbra around it: irregular, in the parenchyma of one hemisphere."""
    centre = mapping.head_point(np.array(traits.lesion_centre))
    reach_mm, edge_mm = 55, 0.8  # from the centre to the sides of the box; the blur of the edge
    box = lattice.box(centre - reach_mm, centre + reach_mm)
    x, y, z = (c - m for c, m in zip(lattice.coordinates(box), centre, strict=True))
    radius = np.sqrt((x / 0.8) ** 2 + (y / 1.25) ** 2 + z**2)
    uneven = ndimage.zoom(random.standard_normal((9, 9, 9)), 29 / 9, order=3)  # every 4 mm
    for _ in range(round(np.log2(4 / lattice.spacing))):
        uneven = doubled(uneven)
    grown = radius + 7.0 * uneven[tuple(slice(n) for n in radius.shape)]
    tissue = (shares["gm"] + shares["wm"])[box] > 0.6
    midline = mapping.head_point(np.array([0.0, traits.lesion_centre[1], 10.0]))[0]
    tissue &= (lattice.coordinates(box)[0] - midline) * np.sign(traits.lesion_centre[0]) > 4
    grown = np.where(tissue, grown, np.inf)
    order = np.sort(grown[tissue])
    core_voxels = int(traits.lesion_ml * 1000 / lattice.spacing**3)
    all_voxels = min(int(core_voxels * (1 + traits.penumbra_ratio)), len(order) - 1)
    core = (grown < order[core_voxels]).astype(np.float32)
    whole = (grown < order[all_voxels]).astype(np.float32)
    core, whole = (
        ndimage.gaussian_filter(m, edge_mm / lattice.spacing) * tissue for m in (core, whole)
    )
    core = np.minimum(core, whole)
    return {
        "core": embedded(core, box, lattice),
        "penumbra": embedded(whole - core, box, lattice),
    }

"""One synthetic patient: its random traits, and its head with the stroke.

Head space is the patient's own RAS frame, close to MNI space; `Mapping` maps it to MNI.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from strokeprep.io.labels import bounding_box
from strokeprep.phantom.head.anatomy import anatomy, lattice_image
from strokeprep.phantom.head.foci import Focus, paint_foci
from strokeprep.phantom.head.lesions import growth, paint_lesion, stroke_shares
from strokeprep.phantom.head.mapping import Mapping, head_lattice
from strokeprep.phantom.head.pathology import Pathology, altered, mappings
from strokeprep.phantom.head.shapes import Lattice
from strokeprep.phantom.head.tissue import (
    QUANTITIES,
    Canvas,
    face_share,
    paint_brain,
    paint_head,
)
from strokeprep.phantom.head.vessels import Vessel, surface_distance, vessels

HEALTHY = Pathology()
MALIGNANT_RATIO = 0.2  # penumbra over core where most of the territory is dead


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
    mapping: Mapping,
    traits: Traits,
    voxel_mm: float,
    random: np.random.Generator,
    ill: Pathology = HEALTHY,
    quantities: Sequence[str] = QUANTITIES,
) -> Head:
    """Resample the anatomy to head space and add the stroke, and what else ails the head."""
    side = -1 if traits.lesion_side == "L" else 1
    canvas, shares, tubes = _without_stroke(
        mapping, traits, voxel_mm, ill, quantities, side, traits.lesion_side
    )
    brain, lattice = canvas.brain, canvas.lattice
    stroke = growth(traits.lesion_centre, shares, brain, lattice, random)
    volume, ratio = traits.lesion_ml, traits.penumbra_ratio
    if ill.infarct_ml:
        volume, ratio = ill.infarct_ml, MALIGNANT_RATIO
    shares |= stroke_shares(stroke, volume, ratio, lattice)
    _paint_lesions(canvas, shares, ill, side, random)
    return Head(lattice, brain, traits, tubes, canvas.volumes, shares, canvas.tissue)


def make_head_with(
    foci: Sequence[Focus],
    mapping: Mapping,
    traits: Traits,
    voxel_mm: float,
    random: np.random.Generator,
    quantities: Sequence[str] = QUANTITIES,
) -> Head:
    """The same with lesions of their own in place of the stroke, and no artery occluded."""
    canvas, shares, tubes = _without_stroke(mapping, traits, voxel_mm, HEALTHY, quantities, 1, "")
    paint_foci(canvas, shares, foci, canvas.brain, random)
    return Head(canvas.lattice, canvas.brain, traits, tubes, canvas.volumes, shares, canvas.tissue)


def _without_stroke(
    mapping: Mapping,
    traits: Traits,
    voxel_mm: float,
    ill: Pathology,
    quantities: Sequence[str],
    side: int,
    occluded: str,
) -> tuple[Canvas, dict[str, np.ndarray], list[Vessel]]:
    """The head painted without its lesions: its shares of tissue and vessels, and the vessels."""
    whole, brain = mappings(mapping, ill, side)
    lattice = head_lattice(whole.affine, voxel_mm)
    canvas = Canvas(altered(anatomy(), ill, side), whole, brain, lattice, quantities)
    paint_head(canvas, traits.skull_mm + ill.skull_mm, traits.scalp_mm)
    shares = canvas.brain_shares()
    paint_brain(canvas, shares)
    shares["face"] = face_share(canvas)
    tubes = [v.mapped((whole if v.kind == "vein" else brain).head_point) for v in vessels(occluded)]
    return canvas, shares | vessel_shares(tubes, lattice), tubes


def _paint_lesions(
    canvas: Canvas,
    shares: dict[str, np.ndarray],
    ill: Pathology,
    side: int,
    random: np.random.Generator,
) -> None:
    """Paint what lies on the side away from the stroke."""
    if ill.old_infarct_ml:
        place = (-side * 46.0, -10.0, 14.0)
        old = growth(place, shares, canvas.brain, canvas.lattice, random)
        paint_lesion(canvas, shares, old, ill.old_infarct_ml, 0.25, ("csf", "gliosis"))
    if ill.haematoma_ml:
        place = (-side * 32.0, -8.0, 10.0)
        bleeding = growth(place, shares, canvas.brain, canvas.lattice, random, unevenness_mm=2.5)
        paint_lesion(canvas, shares, bleeding, ill.haematoma_ml, 0.6, ("blood", "oedema"))


def vessel_shares(tubes: list[Vessel], lattice: Lattice) -> dict[str, np.ndarray]:
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

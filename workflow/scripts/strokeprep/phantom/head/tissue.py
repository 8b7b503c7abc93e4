"""Paint the tissues of a head, one over another, on a lattice in head space."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import SimpleITK as sitk

from strokeprep.io.labels import bounding_box
from strokeprep.phantom.head.anatomy import SKIN, Anatomy, lattice_image
from strokeprep.phantom.head.mapping import Mapping, head_lattice
from strokeprep.phantom.head.shapes import FAR, FLIP, Lattice

FIELD_MM = 2.0  # spacing of the warped distance fields; that of volumes may be half of it
WARP_MARGIN = 6.0  # mm around a warped box, whose faces are not flat


@dataclass(frozen=True)
class Material:
    """The values of a tissue: HU, T1-weighted and b0 signal, ADC in 1e-6 mm2/s."""

    hu: float
    t1: float
    b0: float
    adc: float


MATERIALS: dict[str, Material] = {
    "air": Material(-1000, 8, 4, 0),
    "skin": Material(45, 420, 60, 900),
    "fat": Material(-90, 1050, 45, 200),  # fat-suppressed on EPI
    "muscle": Material(55, 430, 110, 1300),
    "bone": Material(1150, 50, 8, 300),
    "diploe": Material(380, 480, 30, 300),
    "teeth": Material(2000, 30, 4, 300),
    "sclera": Material(50, 350, 200, 1000),
    "vitreous": Material(10, 180, 1000, 2800),
    "lens": Material(75, 380, 150, 900),
    "csf": Material(6, 170, 1050, 3000),
    "gm": Material(37, 560, 430, 840),
    "wm": Material(28, 800, 340, 740),
}
TISSUE_NUMBER = {name: number for number, name in enumerate(MATERIALS)}


class Canvas:
    """Volumes in head space on which materials are painted, one solid over another.

    The spacing of the lattice is that of the fields, or half of it.
    """

    def __init__(self, template: Anatomy, mapping: Mapping, lattice: Lattice) -> None:
        self.template, self.mapping, self.lattice = template, mapping, lattice
        coarse = head_lattice(mapping.affine, FIELD_MM)
        move = mapping.on(coarse)
        self.fields = {
            name: _warped(f, coarse, move, mapping) for name, f in template.fields.items()
        }
        air = asdict(MATERIALS["air"])
        self.volumes = {q: np.full(lattice.shape, value, np.float32) for q, value in air.items()}
        self.tissue = np.zeros(lattice.shape, np.uint8)

    def solid(self, *fields: np.ndarray) -> tuple[tuple[slice, ...], np.ndarray]:
        """The intersection of solids: a box of the lattice, and each voxel's share."""
        field = fields[0] if len(fields) == 1 else np.maximum.reduce(fields)
        box = bounding_box(field < 1.5, 1)
        field = field[box]
        if self.lattice.spacing < FIELD_MM:
            field = doubled(field)
            box = tuple(slice(2 * s.start, 2 * s.stop - 1) for s in box)
        return box, np.clip(0.5 - field / np.float32(self.lattice.spacing), 0, 1)

    def paint(self, material: str, *fields: np.ndarray) -> None:
        """Paint a material over the intersection of solids."""
        self.cover(material, *self.solid(*fields))

    def cover(self, material: str, box: tuple[slice, ...], share: np.ndarray) -> None:
        """Blend a material in by its share of each voxel."""
        for quantity, volume in self.volumes.items():
            view = volume[box]
            view += share * (getattr(MATERIALS[material], quantity) - view)
        self.tissue[box][share > 0.5] = TISSUE_NUMBER[material]

    def brain_shares(self) -> dict[str, np.ndarray]:
        """Grey matter, white matter and filled brain, each voxel's share."""
        box, brain = self.solid(self.fields["brain"])
        around = self.lattice.inset(box)
        reference = lattice_image(np.zeros(around.shape, np.uint8), around)
        move = self.mapping.on(around)
        shares = {"brain": embedded(brain, box, self.lattice)}
        for name, image in (("gm", self.template.gm), ("wm", self.template.wm)):
            tissue = sitk.Resample(image, reference, move, sitk.sitkLinear, 0.0)
            part = sitk.GetArrayFromImage(tissue) * brain
            shares[name] = embedded(part, box, self.lattice)
        return shares


def _warped(
    field: sitk.Image, lattice: Lattice, move: sitk.Transform, mapping: Mapping
) -> np.ndarray:
    """A distance field on a head lattice, computed only near the box of the field."""
    corners = [
        mapping.head_point(FLIP @ field.TransformContinuousIndexToPhysicalPoint((i, j, k)))
        for i in (0, field.GetWidth() - 1)
        for j in (0, field.GetHeight() - 1)
        for k in (0, field.GetDepth() - 1)
    ]
    box = lattice.box(np.min(corners, 0) - WARP_MARGIN, np.max(corners, 0) + WARP_MARGIN)
    part = lattice.inset(box)
    reference = lattice_image(np.zeros(part.shape, np.uint8), part)
    whole = np.full(lattice.shape, FAR, np.float32)
    whole[box] = sitk.GetArrayFromImage(sitk.Resample(field, reference, move, sitk.sitkLinear, FAR))
    return whole


def embedded(part: np.ndarray, box: tuple[slice, ...], lattice: Lattice) -> np.ndarray:
    whole = np.zeros(lattice.shape, np.float32)
    whole[box] = part
    return whole


def doubled(field: np.ndarray) -> np.ndarray:
    """Linear interpolation to half the spacing: n points become 2n - 1."""
    for dim in range(3):
        field = np.moveaxis(field, dim, 0)
        fine = np.empty((2 * len(field) - 1, *field.shape[1:]), np.float32)
        fine[::2] = field
        fine[1::2] = (field[1:] + field[:-1]) / 2
        field = np.moveaxis(fine, 0, dim)
    return field


def paint_head(canvas: Canvas, skull_mm: float, scalp_mm: float) -> None:
    """Paint all but the brain, from the skin inwards; skull and scalp are thicker by the given mm."""
    f = canvas.fields
    head = f["head"] - skull_mm - scalp_mm
    skull, inner = f["skull"] - skull_mm, f["inner"]
    f["head"] = head
    canvas.paint("skin", head)
    canvas.paint("fat", head + SKIN)
    canvas.paint("muscle", f["muscle"])
    canvas.paint("fat", f["fat"], head + SKIN)
    canvas.paint("bone", skull, head + 2.5)
    canvas.paint("diploe", skull + 1.6, 1.6 - inner, head + 4)
    for bone, shell in (("facebone", 2.0), ("spine", 1.5)):
        canvas.paint("bone", f[bone], head + 2.5)
        canvas.paint("diploe", f[bone] + shell, head + 4)
    canvas.paint("muscle", f["mucosa"], head + 1)
    canvas.paint("air", f["airway"])
    canvas.paint("teeth", f["teeth"], head + 2.5)
    canvas.paint("air", f["sinus"])
    _paint_orbits(canvas, head)
    canvas.paint("csf", inner)
    canvas.paint("wm", f["cord"])


def _paint_orbits(canvas: Canvas, head: np.ndarray) -> None:
    f = canvas.fields
    canvas.paint("fat", f["orbit"], head + 2.5)
    canvas.paint("muscle", f["eyemuscle"], head + 2.5)
    canvas.paint("sclera", f["eye"], head + 1)
    canvas.paint("vitreous", f["eye"] + 1.2, head + 2)
    canvas.paint("lens", f["lens"], head + 2)


def paint_brain(canvas: Canvas, shares: dict[str, np.ndarray]) -> None:
    """Paint grey and white matter by their shares in the template; the rest stays CSF."""
    box = bounding_box(shares["brain"] > 0, 1)
    gm, wm = shares["gm"][box], shares["wm"][box]
    rest = 1 - gm - wm
    for quantity, volume in canvas.volumes.items():
        grey, white = (getattr(MATERIALS[name], quantity) for name in ("gm", "wm"))
        volume[box] *= rest
        volume[box] += gm * grey + wm * white
    canvas.tissue[box][gm > 0.5] = TISSUE_NUMBER["gm"]
    canvas.tissue[box][wm > 0.5] = TISSUE_NUMBER["wm"]


def face_share(canvas: Canvas) -> np.ndarray:
    """Soft tissue and eyes inside the face region."""
    box, share = canvas.solid(canvas.fields["face"], canvas.fields["head"])
    names = ("skin", "fat", "muscle", "sclera", "vitreous", "lens")
    soft = np.isin(canvas.tissue[box], [TISSUE_NUMBER[name] for name in names])
    return embedded(share * soft, box, canvas.lattice)

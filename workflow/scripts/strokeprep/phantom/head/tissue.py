"""Paint the tissues of a head, one over another, on a lattice in head space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import SimpleITK as sitk

from strokeprep.io.labels import bounding_box
from strokeprep.phantom.head.anatomy import SKIN, Anatomy, lattice_image
from strokeprep.phantom.head.mapping import Mapping, head_lattice
from strokeprep.phantom.head.shapes import FAR, FLIP, Lattice

FIELD_MM = 2.0  # spacing of the warped distance fields; that of volumes may be half of it
WARP_MARGIN = 6.0  # mm around a warped box, whose faces are not flat
DISPLACED_MARGIN = 18.0  # the same where a disease displaces tissue


@dataclass(frozen=True)
class Material:
    """The values of a tissue.

    HU, T1-weighted and b0 signal, ADC in 1e-6 mm2/s, and the signal on T2-weighted, FLAIR,
    T2*-weighted and time-of-flight images.
    """

    hu: float
    t1: float
    b0: float
    adc: float
    t2: float
    flair: float
    t2star: float
    tof: float


MATERIALS: dict[str, Material] = {
    "air": Material(-1000, 8, 4, 0, 5, 5, 5, 5),
    "skin": Material(45, 420, 60, 900, 190, 170, 160, 130),
    # fat-suppressed on EPI
    "fat": Material(-90, 1050, 45, 200, 640, 560, 420, 260),
    "muscle": Material(55, 430, 110, 1300, 150, 210, 230, 190),
    "bone": Material(1150, 50, 8, 300, 30, 25, 15, 20),
    "diploe": Material(380, 480, 30, 300, 330, 260, 110, 130),
    "teeth": Material(2000, 30, 4, 300, 15, 12, 8, 10),
    "sclera": Material(50, 350, 200, 1000, 130, 170, 140, 120),
    "vitreous": Material(10, 180, 1000, 2800, 1080, 70, 520, 90),
    "lens": Material(75, 380, 150, 900, 120, 200, 190, 160),
    "csf": Material(6, 170, 1050, 3000, 1100, 45, 540, 80),
    "gm": Material(37, 560, 430, 840, 460, 500, 430, 240),
    "wm": Material(28, 800, 340, 740, 310, 390, 370, 270),
}
TISSUE_NUMBER = {name: number for number, name in enumerate(MATERIALS)}
# What only ill heads have. Its voxels keep the number of the tissue it replaces.
ILL_MATERIALS: dict[str, Material] = {
    "gliosis": Material(20, 360, 650, 1500, 760, 800, 480, 200),
    "blood": Material(70, 520, 180, 500, 260, 420, 40, 300),  # some hours old
    "oedema": Material(19, 430, 620, 1450, 780, 820, 480, 210),
}
# The quantities that the scans of the built-in study need.
QUANTITIES = ("hu", "t1", "b0", "adc")


class Canvas:
    """Volumes in head space on which materials are painted, one solid over another.

    The spacing of the lattice is that of the fields, or half of it. The brain may be displaced in
    its skull: then it has a mapping of its own.
    """

    def __init__(
        self,
        template: Anatomy,
        mapping: Mapping,
        brain: Mapping,
        lattice: Lattice,
        quantities: Sequence[str],
    ) -> None:
        self.template, self.lattice, self.brain = template, lattice, brain
        coarse = head_lattice(mapping.affine, FIELD_MM)
        move = mapping.on(coarse)
        self.fields = {
            name: _warped(f, coarse, move, mapping) for name, f in template.fields.items()
        }
        if brain is not mapping:
            field, move = template.fields["brain"], brain.on(coarse)
            self.fields["brain"] = _warped(field, coarse, move, brain)
        air = asdict(MATERIALS["air"])
        self.volumes = {q: np.full(lattice.shape, air[q], np.float32) for q in quantities}
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
        values = (MATERIALS | ILL_MATERIALS)[material]
        for quantity, volume in self.volumes.items():
            view = volume[box]
            view += share * (getattr(values, quantity) - view)
        if material in TISSUE_NUMBER:
            self.tissue[box][share > 0.5] = TISSUE_NUMBER[material]

    def brain_shares(self) -> dict[str, np.ndarray]:
        """Grey matter, white matter and filled brain, each voxel's share."""
        box, brain = self.solid(self.fields["brain"])
        around = self.lattice.inset(box)
        reference = lattice_image(np.zeros(around.shape, np.uint8), around)
        move = self.brain.on(around)
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
    margin = WARP_MARGIN if mapping.displaced is None else DISPLACED_MARGIN
    box = lattice.box(np.min(corners, 0) - margin, np.max(corners, 0) + margin)
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

"""One synthetic patient: the head's shape, the stroke, and 1 mm volumes in head space.

Head space is a RAS frame of the patient's own, near MNI. Everything that must be known exactly
is a SimpleITK transform (LPS points): `Mapping.transform` takes head points to MNI points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from .anatomy import SKIN, Anatomy, anatomy, lattice_image
from .shapes import FAR, FLIP, Lattice
from .vessels import Vessel, surface_distance, vessels

HEAD_SCALE = 1.09  # head to MNI: the MNI brain is about 25 % larger than a person's
MNI_BOX = np.array([[-101.0, -131.0, -187.0], [101.0, 119.0, 95.0]])  # what head space covers
KNOT_SPACING = 55.0  # mm between B-spline control points
WARP_MARGIN = 6.0  # mm round a warped box, as its faces do not stay flat
LESION_REACH = 55  # mm from the lesion's centre to the side of the box it is grown in


@dataclass(frozen=True)
class Material:
    """What each scanner sees: HU, T1-weighted and b0 signal, ADC in 1e-6 mm2/s."""

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
SOFT = ("skin", "fat", "muscle", "sclera", "vitreous", "lens")
QUANTITIES = ("hu", "t1", "b0", "adc")


@dataclass(frozen=True)
class Traits:
    """What makes one subject different from the next."""

    lesion_side: str
    lesion_ml: float
    penumbra_ratio: float  # penumbra volume over core volume
    lesion_centre: tuple[float, float, float]  # MNI
    lesion_hu: float  # on the non-contrast scan
    skull_mm: float  # added to the skull's thickness
    scalp_mm: float  # added to the scalp's


@dataclass(frozen=True)
class Mapping:
    """Head to MNI: an affine, after a B-spline displacement in head space unless absent."""

    affine: sitk.AffineTransform
    spline: sitk.BSplineTransform | None

    @property
    def transform(self) -> sitk.Transform:
        """Head points (LPS) to MNI points (LPS)."""
        if self.spline is None:
            return self.affine
        return sitk.CompositeTransform([self.affine, self.spline])  # the last acts first

    def on(self, lattice: Lattice) -> sitk.Transform:
        """The same mapping, with the spline tabulated on a lattice to make resampling fast."""
        if self.spline is None:
            return self.affine
        field = sitk.GetImageFromArray(spline_displacement(self.spline, lattice), isVector=True)
        field.CopyInformation(lattice_image(np.zeros(lattice.shape, np.uint8), lattice))
        return sitk.CompositeTransform([self.affine, sitk.DisplacementFieldTransform(field)])

    def head_point(self, mni: np.ndarray) -> np.ndarray:
        """The head point (RAS) that maps to an MNI point (RAS)."""
        target = FLIP @ np.asarray(mni, float)
        inverse = self.affine.GetInverse()
        start = np.array(inverse.TransformPoint(tuple(target)))
        point = start
        if self.spline is not None:
            for _ in range(12):  # contracts: the displacement varies slowly
                shift = np.subtract(self.spline.TransformPoint(tuple(point)), point)
                point = start - shift
        return FLIP @ point


@dataclass
class Head:
    """A subject's head on a 1 mm lattice; arrays are [z, y, x], shares are 0..1."""

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

    def cropped(self, share: np.ndarray) -> sitk.Image:
        """The same for a share that is zero in most places: only the box round the rest."""
        box = _bounding_box(share > 0)
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


def draw_mapping(random: np.random.Generator, deformation_mm: float) -> Mapping:
    """A random head shape; `deformation_mm` is the largest displacement of its warp."""
    affine = sitk.AffineTransform(3)
    scales = HEAD_SCALE * random.uniform(0.95, 1.05, 3)
    shear = np.eye(3) + np.triu(random.uniform(-0.03, 0.03, (3, 3)), 1)
    turn = sitk.Euler3DTransform()
    turn.SetRotation(*random.uniform(-0.035, 0.035, 3))
    matrix = np.reshape(turn.GetMatrix(), (3, 3)) @ shear @ np.diag(scales)
    affine.SetMatrix(matrix.ravel().tolist())
    affine.SetTranslation(random.uniform(-4, 4, 3).tolist())
    knots = random.standard_normal(6000)  # drawn always: the stream does not depend on options
    if deformation_mm <= 0:
        return Mapping(affine, None)
    return Mapping(affine, _spline(knots, head_lattice(affine, 2.0), deformation_mm))


def head_lattice(affine: sitk.AffineTransform, spacing: float) -> Lattice:
    """The RAS lattice of head space: the part of MNI space that is drawn, brought back."""
    inverse = affine.GetInverse()
    corners = [
        FLIP @ inverse.TransformPoint((-x, -y, z))
        for x in MNI_BOX[:, 0]
        for y in MNI_BOX[:, 1]
        for z in MNI_BOX[:, 2]
    ]
    low = np.floor(np.min(corners, 0) / 2) * 2
    cells = np.ceil((np.max(corners, 0) - low) / 2).astype(int)
    size = tuple(int(n) for n in cells * round(2 / spacing) + 1)
    return Lattice(tuple(low.tolist()), spacing, size)


def _spline(knots: np.ndarray, lattice: Lattice, largest_mm: float) -> sitk.BSplineTransform:
    """A B-spline over the whole lattice whose largest displacement is `largest_mm`."""
    extent = lattice.spacing * (np.array(lattice.size) - 1) + 2.0  # a margin: no edge effects
    spline = sitk.BSplineTransform(3, 3)
    low = np.array(lattice.origin) - 1.0
    spline.SetTransformDomainOrigin((-low[0] - extent[0], -low[1] - extent[1], low[2]))
    spline.SetTransformDomainPhysicalDimensions(extent.tolist())
    spline.SetTransformDomainMeshSize([int(n) for n in np.ceil(extent / KNOT_SPACING)])
    count = len(spline.GetParameters())
    spline.SetParameters(knots[:count].tolist())
    coarse = Lattice(lattice.origin, 6.0, tuple((n - 1) // 3 + 1 for n in lattice.size))
    peak = np.linalg.norm(spline_displacement(spline, coarse), axis=-1).max()
    spline.SetParameters((knots[:count] * (largest_mm / peak)).tolist())
    return spline


def spline_displacement(spline: sitk.BSplineTransform, lattice: Lattice) -> np.ndarray:
    """LPS displacement at every lattice point, [z, y, x, 3]: the tensor product written out."""
    mesh = np.array(spline.GetTransformDomainMeshSize())
    step = np.array(spline.GetTransformDomainPhysicalDimensions()) / mesh
    low = np.array(spline.GetTransformDomainOrigin())
    knots = np.array(spline.GetParameters()).reshape(3, *(mesh + 3)[::-1])
    bases = []
    for dim in range(3):
        lps = lattice.axis(dim).astype(float) * (-1 if dim < 2 else 1)
        gap = (lps - low[dim])[:, None] / step[dim] - (np.arange(mesh[dim] + 3) - 1)
        bases.append(_cubic(np.abs(gap)))
    field = np.einsum("cijk,xk->cijx", knots, bases[0])
    field = np.einsum("cijx,yj->ciyx", field, bases[1])
    return np.einsum("ciyx,zi->zyxc", field, bases[2])


def _cubic(u: np.ndarray) -> np.ndarray:
    """The cubic B-spline at distance u >= 0 from its centre."""
    return np.where(u < 1, 2 / 3 - u**2 + u**3 / 2, np.clip(2 - u, 0, None) ** 3 / 6)


def make_head(mapping: Mapping, traits: Traits, random: np.random.Generator) -> Head:
    """Resample the anatomy into head space once and add the stroke."""
    template = anatomy()
    lattice = head_lattice(mapping.affine, 1.0)
    canvas = _Canvas(template, mapping, lattice)
    _paint_head(canvas, traits)
    shares = canvas.brain_shares()
    _paint_brain(canvas, shares)
    shares["face"] = _face_share(canvas)
    found = [v.mapped(mapping.head_point) for v in vessels(traits.lesion_side)]
    shares |= _vessel_shares(found, lattice)
    shares |= _stroke_shares(shares, mapping, traits, lattice, random)
    return Head(lattice, mapping, traits, found, canvas.volumes, shares, canvas.tissue)


class _Canvas:
    """Head-space volumes that materials are painted on, one solid over another."""

    def __init__(self, template: Anatomy, mapping: Mapping, lattice: Lattice) -> None:
        self.template, self.mapping, self.lattice = template, mapping, lattice
        coarse = head_lattice(mapping.affine, 2.0)
        move = mapping.on(coarse)
        self.fields = {
            name: _warped(f, coarse, move, mapping) for name, f in template.fields.items()
        }
        air = MATERIALS["air"]
        self.volumes = {q: np.full(lattice.shape, getattr(air, q), np.float32) for q in QUANTITIES}
        self.tissue = np.zeros(lattice.shape, np.uint8)

    def solid(self, *fields: np.ndarray) -> tuple[tuple[slice, ...], np.ndarray]:
        """Where all the (2 mm) fields are inside: a 1 mm box and each voxel's share."""
        field = fields[0] if len(fields) == 1 else np.maximum.reduce(fields)
        coarse = _bounding_box(field < 1.5)
        fine = tuple(slice(2 * s.start, 2 * s.stop - 1) for s in coarse)
        return fine, np.clip(0.5 - doubled(field[coarse]), 0, 1)

    def paint(self, material: str, *fields: np.ndarray) -> None:
        """Cover the solid that is inside all fields with a material."""
        self.cover(material, *self.solid(*fields))

    def cover(self, material: str, box: tuple[slice, ...], share: np.ndarray) -> None:
        """Mix a material in by its share of each voxel."""
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
        shares = {"brain": _embedded(brain, box, self.lattice)}
        for name, image in (("gm", self.template.gm), ("wm", self.template.wm)):
            tissue = sitk.Resample(image, reference, move, sitk.sitkLinear, 0.0)
            part = sitk.GetArrayFromImage(tissue) * brain
            shares[name] = _embedded(part, box, self.lattice)
        return shares


def _warped(
    field: sitk.Image, lattice: Lattice, move: sitk.Transform, mapping: Mapping
) -> np.ndarray:
    """A distance field on a head lattice; only the part near the field's own box is computed."""
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


def _embedded(part: np.ndarray, box: tuple[slice, ...], lattice: Lattice) -> np.ndarray:
    whole = np.zeros(lattice.shape, np.float32)
    whole[box] = part
    return whole


def _bounding_box(mask: np.ndarray) -> tuple[slice, ...]:
    """Smallest box round the true voxels, one voxel wider where there is room."""
    box = []
    for dim in range(3):
        used = np.flatnonzero(mask.any(axis=tuple(d for d in range(3) if d != dim)))
        first, last = (used[0], used[-1]) if len(used) else (0, 0)
        box.append(slice(max(int(first) - 1, 0), min(int(last) + 2, mask.shape[dim])))
    return tuple(box)


def doubled(field: np.ndarray) -> np.ndarray:
    """Linear interpolation to half the spacing: n points become 2n - 1."""
    for dim in range(3):
        field = np.moveaxis(field, dim, 0)
        fine = np.empty((2 * len(field) - 1, *field.shape[1:]), np.float32)
        fine[::2] = field
        fine[1::2] = (field[1:] + field[:-1]) / 2
        field = np.moveaxis(fine, 0, dim)
    return field


def _paint_head(canvas: _Canvas, traits: Traits) -> None:
    """Everything but the brain, from the skin inwards."""
    f = canvas.fields
    head = f["head"] - traits.skull_mm - traits.scalp_mm
    skull, inner = f["skull"] - traits.skull_mm, f["inner"]
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


def _paint_orbits(canvas: _Canvas, head: np.ndarray) -> None:
    f = canvas.fields
    canvas.paint("fat", f["orbit"], head + 2.5)
    canvas.paint("muscle", f["eyemuscle"], head + 2.5)
    canvas.paint("sclera", f["eye"], head + 1)
    canvas.paint("vitreous", f["eye"] + 1.2, head + 2)
    canvas.paint("lens", f["lens"], head + 2)


def _paint_brain(canvas: _Canvas, shares: dict[str, np.ndarray]) -> None:
    """Grey and white matter as they are mixed in the template; the rest stays CSF."""
    box = _bounding_box(shares["brain"] > 0)
    gm, wm = shares["gm"][box], shares["wm"][box]
    rest = 1 - gm - wm
    for quantity, volume in canvas.volumes.items():
        grey, white = (getattr(MATERIALS[name], quantity) for name in ("gm", "wm"))
        volume[box] *= rest
        volume[box] += gm * grey + wm * white
    canvas.tissue[box][gm > 0.5] = TISSUE_NUMBER["gm"]
    canvas.tissue[box][wm > 0.5] = TISSUE_NUMBER["wm"]


def _face_share(canvas: _Canvas) -> np.ndarray:
    """Soft tissue and eyes inside the face region."""
    box, share = canvas.solid(canvas.fields["face"], canvas.fields["head"])
    soft = np.isin(canvas.tissue[box], [TISSUE_NUMBER[name] for name in SOFT])
    return _embedded(share * soft, box, canvas.lattice)


def _vessel_shares(found: list[Vessel], lattice: Lattice) -> dict[str, np.ndarray]:
    """Each voxel's share of every kind of vessel."""
    kinds = ("artery", "collateral", "thrombus", "vein")
    shares = {kind: np.zeros(lattice.shape, np.float32) for kind in kinds}
    for vessel in found:
        inside = vessel.mapped(lambda point: point - np.array(lattice.origin))
        drawn = surface_distance(inside, lattice.shape, (1.0, 1.0, 1.0), 1.0)
        if drawn is not None:
            box, distance = drawn
            view = shares[vessel.kind][box]
            np.maximum(view, np.clip(0.5 - distance, 0, 1), out=view)
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
    """Infarct core and the penumbra round it: irregular, inside one hemisphere's parenchyma."""
    centre = mapping.head_point(np.array(traits.lesion_centre))
    box = lattice.box(centre - LESION_REACH, centre + LESION_REACH)
    x, y, z = (c - m for c, m in zip(lattice.coordinates(box), centre, strict=True))
    radius = np.sqrt((x / 0.8) ** 2 + (y / 1.25) ** 2 + z**2)
    uneven = ndimage.zoom(random.standard_normal((9, 9, 9)), 29 / 9, order=3)  # 4 mm, then 1
    uneven = doubled(doubled(uneven))
    grown = radius + 7.0 * uneven[tuple(slice(n) for n in radius.shape)]
    tissue = (shares["gm"] + shares["wm"])[box] > 0.6
    midline = mapping.head_point(np.array([0.0, traits.lesion_centre[1], 10.0]))[0]
    tissue &= (lattice.coordinates(box)[0] - midline) * np.sign(traits.lesion_centre[0]) > 4
    grown = np.where(tissue, grown, np.inf)
    order = np.sort(grown[tissue])
    core_voxels = int(traits.lesion_ml * 1000)
    all_voxels = min(int(core_voxels * (1 + traits.penumbra_ratio)), len(order) - 1)
    core = (grown < order[core_voxels]).astype(np.float32)
    whole = (grown < order[all_voxels]).astype(np.float32)
    core, whole = (ndimage.gaussian_filter(m, 0.8) * tissue for m in (core, whole))
    core = np.minimum(core, whole)
    return {
        "core": _embedded(core, box, lattice),
        "penumbra": _embedded(whole - core, box, lattice),
    }

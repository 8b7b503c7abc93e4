"""A whole head around the MNI152NLin2009aSym brain, as signed distance fields in MNI space.

The brain is from nilearn's 1 mm GM, WM and T1 maps; the rest is drawn from ellipsoids and tubes
at anatomical positions. Fields have a spacing of 2 mm. As distances are smooth, linear
interpolation still gives surfaces to a fraction of a millimetre.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from scipy.special import erfinv

from strokeprep.errors import StrokeprepError
from strokeprep.phantom.head.shapes import (
    FAR,
    Lattice,
    Solid,
    capsule_distance,
    ellipsoid_distance,
    smooth_minimum,
)

LATTICE = Lattice(origin=(-108.0, -134.0, -188.0), spacing=2.0, size=(109, 131, 150))
BRAIN_BLUR = 1.5  # mm; makes a sub-voxel surface from the binary mask
BRAIN_MARGIN = 0.7  # mm of the brain surface outside the blurred mask, so that no cortex is cut
SULCUS = 10.0  # mm; the dura bridges gaps narrower than twice this
VAULT_BRIDGE = 22.0  # mm; the same for outer table and scalp, which do not follow the gyri
SKULL_DEPTH = 9.0  # mm; the largest thickness of bone, so that the skull base is not solid
DURA_GAP = 2.5  # mm from closed brain surface to inner table
CHEEK_SPAN = 34.0  # mm; gaps of up to twice this between facial bones are part of the face
WALL = 3.0  # mm; the least thickness of bone between a cavity and the dura
SKIN = 2.0  # mm
CROP = 6.0  # mm; a field is not needed farther outside


@dataclass(frozen=True)
class Anatomy:
    """Tissue maps (1 mm, 0..1) and signed distance fields (2 mm), as SimpleITK images."""

    gm: sitk.Image
    wm: sitk.Image
    fields: dict[str, sitk.Image]


@cache
def anatomy() -> Anatomy:
    """The head in MNI space; built once per process."""
    t1, gm, wm = (_template(name) for name in ("t1", "gm", "wm"))
    brain = _brain_surface(t1)
    inner = _dura(brain)
    vault = _closed(brain, VAULT_BRIDGE, 6.0) - DURA_GAP
    fields = {"brain": brain, "inner": inner, "cord": _cord()}
    fields |= _bones(inner, vault)
    fields |= _cavities(inner)
    fields |= _orbits(inner)
    fields["head"] = _head_surface(vault)
    fields |= _soft_parts(fields["head"])
    fields["face"] = _face_region(fields)
    return Anatomy(gm, wm, {name: _cropped(field) for name, field in fields.items()})


def lattice_image(array: np.ndarray, lattice: Lattice) -> sitk.Image:
    """An image (LPS world, as SimpleITK has it) of an array on a RAS lattice."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((lattice.spacing,) * 3)
    image.SetOrigin((-lattice.origin[0], -lattice.origin[1], lattice.origin[2]))
    image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    return image


def _template(name: str) -> sitk.Image:
    """One of nilearn's MNI maps, 0..1; nilearn itself is not imported."""
    spec = importlib.util.find_spec("nilearn")
    if spec is None or not spec.submodule_search_locations:
        raise StrokeprepError(
            "the phantom needs the MNI maps inside nilearn", "nilearn", "pip install nilearn"
        )
    folder = Path(spec.submodule_search_locations[0]) / "datasets" / "data"
    path = folder / f"mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz"
    image = nib.load(path)
    array = np.asarray(image.dataobj).T.astype(np.float32) / 255
    return lattice_image(array, Lattice(tuple(image.affine[:3, 3]), 1.0, image.shape))


def _brain_surface(t1: sitk.Image) -> np.ndarray:
    """Signed distance to the filled brain."""
    mask = sitk.Cast(t1 > 0, sitk.sitkFloat32)
    soft = sitk.GetArrayFromImage(
        sitk.Resample(mask, _empty(), sitk.Transform(), sitk.sitkLinear, 0.0)
    )
    soft[ndimage.binary_fill_holes(soft > 0.5) & (soft < 0.5)] = 1
    share = np.clip(_smooth(soft, BRAIN_BLUR), 0.003, 0.997).astype(np.float64)
    near = BRAIN_BLUR * np.sqrt(2) * erfinv(1 - 2 * share)  # inverts the blurred edge
    far = _distance(share > 0.5)
    distance = np.where(np.abs(near) < 3, near, far) - BRAIN_MARGIN
    return distance.astype(np.float32)


def _empty() -> sitk.Image:
    return lattice_image(np.zeros(LATTICE.shape, np.uint8), LATTICE)


def _distance(mask: np.ndarray) -> np.ndarray:
    """Signed distance to a binary mask (negative inside)."""
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing((LATTICE.spacing,) * 3)
    field = sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True)
    return sitk.GetArrayFromImage(field)


def _smooth(field: np.ndarray, sigma_mm: float) -> np.ndarray:
    return ndimage.gaussian_filter(field, sigma_mm / LATTICE.spacing, truncate=3.0)


def _closed(field: np.ndarray, radius: float, sigma: float) -> np.ndarray:
    """Smoothed signed distance to a solid after closing it by a ball."""
    dilated = _distance(field < radius)
    return _smooth(_distance(dilated < -radius), sigma)


def _dura(brain: np.ndarray) -> np.ndarray:
    """Signed distance to the inner table of the skull and the spinal canal."""
    inner = np.minimum(_closed(brain, SULCUS, 3.0) - DURA_GAP, brain - 1.2)
    canal = Solid(LATTICE).tube([(0, -44, -62), (0, -46, -90), (0, -50, -190)], 9.0)
    return smooth_minimum(inner, canal.field, 4.0)


def _cord() -> np.ndarray:
    return Solid(LATTICE).tube([(0, -42, -66), (0, -46, -90), (0, -50, -190)], 5.5).field


def _skull_thickness() -> np.ndarray:
    """4 to 8 mm: thin at the temples, thick at forehead and occiput, uneven."""
    x, y, z = LATTICE.coordinates()
    side = np.exp(-(((y - 5) / 45) ** 2) - ((z + 15) / 35) ** 2) * np.clip(np.abs(x) / 60, 0, 1)
    uneven = np.sin(x / 23 + 1) * np.cos(y / 27) * np.sin(z / 31 + 2)
    ends = np.clip((np.abs(y + 15) - 60) / 40, 0, 1)
    return (6.2 + 0.7 * uneven + 1.2 * ends - 2.2 * side).astype(np.float32)


def _bones(inner: np.ndarray, vault: np.ndarray) -> dict[str, np.ndarray]:
    """Skull (cranium), facial bones, vertebrae and teeth."""
    brainbox = np.maximum(vault - _skull_thickness(), inner - SKULL_DEPTH)
    _, _, z = LATTICE.coordinates()
    brainbox = np.maximum(brainbox, -72 - z)  # below the foramen magnum: vertebrae, not skull
    skull = Solid(LATTICE, brainbox)
    skull.ellipsoid((0, 72, -22), (30, 14, 13), 5)  # glabella
    skull.ellipsoid((0, 8, -38), (20, 30, 14), 6)  # sphenoid and clivus
    skull.mirrored("ellipsoid", (50, -26, -44), (24, 13, 11), 4)  # petrous bone
    skull.mirrored("ellipsoid", (62, -32, -56), (11, 14, 17), 4)  # mastoid
    return {
        "skull": skull.field,
        "facebone": _facial_bones(),
        "spine": _vertebrae(),
        "teeth": _teeth(),
    }


def _facial_bones() -> np.ndarray:
    bone = Solid(LATTICE)
    bone.mirrored("ellipsoid", (31, 56, -38), (22, 24, 22))  # orbital walls, hollowed later
    bone.ellipsoid((0, 58, -44), (20, 30, 18), 6)  # ethmoid and upper maxilla
    bone.ellipsoid((0, 60, -72), (36, 28, 22), 8)  # maxilla
    bone.ellipsoid((0, 62, -86), (26, 30, 8), 4)  # palate and alveolar process
    bone.mirrored("tube", [(48, 70, -50), (60, 52, -54), (68, 28, -52), (71, -8, -46)], 4.0, 5)
    bone.mirrored("tube", [(50, 70, -48), (54, 68, -34), (50, 70, -22)], 5.0, 5)  # lateral rim
    bone.mirrored("tube", [(10, 79, -21), (32, 75, -18), (50, 67, -22)], 5.0, 6)  # brow
    bone.tube([(0, 84, -30), (0, 97, -47)], 3.5, 4)  # nasal bones
    jaw = [
        (56, -4, -50),
        (54, 2, -80),
        (50, 8, -104),
        (40, 42, -116),
        (22, 72, -121),
        (0, 84, -122),
    ]
    bone.mirrored("tube", jaw, 5.5, 3)
    alveolus = [(40, 30, -104), (33, 56, -106), (19, 74, -108), (0, 82, -108)]
    bone.mirrored("tube", alveolus, 5.5, 5)
    return bone.field


def _vertebrae() -> np.ndarray:
    """Bodies in front of and arches behind the canal, separated by discs."""
    x, y, z = LATTICE.coordinates()
    centre = -46 - (np.clip(-90 - z, 0, 100)) * 0.04
    ring = np.abs(np.hypot(x / 1.15, y - centre) - 12.5) - 3.0
    body = np.hypot(x / 1.2, y - (centre + 20)) - 10.5
    spinous = np.maximum(np.abs(x) - 3.0, np.abs(y - (centre - 24)) - 10)
    solid = np.minimum(np.minimum(ring, body), spinous)
    level = np.abs((z + 80) % 19 - 9.5) - 7  # 14 mm of bone, 5 mm of disc
    field = np.maximum(np.maximum(solid, level), z + 76)
    return np.minimum(field, FAR).astype(np.float32)


def _teeth() -> np.ndarray:
    teeth = Solid(LATTICE)
    for angle in np.radians(np.arange(6, 84, 11)):
        x, y = 29 * np.sin(angle), 46 + 42 * np.cos(angle)
        teeth.mirrored("tube", [(x, y - 2, -89), (x, y, -94)], 3.2)
        teeth.mirrored("tube", [(x * 0.96, y - 4, -104), (x * 0.96, y - 3, -98)], 3.0)
    return teeth.field


def _cavities(inner: np.ndarray) -> dict[str, np.ndarray]:
    """Air: sinuses and ear inside bone, nose and throat inside soft tissue."""
    sinus = Solid(LATTICE)
    sinus.mirrored("ellipsoid", (10, 76, -21), (9, 5.5, 9))  # frontal
    sinus.mirrored("ellipsoid", (7.5, 52, -40), (5, 18, 9))  # ethmoid
    sinus.mirrored("ellipsoid", (8, 16, -38), (7, 11, 9))  # sphenoid
    sinus.mirrored("ellipsoid", (27, 58, -69), (13, 17, 13))  # maxillary
    for centre, radius in _mastoid_cells():
        sinus.mirrored("ellipsoid", centre, (radius,) * 3)
    sinus.mirrored("tube", [(44, -20, -37), (68, -20, -35), (94, -21, -35)], 3.4)  # ear canal
    sinus.carve(inner - WALL)
    return {"sinus": sinus.field} | _airway()


def _mastoid_cells() -> list[tuple[tuple[float, float, float], float]]:
    random = np.random.default_rng(152)  # the same in all subjects
    cells = random.uniform((52, -42, -68), (70, -24, -44), (26, 3))
    return [
        (tuple(cell), radius)
        for cell, radius in zip(cells, random.uniform(1.8, 3.0, 26), strict=True)
    ]


def _airway() -> dict[str, np.ndarray]:
    """Nasal cavity (with septum, turbinates and mucosa), throat, gap of the mouth."""
    x, y, z = LATTICE.coordinates()
    nose = np.minimum(
        ellipsoid_distance((x, y, z), (0, 62, -66), (15, 34, 14)),
        ellipsoid_distance((x, y, z), (0, 70, -52), (7, 24, 16)),
    )
    septum = np.abs(x) - 1.3
    conchae = Solid(LATTICE)
    conchae.mirrored("tube", [(10, 84, -70), (10, 42, -70)], 4.0)
    conchae.mirrored("tube", [(7, 78, -58), (8, 44, -60)], 3.0)
    nose = np.minimum(nose, FAR).astype(np.float32)
    way = Solid(LATTICE, np.maximum(np.maximum(nose, -septum), -conchae.field))
    way.mirrored("tube", [(7, 101, -75), (6, 90, -64)], 3.2)  # nostrils
    way.tube([(0, 36, -62), (0, 18, -66), (0, 6, -84), (0, 2, -110), (0, 2, -190)], 7.5, 3)
    way.ellipsoid((0, 56, -89.5), (22, 34, 2.2))  # between tongue and palate
    way.ellipsoid((0, 88, -96), (20, 14, 1.2))  # between the teeth rows and lips
    return {"mucosa": nose - 1.5, "airway": way.field}


def _orbits(inner: np.ndarray) -> dict[str, np.ndarray]:
    """Orbital fat, eyeball, lens, and optic nerve with eye muscles."""
    orbit, eye, lens, muscle = (Solid(LATTICE) for _ in range(4))
    orbit.mirrored("ellipsoid", (31, 64, -38), (17.5, 18, 17), 0)
    orbit.mirrored("ellipsoid", (28, 48, -37), (13, 22, 12), 6)
    orbit.carve(inner - WALL)
    eye.mirrored("ellipsoid", (32, 66, -38), (12.2, 12.2, 12.2))
    eye.mirrored("ellipsoid", (32, 72, -38), (7, 7.5, 7), 2)  # cornea
    lens.mirrored("ellipsoid", (32, 73.5, -38), (5, 2.6, 5))
    muscle.mirrored("tube", [(31, 54, -38), (24, 40, -37), (14, 26, -33)], 2.0)
    for dx, dz in ((12, 0), (-12, 0), (0, 12), (0, -12)):
        path = [(32 + dx, 64, -38 + dz), (28 + dx * 0.8, 50, -37 + dz * 0.8), (20, 32, -35)]
        muscle.mirrored("tube", path, 1.9)
    return {"orbit": orbit.field, "eye": eye.field, "lens": lens.field, "eyemuscle": muscle.field}


def _scalp_thickness() -> np.ndarray:
    x, y, z = LATTICE.coordinates()
    return 5.6 + 0.8 * np.sin(y / 29 + 0.5) * np.cos(x / 37) - 0.6 * np.cos(z / 33)


def _head_surface(vault: np.ndarray) -> np.ndarray:
    """Signed distance to the skin, nose and ears included."""
    x, y, z = LATTICE.coordinates()
    cranium = np.maximum(vault - _skull_thickness() - _scalp_thickness(), -78 - z)
    head = Solid(LATTICE, np.minimum(cranium, FAR).astype(np.float32))
    neck = np.hypot(x / 60, (y + 28) / 56)
    neck = np.maximum((neck - 1) * 57, z + 30)
    head.field = smooth_minimum(head.field, np.minimum(neck, FAR).astype(np.float32), 16)
    head.ellipsoid((0, 34, -56), (67, 56, 46), 12)  # mid-face
    head.ellipsoid((0, 40, -98), (53, 52, 36), 14)  # lower face
    head.mirrored("ellipsoid", (33, 62, -74), (21, 26, 22), 10)  # cheek
    head.mirrored("ellipsoid", (42, 20, -80), (17, 34, 30), 14)  # side of the jaw
    head.ellipsoid((0, 82, -120), (20, 15, 13), 10)  # chin
    head.mirrored("tube", [(36, 73, -18), (10, 80, -22)], 9.0, 12)  # brow
    head.mirrored("ellipsoid", (32, 68, -38), (14, 13.5, 12), 5)  # lids over the eyeball
    _add_nose_and_lips(head)
    _add_ears(head)
    return np.clip(head.field, -FAR * 3, FAR)


def _add_nose_and_lips(head: Solid) -> None:
    head.tube([(0, 84, -32), (0, 96, -47), (0, 105, -63)], 6.5, 7)
    head.ellipsoid((0, 104, -65), (9, 9, 8), 5)
    head.mirrored("ellipsoid", (11, 96, -68), (8, 10, 8), 5)
    head.mirrored("tube", [(0, 95, -86), (12, 92, -87), (24, 82, -90)], 6.0, 6)
    head.mirrored("tube", [(0, 94, -98), (12, 91, -98), (22, 82, -96)], 6.0, 5)


def _add_ears(head: Solid) -> None:
    ear = Solid(LATTICE)
    ear.mirrored("ellipsoid", (86, -28, -32), (8, 17, 30))
    shell = Solid(LATTICE).mirrored("ellipsoid", (94, -21, -32), (9, 14, 25))
    lobe = Solid(LATTICE).mirrored("ellipsoid", (84, -20, -58), (5, 8, 9))
    ear.carve(shell.field, 2)
    ear.mirrored("ellipsoid", (79, -30, -34), (8, 12, 20), 4)  # where it joins the head
    head.field = smooth_minimum(head.field, smooth_minimum(ear.field, lobe.field, 3), 4)


def _soft_parts(head: np.ndarray) -> dict[str, np.ndarray]:
    """Muscle below the fat, and fat pads within it."""
    x, y, z = LATTICE.coordinates()
    depth = 5.0 + 1.5 * np.sin(x / 13) * np.cos(z / 11) + 0.8 * np.sin(y / 9)
    muscle = Solid(LATTICE, (head + depth).astype(np.float32))
    muscle.mirrored("ellipsoid", (66, 14, -30), (8, 30, 36), 3)  # temporalis
    fat = Solid(LATTICE, _fascia())
    fat.mirrored("ellipsoid", (46, 48, -78), (9, 20, 18))  # cheek
    fat.mirrored("ellipsoid", (40, 18, -66), (6, 12, 16))
    fat.mirrored("tube", [(34, -40, -100), (38, -44, -188)], 5.0)
    fat.tube([(0, -76, -100), (0, -80, -188)], 5.0)
    return {"muscle": np.maximum(muscle.field, head + SKIN), "fat": fat.field}


def _fascia() -> np.ndarray:
    """Thin sheets of fat around the muscles of neck, jaw and tongue."""
    at = LATTICE.coordinates()
    bundles = (
        ((44, -8, -130), (13, 20, 60)),  # sternocleidomastoid
        ((22, -64, -125), (20, 14, 62)),  # deep neck
        ((24, -20, -120), (12, 14, 40)),  # prevertebral
        ((52, 22, -82), (8, 18, 30)),  # masseter
        ((0, 52, -104), (22, 26, 15)),  # tongue
        ((58, -8, -76), (9, 12, 18)),  # parotid
    )
    sheets = np.full(LATTICE.shape, FAR, np.float32)
    for (x, y, z), radii in bundles:
        for side in {x, -x}:
            sheet = np.abs(ellipsoid_distance(at, (side, y, z), radii)) - 1.0
            np.minimum(sheets, sheet, out=sheets)
    return sheets


def _face_region(fields: dict[str, np.ndarray]) -> np.ndarray:
    """The region in front of the facial skeleton, which defacing must remove.

    It begins at the front surface of the skeleton, interpolated between bones across the cheeks
    and the mouth. The contents of the orbits and the nose belong to it completely.
    """
    x, y, z = LATTICE.coordinates()
    bone = np.minimum(fields["facebone"], fields["teeth"]) < 0
    bone &= (y > 20) & (z < -26) & (np.abs(x) < 60)
    front = np.where(bone, y, -np.inf).max(axis=1)  # [z, x]: y of the most anterior bone
    known = np.isfinite(front)
    gap, nearest = ndimage.distance_transform_edt(~known, sampling=2.0, return_indices=True)
    spanned = ndimage.distance_transform_edt(gap < CHEEK_SPAN, sampling=2.0) > CHEEK_SPAN
    surface = ndimage.gaussian_filter(front[tuple(nearest)], 2.0)
    surface = np.where(known, front, surface)
    region = spanned[:, None, :] & (y > surface[:, None, :])
    region |= (fields["orbit"] < 0) | (fields["eye"] < 2)
    nose = capsule_distance(LATTICE.coordinates(), (0, 88, -36), (0, 104, -64), 16)
    region |= (nose < 0) & (fields["airway"] > 0) & (y > 86)
    return _smooth(np.clip(_distance(region), -FAR, FAR), 1.5)


def _cropped(field: np.ndarray) -> sitk.Image:
    """The field as an image, cropped to the box of its inside and the surroundings."""
    box = []
    for dim in range(3):
        used = np.flatnonzero((field < CROP).any(axis=tuple({0, 1, 2} - {dim})))
        box.append(slice(int(used[0]), int(used[-1]) + 1))
    return lattice_image(np.ascontiguousarray(field[tuple(box)]), LATTICE.inset(tuple(box)))

"""Diseases of a head: how they displace its tissues, and what they take from its anatomy.

Displacements are given in MNI space: where a point of the ill head comes from in the healthy one, less
where it is. The skull and all around it have one displacement, and the brain in it another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from strokeprep.errors import StrokeprepError
from strokeprep.phantom.head.anatomy import Anatomy, anatomy, lattice_image
from strokeprep.phantom.head.mapping import Mapping, tabulated
from strokeprep.phantom.head.shapes import FAR, FLIP, Lattice, ellipsoid_distance
from strokeprep.settings.study import PATHOLOGIES

COARSE = Lattice((-108.0, -134.0, -188.0), 4.0, (55, 66, 75))  # displacements are smooth
BRAINSTEM = (0.0, -25.0, -45.0)  # where an atrophic brain still is in its place
FLAP = (74.0, -8.0, 28.0), (34.0, 56.0, 46.0)  # centre and radii of a hemicraniectomy, right
NASION_TO_FORAMEN = (0.0, 60.0, -25.0), 0.458  # a point of the plane below the brain, its slope


@dataclass(frozen=True)
class Pathology:
    """What a head has: zero where it is healthy. The stroke's side is ``Traits.lesion_side``."""

    old_infarct_ml: float = 0  # a cavity of fluid, on the side away from the stroke
    ventricle_mm: float = 0  # growth of the ventricle beside it, or of both in atrophy
    infarct_ml: float = 0  # of the acute infarct, which swells
    haematoma_ml: float = 0  # on the side away from the stroke
    shift_mm: float = 0  # of the midline, away from the haematoma or the swollen infarct
    bulge_mm: float = 0  # of the brain through a missing bone flap, on the side of the stroke
    shrunk: float = 0  # share of its length that the brain lost
    skull_mm: float = 0  # added to the skull's thickness
    smaller: float = 0  # share of its length that the whole head lacks
    small_face: float = 0  # the same, of face and neck alone


def draw_pathology(names: Sequence[str], random: np.random.Generator) -> Pathology:
    """Diseases by name, of random degree; a disease's degree does not depend on the others."""
    unknown = sorted(set(names) - set(PATHOLOGIES))
    if unknown:
        raise StrokeprepError(
            f"no such pathology: {', '.join(unknown)}",
            "phantom",
            f"choose of {', '.join(PATHOLOGIES)}",
        )
    degree = dict(zip(PATHOLOGIES, random.uniform(0, 1, len(PATHOLOGIES)), strict=True))
    chosen: dict[str, float] = {}
    for name in names:
        for quantity, value in _effects(name, float(degree[name])).items():
            chosen[quantity] = max(chosen.get(quantity, 0), value)
    return Pathology(**chosen)


def _effects(name: str, degree: float) -> dict[str, float]:
    """What a disease of a degree from 0 to 1 does."""
    return {
        "old_infarct": {"old_infarct_ml": 70 + 110 * degree, "ventricle_mm": 5 + 4 * degree},
        "malignant_infarct": {"infarct_ml": 165 + 85 * degree, "shift_mm": 8 + 10 * degree},
        "haematoma": {"haematoma_ml": 50 + 50 * degree, "shift_mm": 10 + 20 * degree},
        "craniectomy": {"bulge_mm": 7 + 6 * degree},
        "atrophy": {"shrunk": 0.05 + 0.03 * degree, "ventricle_mm": 4 + 3 * degree},
        "thick_skull": {"skull_mm": 4 + 4 * degree},
        "child": {"smaller": 0.08 + 0.07 * degree, "small_face": 0.12 + 0.1 * degree},
    }[name]


def mappings(healthy: Mapping, ill: Pathology, side: int) -> tuple[Mapping, Mapping]:
    """The map to MNI of the whole head, and that of its brain; ``side`` is -1 for a stroke on the left."""
    sized = _smaller(healthy, 1 - ill.smaller)
    outside = [_small_face(1 - ill.small_face)] if ill.small_face else []
    if ill.bulge_mm:
        outside.append(_bulge(ill.bulge_mm, side))
    inside = [*outside]
    if ill.shift_mm:
        inside.append(_midline_shift(ill.shift_mm, -side if ill.haematoma_ml else side))
    if ill.ventricle_mm:
        one_sided = 0 if ill.shrunk else -side
        inside.append(_wide_ventricles(ill.ventricle_mm, one_sided))
    if ill.shrunk:
        inside.append(_shrinking(1 - ill.shrunk))
    head = _displaced(sized, outside)
    return head, head if len(inside) == len(outside) else _displaced(sized, inside)


def altered(healthy: Anatomy, ill: Pathology, side: int) -> Anatomy:
    """The anatomy without the bone flap, and with wide sulci."""
    fields, gm = dict(healthy.fields), healthy.gm
    if ill.bulge_mm:
        for name in ("skull", "facebone"):
            fields[name] = _without_flap(fields[name], side)
    if ill.shrunk:
        gm = sitk.Clamp(gm * 1.5 - 0.5, sitk.sitkFloat32, 0, 1)  # cortex loses its blurred edge
    return replace(healthy, gm=gm, fields=fields)


def _without_flap(field: sitk.Image, side: int) -> sitk.Image:
    (x, y, z), radii = FLAP
    origin = FLIP @ np.array(field.GetOrigin())
    lattice = Lattice(tuple(origin.tolist()), field.GetSpacing()[0], field.GetSize())
    flap = ellipsoid_distance(lattice.coordinates(), (side * x, y, z), radii)
    return lattice_image(np.maximum(sitk.GetArrayFromImage(field), -flap), lattice)


def _smaller(mapping: Mapping, scale: float) -> Mapping:
    """The mapping of a head that is smaller by a scale."""
    if scale == 1:
        return mapping
    affine = sitk.AffineTransform(mapping.affine)
    affine.SetMatrix((np.array(affine.GetMatrix()) / scale).tolist())
    return replace(mapping, affine=affine)


def _displaced(mapping: Mapping, parts: Sequence[np.ndarray]) -> Mapping:
    """A mapping with the sum of displacements (RAS mm)."""
    if not parts:
        return mapping
    field = sum(parts, np.zeros((*COARSE.shape, 3))) * np.diag(FLIP)
    return replace(mapping, displaced=tabulated(field, COARSE))


def _vectors(*components: np.ndarray | float) -> np.ndarray:
    """RAS displacements on the coarse lattice."""
    return np.stack([np.broadcast_to(c, COARSE.shape) for c in components], -1).astype(float)


def _ramp(value: np.ndarray) -> np.ndarray:
    """From 0 to 1 where a value does so, without a kink."""
    share = np.clip(value, 0, 1)
    return share * share * (3 - 2 * share)


def _small_face(scale: float) -> np.ndarray:
    """Face and neck shrink towards the skull's base."""
    x, y, z = COARSE.coordinates()
    (_, front, height), slope = NASION_TO_FORAMEN
    below = _ramp(((height - z) + slope * (y - front)) / 45)
    gain = below * (1 / scale - 1)
    return _vectors(gain * x, gain * (y - 10), gain * (z + 40))


def _bulge(bulge_mm: float, side: int) -> np.ndarray:
    """Brain and scalp swell out of the missing bone flap."""
    x, y, z = COARSE.coordinates()
    near = np.exp(-(((x - side * 66) / 30) ** 2 + ((y + 8) / 38) ** 2 + ((z - 28) / 32) ** 2) / 1.4)
    return _vectors(-side * 0.88 * bulge_mm * near, 0.0, -0.47 * bulge_mm * near)


def _midline_shift(shift_mm: float, side: int) -> np.ndarray:
    """One hemisphere swells, the midline gives way; the surface of the brain stays where it is."""
    x, y, z = COARSE.coordinates()
    width = _half_width()[:, :, None]
    inside = np.cos(np.pi / 2 * np.clip(x / np.maximum(width, 1), -1, 1)) ** 2
    loose = _ramp((width - 20) / 45) * np.exp(-(((z - 12) / 45) ** 4)) * _ramp((z + 40) / 35)
    return _vectors(side * shift_mm * inside * loose, 0.0, 0.0)


@cache
def _half_width() -> np.ndarray:
    """Half the width of the brain at each height and depth, [z, y], mm."""
    brain = _on_lattice(anatomy().fields["brain"], COARSE, FAR)
    x = np.abs(COARSE.axis(0))
    width = np.where(brain < 0, x, 0).max(axis=2)
    return ndimage.gaussian_filter(width, 1.5)


def _wide_ventricles(growth_mm: float, side: int) -> np.ndarray:
    """The lateral ventricles press their surroundings away; both, or those of one side."""
    distance = _ventricle_distance()
    push = growth_mm * np.exp(-((np.maximum(distance, 0) / (1.6 * growth_mm)) ** 2) / 2)
    if side:
        push = push * _ramp(0.5 + side * COARSE.coordinates()[0] / 16)
    dz, dy, dx = np.gradient(distance, COARSE.spacing)
    return _vectors(-push * dx, -push * dy, -push * dz)


@cache
def _ventricle_distance() -> np.ndarray:
    """Signed distance to the template's lateral and third ventricles, at least 15 mm within the brain."""
    fine = Lattice((-60.0, -80.0, -30.0), 2.0, (61, 66, 41))
    whole = anatomy()
    fluid = 1 - _on_lattice(whole.gm, fine, 0) - _on_lattice(whole.wm, fine, 0) > 0.5
    fluid &= _on_lattice(whole.fields["brain"], fine, FAR) < -14
    parts, count = ndimage.label(fluid)
    largest = 1 + int(np.argmax(ndimage.sum(fluid, parts, range(1, count + 1))))
    inside = sitk.GetImageFromArray((parts == largest).astype(np.uint8))
    inside.SetSpacing((fine.spacing,) * 3)
    field = sitk.SignedMaurerDistanceMap(inside, squaredDistance=False, useImageSpacing=True)
    field = lattice_image(ndimage.gaussian_filter(sitk.GetArrayFromImage(field), 1.0), fine)
    return _on_lattice(field, COARSE, 60.0)


def _shrinking(scale: float) -> np.ndarray:
    """The brain shrinks towards its stem."""
    gain = 1 / scale - 1
    return _vectors(*(gain * (c - o) for c, o in zip(COARSE.coordinates(), BRAINSTEM, strict=True)))


def _on_lattice(image: sitk.Image, lattice: Lattice, outside: float) -> np.ndarray:
    grid = lattice_image(np.zeros(lattice.shape, np.uint8), lattice)
    return sitk.GetArrayFromImage(
        sitk.Resample(image, grid, sitk.Transform(), sitk.sitkLinear, outside)
    )

"""Heads as they come from a ward: ill, in any contrast, scanned in any way, with what is true of them.

    head(7, contrast="t2w", pathology=("old_infarct",), view=("thick", "cropped_top"))

gives one scan on a coarse grid. `CASES` are the hard ones by name, `case` draws one of them. Tests and
benchmarks use them; the built-in study does not.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import images, transforms
from strokeprep.phantom.head import subject
from strokeprep.phantom.head.mapping import draw_mapping
from strokeprep.phantom.head.pathology import draw_pathology
from strokeprep.phantom.head.shapes import FLIP
from strokeprep.phantom.scan import artefacts, scanner
from strokeprep.phantom.scan import contrast as contrasts
from strokeprep.phantom.scan.contrast import Contrast
from strokeprep.phantom.scan.exam import View

HEAD_MM = 2.0  # of the lattice a head is built on
DEFORMATION_MM = 3.0
ABOVE_MM = 14.0  # air above the vertex


class Head(NamedTuple):
    """A scan of a head, and the truth on its grid (bool, NIfTI order)."""

    image: sitk.Image
    brain: np.ndarray
    face: np.ndarray
    to_template: sitk.Transform  # points of the image to points of the template, within the brain
    modality: str  # ct or mr


@dataclass(frozen=True)
class Technique:
    """How a head is scanned, and what was done to the image."""

    field_mm: tuple[float, float] = (220.0, 244.0)  # of view, left to right and front to back
    low_mm: float = -84.0  # in MNI space, the height of the lowest slice at the skull's middle
    high_mm: float = 96.0  # of the vertex, above which there is air
    spacing: tuple[float, float, float] = (2.0, 2.0, 2.0)
    gap: float = 0  # between slices, a share of their distance
    axes: str = "LAS"  # of the voxels as they are stored
    turned_deg: tuple[float, float, float] = (0, 0, 0)  # what the header gets wrong
    keeps_origin: bool = True  # or the header puts the first voxel at zero
    shading: float = 0
    ghosts: float = 0
    noise: float = 1.0  # times that of the contrast
    has_shoulders: bool = False
    has_frame: bool = False
    has_holder: bool = False
    is_defaced: bool = False
    is_stripped: bool = False


VIEWS: dict[str, dict] = {
    "thick": {"spacing": (1.8, 1.8, 6.5), "gap": 0.2},
    "sagittal": {"axes": "PSR"},
    "coronal": {"axes": "LIP"},
    "any_axes": {"axes": "IAR"},
    "face": {"low_mm": -128.0},
    "neck": {"low_mm": -180.0},
    "shoulders": {"low_mm": -270.0, "has_shoulders": True, "field_mm": (300.0, 260.0)},
    "cropped_top": {"high_mm": 52.0},
    "half_a_brain": {"high_mm": 20.0},
    "cropped_base": {"low_mm": -22.0},
    "slab": {"low_mm": -50.0, "high_mm": 34.0},
    "frame": {"has_frame": True, "field_mm": (250.0, 260.0)},
    "holder": {"has_holder": True},
    "shaded": {"shading": 0.9},
    "ghosts": {"ghosts": 0.14},
    "noisy": {"noise": 4.0},
    "stripped": {"is_stripped": True},
    "defaced": {"is_defaced": True, "low_mm": -110.0},
    "on_its_side": {"turned_deg": (90, 0, 0)},
    "upside_down": {"turned_deg": (180, 0, 0)},
    "lying_on_the_left": {"turned_deg": (0, 0, 90)},
    "prone": {"turned_deg": (0, 0, 180)},
    "tilted": {"turned_deg": (24, -8, 10)},
    "no_origin": {"keeps_origin": False},
}


# Headers have the axes of the patient, also of one who lies prone. A head that lies otherwise than
# its header says was converted wrongly.
WRONG_WAYS_UP = {"on_its_side", "upside_down", "lying_on_the_left", "prone"}


class Case(NamedTuple):
    """One hard head: what `head` is asked for."""

    contrast: str
    pathology: tuple[str, ...] = ()
    view: tuple[str, ...] = ()

    @property
    def is_wrong_way_up(self) -> bool:
        """Whether its header is wrong, so that it has to be refused."""
        return bool(WRONG_WAYS_UP.intersection(self.view))


CASES: dict[str, Case] = {
    "old infarct, T2w 6.5 mm": Case("t2w", ("old_infarct",), ("thick",)),
    "old infarct, T1w stripped": Case("t1w", ("old_infarct",), ("stripped",)),
    "haematoma, NCCT": Case("ncct", ("haematoma",), ("face", "holder")),
    "haematoma, SWI": Case("swi", ("haematoma",), ("thick", "cropped_top")),
    "swollen infarct, b0 ghosts neck": Case(
        "b0", ("malignant_infarct",), ("neck", "thick", "ghosts")
    ),
    "swollen infarct, DWI stripped": Case("dwi", ("malignant_infarct",), ("stripped",)),
    "swollen infarct, FLAIR": Case("flair", ("malignant_infarct",), ("thick",)),
    "craniectomy, NCCT": Case("ncct", ("craniectomy", "malignant_infarct"), ("holder",)),
    "craniectomy, T2w": Case("t2w", ("craniectomy", "old_infarct"), ("face",)),
    "atrophy, FLAIR noisy": Case("flair", ("atrophy",), ("thick", "noisy")),
    "atrophy, NCCT cropped at the vertex": Case("ncct", ("atrophy",), ("cropped_top", "holder")),
    "thick skull, T1w": Case("t1w", ("thick_skull",), ("face",)),
    "child, T1w sagittal": Case("t1w", ("child",), ("neck", "sagittal")),
    "child, NCCT": Case("ncct", ("child",), ("face", "holder")),
    "frame, T1w gadolinium": Case("t1wce", (), ("frame", "coronal")),
    "gadolinium stripped": Case("t1wce", ("atrophy",), ("stripped", "any_axes")),
    "whole head, T2w": Case("t2w", (), ("shoulders",)),
    "T2w cropped at the base": Case("t2w", ("atrophy",), ("cropped_base", "thick")),
    "shaded T1w": Case("t1w", (), ("shaded", "face")),
    "NCCT cut at the ventricles": Case("ncct", (), ("half_a_brain", "face", "holder")),
    "T1w cut at the ventricles": Case("t1w", (), ("half_a_brain", "neck")),
    "TOF slab": Case("tof", (), ("slab",)),
    "T2*w defaced": Case("t2star", (), ("defaced", "thick")),
    "FLAIR on its side": Case("flair", ("old_infarct",), ("on_its_side", "face")),
    "NCCT upside down": Case("ncct", (), ("upside_down", "face", "no_origin")),
    "ADC noisy": Case("adc", (), ("noisy", "thick")),
    "CTA to the shoulders": Case("cta", (), ("shoulders", "holder")),
    "b0 lying on the left": Case("b0", (), ("lying_on_the_left", "thick")),
    "T1w prone": Case("t1w", ("atrophy",), ("prone", "sagittal", "face")),
    "T2w tilted": Case("t2w", ("malignant_infarct",), ("tilted", "thick", "ghosts")),
}


def case(name: str, draw: int) -> Head:
    """One of the hard heads; another draw (1, 2, …) or another case is another patient."""
    wanted, number = CASES[name], zlib.crc32(name.encode()) % 10_000
    return head(10_000 * draw + number, wanted.contrast, wanted.pathology, wanted.view)


def head(
    seed: int, contrast: str = "t1w", pathology: Sequence[str] = (), view: Sequence[str] = ()
) -> Head:
    """A scan of the head that a seed draws, with the diseases and the ways of scanning named.

    One seed gives heads that differ in contrast, disease and technique alone.
    """
    kind, technique = contrasts.contrast(contrast), _technique(view)
    patient = _patient(seed, tuple(pathology), kind.quantities)
    random = np.random.default_rng([seed, 17])
    seen = _view(patient, technique, random)
    array = _scanned(patient, kind, technique, seen, random)
    brain = seen.mask(patient, patient.shares["brain"]) > 0
    face = seen.mask(patient, patient.shares["face"]) > 0
    if kind.modality == "ct":
        brain, face = brain & scanner.circle(seen.grid), face & scanner.circle(seen.grid)
    array, face = _without(array, brain, face, kind, technique)
    return _stored(patient, kind, technique, seen, (array, brain, face))


def _technique(view: Sequence[str]) -> Technique:
    """The technique of named views, each of which changes something; the last says what counts."""
    changes: dict = {}
    for name in view:
        if name not in VIEWS:
            raise StrokeprepError("no such view", name, f"choose one of {', '.join(VIEWS)}")
        changes |= VIEWS[name]
    return replace(Technique(), **changes)


@lru_cache(maxsize=2)
def _patient(seed: int, pathology: tuple[str, ...], quantities: tuple[str, ...]) -> subject.Head:
    """The head in head space."""
    shape, stroke, disease = (np.random.default_rng([seed, number]) for number in range(3))
    mapping = draw_mapping(shape, DEFORMATION_MM)
    ill = draw_pathology(pathology, disease)
    traits = subject.draw_traits(stroke)
    return subject.make_head(mapping, traits, HEAD_MM, stroke, ill, quantities)


def _view(patient: subject.Head, technique: Technique, random: np.random.Generator) -> View:
    """The grid from the lowest to the highest slice, and a pose of some degrees."""
    placed = scanner.pose(random.uniform((-9, -5, -5), (9, 5, 5)), random.uniform(-25, 25, 3))
    top = technique.high_mm + (ABOVE_MM if technique.high_mm > 90 else 0)
    low, high = (
        patient.mapping.healthy.head_point(np.array([0.0, -12.0, z]))
        for z in (technique.low_mm, top)
    )
    middle = (low + high) / 2 + np.r_[random.uniform(-5, 5, 2), 0]
    extent = np.r_[technique.field_mm, np.linalg.norm(high - low)]
    columns, rows, slices = np.rint(extent / technique.spacing).astype(int).tolist()
    centre = placed.TransformPoint((FLIP @ middle).tolist())
    grid = scanner.centred_grid(centre, (columns, rows, slices), technique.spacing)
    return View(grid, placed, (1, 1, max(1, round(technique.spacing[2] / 2))))


def _scanned(
    patient: subject.Head,
    kind: Contrast,
    technique: Technique,
    seen: View,
    random: np.random.Generator,
) -> np.ndarray:
    """The image [z, y, x] with all that spoils it."""
    air = kind.of_material("air")
    volume = patient.image(kind.volume(patient))
    array = artefacts.with_gaps(volume, seen.grid, seen.image_to_head, technique.gap, air)
    at = _head_points(seen)
    if technique.has_shoulders:
        array = artefacts.with_shoulders(array, at, kind)
    if technique.has_frame:
        array = artefacts.with_frame(array, at, kind)
    if technique.has_holder:
        array = _with_holder(array, kind, seen)
    if kind.modality == "ct":
        noise = scanner.ct_noise(random, array.shape, kind.noise * technique.noise)
        inside = scanner.circle(seen.grid)
        return np.where(inside, np.clip(array + noise, -1024, 3071), scanner.PADDING_HU)
    array = array * artefacts.shading(seen.grid, 0.12 + technique.shading, random)
    array = artefacts.ghosts(array, 0.02 + technique.ghosts, kind.is_epi)
    return scanner.rician(random, array, kind.noise * technique.noise)


def _head_points(seen: View) -> tuple[np.ndarray, ...]:
    """Head coordinates (RAS mm) of every voxel, [z, y, x]."""
    affine = images.LPS @ transforms.matrix(seen.image_to_head) @ images.LPS @ seen.grid.affine
    k, j, i = (np.arange(n, dtype=np.float32) for n in seen.grid.shape)
    i, j, k = i[None, None, :], j[None, :, None], k[:, None, None]
    return tuple(
        (row[0] * i + row[1] * j + row[2] * k + row[3]).astype(np.float32) for row in affine[:3]
    )


def _with_holder(array: np.ndarray, kind: Contrast, seen: View) -> np.ndarray:
    """A shell under the head: plastic on CT, a gel cushion on MR."""
    is_ct = kind.modality == "ct"
    floor = -500.0 if is_ct else 0.3 * kind.of_material("muscle")
    value = scanner.HOLDER_HU if is_ct else 0.6 * kind.of_material("muscle")
    share = scanner.head_holder(array > floor, seen.grid)
    return array + share * (value - array)


def _without(
    array: np.ndarray, brain: np.ndarray, face: np.ndarray, kind: Contrast, technique: Technique
) -> tuple[np.ndarray, np.ndarray]:
    """Image and face after what a study has removed from them."""
    empty = float(images.background(kind.modality))
    if technique.is_stripped:
        return np.where(brain, array, 0.0), np.zeros_like(face)
    if technique.is_defaced:
        return artefacts.defaced(array, face, empty), np.zeros_like(face)
    return array, face


def _stored(
    patient: subject.Head,
    kind: Contrast,
    technique: Technique,
    seen: View,
    arrays: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> Head:
    """The arrays in the order of axes and under the header that the file has."""
    voxels = [sitk.GetImageFromArray(np.rint(arrays[0]).astype(np.int16))]
    voxels += [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in arrays[1:]]
    for image in voxels:
        image.CopyInformation(seen.grid.image())
    image, *masks = (sitk.DICOMOrient(each, technique.axes) for each in voxels)
    header = _header(image, technique)
    true = [header.GetInverse(), seen.image_to_head, patient.mapping.transform]
    image.SetOrigin(header.TransformPoint(image.GetOrigin()))
    turn = np.reshape(header.GetMatrix(), (3, 3)) @ np.reshape(image.GetDirection(), (3, 3))
    image.SetDirection(turn.ravel().tolist())
    brain, face = (images.array(mask) > 0 for mask in masks)
    return Head(image, brain, face, transforms.chain(true), kind.modality)


def _header(image: sitk.Image, technique: Technique) -> sitk.Euler3DTransform:
    """Where a header that does not tell the truth puts the points of the world."""
    turn = sitk.Euler3DTransform()
    turn.SetRotation(*np.radians(technique.turned_deg).tolist())
    if not technique.keeps_origin:
        turn.SetTranslation((-np.array(turn.TransformPoint(image.GetOrigin()))).tolist())
    return turn

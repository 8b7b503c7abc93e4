"""Scans of simulated heads, in any orientation and slice thickness, for the networks of the tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import nibabel as nib
import numpy as np
from scipy import ndimage
from strokeprep.phantom.head.mapping import draw_mapping
from strokeprep.phantom.head.subject import Head, draw_traits, make_head
from strokeprep.phantom.head.tissue import TISSUE_NUMBER
from strokeprep.phantom.scan import contrast as contrasts
from strokeprep.phantom.scan import exam, scanner

HEAD_MM = 2.0  # of the lattice a head is built on
DEFORMATION_MM = 3.0
BONE_HU = 250
CT_NOISE_HU, MR_NOISE = 5.0, 10.0
FIELD_MM = (216.0, 240.0, 225.0)  # of view, along the patient's own axes
ORIENTATIONS = ("LAS", "LPS", "RAS", "RPI", "PSR", "AIL", "SLP", "IRA")
AXES = {"L": 0, "R": 0, "P": 1, "A": 1, "S": 2, "I": 2}


@dataclass(frozen=True)
class Scan:
    """An image (RAS affine) and its true masks, all on one grid."""

    image: nib.Nifti1Image
    brain: np.ndarray
    skull: np.ndarray
    face: np.ndarray


@lru_cache(maxsize=4)
def head(seed: int) -> Head:
    """A patient."""
    random = np.random.default_rng(seed)
    mapping = draw_mapping(random, DEFORMATION_MM)
    return make_head(mapping, draw_traits(random), HEAD_MM, random)


def scan(
    seed: int,
    contrast: str,
    spacing: tuple[float, float, float] = (1.5, 1.5, 3.0),
    axes: str = "LAS",
) -> Scan:
    """A scan of patient ``seed`` (``contrast`` ct, cta, t1 or b0) in a slightly rotated pose.

    ``spacing`` is given along left-right, front-back and head-foot, ``axes`` are the directions
    in which the voxels are stored.
    """
    patient, random = head(seed), np.random.default_rng([seed, len(contrast)])
    view = _view(patient, spacing, random)
    volume = {
        "ct": lambda: exam.ct_scan(patient, contrasts.ncct(patient), view, CT_NOISE_HU, random),
        "cta": lambda: exam.ct_scan(patient, contrasts.cta(patient), view, CT_NOISE_HU, random),
        "t1": lambda: exam.t1w_scan(patient, view, MR_NOISE, random),
        "b0": lambda: exam.dwi_scan(patient, view, MR_NOISE, random)["b0"],
    }[contrast]()
    shares = (patient.shares["brain"], _skull(patient), patient.shares["face"])
    masks = [view.mask(patient, share) > 0 for share in shares]
    stored = [_stored(array, view.grid.affine, axes) for array in (volume, *masks)]
    return Scan(stored[0], *(np.asarray(each.dataobj) > 0 for each in stored[1:]))


def scans(seeds: range, contrasts: tuple[str, ...], thinnest: float = 1.0) -> Iterator[Scan]:
    """One scan of each patient, with alternating contrasts and slices of ``thinnest`` to 5 mm."""
    for seed in seeds:
        random = np.random.default_rng([seed, 7])
        in_plane = float(random.uniform(1.6, 2.6))
        slices = float(random.uniform(thinnest, 5.0))
        yield scan(seed, contrasts[seed % len(contrasts)], (in_plane, in_plane, slices), "RAS")


def _skull(patient: Head) -> np.ndarray:
    """Bone as in segmentations: solid, with marrow and small cells, without teeth."""
    hard = patient.volumes["hu"] > BONE_HU
    hard &= patient.tissue != TISSUE_NUMBER["teeth"]
    ball = ndimage.generate_binary_structure(3, 1)
    closed = ndimage.binary_closing(hard, ball) & (patient.shares["brain"] < 0.5)
    return closed.astype(np.float32)


def _view(patient: Head, spacing: tuple[float, float, float], random) -> exam.View:
    turn, shift = random.uniform(-12, 12, 3), random.uniform(-20, 20, 3)
    placed = scanner.pose(turn, shift)
    size = tuple(int(round(field / step)) for field, step in zip(FIELD_MM, spacing, strict=True))
    middle = patient.mapping.head_point(np.array([0.0, 0.0, -8.0]) + random.uniform(-6, 6, 3))
    centre = placed.TransformPoint((scanner.FLIP @ middle).tolist())
    over = (1, 1, max(1, round(spacing[2] / 2)))
    return exam.View(scanner.centred_grid(centre, size, spacing, "LPS"), placed, over)


def _stored(array: np.ndarray, affine: np.ndarray, axes: str) -> nib.Nifti1Image:
    """The voxels [z, y, x] as a NIfTI image with the directions ``axes``."""
    data = array.T.astype(np.uint8 if array.dtype == bool else array.dtype)
    image = nib.Nifti1Image(data, affine)
    wanted = nib.orientations.axcodes2ornt(axes)
    turn = nib.orientations.ornt_transform(nib.io_orientation(affine), wanted)
    return image.as_reoriented(turn)

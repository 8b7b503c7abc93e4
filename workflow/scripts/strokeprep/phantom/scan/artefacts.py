"""What spoils a scan or was done to it: gaps, shading, ghosts, a frame, shoulders, a face cut off."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from strokeprep.phantom.head.shapes import (
    capsule_distance,
    ellipsoid_distance,
    smooth_minimum,
)
from strokeprep.phantom.scan.contrast import Contrast
from strokeprep.phantom.scan.scanner import Grid, sampled

SUBSLICES = 5  # of which a slice is the mean
BELOW_NECK = -176.0  # mm in head space; the anatomy ends 6 mm below
METAL_HU, POST_HU = 2900.0, 900.0


def with_gaps(
    volume: sitk.Image, grid: Grid, image_to_head: sitk.Transform, gap: float, outside: float
) -> np.ndarray:
    """A volume seen by slices that leave a share of the distance between them out."""
    thin = grid.subdivided(0, grid.size[2], (1, 1, SUBSLICES))
    planes = sampled(volume, thin, image_to_head, (1, 1, 1), outside)
    kept = round(gap * SUBSLICES / 2)
    groups = planes.reshape(grid.size[2], SUBSLICES, *planes.shape[1:])
    return groups[:, kept : SUBSLICES - kept].mean(axis=1)


def shading(grid: Grid, strength: float, random: np.random.Generator) -> np.ndarray:
    """The smooth gain of a coil on one side of the head: e^strength in the middle of its side."""
    toward = random.standard_normal(3)
    toward /= np.linalg.norm(toward)
    axes = (np.linspace(-1, 1, n, dtype=np.float32) for n in grid.shape)
    z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
    along = toward[0] * z + toward[1] * y + toward[2] * x
    wave = 0.15 * np.sin(2.2 * x + 3 * toward[2]) * np.cos(1.7 * y)
    return np.exp(strength * along + wave).astype(np.float32)


def ghosts(image: np.ndarray, strength: float, is_epi: bool) -> np.ndarray:
    """Copies of a head along the phase-encoding axis: half a field away, or the trail of motion."""
    rows = image.shape[1]
    shifts = {rows // 2: 1.0} if is_epi else {rows // 9: 0.9, -rows // 9: 0.9, rows // 4: 0.5}
    copies = sum(share * np.roll(image, shift, axis=1) for shift, share in shifts.items())
    return image + strength * np.asarray(copies)


def with_shoulders(image: np.ndarray, at: tuple[np.ndarray, ...], contrast: Contrast) -> np.ndarray:
    """The lower neck and the shoulders, below where the anatomy of the head ends."""
    neck = capsule_distance(at, (0, -26, -120), (0, -26, -260), 50.0)
    trunk = ellipsoid_distance(at, (0, -30, -262), (190, 80, 88))
    body = smooth_minimum(neck, trunk, 40.0)
    lungs = ellipsoid_distance(at, (62, -30, -300), (46, 52, 80))
    lungs = np.minimum(lungs, ellipsoid_distance(at, (-62, -30, -300), (46, 52, 80)))
    spine = capsule_distance(at, (0, -34, -150), (0, -50, -320), 15.0)
    throat = capsule_distance(at, (0, 4, -150), (0, -4, -320), 7.0)
    below = np.broadcast_to(at[2] < BELOW_NECK, image.shape)
    painted = image.copy()
    for material, distance in (
        ("skin", body),
        ("fat", body + 2),
        ("muscle", body + 9),
        ("diploe", spine),
        ("air", throat),
        ("air", lungs),
    ):
        painted[below & (distance < 0)] = contrast.of_material(material)
    return painted


def with_frame(image: np.ndarray, at: tuple[np.ndarray, ...], contrast: Contrast) -> np.ndarray:
    """A stereotactic frame: fluid-filled or metal rods in the shape of N, and four pins in the skull."""
    framed = image.copy()
    metal = contrast.modality == "ct"
    rod = METAL_HU / 2 if metal else contrast.of_material("fat")
    for x in (-100.0, 100.0):
        for low, high in (((-60, -50), (-60, 70)), ((-60, -50), (60, 70)), ((60, -50), (60, 70))):
            (y0, z0), (y1, z1) = low, high
            framed[capsule_distance(at, (x, y0, z0), (x, y1, z1), 3.0) < 0] = rod
    for x in (-1, 1):
        for y, depth in ((78.0, 44.0), (-92.0, 44.0)):
            pin = capsule_distance(at, (x * depth, 0.86 * y, 18), (x * 92, 1.1 * y, 18), 2.5)
            post = capsule_distance(at, (x * 92, 1.1 * y, 24), (x * 92, 1.1 * y, -70), 5.0)
            framed[post < 0] = POST_HU if metal else contrast.of_material("air")
            framed[pin < (0 if metal else 4.0)] = METAL_HU if metal else contrast.of_material("air")
    return framed


def defaced(image: np.ndarray, face: np.ndarray, empty: float) -> np.ndarray:
    """An image whose rows run to the front, without its face and all that lies before it."""
    cut = ndimage.binary_dilation(face, iterations=2)
    return np.where(np.logical_or.accumulate(cut, axis=1), empty, image)

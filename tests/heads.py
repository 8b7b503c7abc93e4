"""Small heads made of shells around the template's brain, for fast tests of masks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import SimpleITK as sitk
from strokeprep.io import images, transforms
from strokeprep.registration import template

# Grey values of each tissue. With only two of them, brain and scalp could not be told apart.
CONTRASTS = {
    "ct": {"air": -1000, "fluid": 6, "brain": (30, 40), "bone": 1000, "scalp": 40, "eye": 10},
    "t1": {"air": 5, "fluid": 170, "brain": (200, 800), "bone": 50, "scalp": 900, "eye": 180},
    "b0": {"air": 5, "fluid": 1000, "brain": (700, 350), "bone": 10, "scalp": 90, "eye": 1000},
}
NOISE = {"ct": 8, "t1": 20, "b0": 20}

# The head differs from the template: it is smaller, rotated, stretched and shifted.
TO_TEMPLATE = transforms.linear(np.array([
    [1.10, 0.04, -0.03, 6.0],
    [-0.03, 1.05, 0.08, -9.0],
    [0.02, -0.06, 1.12, 5.0],
    [0.0, 0.0, 0.0, 1.0],
]))  # fmt: skip


class Head(NamedTuple):
    """An image of a head, its brain and its face (bool, NIfTI order)."""

    image: sitk.Image
    brain: np.ndarray
    face: np.ndarray


def head(
    contrast: str,
    shape: tuple[int, int, int] = (96, 108, 60),
    spacing: tuple[float, float, float] = (2.2, 2.2, 4.0),
    centre: tuple[float, float, float] = (0.0, 5.0, -25.0),
    tilt_degrees: float = 8.0,
    seed: int = 0,
) -> Head:
    """A head on a tilted grid with the axes L, A, S, centred at a point (RAS mm)."""
    grid = _grid(shape, spacing, centre, tilt_degrees)
    depth = _on(template.depth(), grid, -99.0)
    t1 = _on(sitk.Cast(template.load().t1, sitk.sitkFloat32), grid, 0.0) / 255
    x, y, z = _mni(grid)
    skull = (depth <= -3) & (depth > -8)
    flesh = (x / 68) ** 2 + ((y - 35) / 60) ** 2 + ((z + 62) / 55) ** 2 < 1
    eyes = (np.abs(x) - 32) ** 2 + (y - 66) ** 2 + (z + 38) ** 2 < 13**2
    value = CONTRASTS[contrast]
    data = np.full(shape, value["air"], np.float32)
    data[(depth > -14) | flesh] = value["scalp"]
    data[skull] = value["bone"]
    data[eyes & (depth < -8)] = value["eye"]
    data[depth > -3] = value["fluid"]
    dark, bright = value["brain"]
    brain = depth > 0
    data[brain] = np.where(t1 > 0.45, dark + (bright - dark) * t1, value["fluid"])[brain]
    data += np.random.default_rng(seed).normal(0, NOISE[contrast], shape)
    face = (flesh | eyes) & (y > 45) & (z < -26) & (depth < -8)
    return Head(images.like(np.rint(data).astype(np.int16), grid), brain, face)


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """Overlap of two masks."""
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


def _grid(shape, spacing, centre, tilt_degrees: float) -> sitk.Image:
    angle = np.radians(tilt_degrees)
    tilt = np.array([
        [1, 0, 0],
        [0, np.cos(angle), -np.sin(angle)],
        [0, np.sin(angle), np.cos(angle)],
    ])  # fmt: skip
    affine = np.eye(4)
    affine[:3, :3] = tilt @ np.diag([-1, 1, 1]) @ np.diag(spacing)
    affine[:3, 3] = centre - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return images.from_array(np.zeros(shape, np.uint8), affine)


def _on(image: sitk.Image, grid: sitk.Image, outside: float) -> np.ndarray:
    return images.array(sitk.Resample(image, grid, TO_TEMPLATE, sitk.sitkLinear, outside))


def _mni(grid: sitk.Image) -> list[np.ndarray]:
    """Template coordinates (RAS mm) of every voxel."""
    affine = images.LPS @ transforms.matrix(TO_TEMPLATE) @ images.LPS @ images.affine(grid)
    index = np.indices(grid.GetSize(), np.float32)
    return [np.tensordot(row[:3], index, axes=1) + row[3] for row in affine[:3]]

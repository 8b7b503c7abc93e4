"""Scans of a simple head around the template's brain, computed at every point, for registration tests.

Each scan is computed from the same continuous head in a pose of its own: none is a resampled copy of
another, so interpolation errors do not cancel.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from strokeprep.io import grids, images, transforms
from strokeprep.registration import mutual_information as mi
from strokeprep.registration import template

CT = {"air": -1000, "scalp": 40, "bone": 900, "fluid": 8, "gm": 37, "wm": 28, "noise": 4}
B0 = {"air": 0, "scalp": 90, "bone": 10, "fluid": 1000, "gm": 430, "wm": 340, "noise": 12}
T1 = {"air": 5, "scalp": 900, "bone": 50, "fluid": 170, "gm": 560, "wm": 800, "noise": 12}
TURNED = ((8, -6, 10), (14, -9, 21))
LESION = np.array([[-28.0], [10], [25]]), 24.0  # centre (LPS) and radius, mm
STRETCHED = transforms.linear(np.array([
    [0.90, 0.04, 0.00, 9.0],
    [-0.04, 0.95, 0.08, -14.0],
    [0.02, -0.07, 0.92, 20.0],
    [0.0, 0.0, 0.0, 1.0],
]))  # fmt: skip


@cache
def maps() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The brain's T1 and its depth (x, y, z; 2 mm), and LPS millimetres to index."""
    standard = template.load()
    depth = sitk.SmoothingRecursiveGaussian(grids.distance(standard.brain), 1.0)
    t1 = sitk.Mask(sitk.Cast(standard.t1, sitk.sitkFloat32), standard.brain)
    margin = [20] * 3
    padded = (
        sitk.ConstantPad(image, margin, margin, outside)
        for image, outside in ((t1, 0), (depth, -20))
    )
    t1, depth = (grids.shrunk(image, 2) for image in padded)
    to_index = np.linalg.inv(mi.index_to_physical(t1))
    return images.array(t1), images.array(depth), to_index


def pose(turns_deg, shift_mm) -> sitk.Transform:
    """The map from points of the head to points of an image (LPS)."""
    return sitk.Euler3DTransform((0, 0, 0), *np.radians(turns_deg), [float(s) for s in shift_mm])


def grid(size=(76, 88, 72), spacing=(2.7, 2.7, 2.7), centre=(0, 14, 5)) -> sitk.Image:
    """An empty image around a point (LPS mm)."""
    image = sitk.Image(size, sitk.sitkUInt8)
    image.SetSpacing(spacing)
    corner = np.array(centre) - (np.array(size) - 1) / 2 * spacing
    image.SetOrigin(corner.tolist())
    return image


def soft(distance):
    """1 where a distance (mm) is positive, 0 where it is negative, with an edge of about 2 mm."""
    return 1 / (1 + np.exp(-np.clip(distance / 0.7, -50, 50)))


def value(p, tissue):
    """Grey levels at points of the head (3×N, LPS), and the share of brain in each."""
    t1, depths, to_index = maps()
    index = mi.mapped(to_index, p)
    bright = ndimage.map_coordinates(t1, index, order=1, mode="nearest")
    depth = ndimage.map_coordinates(depths, index, order=1, mode="nearest")
    inside = np.interp(bright, [70, 160, 225], [tissue["fluid"], tissue["gm"], tissue["wm"]])
    nose = 16 - np.linalg.norm((p - [[0], [-96], [-35]]) / [[1], [1.6], [1.6]], axis=0)
    grey = np.full(p.shape[1], float(tissue["air"]))
    for share, level in (
        (soft(np.maximum(depth + 14, nose)), tissue["scalp"]),
        (soft(depth + 9), tissue["bone"]),
        (soft(depth + 3), tissue["fluid"]),
        (soft(depth), inside),
    ):
        grey = grey + share * (level - grey)
    return grey, soft(depth)


def world(image) -> np.ndarray:
    """LPS millimetres of an image's voxels (3×N, in NIfTI order)."""
    return mi.mapped(mi.index_to_physical(image), np.indices(image.GetSize()).reshape(3, -1))


def scan(tissue=CT, at=None, on=None, seed=0, holder=None, warp=None, shade=0.0, lesion=None):
    """An image of the head in a pose, and its brain mask."""
    on = on or (grid(centre=at.TransformPoint((0, 14, 5))) if at else grid())
    here = world(on)
    p = mi.mapped(np.linalg.inv(transforms.matrix(at)), here) if at else here
    grey, brain = value(p if warp is None else warp(p), tissue)
    if lesion is not None:
        grey[in_lesion(p)] = lesion
    if holder is not None:  # a shell under the head that does not move with it
        x, y, _ = here - np.reshape(holder, (3, 1))
        grey[np.abs(np.hypot(x, y - 20) - 118) + 200 * (y < 40) < 4] = 400
    grey *= 1 + shade * np.sin(here / 60).sum(axis=0) / 3
    grey += np.random.default_rng(seed).normal(0, tissue["noise"], grey.shape)
    data = np.rint(grey).astype(np.int16).reshape(on.GetSize())
    inside = (brain > 0.5).astype(np.uint8).reshape(on.GetSize())
    return images.like(data, on), images.like(inside, on)


def in_lesion(p) -> np.ndarray:
    """Which points of the head lie in the lesion."""
    centre, radius = LESION
    return np.linalg.norm(p - centre, axis=0) < radius


@cache
def brain_points() -> np.ndarray:
    """Points spread over the brain (N×3, RAS mm)."""
    _, depth, to_index = maps()
    inside = np.argwhere(depth > 2)[::400].T
    return (mi.mapped(np.linalg.inv(to_index), inside) * [[-1], [-1], [1]]).T


def error_mm(found, true) -> float:
    """Mean distance within the brain between where two transforms map points of the head."""
    p = brain_points()
    apart = transforms.apply(found, p) - transforms.apply(true, p)
    return float(np.linalg.norm(apart, axis=1).mean())


def stripped(scanned):
    """A scan with all but its brain set to 0."""
    return sitk.Mask(scanned[0], scanned[1], 0)

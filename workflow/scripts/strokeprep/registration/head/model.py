"""What the template says of a head: points of its brain and of shells around it, sorted into classes.

Classes are bins of intensity within the brain, and shells around it for skull and air.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from strokeprep.io import grids, images
from strokeprep.registration import template

# Shells around the brain, in mm from its surface: skull, and air beyond the scalp, at depths where nearly
# every head has them. In between it may be either, so these points are left out.
SHELLS_MM = ((2.5, 7.0), (18.0, 26.0))
REACH_MM = SHELLS_MM[-1][1]

# The brain's classes: bins of intensity, at points at least RIM_MM below its surface.
BRAIN_BINS = 8
RIM_MM = 1.5

# Around a brain whose skull is removed there is nothing, except where the cord was cut (MNI, RAS mm).
NOTHING_MM = (1.5, 16.0)
CORD_Z = -45.0

# Of the points of a whole head, one in so many tells where a fit leads.
EVERY = 5

# Edges are compared from this depth in the brain on, at this many points. With half as many at the lower
# resolution, a haematoma on thick slices of SWI was refused as turned by 60 degrees.
EDGES_FROM_MM = 4.0
EDGE_POINTS = 8_000

CENTRE = np.array([0.0, -18.0, 10.0])  # of the MNI brain; rotations and scales are about it


@dataclass(frozen=True, eq=False)
class Samples:
    """Points of the template (N×3, RAS mm), their weights in each class (N×K), and which are brain."""

    points: np.ndarray
    classes: np.ndarray
    brain: np.ndarray


@cache
def whole_head(spacing_mm: float) -> Samples:
    """Brain, skull and air on a grid of points."""
    return _samples(spacing_mm, _skull_and_air)


@cache
def thinned(spacing_mm: float) -> Samples:
    """Some of these points."""
    head = whole_head(spacing_mm)
    return Samples(head.points[::EVERY], head.classes[::EVERY], head.brain[::EVERY])


@cache
def brain_alone(spacing_mm: float) -> Samples:
    """The brain, and nothing around it, on a grid of points."""
    return _samples(spacing_mm, _nothing)


def _samples(
    spacing_mm: float, around: Callable[[np.ndarray, np.ndarray], list[np.ndarray]]
) -> Samples:
    """The brain's classes and those around it on a grid of points; a point of no class is left out."""
    grid, t1, depth = _padded()
    every = round(spacing_mm / grid.GetSpacing()[0])
    affine = images.affine(grid)
    index = np.argwhere(depth[::every, ::every, ::every] > -REACH_MM) * every
    points = index @ affine[:3, :3].T + affine[:3, 3]
    bins, deep = t1[tuple(index.T)], depth[tuple(index.T)]
    inner = deep > RIM_MM
    within = [np.maximum(1 - np.abs(bins - number), 0) * inner for number in range(BRAIN_BINS)]
    classes = np.stack(within + around(points, deep), axis=1).astype(np.float32)
    keep = classes.sum(axis=1) > 0
    return Samples(points[keep], classes[keep], deep[keep] > 0)


def _skull_and_air(points: np.ndarray, depth: np.ndarray) -> list[np.ndarray]:
    """The shells of skull and air.

    Around skull base and face (MNI coordinates) anatomy varies too much to compare, so they end there.
    """
    _, y, z = points.T
    above_base = (z > -25.0) & ((z > 5.0) | (y < 45.0))
    return [(depth <= -near) & (depth > -far) & above_base for near, far in SHELLS_MM]


def _nothing(points: np.ndarray, depth: np.ndarray) -> list[np.ndarray]:
    """What surrounds a brain whose skull is removed; a cord may be cut anywhere."""
    near, far = NOTHING_MM
    return [(depth <= -near) & (depth > -far) & (points[:, 2] > CORD_Z)]


@cache
def edge_points(spacing_mm: float, part: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of the template's brain (N×3, RAS mm) and the direction of its edge at each.

    A direction is shorter than 1 where the edge is faint. Each of two parts has points of its own, so that
    a fit to one can be judged by the other.
    """
    grid, _, depth = _padded()
    affine = images.affine(grid)
    values = ndimage.gaussian_filter(
        images.array(grid).astype(np.float32), 0.8 * spacing_mm / grid.GetSpacing()[0]
    )
    index = np.argwhere(depth > EDGES_FROM_MM)
    index = np.random.default_rng(part).permutation(index)[:EDGE_POINTS]
    slope = np.stack([along[tuple(index.T)] for along in np.gradient(values)], axis=1)
    here = slope * np.sign(np.diag(affine)[:3])
    steep = np.linalg.norm(here, axis=1)
    direction = here / np.hypot(steep, np.median(steep))[:, None]
    return index @ affine[:3, :3].T + affine[:3, 3], direction.astype(np.float32)


@cache
def _padded() -> tuple[sitk.Image, np.ndarray, np.ndarray]:
    """A 2 mm grid around the template's head, and on it the intensity bin and the depth in the brain."""
    mni = template.load()
    t1 = grids.resampled(sitk.Cast(mni.t1, sitk.sitkFloat32), 2.0)
    t1 = sitk.ConstantPad(t1, *[[int(REACH_MM // 2) + 1] * 3] * 2)
    depth = images.array(template.depth_at(t1))
    bright = images.array(t1)
    knots = np.quantile(bright[depth > RIM_MM], np.linspace(0, 1, BRAIN_BINS))
    return t1, np.interp(bright, knots, np.arange(BRAIN_BINS)).astype(np.float32), depth

"""Whether a brain mask and the head that it was made on are symmetric about the same plane.

Grey levels across the contour do not tell every tilt: bone looks alike wherever the contour of a mask lies in
it. But a head is nearly symmetric in the image, with its skull and scalp, and a right mask is so about the same
plane. Neither a template nor the step that made the mask is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from scipy.optimize import minimize

from strokeprep.io import grids, images, labels
from strokeprep.registration.head import view

MM = 3.0  # voxels that halves are compared on

# Of the head, what lies this near the mask is compared: skull and scalp are the most symmetric.
REACH_MM = 12.0
# How far depth in a mask counts: beyond, all of it is alike.
RIM_MM = 6.0
# Grey levels are taken by their mean within about this distance, which evens out the shading of a coil.
SHADING_MM, BRIGHTEST = 15.0, 3.0

# The plane of a mask may be turned by so much against the axes (degrees) and pass so far beside the centre (mm).
TURNS_DEG, OFFSETS_MM = range(-30, 31, 10), range(-12, 13, 6)
# That of the head is looked for around it.
NEARBY_DEG, NEARBY_MM = range(-12, 13, 6), range(-8, 9, 4)

FEW_POINTS, MANY_POINTS = 2_000, 10_000
FOLLOWED = 2
FIRST_MM = 3.0  # a search begins with steps as long
LEAST_SEEN = 0.5  # share of points whose mirror images are in view; with fewer no plane is told
LEVER_MM = 60.0  # at which turns are measured
CLOSE_MM = 0.05  # to the best plane


@dataclass(frozen=True)
class Halves:
    """A volume on cubic voxels, its matrix from mm to voxels (RAS), and points whose halves are compared."""

    values: np.ndarray
    to_voxel: np.ndarray
    points: np.ndarray

    def best(self, centre: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """The plane about which the volume is most symmetric, from the best of many starts."""
        few, many = (self._unlike(centre, count) for count in (FEW_POINTS, MANY_POINTS))
        order = np.argsort([few(start) for start in starts], kind="stable")
        options = {"xatol": CLOSE_MM, "fatol": 1e-6, "maxfev": 120}
        ends = []
        for start in starts[order[:FOLLOWED]]:
            simplex = {"initial_simplex": np.vstack([start, start + FIRST_MM * np.eye(3)])}
            ends.append(minimize(many, start, method="Nelder-Mead", options=options | simplex))
        return min(ends, key=lambda end: end.fun).x

    def _unlike(self, centre: np.ndarray, count: int) -> Callable[[np.ndarray], float]:
        """The cost of a plane: less the correlation of values at points and at their mirror images."""
        points = self.points[:: max(len(self.points) // count, 1)]
        here = self._at(points)

        def cost(plane: np.ndarray) -> float:
            mirrored = points - 2 * _beside(plane, points - centre)[:, None] * _normal(plane)
            there = self._at(mirrored)
            known = np.isfinite(here) & np.isfinite(there)
            if known.sum() < LEAST_SEEN * len(points):
                return 0.0
            return -float(np.corrcoef(here[known], there[known])[0, 1])

        return cost

    def _at(self, points: np.ndarray) -> np.ndarray:
        """Values at points; not a number beyond the image."""
        voxel = points @ self.to_voxel[:3, :3].T + self.to_voxel[:3, 3]
        return ndimage.map_coordinates(self.values, voxel.T, order=1, mode="constant", cval=np.nan)


def planes_apart_mm(image: sitk.Image, mask: sitk.Image, modality: str) -> float:
    """How far the plane that halves a mask lies from the one that halves its head: mean over the brain (mm)."""
    head, brain = _halves(image, mask, modality)
    inside = brain.points[brain.values[_voxels(brain)] > 0]
    if not len(inside):
        return float("nan")
    centre = inside.mean(axis=0)
    of_mask = brain.best(centre, _around(np.zeros(3), TURNS_DEG, OFFSETS_MM))
    of_head = head.best(centre, _around(of_mask, NEARBY_DEG, NEARBY_MM))
    off = (_beside(plane, inside - centre) for plane in (of_mask, of_head))
    return float(np.abs(np.subtract(*off)).mean())


def _halves(image: sitk.Image, mask: sitk.Image, modality: str) -> tuple[Halves, Halves]:
    """The head around a mask, and the depth in the mask."""
    margin = [int(np.ceil((2 * REACH_MM) / spacing)) for spacing in image.GetSpacing()]
    box = labels.bounding_box(images.array(mask) > 0, margin)
    grey = grids.resampled(view.prepared(image[box], modality, MM), MM)
    share = sitk.Resample(grids.resampled(sitk.Cast(mask[box] > 0, sitk.sitkFloat32), MM), grey)
    depth = images.array(grids.distance(share > 0.5))
    affine = images.affine(grey)
    to_voxel = np.linalg.inv(affine)
    index = np.argwhere(depth > -REACH_MM)
    points = index @ affine[:3, :3].T + affine[:3, 3]
    near = depth[tuple(index.T)] > -RIM_MM
    head = Halves(_even(images.array(grey)), to_voxel, points)
    return head, Halves(np.clip(depth, -RIM_MM, RIM_MM), to_voxel, points[near])


def _even(grey: np.ndarray) -> np.ndarray:
    """Grey levels by their mean nearby."""
    mean = ndimage.gaussian_filter(grey, SHADING_MM / MM, truncate=2.5)
    return np.minimum(grey / (mean + 0.05), BRIGHTEST).astype(np.float32)


def _voxels(halves: Halves) -> tuple[np.ndarray, ...]:
    """The voxels of the points of a volume."""
    voxel = halves.points @ halves.to_voxel[:3, :3].T + halves.to_voxel[:3, 3]
    return tuple(np.rint(voxel).astype(int).T)


def _normal(plane: np.ndarray) -> np.ndarray:
    """The unit normal, to the right, of a plane: turned to the front and upwards (mm at LEVER_MM), and beside."""
    normal = np.array([1.0, plane[0] / LEVER_MM, plane[1] / LEVER_MM])
    return normal / np.linalg.norm(normal)


def _beside(plane: np.ndarray, points: np.ndarray) -> np.ndarray:
    """How far points, from the centre, lie to the right of a plane."""
    return points @ _normal(plane) - plane[2]


def _around(plane: np.ndarray, turns_deg: range, offsets_mm: range) -> np.ndarray:
    """Planes around one, turned both ways and moved."""
    turns = LEVER_MM * np.tan(np.radians(turns_deg))
    return plane + np.array(list(product(turns, turns, offsets_mm)), float)

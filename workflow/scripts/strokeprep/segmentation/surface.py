"""The surface of a brain, cut into patches that can be moved outwards and inwards.

Each voxel near the surface belongs to the patches around its foot, the nearest point of the surface.
So the voxels of a patch form rays through it, however the surface is bent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

# Voxels this deep inside and this far outside the surface (mm) are looked at.
INSIDE_MM, OUTSIDE_MM = 14.0, 22.0

PATCH_MM = 7.0  # between neighbouring patches
FOOT_MM = 5.0  # how far a patch reaches along the surface, as the sigma of its weights
SHARED = 4  # patches that a voxel belongs to

# Patches of a region, about this large, have a look in common. Neighbouring regions share some of it.
REGION_MM = 40.0

# How much the move of a patch may differ from its neighbour's, and from none (mm, as sigmas).
STEEP_MM, FAR_MM = 3.0, 8.0

# Beyond this, two patches lie on opposite walls of a fissure (cosine of their normals).
SAME_SIDE = 0.2


@dataclass(frozen=True)
class Surface:
    """The patches of a surface and the voxels around it.

    ``band`` marks these voxels in the image, ``depth`` is how deep each lies (mm), ``patches`` and
    ``weights`` (N×4) say to which patches it belongs. ``region`` is the region of each patch,
    ``kinship`` how much regions have in common, ``stiffness`` the quadratic form of a smooth move.
    """

    band: np.ndarray
    depth: np.ndarray
    patches: np.ndarray
    weights: np.ndarray
    region: np.ndarray
    kinship: np.ndarray
    stiffness: sparse.csc_matrix

    def at_voxels(self, moves: np.ndarray) -> np.ndarray:
        """The moves of the patches, interpolated to the voxels of the band."""
        total = np.maximum(self.weights.sum(axis=1), 1e-9)
        return (self.weights * moves[self.patches]).sum(axis=1) / total

    def smooth(self, moves: np.ndarray, certainty: np.ndarray) -> np.ndarray:
        """The smoothest moves that agree with those given, each as far as it is certain (1/mm²)."""
        system = sparse.diags(certainty) + self.stiffness
        return splu(system.tocsc()).solve(certainty * moves)


def around(depth: np.ndarray, spacing_mm: float) -> Surface:
    """The surface where ``depth`` (mm, positive inside, on cubic voxels) is zero."""
    band = (depth > -OUTSIDE_MM) & (depth < INSIDE_MM)
    deep, normal = depth[band], _normals(depth, band)
    foot = np.argwhere(band) * spacing_mm - deep[:, None] * normal
    near = np.abs(deep) < 0.75 * spacing_mm
    group = _grouped(foot[near], PATCH_MM)
    centres, facing = _means(foot[near], group), _means(normal[near], group)
    tree = cKDTree(centres)
    away, patches = tree.query(foot, k=min(SHARED, len(centres)))
    weights = np.exp(-0.5 * (away / FOOT_MM) ** 2)
    weights[away[:, 0] > 1.7 * PATCH_MM] = 0
    region = _grouped(centres, REGION_MM)
    stiffness = _stiffness(tree, facing)
    return Surface(band, deep, patches, weights, region, _kinship(centres, region), stiffness)


def _normals(depth: np.ndarray, band: np.ndarray) -> np.ndarray:
    """The inward direction at the voxels of the band."""
    smooth = ndimage.gaussian_filter(depth, 1.0)
    slope = np.stack([part[band] for part in np.gradient(smooth)], axis=1)
    return slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-3)


def _grouped(points: np.ndarray, size_mm: float) -> np.ndarray:
    """The number of the cube in which each point lies; cubes without points are not counted."""
    cubes = np.floor(points / size_mm).astype(int)
    return np.unique(cubes, axis=0, return_inverse=True)[1].ravel()


def _means(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """The mean of the values (N×3) of each group."""
    count = np.bincount(group)
    return np.stack([np.bincount(group, column) / count for column in values.T], axis=1)


def _kinship(centres: np.ndarray, region: np.ndarray) -> np.ndarray:
    """How much regions have in common, by the distance between their middles."""
    middle = _means(centres, region)
    apart = ((middle[:, None] - middle[None]) ** 2).sum(axis=-1)
    return np.exp(-0.5 * apart / (0.6 * REGION_MM) ** 2)


def _stiffness(tree: cKDTree, facing: np.ndarray) -> sparse.csc_matrix:
    """The quadratic form of moves: differences between neighbours, and their size."""
    pairs = tree.query_pairs(1.6 * PATCH_MM, output_type="ndarray")
    one, other = pairs[(facing[pairs[:, 0]] * facing[pairs[:, 1]]).sum(axis=1) > SAME_SIDE].T
    shape = (len(facing), len(facing))
    joined = sparse.coo_matrix((np.ones(len(one)), (one, other)), shape=shape)
    joined = joined + joined.T
    neighbours = np.asarray(joined.sum(axis=1)).ravel()
    differences = (sparse.diags(neighbours) - joined) / STEEP_MM**2
    return (differences + sparse.identity(len(facing)) / FAR_MM**2).tocsc()

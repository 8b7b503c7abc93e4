"""Whether edges of the template's brain meet edges of an image, and the affine with which most do.

The direction of an edge is compared, not its sign or its height, so no contrast is assumed. A map that takes
the skin for the brain may predict grey values well, but then the edges within the brain do not meet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from threadpoolctl import threadpool_limits

from strokeprep.io import grids, images
from strokeprep.registration.head.fit import BASIS, about_centre, oddness
from strokeprep.registration.head.model import edge_points

# The six different numbers of a symmetric 3×3 matrix, and how often each occurs in it.
PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
ROWS = ([0, 3, 4], [3, 1, 5], [4, 5, 2])
TWICE = np.array([1, 1, 1, 2, 2, 2], np.float32)

# A map that shows less of the brain than this is not compared at all.
LEAST_SEEN = 0.05

# What a share of edges is worth beside grey values in one fit: with less the fit drifts to the skin on some
# heads, with more the size is less certain.
NATS_OF_EDGES = 4.0

# The weights of the lower and the upper voxel along an axis.
Shares = tuple[np.ndarray, np.ndarray]

PRICE_OF_ODDNESS = 0.3  # in shares of edges, of what fit.oddness measures in nats


@dataclass(frozen=True)
class Edges:
    """The direction of the edge at each voxel as an outer product (6×voxels), and mm to index (RAS)."""

    tensor: np.ndarray
    shape: tuple[int, ...]
    to_voxel: np.ndarray
    spacing_mm: float

    @classmethod
    def of(cls, image: sitk.Image, spacing_mm: float) -> Edges:
        """The edges of an image at one resolution."""
        cubic = grids.resampled(image, spacing_mm)
        edge = directions(cubic)
        tensor = np.stack([(edge[a] * edge[b]).ravel() for a, b in PAIRS])
        to_voxel = np.linalg.inv(images.affine(cubic))
        return cls(tensor.astype(np.float32), edge.shape[1:], to_voxel, spacing_mm)

    def met(self, matrix: np.ndarray, part: int = 0) -> float:
        """The share of the template's edges that the image has, too (``matrix``: template to image)."""
        return self.met_and_slope(matrix, part)[0]

    def met_and_slope(self, matrix: np.ndarray, part: int = 0) -> tuple[float, np.ndarray]:
        """The same, and its derivative by the 3×4 matrix."""
        return self.met_at(*edge_points(self.spacing_mm, part), matrix)

    def met_at(
        self, points: np.ndarray, edge: np.ndarray, matrix: np.ndarray
    ) -> tuple[float, np.ndarray]:
        """The share of edges at some points (N×3 each) that the image has, and its derivative."""
        place = matrix[:3, :3] @ points.T + matrix[:3, 3:]
        voxel = self.to_voxel[:3, :3] @ place + self.to_voxel[:3, 3:]
        last = np.array(self.shape)[:, None] - 1.001
        inside = np.all((voxel >= 0) & (voxel < last), axis=0)
        if inside.mean() < LEAST_SEEN:
            return 0.0, np.zeros((3, 4))
        seen = slice(None) if inside.all() else inside
        points, edge, voxel = points[seen], edge[seen], voxel[:, seen]
        turn = np.linalg.inv(matrix[:3, :3]).T  # directions of edges turn as normals of surfaces do
        turned = turn @ edge.T
        ratio = np.linalg.norm(edge, axis=1) / np.sqrt((turned**2).sum(axis=0))
        direction = (turned * ratio).astype(np.float32)
        tensor, by_voxel = self._at(voxel, direction)
        pulled = np.stack([(tensor[row] * direction).sum(axis=0) for row in ROWS])
        value = (pulled * direction).sum(axis=0)
        along = value / np.maximum((direction**2).sum(axis=0), 1e-12)
        by_turn = 2 * ((pulled - along * direction) * ratio) @ edge
        slope = np.zeros((3, 4))
        moved = by_voxel.T @ self.to_voxel[:3, :3]
        slope[:, :3] = moved.T @ points - turn @ by_turn.T @ turn
        slope[:, 3] = moved.sum(axis=0)
        # Edges out of view count as not met: else the best fit would hide what does not fit.
        return float(value.sum() / len(inside)), slope / len(inside)

    def in_nats(self, matrix: np.ndarray) -> tuple[float, np.ndarray]:
        """The same in the unit of grey values that are predicted."""
        met, slope = self.met_and_slope(matrix)
        return NATS_OF_EDGES * met, NATS_OF_EDGES * slope

    def _at(self, voxel: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The tensor (6×N) at points in voxels (3×N), and the slope (by voxel) of its value along a direction."""
        low = voxel.astype(np.int32)
        x, y, z = ((1 - each, each) for each in (voxel - low).astype(np.float32))
        _, height, width = self.shape
        first = (low[0] * height + low[1]) * width + low[2]
        corners = [(i * height + j) * width + k for i, j, k in product((0, 1), repeat=3)]
        there = self.tensor.take(first + np.array(corners)[:, None], axis=1, mode="clip")
        shares = np.stack([i * j * k for i, j, k in product(x, y, z)])
        tensor = (there * shares).sum(axis=1)
        weight = np.stack([direction[a] * direction[b] for a, b in PAIRS]) * TWICE[:, None]
        part = (there * weight[:, None]).reshape(6, 2, 2, 2, -1)
        # In this order: where a fit ends can hang on the last bit.
        value = (part[0] + part[4]) + (part[1] + part[5]) + (part[2] + part[3])
        along_x, along_y = value[1] - value[0], value[:, 1] - value[:, 0]
        along_z = value[:, :, 1] - value[:, :, 0]
        slope = np.stack([_mean(along_x, y, z), _mean(along_y, x, z), _mean(along_z, x, y)])
        return tensor, slope


def _mean(values: np.ndarray, one: Shares, other: Shares) -> np.ndarray:
    """The mean of four values by the shares of both ends along two axes."""
    first, last = values[:, 0] * other[0] + values[:, 1] * other[1]
    return first * one[0] + last * one[1]


def directions(cubic: sitk.Image) -> np.ndarray:
    """The direction of the edge at each voxel (3×grid, RAS), shorter than 1 where the edge is faint."""
    values = ndimage.gaussian_filter(images.array(cubic), 0.8)
    slope = np.stack(np.gradient(values))
    turn = images.affine(cubic)[:3, :3] / cubic.GetSpacing()[0]
    slope = np.tensordot(turn, slope, axes=1)
    steep = np.sqrt((slope**2).sum(axis=0))
    typical = np.median(steep[values > values.mean()])
    return slope / np.sqrt(steep**2 + typical**2 + 1e-12)


def price(matrix: np.ndarray) -> np.ndarray:
    """The price of a head's unusual size and shape, as a share of edges; of one map or of several."""
    return PRICE_OF_ODDNESS * (oddness(matrix) ** 2).sum(axis=-1)


def fit(edges: Edges, matrix: np.ndarray, parameters: int, steps: int = 25) -> np.ndarray:
    """The affine close to ``matrix`` with which most edges meet."""
    return most_met(edges.met_and_slope, price, matrix, parameters, steps)


def most_met(
    met: Callable[[np.ndarray], tuple[float, np.ndarray]],
    price: Callable[[np.ndarray], np.ndarray],
    matrix: np.ndarray,
    parameters: int,
    steps: int,
) -> np.ndarray:
    """The affine close to ``matrix`` with the most of what ``met`` measures, less its price."""
    from scipy.optimize import minimize  # slow to load, and no CT needs it

    basis = BASIS[:parameters]
    tiny = 1e-4

    def moved(step: np.ndarray) -> np.ndarray:
        return matrix @ about_centre(np.tensordot(step, basis, 1))

    def cost(step: np.ndarray) -> tuple[float, np.ndarray]:
        there, nearby = moved(step), moved(step + tiny * np.eye(parameters))
        share, slope = met(there)
        value = float(price(there))
        more_met = np.tensordot((nearby - there)[:, :3], slope, 2)
        return value - share, (price(nearby) - value - more_met) / tiny

    options = {"maxiter": steps, "ftol": 1e-6, "maxls": 10}
    with threadpool_limits(1, "blas"):  # a threaded sum may round differently
        result = minimize(cost, np.zeros(parameters), jac=True, method="L-BFGS-B", options=options)
    return moved(result.x)

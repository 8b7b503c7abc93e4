"""The affine with which the template's classes best predict an image, by Levenberg-Marquardt steps.

The best affine is the one with which the class of a point best predicts the brightness of the image there
(a correlation ratio). No contrast is assumed, so CT, T1w and diffusion images are treated alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from strokeprep.io import grids, images
from strokeprep.registration.head.model import CENTRE, Samples

# Nats per squared logarithm by which a head's proportions and size differ from the usual ones. Where little
# of the head is in view, nothing else keeps a fit from stretching it.
PRICE_OF_SHAPE, PRICE_OF_SIZE = 2.0, 1.5
USUAL_SIZE = float(np.log(0.93))  # of a head by the template's, whose brain is a large one

# Nats per squared logarithm of a head's size by the usual one. Of ends that fit alike the larger may have taken
# enhancing meninges for the brain's edge, and few brains hold two litres.
PRICE_OF_LAST_SIZE = 3.0


# A measure of a map and its derivative by the 3×4 matrix.
Also = Callable[[np.ndarray], tuple[float, np.ndarray]]


@dataclass(frozen=True)
class Score:
    """How well the template's classes predict an image."""

    information: float  # mutual information, nats per point
    explained: float  # share of the variance of the image that the classes explain
    covered: float  # share of the template's brain that the image shows
    likely: float = 0.0  # information less the price of an unusual size and shape


@dataclass(frozen=True)
class Level:
    """An image at one resolution: value and gradient per mm (RAS) of each voxel, and matrix from mm to voxels.

    The four numbers of a voxel lie together in ``voxels``, since they are looked up together.
    """

    voxels: np.ndarray
    to_voxel: np.ndarray

    def at(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Values and gradients (RAS) at world points, and whether these lie inside the image."""
        voxel = points @ self.to_voxel[:3, :3].T + self.to_voxel[:3, 3]
        last = np.array(self.voxels.shape[:3]) - 1
        inside = np.all((voxel >= 0) & (voxel <= last), axis=1)
        voxel = np.clip(voxel, 0, last)
        low = np.minimum(voxel.astype(np.int32), last - 1)
        x, y, z = (voxel - low).astype(np.float32).T
        _, height, width = self.voxels.shape[:3]
        first = (low[:, 0] * height + low[:, 1]) * width + low[:, 2]
        flat = self.voxels.reshape(-1, 4)
        result = np.zeros((len(points), 4), np.float32)
        for i, j in product((0, 1), repeat=2):
            row = first + (i * height + j) * width
            here, next_along_z = (flat.take(row + k, axis=0, mode="clip") for k in (0, 1))
            here += (next_along_z - here) * z[:, None]
            result += here * ((x if i else 1 - x) * (y if j else 1 - y))[:, None]
        return result[:, 0], result[:, 1:], inside


def level(image: sitk.Image, spacing_mm: float) -> Level:
    """``image`` smoothed and resampled for one resolution."""
    cubic = grids.resampled(image, spacing_mm)
    values = ndimage.gaussian_filter(images.array(cubic), 0.7)
    by_axis = np.stack(np.gradient(values)).astype(np.float32)
    to_voxel = np.linalg.inv(images.affine(cubic))
    world = np.tensordot(to_voxel[:3, :3].T, by_axis, axes=1)
    voxels = np.stack([values, *world], axis=-1).astype(np.float32)
    return Level(voxels, to_voxel)


def fit(
    over: Samples,
    level: Level,
    matrix: np.ndarray,
    parameters: int,
    steps: int = 25,
    also: Also | None = None,
) -> tuple[np.ndarray, Score]:
    """The affine (template to image, RAS) that Levenberg-Marquardt steps from ``matrix`` reach.

    ``also`` is another measure to maximise, in nats.
    """
    basis = BASIS[:parameters]
    score, normal, pull = _objective(over, level, matrix, parameters, also)
    damping = 0.01
    for _ in range(steps):
        regularisation = damping * np.diag(np.diag(normal)) + 1e-6 * np.trace(normal) * np.eye(
            parameters
        )
        step = -np.linalg.solve(normal + regularisation, pull)
        trial = matrix @ about_centre(np.einsum("k,kij->ij", step, basis))
        new, new_normal, new_pull = _objective(over, level, trial, parameters, also)
        if new.likely > score.likely:
            gain = new.likely - score.likely
            matrix, score, normal, pull = trial, new, new_normal, new_pull
            damping = max(damping / 5, 1e-4)
            if gain < 1e-5:
                break
        else:
            damping *= 8
            if damping > 1e3:
                break
    return matrix, score


@cache
def _centred(over: Samples) -> np.ndarray:
    """The points from the brain's centre."""
    return (over.points - CENTRE).astype(np.float32)


def _objective(
    over: Samples, level: Level, matrix: np.ndarray, parameters: int, also: Also | None
) -> tuple[Score, np.ndarray, np.ndarray]:
    """The score of a map, less the price of an unusual shape, with normal matrix and gradient."""
    score, normal, pull = _score(over, level, matrix, parameters)
    basis = BASIS[:parameters]
    odd = oddness(matrix)
    slope = (oddness(matrix @ NEARBY[: len(basis)]) - odd).T / TINY
    likely = score.information - float(odd @ odd)
    normal, pull = normal + 2 * slope.T @ slope, pull + 2 * slope.T @ odd
    if also:
        more, by_matrix = also(matrix)
        likely += more
        pull = pull - np.einsum("ij,kij->k", by_matrix, (matrix @ basis)[:, :3])
    return replace(score, likely=likely), normal, pull


def oddness(matrix: np.ndarray) -> np.ndarray:
    """How far size and proportions are from those of an adult, as residuals in root nats.

    Of one map or of several at once; the residuals lie along the last axis.
    """
    linear = matrix[..., :3, :3]
    value, vector = np.linalg.eigh(linear.swapaxes(-1, -2) @ linear)
    stretch = 0.5 * np.log(np.maximum(value, 1e-6))
    strain = (vector * stretch[..., None, :]) @ vector.swapaxes(-1, -2)
    size = stretch.mean(axis=-1)[..., None]
    proportions = strain.reshape(*strain.shape[:-2], 9) - size * np.eye(3).ravel()
    return np.concatenate(
        [np.sqrt(PRICE_OF_SHAPE) * proportions, np.sqrt(PRICE_OF_SIZE) * (size - USUAL_SIZE)],
        axis=-1,
    )


def unlikely(matrix: np.ndarray) -> float:
    """The price of a head's unusual size where the last ends are compared."""
    size = np.log(np.linalg.det(matrix[:3, :3])) / 3
    return PRICE_OF_LAST_SIZE * float(size - USUAL_SIZE) ** 2


def _score(
    over: Samples, level: Level, matrix: np.ndarray, parameters: int
) -> tuple[Score, np.ndarray, np.ndarray]:
    """How well the classes predict the image, with the normal matrix and the gradient of the fit.

    The measure is the mutual information of class and brightness, assuming that brightness is normally
    distributed within each class. Unlike a plain sum of squares it favours no size. The variance of a class
    is at least 3 % of the image's, so that no class dominates.
    """
    value, gradient, inside = level.at(over.points @ matrix[:3, :3].T + matrix[:3, 3])
    known = over.classes * inside[:, None]
    count = float(inside.sum()) + 1e-6
    mass = known.sum(axis=0) + 1e-6
    residual = value - over.classes @ (known.T @ value / mass)
    centred = value - value[inside].mean() if inside.any() else value
    overall = float((centred[inside] ** 2).sum()) / count + 1e-9
    spread = known.T @ residual**2 / mass + 0.03 * overall
    information = 0.5 * (np.log(overall) - mass @ np.log(spread) / count)
    weight = inside / (over.classes @ spread + 1e-12) / count
    # A move is linear in the products of gradient and place, so these are summed and not the moves of all points.
    slope = gradient @ matrix[:3, :3].astype(np.float32)
    turned = [_centred(over) * each[:, None] for each in slope.T]
    products = np.concatenate([*turned, slope], axis=1)
    moves = np.column_stack(
        [BASIS[:parameters, :3, :3].reshape(parameters, 9), BASIS[:parameters, :3, 3]]
    )
    pull = moves @ (products.T @ (weight * residual - inside * centred / overall / count))
    normal = moves @ ((products * weight[:, None]).T @ products) @ moves.T
    explained = 1 - float((residual[inside] ** 2).sum()) / count / overall
    covered = float(inside[over.brain].mean())
    return Score(float(information), explained, covered), normal, pull


def _basis() -> np.ndarray:
    """12 generators: 3 shifts (10 mm), 3 rotations, size, 2 stretches, 3 shears (each 0.1)."""
    generators = np.zeros((12, 4, 4))
    for axis in range(3):
        generators[axis, axis, 3] = 10.0
        a, b = (axis + 1) % 3, (axis + 2) % 3
        generators[3 + axis, a, b], generators[3 + axis, b, a] = -0.1, 0.1
        generators[9 + axis, a, b] = generators[9 + axis, b, a] = 0.1
    generators[6, :3, :3] = 0.1 * np.eye(3)
    generators[7, :3, :3] = 0.1 * np.diag([1, -1, 0])
    generators[8, :3, :3] = 0.1 * np.diag([0.5, 0.5, -1])
    return generators


BASIS = _basis()


def about_centre(generator: np.ndarray) -> np.ndarray:
    """The affine of a generator (or of each of several), applied about the brain's centre."""
    to, back = np.eye(4), np.eye(4)
    to[:3, 3], back[:3, 3] = -CENTRE, CENTRE
    square = generator @ generator
    return back @ (np.eye(4) + generator + square / 2 + square @ generator / 6) @ to


# Maps close to none, for slopes by difference.
TINY = 1e-3
NEARBY = about_centre(TINY * BASIS)


def nod(degrees: float) -> np.ndarray:
    """A rotation about the left-right axis."""
    return about_centre(np.radians(degrees) * 10 * BASIS[3])


def sized(factor: float) -> np.ndarray:
    """A change of size about the brain's centre."""
    return about_centre(np.log(factor) * np.diag([1.0, 1.0, 1.0, 0.0]))

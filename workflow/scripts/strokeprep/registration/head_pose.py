"""The affine between an image of a head and the template, for any contrast, in seconds.

The points of the template are divided into classes: bins of intensity within the brain, and shells around
it for skull and air. The best affine is the one with which the class of a point best predicts the
brightness of the image there (a correlation ratio). No contrast is assumed, so CT, T1w and diffusion images
are treated alike. Levenberg-Marquardt steps make the fit fast and repeatable.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from strokeprep.errors import StrokeprepError
from strokeprep.io import grids, images, labels, transforms
from strokeprep.registration import template
from strokeprep.settings.registration import HEAD, HeadSettings

COARSE_MM, FINE_MM = 8.0, 4.0

# Shells around the brain, in mm from its surface: skull, and air beyond the scalp, at depths where nearly
# every head has them. In between it may be either, so these points are left out.
SHELLS_MM = ((2.5, 7.0), (18.0, 26.0))
REACH_MM = SHELLS_MM[-1][1]

# The brain's classes: bins of intensity, at points at least RIM_MM below its surface.
BRAIN_BINS = 8
RIM_MM = 1.5

CENTRE = np.array([0.0, -18.0, 10.0])  # of the MNI brain; rotations and scales are about it


@dataclass(frozen=True)
class Pose:
    """The affine that maps points of an image to points of the template, and how well it fits."""

    to_template: sitk.AffineTransform
    explained: float  # share of the variance of the image that the template's classes explain
    covered: float  # share of the template's brain that the image shows
    scale: float

    def metrics(self) -> dict[str, float]:
        """The numbers for a sidecar."""
        return {
            "PoseExplainedVariance": round(self.explained, 4),
            "PoseBrainCovered": round(self.covered, 4),
            "PoseScale": round(self.scale, 4),
        }


@dataclass(frozen=True)
class Samples:
    """Points of the template (N×3, RAS mm), their weights in each class (N×K), and which are brain."""

    points: np.ndarray
    classes: np.ndarray
    brain: np.ndarray


@dataclass(frozen=True)
class Score:
    """How well the template's classes predict an image."""

    information: float  # mutual information, nats per point
    explained: float
    covered: float


@dataclass(frozen=True)
class Level:
    """An image at one resolution: values, gradient per mm (RAS), and matrix from mm to voxels."""

    values: np.ndarray
    gradient: np.ndarray
    to_voxel: np.ndarray

    def at(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Values and gradients (RAS) at world points, and whether these lie inside the image."""
        voxel = points @ self.to_voxel[:3, :3].T + self.to_voxel[:3, 3]
        inside = np.all((voxel >= 0) & (voxel <= np.array(self.values.shape) - 1), axis=1)
        value = ndimage.map_coordinates(self.values, voxel.T, order=1, mode="nearest")
        gradient = np.stack(
            [ndimage.map_coordinates(g, voxel.T, order=1, mode="nearest") for g in self.gradient],
            axis=1,
        )
        return value, gradient, inside


def locate(
    image: sitk.Image, modality: str, where: str = "image", limits: HeadSettings = HEAD
) -> Pose:
    """The pose of a head that is mostly in view; refused if the fit is not credible.

    Several nods are tried, because heads are nodded more than turned or tilted: by positioning, and by
    slices along the skull base. Two sizes are refined, because the coarse fit tends to miss the size.
    """
    small = prepared(image, modality, FINE_MM)
    coarse, fine = (level(small, mm) for mm in (COARSE_MM, FINE_MM))
    start = first_guess(small, where)
    tried = [fit(samples(COARSE_MM), coarse, start @ _nod(nod), 7) for nod in (-20.0, 0.0, 20.0)]
    rough, _ = max(tried, key=lambda result: result[1].information)
    isotropic = np.diag([1.0, 1.0, 1.0, 0.0])
    refined = [
        fit(samples(FINE_MM), fine, rough @ _about_centre(np.log(size) * isotropic), 12)
        for size in (0.92, 1.0)
    ]
    matrix, score = max(refined, key=lambda result: result[1].information)
    return _credible(matrix, score, limits, where)


def prepared(image: sitk.Image, modality: str, spacing_mm: float) -> sitk.Image:
    """The image at about this resolution, on a scale of about 0 to 1 that separates tissues."""
    small = sitk.Cast(grids.shrunk(image, spacing_mm * 0.75), sitk.sitkFloat32)
    return images.like(_compressed(images.array(small), modality), small)


def _compressed(data: np.ndarray, modality: str) -> np.ndarray:
    """Values on a scale of about 0 to 1 that separates the tissues of a head."""
    if modality == "ct":
        hu, shade = (-1000, -250, -100, 0, 80, 250, 800), (0, 0.05, 0.3, 0.45, 0.65, 0.9, 1.0)
        return np.interp(data, hu, shade).astype(np.float32)
    data = np.maximum(np.nan_to_num(data.astype(np.float32)), 0)
    bright = data[data > data.mean()]
    if bright.size == 0:
        return data
    return np.minimum(data / np.percentile(bright, 95), 1.5).astype(np.float32)


def level(image: sitk.Image, spacing_mm: float) -> Level:
    """``image`` smoothed and resampled for one resolution."""
    cubic = grids.resampled(image, spacing_mm)
    values = ndimage.gaussian_filter(images.array(cubic), 0.7)
    affine = images.affine(cubic)
    by_axis = np.stack(np.gradient(values)).astype(np.float32)
    to_voxel = np.linalg.inv(affine)
    world = np.tensordot(to_voxel[:3, :3].T, by_axis, axes=1).astype(np.float32)
    return Level(values, world, to_voxel)


@cache
def samples(spacing_mm: float) -> Samples:
    """The template's classes on a grid of points."""
    grid, _, depth = _padded()
    every = round(spacing_mm / grid.GetSpacing()[0])
    affine = images.affine(grid)
    index = np.argwhere(depth[::every, ::every, ::every] > -REACH_MM) * every
    points = index @ affine[:3, :3].T + affine[:3, 3]
    classes = classes_at(points)
    keep = classes.sum(axis=1) > 0
    return Samples(points[keep], classes[keep], depth[tuple(index[keep].T)] > 0)


def classes_at(points: np.ndarray) -> np.ndarray:
    """The weights (N×K) of all classes at points of the template (RAS mm); 0 where the class varies.

    The brain's classes are bins of intensity, with linear weights between neighbours. Around skull base and
    face (MNI coordinates) anatomy varies too much to compare, so the shells end there.
    """
    grid, t1, depth = _padded()
    affine = images.affine(grid)
    voxel = (points - affine[:3, 3]).T / np.diag(affine)[:3, None]
    depth_here = ndimage.map_coordinates(depth, voxel, order=1, mode="nearest")
    bin_here = ndimage.map_coordinates(t1, voxel, order=1, mode="nearest")
    inner = depth_here > RIM_MM
    classes = np.zeros((len(points), BRAIN_BINS + len(SHELLS_MM)), np.float32)
    for number in range(BRAIN_BINS):
        classes[:, number] = np.maximum(1 - np.abs(bin_here - number), 0) * inner
    _, y, z = points.T
    above_base = (z > -25.0) & ((z > 5.0) | (y < 45.0))
    for number, (near, far) in enumerate(SHELLS_MM, BRAIN_BINS):
        classes[:, number] = (depth_here <= -near) & (depth_here > -far) & above_base
    return classes


@cache
def _padded() -> tuple[sitk.Image, np.ndarray, np.ndarray]:
    """A 2 mm grid around the template's head, and on it the intensity bin and the depth in the brain."""
    mni = template.load()
    t1 = grids.resampled(sitk.Cast(mni.t1, sitk.sitkFloat32), 2.0)
    t1 = sitk.ConstantPad(t1, *[[int(REACH_MM // 2) + 1] * 3] * 2)
    depth = images.array(
        sitk.Resample(template.depth(), t1, sitk.Transform(), sitk.sitkLinear, -99.0)
    )
    bright = images.array(t1)
    knots = np.quantile(bright[depth > RIM_MM], np.linspace(0, 1, BRAIN_BINS))
    return t1, np.interp(bright, knots, np.arange(BRAIN_BINS)).astype(np.float32), depth


def first_guess(image: sitk.Image, where: str) -> np.ndarray:
    """A start, template to image (RAS): position and size of the head from its outline."""
    grid = grids.resampled(image, 6.0)
    data = images.array(grid)
    head = images.like((data > _tissue_threshold(data)).astype(np.uint8), grid)
    head = sitk.BinaryMorphologicalOpening(head, [2, 2, 2])
    head = labels.largest_object(head)
    index = np.argwhere(images.array(head))
    if len(index) < 500:
        raise StrokeprepError("No head is seen in the image", where, "Check that it shows a head.")
    affine = images.affine(grid)
    points = index @ affine[:3, :3].T + affine[:3, 3]
    top = np.percentile(points[:, 2], 99.5)
    upper = points[points[:, 2] > top - 110.0]
    sections = np.bincount(((top - upper[:, 2]).clip(0) / 6).astype(int)) * 6.0**2
    # On the template the largest axial section of the head has 27,400 mm², and the scalp's top z = 95 mm.
    scale = float(np.clip(np.sqrt(sections.max() / 27400.0), 0.8, 1.1))
    middle = np.append(np.median(upper[:, :2], axis=0), top - (95.0 - CENTRE[2]) * scale)
    guess = np.eye(4)
    guess[:3, :3] *= scale
    guess[:3, 3] = middle - scale * CENTRE
    return guess


def fit(
    over: Samples, level: Level, matrix: np.ndarray, parameters: int
) -> tuple[np.ndarray, Score]:
    """The affine (template to image, RAS) that Levenberg-Marquardt steps from ``matrix`` reach."""
    basis = _basis()[:parameters]
    moves = np.einsum("kij,nj->nki", basis[:, :3, :3], over.points - CENTRE) + basis[:, :3, 3]
    score, normal, pull = _score(over, level, matrix, moves)
    damping = 0.01
    for _ in range(25):
        regularisation = damping * np.diag(np.diag(normal)) + 1e-6 * np.trace(normal) * np.eye(
            parameters
        )
        step = -np.linalg.solve(normal + regularisation, pull)
        trial = matrix @ _about_centre(np.einsum("k,kij->ij", step, basis))
        new, new_normal, new_pull = _score(over, level, trial, moves)
        if new.information > score.information:
            gain = new.information - score.information
            matrix, score, normal, pull = trial, new, new_normal, new_pull
            damping = max(damping / 5, 1e-4)
            if gain < 1e-5:
                break
        else:
            damping *= 8
            if damping > 1e3:
                break
    return matrix, score


def _score(
    over: Samples, level: Level, matrix: np.ndarray, moves: np.ndarray
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
    slope = np.einsum("nki,ni->nk", moves, gradient @ matrix[:3, :3])
    pull = slope.T @ (weight * residual - inside * centred / overall / count)
    normal = (slope * weight[:, None]).T @ slope
    explained = 1 - float((residual[inside] ** 2).sum()) / count / overall
    covered = float(inside[over.brain].mean())
    return Score(float(information), explained, covered), normal, pull


@cache
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


def _about_centre(generator: np.ndarray) -> np.ndarray:
    """The affine of a generator, applied about the brain's centre."""
    to, back = np.eye(4), np.eye(4)
    to[:3, 3], back[:3, 3] = -CENTRE, CENTRE
    square = generator @ generator
    return back @ (np.eye(4) + generator + square / 2 + square @ generator / 6) @ to


def _nod(degrees: float) -> np.ndarray:
    """A rotation about the left-right axis."""
    return _about_centre(np.radians(degrees) * 10 * _basis()[3])


def _tissue_threshold(data: np.ndarray) -> float:
    """A threshold between air and tissue: half the median of what is not air."""
    filled = data[data > 0.02 * data.max()]
    return 0.5 * float(np.median(filled)) if filled.size else 0.5


def _credible(matrix: np.ndarray, score: Score, limits: HeadSettings, where: str) -> Pose:
    """The pose of a fit, refused beyond the limits."""
    u, stretch, vt = np.linalg.svd(matrix[:3, :3])
    degrees = np.degrees(np.arccos(np.clip((np.trace(u @ vt) - 1) / 2, -1, 1)))
    scale = float(np.prod(stretch) ** (1 / 3))
    smallest, largest = limits.scale
    explained, covered = f"{score.explained:.0%}", f"{score.covered:.0%}"
    faults = [
        text
        for wrong, text in (
            (not smallest < scale < largest, f"size {scale:.2f} of the template's"),
            (
                stretch[0] / stretch[2] > limits.most_stretch,
                f"stretched by {stretch[0] / stretch[2]:.2f}",
            ),
            (degrees > limits.most_degrees, f"turned by {degrees:.0f} degrees"),
            (score.explained < limits.least_explained, f"{explained} of its contrast explained"),
            (score.covered < limits.least_covered, f"{covered} of the brain in view"),
        )
        if wrong
    ]
    if faults:
        raise StrokeprepError(
            f"The head in the image cannot be located ({', '.join(faults)})",
            where,
            "Check that it shows a head the right way up; a partial view needs its subject's "
            "whole-head reference scan.",
        )
    lps = images.LPS @ np.linalg.inv(matrix) @ images.LPS
    return Pose(transforms.linear(lps), score.explained, score.covered, scale)

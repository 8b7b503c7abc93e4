"""Where one image lies in another: rigid and affine registration, and the way to a template.

Registering ``moving`` to ``fixed`` gives the ITK transform that resamples moving on the grid of
fixed: it maps points of fixed to points of moving, in LPS millimetres.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from strokeprep.errors import StrokeprepError
from strokeprep.io import transforms
from strokeprep.registration import mutual_information as mi


class Level(NamedTuple):
    """One resolution: voxel size, how many points to compare, how many steps at most."""

    mm: float
    points: int
    steps: int


# Poses are searched at SEARCH; the best is refined through the levels of a preset.
SEARCH = Level(8, 3_000, 25)
RESOLUTIONS = {
    "coarse": (Level(4, 10_000, 30),),
    "template": (Level(4, 15_000, 40), Level(2, 60_000, 40)),
    "warp": (Level(4, 15_000, 15), Level(1, 120_000, 20)),
    "fine": (Level(4, 10_000, 30), Level(2, 40_000, 30), Level(1, 80_000, 30)),
    "refined": (Level(2, 40_000, 30), Level(1, 80_000, 30)),  # on from a coarse result
    "compared": (Level(4, 6_000, 12), Level(2, 20_000, 12)),  # on from poses that are known
}
DOF = {"rigid": 6, "affine": 12}

# In CT, below lies only air and above only metal. An image that reaches below AIR is CT.
CT_WINDOW = (-200.0, 1200.0)
AIR = -500.0

# The head is compared with this much around it: its outline is half of the information.
MARGIN_MM = 8.0

# With a brain mask, what lies further from the brain is not compared: skull and scalp move with
# the brain, but jaw, neck and head rest do not.
NEAR_BRAIN_MM = 20.0

# Poses tried: shifts along the body, for partial coverage, and turns about each axis. The most
# promising are followed to their end, and the best of these, where they differ, refined.
SHIFTS_MM = range(-100, 101, 20)
TURNS_DEG = (-15.0, 0.0, 15.0)
FOLLOWED = 8
REFINED = 3

# The image with less head in it, by this factor, is the one whose points are looked up.
PARTIAL = 0.8

# Images are cropped to the points compared and this much, for them to move in.
ROOM_MM = 24.0

# Voxels this much longer than a resolution are thick slices: nothing is gained within them.
THICK = 1.5

# Width of the smoothing at each resolution, in voxels.
SMOOTHING = 0.35

# Grey levels become bins half by value, which favours strong edges, and half by rank, which
# favours frequent values such as brain tissue. Quantiles are estimated from so many values.
BY_RANK = 0.5
QUANTILES = 65
QUANTILE_SAMPLE = 100_000

# A brain's grey levels run between these quantiles; what surrounds it gets a level as far below
# them as they are apart.
BRAIN_WINDOW = (0.01, 0.99)
OUTSIDE = -1.0

# Grey levels of a brain are taken relative to their mean within about this distance, which differs
# by the bias field of MR and by how the template is shaded. Never relative to less than DARK. A
# lesion gets the MEAN: smoothing would carry its grey levels beyond its mask.
SHADE_MM = 25.0
SHADE_GRID_MM = 4.0
DARK = 0.05
MEAN = 1.0


# A result beyond these limits is not a registration.
MIN_OVERLAP = 0.4
MIN_INFORMATION = 0.05
SCALES = (0.7, 1.4)


@dataclass(frozen=True)
class Registration:
    """A transform (fixed points to moving points, LPS), its inverse, and how well it fits."""

    transform: sitk.Transform
    inverse: sitk.Transform
    metrics: dict[str, float] = field(default_factory=dict)


def rigid(
    fixed: sitk.Image,
    moving: sitk.Image,
    *,
    dof: str = "rigid",
    fixed_brain: sitk.Image | None = None,
    start: str | sitk.Transform = "auto",
    resolution: str = "fine",
    seed: int = 1,
    where: str | Path = "moving image",
) -> Registration:
    """``moving`` onto ``fixed``, of any modality, from ``start`` or from anywhere ("auto").

    With ``fixed_brain``, only the head around it is compared. ``where`` names the image in errors.
    """
    levels = RESOLUTIONS[resolution]
    near = None if fixed_brain is None else _dilated(fixed_brain, NEAR_BRAIN_MM)
    pair = _head_side(fixed, near, levels[-1].mm), _head_side(moving, None, levels[-1].mm)
    known = start if isinstance(start, sitk.Transform) else None
    return _registered(*pair, DOF[dof], known, levels, seed, where)


def information(
    fixed: sitk.Image,
    moving: sitk.Image,
    fixed_brain: sitk.Image,
    poses: Sequence[np.ndarray],
    seed: int = 1,
) -> list[float]:
    """What moving tells about the head around the brain in fixed, in the best pose near each given.

    Poses are 4×4 matrices (points of fixed to points of moving, LPS) and may be mirror images.
    """
    levels = RESOLUTIONS["compared"]
    near = _dilated(fixed_brain, NEAR_BRAIN_MM)
    pair = _head_side(fixed, near, levels[-1].mm), _head_side(moving, None, levels[-1].mm)
    backwards = _volume(pair[1].head) < PARTIAL * _volume(pair[0].head)
    told = []
    for pose in poses:
        matrix = np.linalg.inv(pose) if backwards else pose
        for level in levels:
            fit = _refined(
                *(reversed(pair) if backwards else pair), matrix, level, DOF["rigid"], seed
            )
            matrix = fit.matrix
        told.append(fit.information)
    return told


@dataclass(frozen=True)
class _Side:
    """One image of a pair, at its finest; where the head is, and what of it is compared."""

    image: sitk.Image
    head: sitk.Image
    usable: sitk.Image | None


@dataclass(frozen=True)
class _Fit:
    """A 4×4 matrix (LPS) and how well it fits."""

    matrix: np.ndarray
    information: float = 0.0
    overlap: float = 1.0


def _head_side(image: sitk.Image, usable: sitk.Image | None, finest: float) -> _Side:
    """An image of a head: its head is the largest bright object."""
    small = sitk.Cast(_shrunk(image, finest), sitk.sitkFloat32)
    if sitk.GetArrayViewFromImage(small).min() < AIR:
        small = sitk.Clamp(small, sitk.sitkFloat32, *CT_WINDOW)
    coarse = _smooth(_shrunk(small, SEARCH.mm), SEARCH.mm)
    is_ct = sitk.GetArrayViewFromImage(coarse).min() < 0
    soft = sitk.Clamp(coarse, sitk.sitkFloat32, CT_WINDOW[0], 100.0) if is_ct else coarse
    return _Side(small, _dilated(_largest(sitk.OtsuThreshold(soft, 0, 1)), MARGIN_MM), usable)


def _brain_sides(
    brain: sitk.Image, template: sitk.Image, lesion_mask: sitk.Image | None, finest: float
) -> tuple[_Side, _Side]:
    """Template and brain; what ``lesion_mask`` covers is not compared."""
    healthy = None if lesion_mask is None else sitk.Cast(lesion_mask == 0, sitk.sitkUInt8)
    return _brain_side(template, None, finest), _brain_side(brain, healthy, finest)


def _brain_side(image: sitk.Image, usable: sitk.Image | None, finest: float) -> _Side:
    """An image of a brain, 0 outside, without its shading."""
    windowed, brain = _windowed(sitk.Cast(image, sitk.sitkFloat32), usable)
    small = _shrunk(windowed, finest)
    inside = _on(brain, small)
    healthy = inside if usable is None else inside & _on(usable, inside)
    return _Side(_shaded(small, inside, healthy), _dilated(brain, MARGIN_MM), usable)


def _shaded(grey: sitk.Image, brain: sitk.Image, healthy: sitk.Image) -> sitk.Image:
    """Grey levels of a brain relative to their mean in the healthy tissue around each point."""
    share = _shrunk(sitk.Cast(healthy > 0, sitk.sitkFloat32), SHADE_GRID_MM)
    total = _shrunk(sitk.Mask(grey, healthy > 0, 0), SHADE_GRID_MM)
    share, total = (sitk.SmoothingRecursiveGaussian(image, SHADE_MM) for image in (share, total))
    mean = sitk.Clamp(total / (share + mi.TINY), sitk.sitkFloat32, DARK, 1)
    on = sitk.Resample(mean, grey, sitk.Transform(), sitk.sitkLinear, 1.0)
    return sitk.Mask(sitk.Mask(grey / on, healthy > 0, MEAN), brain > 0, OUTSIDE)


def _on(mask: sitk.Image, grid: sitk.Image) -> sitk.Image:
    """A mask on another grid."""
    return sitk.Resample(mask, grid, sitk.Transform(), sitk.sitkNearestNeighbor, 0)


def _windowed(image: sitk.Image, usable: sitk.Image | None) -> tuple[sitk.Image, sitk.Image]:
    """A brain's grey levels in [0, 1] and OUTSIDE around them, where fluid is not; its mask."""
    brain = _largest(image != 0)
    healthy = brain if usable is None else brain & _on(usable, brain)
    voxels = sitk.GetArrayViewFromImage(image)[sitk.GetArrayViewFromImage(healthy) > 0]
    low, high = np.quantile(voxels[:: max(1, len(voxels) // QUANTILE_SAMPLE)], BRAIN_WINDOW)
    grey = sitk.Clamp((image - float(low)) / float(high - low), sitk.sitkFloat32, 0, 1)
    return sitk.Mask(grey, brain, OUTSIDE), brain


def _largest(mask: sitk.Image) -> sitk.Image:
    """The largest object of a mask, filled."""
    objects = sitk.RelabelComponent(sitk.ConnectedComponent(mask))
    return sitk.BinaryFillhole(objects == 1)


def _registered(
    fixed: _Side,
    moving: _Side,
    dof: int,
    start: sitk.Transform | None,
    levels: Sequence[Level],
    seed: int,
    where: str | Path,
) -> Registration:
    """Search and refine, with the points taken from the image that shows less of the head."""
    backwards = _volume(moving.head) < PARTIAL * _volume(fixed.head)
    pair = (moving, fixed) if backwards else (fixed, moving)
    if start is None:
        starts = _search(*pair, dof, seed)
    else:
        starts = [transforms.matrix(start.GetInverse() if backwards else start)]
    tried = [_refined(*pair, matrix, levels[0], dof, seed) for matrix in starts]
    found = max(tried, key=lambda fit: fit.information)
    for level in levels[1:]:
        found = _refined(*pair, found.matrix, level, dof, seed)
    _check(found, where)
    there, back = transforms.linear(found.matrix), transforms.linear(np.linalg.inv(found.matrix))
    metrics = {"Information": found.information, "Overlap": found.overlap}
    return Registration(back, there, metrics) if backwards else Registration(there, back, metrics)


def _search(sampled: _Side, other: _Side, dof: int, seed: int) -> list[np.ndarray]:
    """The best of many poses at low resolution, the most promising ones followed to their end."""
    metric, _ = _metric(sampled, other, None, SEARCH, seed)
    here, there = _centre(sampled.head), _centre(other.head)
    poses = []
    for up, *turn in product(SHIFTS_MM, TURNS_DEG, TURNS_DEG, TURNS_DEG):
        shift = there - here + [0, 0, up]
        poses.append(mi.linear_map(np.array([*shift, *np.deg2rad(turn) * mi.RADIUS_MM]), here))
    order = np.argsort([-metric(pose)[0] for pose in poses], kind="stable")
    ends = [mi.maximum(metric, poses[i], here, dof, SEARCH.steps) for i in order[:FOLLOWED]]
    ends.sort(key=lambda end: -end[1])
    distinct: list[np.ndarray] = []
    for matrix, _, _ in ends:
        if all(_apart(matrix, known, here) > SEARCH.mm for known in distinct):
            distinct.append(matrix)
    return distinct[:REFINED]


def _apart(a: np.ndarray, b: np.ndarray, centre: np.ndarray) -> float:
    """How far (mm) two maps send the surface of a brain apart."""
    corners = centre[:, None] + mi.RADIUS_MM * np.hstack([np.eye(3), -np.eye(3)])
    return float(np.linalg.norm(mi.mapped(a, corners) - mi.mapped(b, corners), axis=0).max())


def _refined(
    sampled: _Side,
    other: _Side,
    matrix: np.ndarray,
    level: Level,
    dof: int,
    seed: int,
) -> _Fit:
    metric, entropy = _metric(sampled, other, matrix, level, seed)
    centre = metric.points.where.mean(axis=1)
    matrix, information, overlap = mi.maximum(metric, matrix, centre, dof, level.steps)
    return _Fit(matrix, float(information / entropy), float(overlap))


def _metric(
    sampled: _Side,
    other: _Side,
    matrix: np.ndarray | None,
    level: Level,
    seed: int,
) -> tuple[mi.Metric, float]:
    """The metric around a pose (None: not known yet), and its bound, the samples' entropy."""
    image, volume = _shrunk(sampled.image, level.mm), _shrunk(other.image, level.mm)
    points = _points(sampled, other, matrix, image, level, np.random.default_rng(seed))
    if matrix is not None:
        volume = _around(volume, mi.mapped(matrix, points))
    values = _values(_smooth(_around(image, points), level.mm), points)
    bins = np.rint(_scale(values)(values) * (mi.BINS - 1)).astype(np.int64)
    volume = _smooth(volume, level.mm)
    scale = _scale(sitk.GetArrayFromImage(volume)[_array_on(other.head, volume) > 0])
    share = np.bincount(bins) / len(bins)
    entropy = -float((share * np.log(share + mi.TINY)).sum())
    return mi.Metric(mi.Points(points, bins), mi.Volume.of(volume, scale)), entropy


def _points(
    sampled: _Side,
    other: _Side,
    matrix: np.ndarray | None,
    grid: sitk.Image,
    level: Level,
    rng: np.random.Generator,
) -> np.ndarray:
    """Random points of the head (3×N) that both sides want compared.

    They lie off the grid, for two grids that coincide would hold the images in place; but never
    between thick slices, where the image is known least.
    """
    voxels = np.flatnonzero(_array_on(sampled.head, grid))
    chosen = voxels[rng.permutation(len(voxels))[: 4 * level.points]]
    index = np.stack(np.unravel_index(chosen, grid.GetSize()[::-1])[::-1])
    off = np.where(
        np.array(grid.GetSpacing()) > THICK * level.mm, 0, rng.random(index.T.shape) - 0.5
    )
    points = mi.mapped(mi.index_to_physical(grid), index + off.T)
    if sampled.usable is not None:
        points = points[:, _values(sampled.usable, points, order=0) > 0]
    if other.usable is not None and matrix is not None:
        points = points[:, _values(other.usable, mi.mapped(matrix, points), order=0) > 0]
    return points[:, : level.points]


def _check(found: _Fit, where: str | Path) -> None:
    """Refuse what cannot be a registration."""
    scales = np.linalg.svd(found.matrix[:3, :3], compute_uv=False)
    if found.overlap < MIN_OVERLAP:
        what = f"Registration left only {found.overlap:.0%} overlap"
    elif found.information < MIN_INFORMATION:
        what = f"Registration found nothing in common (information {found.information:.3f})"
    elif scales.min() < SCALES[0] or scales.max() > SCALES[1]:
        what = f"Registration stretched the image by {scales.min():.2f} to {scales.max():.2f}"
    else:
        return
    remedy = "Look at both images; exclude this one if it does not show the same head."
    raise StrokeprepError(what, where, remedy)


def _shrunk(image: sitk.Image, mm: float) -> sitk.Image:
    """Averaged over whole blocks of voxels, to about ``mm``."""
    factors = [
        min(max(1, round(mm / spacing)), size)
        for spacing, size in zip(image.GetSpacing(), image.GetSize(), strict=True)
    ]
    return sitk.BinShrink(image, factors)


def _smooth(image: sitk.Image, mm: float) -> sitk.Image:
    """The image with the edges of its blocks rounded to a resolution of ``mm``."""
    for axis, (spacing, size) in enumerate(zip(image.GetSpacing(), image.GetSize(), strict=True)):
        if spacing < THICK * mm and size > 4:  # else smooth already, or too short to filter
            image = sitk.RecursiveGaussian(image, SMOOTHING * mm, direction=axis)
    return image


def _around(image: sitk.Image, points: np.ndarray) -> sitk.Image:
    """The part of the image that ``points`` (3×N) lie in, with room to move."""
    index = mi.mapped(np.linalg.inv(mi.index_to_physical(image)), points)
    room = ROOM_MM / np.array(image.GetSpacing())
    low = np.floor(index.min(axis=1) - room).astype(int)
    high = np.ceil(index.max(axis=1) + room).astype(int) + 1
    low, high = (np.clip(edge, 0, image.GetSize()) for edge in (low, high))
    if np.any(low >= high):
        return image
    return image[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))]


def _dilated(mask: sitk.Image, mm: float) -> sitk.Image:
    """What lies in the mask or nearer to it than ``mm``."""
    small = _shrunk(sitk.Cast(mask > 0, sitk.sitkFloat32), 2) >= 0.5
    distance = sitk.SignedMaurerDistanceMap(small, squaredDistance=False, useImageSpacing=True)
    return sitk.Cast(distance < mm, sitk.sitkUInt8)


def _array_on(mask: sitk.Image, grid: sitk.Image) -> np.ndarray:
    """A mask's voxels (z, y, x) on another grid."""
    return sitk.GetArrayFromImage(_on(mask, grid))


def _volume(mask: sitk.Image) -> float:
    return float(np.count_nonzero(sitk.GetArrayViewFromImage(mask)) * np.prod(mask.GetSpacing()))


def _centre(mask: sitk.Image) -> np.ndarray:
    """Centre of gravity, LPS mm."""
    index = np.argwhere(sitk.GetArrayViewFromImage(mask))[:, ::-1].mean(axis=0)
    return mi.mapped(mi.index_to_physical(mask), index)


def _values(image: sitk.Image, points: np.ndarray, order: int = 1) -> np.ndarray:
    """The image at physical points: between voxels, or (order 0) the nearest and 0 outside."""
    index = mi.mapped(np.linalg.inv(mi.index_to_physical(image)), points)
    mode = "nearest" if order else "constant"
    voxels = sitk.GetArrayViewFromImage(image)
    return ndimage.map_coordinates(voxels, index[::-1], order=order, mode=mode)


def _scale(values: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The map from grey values to [0, 1] that spends bins where ``values`` need them."""
    ranks = np.linspace(0, 1, QUANTILES)
    thinned = values[:: max(1, len(values) // QUANTILE_SAMPLE)]
    knots, first = np.unique(np.quantile(thinned, ranks), return_index=True)
    if len(knots) < 2:
        return np.zeros_like
    by_value = (knots - knots[0]) / (knots[-1] - knots[0])
    by_rank = (ranks[first] - ranks[first[0]]) / (ranks[first[-1]] - ranks[first[0]])
    target = BY_RANK * by_rank + (1 - BY_RANK) * by_value
    return lambda x: np.interp(x, knots, target)

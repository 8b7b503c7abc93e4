"""Where one image lies in another: linear registration, and the way to a template.

Registering ``moving`` to ``fixed`` gives the ITK transform that resamples moving on the grid of
fixed: it maps points of fixed to points of moving, in LPS millimetres.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from strokeprep import mutual_information as mi
from strokeprep import transforms
from strokeprep.errors import StrokeprepError


class Level(NamedTuple):
    """One resolution: voxel size, how many points to compare, how many steps at most."""

    mm: float
    points: int
    steps: int


# Poses are searched at SEARCH; the result is refined through the levels of a preset.
SEARCH = Level(8, 3_000, 25)
RESOLUTIONS = {
    "coarse": (Level(4, 10_000, 30),),
    "template": (Level(4, 15_000, 40), Level(2, 60_000, 40)),
    "fine": (Level(4, 10_000, 30), Level(2, 40_000, 30), Level(1, 80_000, 30)),
}
DOF = {"rigid": 6, "affine": 12}

# In CT, below lies only air and above only metal. An image that reaches below AIR is CT.
CT_WINDOW = (-200.0, 1200.0)
AIR = -500.0

# The head is compared with this much around it: its outline is half of the information.
MARGIN_MM = 8.0

# Poses tried: shifts along the body, for partial coverage, and turns about each axis.
SHIFTS_MM = range(-100, 101, 20)
TURNS_DEG = (-15.0, 0.0, 15.0)
FOLLOWED = 8

# The image with less head in it, by this factor, is the one whose points are looked up.
PARTIAL = 0.8

# Grey levels become bins half by value, which favours strong edges, and half by rank, which
# favours frequent values such as brain tissue.
BY_RANK = 0.5

# A result beyond these limits is not a registration.
MIN_OVERLAP = 0.4
MIN_INFORMATION = 0.05
SCALES = (0.7, 1.4)


@dataclass(frozen=True)
class Registration:
    """A transform (fixed points to moving points, LPS) and how well the images fit."""

    transform: sitk.Transform
    metrics: dict[str, float] = field(default_factory=dict)


def rigid(
    fixed: sitk.Image,
    moving: sitk.Image,
    *,
    dof: str = "rigid",
    fixed_mask: sitk.Image | None = None,
    moving_mask: sitk.Image | None = None,
    start: str | sitk.Transform = "auto",
    resolution: str = "fine",
    seed: int = 1,
    where: str | Path = "moving image",
) -> Registration:
    """``moving`` onto ``fixed``, of any modality, from ``start`` or from anywhere ("auto").

    Only what lies in the masks is compared. ``where`` names the image in errors.
    """
    levels = RESOLUTIONS[resolution]
    finest = min(level.mm for level in levels)
    pair = [_side(fixed, fixed_mask, finest), _side(moving, moving_mask, finest)]
    backwards = _volume(pair[1].head) < PARTIAL * _volume(pair[0].head)
    if backwards:
        pair.reverse()
    rng = np.random.default_rng(seed)
    if isinstance(start, sitk.Transform):
        matrix = transforms.matrix(start)
        found = _Fit(np.linalg.inv(matrix) if backwards else matrix)
    else:
        found = _search(*pair, rng)
    for level in levels:
        previous, found = found, _refine(*pair, found.matrix, level, DOF[dof], rng)
    _check(found, previous, levels, where)
    matrix = np.linalg.inv(found.matrix) if backwards else found.matrix
    metrics = {"information": found.information, "overlap": found.overlap}
    return Registration(transforms.linear(matrix), metrics)


def to_template(
    brain: sitk.Image,
    template: sitk.Image,
    *,
    kind: str = "affine",
    lesion_mask: sitk.Image | None = None,
    seed: int = 1,
    where: str | Path = "brain image",
) -> Registration:
    """A brain (zero outside) onto a template brain; what ``lesion_mask`` covers has no say."""
    usable = None if lesion_mask is None else sitk.Cast(lesion_mask == 0, sitk.sitkUInt8)
    return KINDS[kind](brain, template, usable, seed, where)


def _affine(brain, template, usable, seed, where) -> Registration:
    return rigid(
        template, brain, dof="affine", moving_mask=usable,
        resolution="template", seed=seed, where=where,
    )  # fmt: skip


KINDS: dict[str, Callable[..., Registration]] = {"affine": _affine}


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


def _side(image: sitk.Image, usable: sitk.Image | None, finest: float) -> _Side:
    small = sitk.Cast(_shrunk(image, finest), sitk.sitkFloat32)
    if sitk.GetArrayFromImage(small).min() < AIR:
        small = sitk.Clamp(small, sitk.sitkFloat32, *CT_WINDOW)
    return _Side(small, _head(_at(small, SEARCH.mm)), usable)


def _head(image: sitk.Image) -> sitk.Image:
    """The largest bright object and a margin around it."""
    is_ct = sitk.GetArrayFromImage(image).min() < 0
    soft = sitk.Clamp(image, sitk.sitkFloat32, CT_WINDOW[0], 100.0) if is_ct else image
    objects = sitk.ConnectedComponent(sitk.OtsuThreshold(soft, 0, 1))
    largest = sitk.BinaryFillhole(sitk.RelabelComponent(objects) == 1)
    distance = sitk.SignedMaurerDistanceMap(largest, squaredDistance=False, useImageSpacing=True)
    return sitk.Cast(distance < MARGIN_MM, sitk.sitkUInt8)


def _search(sampled: _Side, other: _Side, rng: np.random.Generator) -> _Fit:
    """The best of many poses at low resolution, each of the most promising ones followed."""
    metric, entropy = _metric(sampled, replace(other, usable=None), np.eye(4), SEARCH, rng)
    here, there = _centre(sampled.head), _centre(other.head)
    poses = []
    for up, *turn in product(SHIFTS_MM, TURNS_DEG, TURNS_DEG, TURNS_DEG):
        shift = there - here + [0, 0, up]
        poses.append(mi.linear_map(np.array([*shift, *np.deg2rad(turn) * mi.RADIUS_MM]), here))
    order = np.argsort([-metric(pose)[0] for pose in poses], kind="stable")
    ends = [mi.maximise(metric, poses[i], here, 6, SEARCH.steps) for i in order[:FOLLOWED]]
    matrix, information, overlap = max(ends, key=lambda end: end[1])
    return _Fit(matrix, information / entropy, overlap)


def _refine(
    sampled: _Side,
    other: _Side,
    matrix: np.ndarray,
    level: Level,
    dof: int,
    rng: np.random.Generator,
) -> _Fit:
    metric, entropy = _metric(sampled, other, matrix, level, rng)
    centre = metric.points.where.mean(axis=0)
    matrix, information, overlap = mi.maximise(metric, matrix, centre, dof, level.steps)
    return _Fit(matrix, information / entropy, overlap)


def _metric(
    sampled: _Side,
    other: _Side,
    matrix: np.ndarray,
    level: Level,
    rng: np.random.Generator,
) -> tuple[mi.Metric, float]:
    """The metric at one resolution, and the most it could be: the entropy of the samples."""
    image, volume = _at(sampled.image, level.mm), _at(other.image, level.mm)
    points = _points(sampled, other, matrix, image, level.points, rng)
    values = _values(image, points)
    bins = np.rint(_scale(values)(values) * (mi.BINS - 1)).astype(np.int64)
    head = sitk.GetArrayFromImage(_on(other.head, volume)) > 0
    scale = _scale(sitk.GetArrayFromImage(volume)[head])
    share = np.bincount(bins) / len(bins)
    entropy = -(share[share > 0] * np.log(share[share > 0])).sum()
    return mi.Metric(mi.Points(points, bins), mi.Volume.of(volume, scale)), float(entropy)


def _points(
    sampled: _Side,
    other: _Side,
    matrix: np.ndarray,
    grid: sitk.Image,
    count: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Random points of the head that both sides want compared, off the grid on purpose."""
    voxels = np.argwhere(sitk.GetArrayFromImage(_on(sampled.head, grid)))[:, ::-1]
    chosen = voxels[rng.permutation(len(voxels))[: 4 * count]]
    points = mi.transform(mi.index_to_physical(grid), chosen + rng.uniform(-0.5, 0.5, chosen.shape))
    for usable, at in ((sampled.usable, points), (other.usable, mi.transform(matrix, points))):
        if usable is not None:
            points = points[_values(usable, at, order=0) > 0]
    return points[:count]


def _check(found: _Fit, previous: _Fit, levels, where: str | Path) -> None:
    """Refuse what cannot be a registration."""
    remedy = "Look at both images; if they are right, give a start, or leave this image out."
    scales = np.linalg.svd(found.matrix[:3, :3], compute_uv=False)
    if found.overlap < MIN_OVERLAP:
        what = f"Registration left only {found.overlap:.0%} overlap"
    elif found.information < MIN_INFORMATION:
        what = f"Registration found nothing in common (information {found.information:.3f})"
    elif scales.min() < SCALES[0] or scales.max() > SCALES[1]:
        what = f"Registration stretched the image by {scales.min():.2f} to {scales.max():.2f}"
    else:
        return
    raise StrokeprepError(what, where, remedy)


def _shrunk(image: sitk.Image, mm: float) -> sitk.Image:
    """Averaged over whole blocks of voxels, to about ``mm``."""
    factors = [
        min(max(1, round(mm / spacing)), size)
        for spacing, size in zip(image.GetSpacing(), image.GetSize(), strict=True)
    ]
    return sitk.BinShrink(image, factors)


def _at(image: sitk.Image, mm: float) -> sitk.Image:
    """The image at a resolution: blocks averaged and the block's edges smoothed."""
    small = _shrunk(image, mm)
    for axis, (spacing, size) in enumerate(zip(small.GetSpacing(), small.GetSize(), strict=True)):
        if spacing < 1.5 * mm and size > 4:  # coarser is smooth already, shorter cannot be filtered
            small = sitk.RecursiveGaussian(small, 0.35 * mm, direction=axis)
    return small


def _on(mask: sitk.Image, grid: sitk.Image) -> sitk.Image:
    return sitk.Resample(mask, grid, sitk.Transform(), sitk.sitkNearestNeighbor, 0)


def _volume(mask: sitk.Image) -> float:
    return float(np.count_nonzero(sitk.GetArrayFromImage(mask))) * np.prod(mask.GetSpacing())


def _centre(mask: sitk.Image) -> np.ndarray:
    """Centre of gravity, LPS mm."""
    index = np.argwhere(sitk.GetArrayFromImage(mask))[:, ::-1].mean(axis=0)
    return mi.transform(mi.index_to_physical(mask), index[None])[0]


def _values(image: sitk.Image, points: np.ndarray, order: int = 1) -> np.ndarray:
    """The image at physical points; 0 outside."""
    index = mi.transform(np.linalg.inv(mi.index_to_physical(image)), points)
    voxels = sitk.GetArrayFromImage(image)
    mode = "nearest" if order else "constant"
    return ndimage.map_coordinates(voxels, index.T[::-1], order=order, mode=mode)


def _scale(values: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The map from grey values to [0, 1] that spends bins where ``values`` need them."""
    ranks = np.linspace(0, 1, 65)
    knots, first = np.unique(np.quantile(values, ranks), return_index=True)
    if len(knots) < 2:
        return lambda x: np.zeros(x.shape)
    linear = (knots - knots[0]) / (knots[-1] - knots[0])
    mixed = BY_RANK * ranks[first] + (1 - BY_RANK) * linear
    mixed = (mixed - mixed[0]) / (mixed[-1] - mixed[0])
    return lambda x: np.interp(x, knots, mixed)

"""What linear and deformable registration compare of two images: where, and which grey levels.

Of a head, all that lies in and shortly around it is compared; of a brain, its grey levels without
shading. One image of a pair is sampled at random points, the other is interpolated there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from strokeprep.io import labels
from strokeprep.registration import mutual_information as mi


class Level(NamedTuple):
    """One resolution: voxel size, number of points compared, and maximum number of steps."""

    mm: float
    points: int
    steps: int


# CT is clipped to this window: below it there is only air, above it only metal.
CT_WINDOW = (-200.0, 1200.0)

# Heads and brains are compared with this margin: the outline holds half of the information.
MARGIN_MM = 8.0

# Voxels this much longer than a resolution are thick slices, which are neither smoothed nor sampled
# between their centres.
THICK = 1.5

# Images are cropped to the points that are compared and this much around them.
ROOM_MM = 24.0

# Quantiles of grey levels are estimated from at most this many voxels.
QUANTILE_SAMPLE = 100_000

# The grey level around a brain. Its own levels run from 0 to 1 between these quantiles.
OUTSIDE = -1.0
BRAIN_WINDOW = (0.01, 0.99)


@dataclass(frozen=True)
class Side:
    """One image of a pair at its finest resolution, its head, and the mask of what is compared."""

    image: sitk.Image
    head: sitk.Image
    usable: sitk.Image | None


# --- Heads and brains -----------------------------------------------------------------------


def head_side(image: sitk.Image, usable: sitk.Image | None, finest: float) -> Side:
    """An image of a head. The head is the largest bright object."""
    small = sitk.Cast(_shrunk(image, finest), sitk.sitkFloat32)
    if sitk.GetArrayViewFromImage(small).min() < -500.0:  # only CT reaches below
        small = sitk.Clamp(small, sitk.sitkFloat32, *CT_WINDOW)
    coarse = smoothed(_shrunk(small, 8), 8)
    is_ct = sitk.GetArrayViewFromImage(coarse).min() < 0
    soft = sitk.Clamp(coarse, sitk.sitkFloat32, CT_WINDOW[0], 100.0) if is_ct else coarse
    return Side(small, dilated(_largest(sitk.OtsuThreshold(soft, 0, 1)), MARGIN_MM), usable)


def brain_sides(
    brain: sitk.Image, template: sitk.Image, lesion_mask: sitk.Image | None, finest: float
) -> tuple[Side, Side]:
    """Template and brain, without what ``lesion_mask`` covers."""
    healthy = None if lesion_mask is None else sitk.Cast(lesion_mask == 0, sitk.sitkUInt8)
    return _brain_side(template, None, finest), _brain_side(brain, healthy, finest)


def _brain_side(image: sitk.Image, usable: sitk.Image | None, finest: float) -> Side:
    """An image of a brain, 0 outside, with its shading removed and OUTSIDE around it.

    OUTSIDE is as far below the levels of a brain as these are apart, so that the background differs
    from fluid. At the surface a voxel counts by the share of brain in it: a mask of whole voxels moved
    brains by a quarter of a millimetre.
    """
    windowed, brain = _windowed(sitk.Cast(image, sitk.sitkFloat32), usable)
    grey, share = (_shrunk(each, finest) for each in (windowed, sitk.Cast(brain, sitk.sitkFloat32)))
    healthy = share if usable is None else sitk.Mask(share, on(usable, share))
    even = _unshaded(grey, share, healthy)
    return Side(even + (1 - share) * OUTSIDE, dilated(brain, MARGIN_MM), usable)


def _windowed(image: sitk.Image, usable: sitk.Image | None) -> tuple[sitk.Image, sitk.Image]:
    """A brain's grey levels scaled to [0, 1], 0 around it; and its mask."""
    brain = _largest(image != 0)
    healthy = brain if usable is None else brain & on(usable, brain)
    voxels = sitk.GetArrayViewFromImage(image)[sitk.GetArrayViewFromImage(healthy) > 0]
    low, high = np.quantile(voxels[:: max(1, len(voxels) // QUANTILE_SAMPLE)], BRAIN_WINDOW)
    grey = sitk.Clamp((image - float(low)) / float(high - low), sitk.sitkFloat32, 0, 1)
    return sitk.Mask(grey, brain), brain


def _unshaded(grey: sitk.Image, brain: sitk.Image, healthy: sitk.Image) -> sitk.Image:
    """Grey levels of a brain divided by their mean in healthy tissue within about 25 mm.

    ``brain`` and ``healthy`` are shares of voxels, and ``grey`` counts by the first. The mean varies with
    the bias field of MR and with the shading of the template. A lesion gets the mean level itself, because
    smoothing would spread its grey levels beyond its mask.
    """
    share = _shrunk(healthy, 4.0)
    total = _shrunk(sitk.Mask(grey, healthy > 0), 4.0)
    share, total = (sitk.SmoothingRecursiveGaussian(image, 25.0) for image in (share, total))
    mean = sitk.Clamp(total / (share + mi.TINY), sitk.sitkFloat32, 0.05, 1)
    near = sitk.Resample(mean, grey, sitk.Transform(), sitk.sitkLinear, 1.0)
    even = sitk.Cast(grey / near, sitk.sitkFloat32)
    return sitk.Mask(even, healthy > 0) + sitk.Mask(brain, healthy == 0)


def _largest(mask: sitk.Image) -> sitk.Image:
    """The largest object of a mask, filled."""
    return sitk.BinaryFillhole(labels.largest_object(mask))


def dilated(mask: sitk.Image, mm: float) -> sitk.Image:
    """What lies in the mask or within ``mm`` of it."""
    small = _shrunk(sitk.Cast(mask > 0, sitk.sitkFloat32), 2) >= 0.5
    distance = sitk.SignedMaurerDistanceMap(small, squaredDistance=False, useImageSpacing=True)
    return sitk.Cast(distance < mm, sitk.sitkUInt8)


# --- Points and metric ----------------------------------------------------------------------


def metric(
    sampled: Side,
    other: Side,
    poses: Sequence[np.ndarray],
    level: Level,
    seed: int,
) -> tuple[mi.Metric, float]:
    """The metric around poses (none if not known yet), and its upper bound, the samples' entropy."""
    image, volume = _shrunk(sampled.image, level.mm), _shrunk(other.image, level.mm)
    points = _points(sampled, other, poses, image, level, np.random.default_rng(seed))
    if poses:
        there = np.hstack([mi.mapped(pose, points) for pose in poses])
        volume = cropped(volume, there, ROOM_MM)
    values = _values(smoothed(cropped(image, points, ROOM_MM), level.mm), points)
    bins = np.rint(_scale(values)(values) * (mi.BINS - 1)).astype(np.int64)
    volume = smoothed(volume, level.mm)
    scale = _scale(sitk.GetArrayFromImage(volume)[mask_on(other.head, volume) > 0])
    share = np.bincount(bins) / len(bins)
    entropy = -float((share * np.log(share + mi.TINY)).sum())
    return mi.Metric(mi.Points(points, bins), mi.Volume.of(volume, scale)), entropy


def _points(
    sampled: Side,
    other: Side,
    poses: Sequence[np.ndarray],
    grid: sitk.Image,
    level: Level,
    rng: np.random.Generator,
) -> np.ndarray:
    """Random points of the head (3×N) that are to be compared on both sides.

    They are jittered off the grid, because coinciding grids favour aligned voxels (grid locking).
    Between thick slices there is no jitter: grey levels are least certain there.
    """
    voxels = np.flatnonzero(mask_on(sampled.head, grid))
    chosen = voxels[rng.permutation(len(voxels))[: 4 * level.points]]
    index = np.stack(np.unravel_index(chosen, grid.GetSize()[::-1])[::-1])
    jitter = np.where(
        np.array(grid.GetSpacing()) > THICK * level.mm, 0, rng.random(index.T.shape) - 0.5
    )
    points = mi.mapped(mi.index_to_physical(grid), index + jitter.T)
    if sampled.usable is not None:
        points = points[:, _values(sampled.usable, points, order=0) > 0]
    if other.usable is not None:
        for pose in poses:
            points = points[:, _values(other.usable, mi.mapped(pose, points), order=0) > 0]
    return points[:, : level.points]


def _scale(values: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The map from grey values to [0, 1] that places histogram bins according to ``values``.

    Bins are spaced half by value, which favours strong edges, and half by rank, which favours frequent
    values such as those of brain tissue.
    """
    ranks = np.linspace(0, 1, 65)
    thinned = values[:: max(1, len(values) // QUANTILE_SAMPLE)]
    knots, first = np.unique(np.quantile(thinned, ranks), return_index=True)
    if len(knots) < 2:
        return np.zeros_like
    by_value = (knots - knots[0]) / (knots[-1] - knots[0])
    by_rank = (ranks[first] - ranks[first[0]]) / (ranks[first[-1]] - ranks[first[0]])
    target = 0.5 * by_rank + 0.5 * by_value
    return lambda x: np.interp(x, knots, target)


# --- Images ---------------------------------------------------------------------------------


def _shrunk(image: sitk.Image, mm: float) -> sitk.Image:
    """The image averaged over whole blocks of voxels, to voxels of about ``mm``."""
    factors = [
        min(max(1, round(mm / spacing)), size)
        for spacing, size in zip(image.GetSpacing(), image.GetSize(), strict=True)
    ]
    return sitk.BinShrink(image, factors)


def smoothed(image: sitk.Image, mm: float) -> sitk.Image:
    """The image smoothed a little (a third of ``mm``), so that it has no steps between its voxels."""
    for axis, (spacing, size) in enumerate(zip(image.GetSpacing(), image.GetSize(), strict=True)):
        if spacing < THICK * mm and size > 4:  # otherwise smooth already, or too short to filter
            image = sitk.RecursiveGaussian(image, 0.35 * mm, direction=axis)
    return image


def cropped(image: sitk.Image, points: np.ndarray, room_mm: float) -> sitk.Image:
    """The part of the image around ``points`` (3×N), with some room for them to move in."""
    index = mi.mapped(np.linalg.inv(mi.index_to_physical(image)), points)
    room = room_mm / np.array(image.GetSpacing())
    low = np.floor(index.min(axis=1) - room).astype(int)
    high = np.ceil(index.max(axis=1) + room).astype(int) + 1
    low, high = (np.clip(edge, 0, image.GetSize()) for edge in (low, high))
    if np.any(low >= high):
        return image
    return image[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))]


def on(mask: sitk.Image, grid: sitk.Image) -> sitk.Image:
    """A mask on another grid."""
    return sitk.Resample(mask, grid, sitk.Transform(), sitk.sitkNearestNeighbor, 0)


def mask_on(mask: sitk.Image, grid: sitk.Image) -> np.ndarray:
    """The voxels (z, y, x) of a mask on another grid."""
    return sitk.GetArrayFromImage(on(mask, grid))


def _values(image: sitk.Image, points: np.ndarray, order: int = 1) -> np.ndarray:
    """The image at physical points: interpolated, or (order 0) the nearest voxel and 0 outside."""
    index = mi.mapped(np.linalg.inv(mi.index_to_physical(image)), points)
    mode = "nearest" if order else "constant"
    voxels = sitk.GetArrayViewFromImage(image)
    return ndimage.map_coordinates(voxels, index[::-1], order=order, mode=mode)

"""Correct the contour of a brain by the grey values of its image.

A template's brain lies where most brains lie. The image shows where this one ends. Nothing is assumed
about the contrast: at the contour of most of the surface, the image itself shows how grey values change
from brain to skull. Where the same change is seen further out or in, the contour is moved there.

1. Around each patch of the surface, voxels are counted by their depth and their shade of grey.
2. From all patches of a region, and from the whole surface, it is learned which shades are seen at
   which depth.
3. Each patch is moved to where its shades fit best, and neighbours move alike.
4. 2 and 3 are repeated, since what is learned is sharper once the patches lie better.

This finds out where the contour differs from its own average, but not whether the average is right: a
brain that is too small all over looks the same everywhere. So the middle of the fall from brain to
skull is found on the average over the whole surface, and the contour has to lie near it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage, sparse

from strokeprep.io import grids, images, labels
from strokeprep.segmentation import surface as surfaces
from strokeprep.segmentation.surface import INSIDE_MM, OUTSIDE_MM, Surface

GRID_MM = 2.0
LEAST_VOXELS = 2000  # 16 ml: of less, no contour can be seen
ROUNDS = 2  # surfaces are drawn anew after each
LESSONS = 2  # times that shades are learned in each round

SHADES = 24  # of grey
BIAS_MM = 25.0  # sigma of the shading that a coil leaves

# Depths (mm) at which shades are learned. What lies beyond looks like the outermost of these.
OUTERMOST_MM, INNERMOST_MM = -12, 10

LOCAL = 0.6  # share of what is learned that comes from the region, not from the whole surface
SURPRISE = 0.03  # share of voxels that may have any shade

LEAST_SEEN = 0.3  # voxels of a patch at one depth

MOST_MM = 12  # that a patch moves in one round
MOVES_MM = np.arange(-MOST_MM, MOST_MM + 1.0)

# The search for the best move narrows (sigma, mm), so that it ends in no small dip beside the way.
FIRST_SEARCH_MM = (6.0, 4.0, 3.0, 2.0, 1.5, 1.0)
NEXT_SEARCH_MM = FIRST_SEARCH_MM[2:]

MOST_CERTAIN = 1.0  # 1/mm²: no patch knows its place better than to a millimetre
CLEAR = 0.25  # 1/mm²: the evidence alone places the contour to two millimetres

# How far inside the middle of the fall from brain to skull the pia may lie (mm), by contrast. Where
# fluid is bright the fall is at the skull, where it is dark at the cortex.
INSIDE_THE_FALL_MM = {"ct": (-0.8, 1.0), "dark fluid": (-1.2, -0.2), "bright fluid": (-0.3, 4.0)}
LEAST_FALLS = 0.3  # share of patches that have to show it
# A profile (shades from 0 to 1) has passed the skull's edge where it fell by LEAST_FALL and came back by two fifths of
# its fall, or fell by LEAST_DIP and rose by LEAST_RISE_TO_SCALP: thick slices blur a thin skull to a shallow dip
# before a brighter scalp. Where a profile falls by no more than LEAST_FALL and does not come back, no skull is seen.
LEAST_FALL, LEAST_DIP, LEAST_RISE_TO_SCALP = 0.1, 0.06, 0.04
SKULL_WITHIN_MM = 10.0  # of the contour

# Where bright fluid fills more than this share of a layer, that layer is no brain: between gyri it fills less. A
# contour with such a layer so far below it (mm, negative outside) lies in the fluid around a shrunken brain, and
# comes in by at most so much. With such a layer outside of it, a contour is not moved outwards.
MOST_FLUID, MOST_RIM_MM = 0.5, 8.0
LAYER_BELOW_MM, LAYER_OUTSIDE_MM, LAYER_MM = 2.0, -3.0, 2.0
LEAST_RISE = 0.08  # of fluid over brain, in shades; with less the two cannot be told apart

# The shade of a HU value, with most of the range for soft tissue.
HU, SHADE_OF_HU = (-1000, -250, -100, -20, 100, 250, 800), (0, 0.05, 0.15, 0.25, 0.75, 0.9, 1)


@dataclass(frozen=True)
class Contour:
    """The depth below the corrected contour (mm, on a grid of its own), and how far it moved."""

    depth: sitk.Image
    metrics: dict[str, float]


def corrected(image: sitk.Image, contrast: str, depth: sitk.Image) -> Contour:
    """The contour where ``depth`` (mm below it, on a grid of :data:`GRID_MM`) is zero, corrected.

    ``contrast`` is ct, dark fluid or bright fluid.
    """
    before = images.array(depth)
    box = labels.bounding_box(before > -(OUTSIDE_MM + MOST_MM))
    values, now = images.array(_on(depth, image))[box], before[box]
    clear = 0.0
    for _ in range(ROUNDS if np.count_nonzero(now > 0) > LEAST_VOXELS else 0):
        now, clear = _round(values, contrast, now)
    after = np.full_like(before, before.min(initial=0))
    after[box] = now
    return Contour(images.like(after, depth), _moved(before[box], now) | {"ContourClear": clear})


def _round(values: np.ndarray, contrast: str, depth: np.ndarray) -> tuple[np.ndarray, float]:
    """The depth after one round, and the share of the surface with clear evidence."""
    shade = _shades(values, contrast, depth)
    surface = surfaces.around(depth, GRID_MM)
    counts = _counts(shade[surface.band], surface)
    moves = np.zeros(len(surface.region))
    for lesson in range(LESSONS):
        fit = _fit(counts, _learned(counts, moves, surface), surface)
        search = NEXT_SEARCH_MM if lesson else FIRST_SEARCH_MM
        best, certainty = _best(fit, moves, surface, search)
        moves = best - best.mean() + moves.mean()
        off = _to_the_fall(counts, moves, contrast)
        if contrast == "bright fluid" and off >= 0:
            off = _out_of_the_fluid(counts, moves, off)
        moves = moves + off
    moved = depth.copy()
    moved[surface.band] += surface.at_voxels(moves)
    return _distance(moved), round(float((certainty > CLEAR).mean()), 3)


def _on(grid: sitk.Image, image: sitk.Image) -> sitk.Image:
    small = sitk.Cast(grids.shrunk(image, GRID_MM), sitk.sitkFloat32)
    return sitk.Resample(
        small, grid, sitk.Transform(), sitk.sitkLinear, 0.0, useNearestNeighborExtrapolator=True
    )


def _shades(values: np.ndarray, contrast: str, depth: np.ndarray) -> np.ndarray:
    """Grey values from 0 to 1; on MR, brain is 0.5 wherever a coil's shading made it bright or dark."""
    if contrast == "ct":
        return np.interp(values, HU, SHADE_OF_HU).astype(np.float32)
    values = np.maximum(np.nan_to_num(values), 0)
    inside = depth > 4.0
    typical = float(np.median(values[inside])) if inside.any() else 0.0
    if typical <= 0:
        return np.zeros_like(values)
    usual = np.where(inside, np.clip(values, 0.3 * typical, 2 * typical), 0)
    sigma = BIAS_MM / GRID_MM
    total = ndimage.gaussian_filter(usual, sigma, truncate=2.5)
    share = ndimage.gaussian_filter(inside.astype(np.float32), sigma, truncate=2.5)
    ratio = values / ((total + 1e-3 * typical) / (share + 1e-3))
    return ratio / (1 + ratio)


def _counts(shade: np.ndarray, surface: Surface) -> np.ndarray:
    """How many voxels each patch has at each depth in each shade."""
    shelf = np.floor(surface.depth + OUTSIDE_MM).astype(int)
    shelf = np.minimum(shelf, len(_shelves()) - 1)  # the sum may round up to the innermost edge
    grey = np.minimum((shade * SHADES).astype(int), SHADES - 1)
    shape = (len(surface.region), len(_shelves()), SHADES)
    counts = np.zeros(np.prod(shape))
    for patch, weight in zip(surface.patches.T, surface.weights.T, strict=True):
        index = np.ravel_multi_index((patch, shelf, grey), shape)
        counts += np.bincount(index, weight, minlength=len(counts))
    return counts.reshape(shape)


def _shelves() -> np.ndarray:
    """The depth (mm) of the middle of each shelf, as the millimetres of depth are called here."""
    return np.arange(-OUTSIDE_MM, INSIDE_MM) + 0.5


def _layer(depth: np.ndarray) -> np.ndarray:
    """The number of the layer that is learned for a depth."""
    layers = INNERMOST_MM - OUTERMOST_MM
    return np.clip(np.floor(depth - OUTERMOST_MM).astype(int), 0, layers - 1)


def _learned(counts: np.ndarray, moves: np.ndarray, surface: Surface) -> np.ndarray:
    """The log probability of each shade in each layer of each region, the patches being moved."""
    depth = _shelves()[None] + moves[:, None]
    layers, regions = INNERMOST_MM - OUTERMOST_MM, len(surface.kinship)
    taught = (depth >= OUTERMOST_MM - 1) & (depth < INNERMOST_MM + 1)
    row = (surface.region[:, None] * layers + _layer(depth))[taught]
    column = np.flatnonzero(taught)
    shape = (regions * layers, taught.size)
    adding = sparse.csr_matrix((np.ones(len(row)), (row, column)), shape)
    seen = (adding @ counts.reshape(-1, SHADES)).reshape(regions, layers, SHADES)
    seen = ndimage.gaussian_filter(seen, (0, 0.7, 0.7), mode="nearest")
    everywhere = _shares(seen.sum(axis=0, keepdims=True))
    nearby = _shares(np.tensordot(surface.kinship, seen, 1))
    expected = LOCAL * nearby + (1 - LOCAL) * everywhere
    return np.log((1 - SURPRISE) * expected + SURPRISE / SHADES)


def _shares(counts: np.ndarray) -> np.ndarray:
    return counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1e-6)


def _fit(counts: np.ndarray, learned: np.ndarray, surface: Surface) -> np.ndarray:
    """How well each patch fits after each move: mean log probability, summed over millimetres."""
    total = counts.sum(axis=2, keepdims=True)
    shares = np.where(total > LEAST_SEEN, counts / np.maximum(total, 1e-6), 0)
    every = np.arange(len(_shelves()))
    fit = np.zeros((len(counts), len(MOVES_MM)))
    for region, expected in enumerate(learned):
        here = surface.region == region
        by_layer = shares[here] @ expected.T
        for number, move in enumerate(MOVES_MM):
            fit[here, number] = by_layer[:, every, _layer(_shelves() + move)].sum(axis=1)
    return fit


def _best(
    fit: np.ndarray, moves: np.ndarray, surface: Surface, search: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """The smooth moves that fit best, and how certain each patch is of its own (1/mm²)."""
    certainty = np.zeros(len(moves))
    for sigma in search:
        away = (MOVES_MM[None] - moves[:, None]) / sigma
        likely = fit - 0.5 * away**2
        likely = _shares(np.exp(likely - likely.max(axis=1, keepdims=True)))
        mean = likely @ MOVES_MM
        spread = (likely * (MOVES_MM[None] - mean[:, None]) ** 2).sum(axis=1) + 1 / 12
        # What is left when the search itself is taken out again is what the image says.
        certainty = np.maximum(1 / spread - 1 / sigma**2, 1e-3)
        said = (mean / spread - moves / sigma**2) / certainty
        certainty = np.minimum(certainty, MOST_CERTAIN)
        moves = surface.smooth(np.clip(said, -MOST_MM, MOST_MM), certainty)
    return moves, certainty


def _to_the_fall(counts: np.ndarray, moves: np.ndarray, contrast: str) -> float:
    """The move (mm) of the whole contour that brings it near the fall from brain to skull."""
    falls, steepness = _falls(counts, moves, contrast)
    if (steepness > 0).mean() < LEAST_FALLS:
        return 0.0
    # Where thick slices or little contrast blur a fall, it seems to lie deeper. So the steep ones count more.
    fall = _weighted_median(falls, steepness**2)
    least, most = INSIDE_THE_FALL_MM[contrast]
    # A positive depth of the fall means that the contour lies outside it.
    return -max(fall + least, 0.0) - min(fall + most, 0.0)


def _out_of_the_fluid(counts: np.ndarray, moves: np.ndarray, outwards: float) -> float:
    """The move (mm) of the whole contour that leaves it outside of bright fluid: ``outwards``, none, or inwards."""
    depth = (_shelves()[None] + moves[:, None]).ravel()
    by_depth = counts.reshape(-1, SHADES)
    brain = _shade_of(by_depth[depth > 5], 0.5)
    fluid = _shade_of(by_depth[depth > 3], 0.98)
    if fluid - brain < LEAST_RISE:
        return outwards
    is_fluid = np.clip(np.arange(1, SHADES + 1) - (brain + fluid) / 2 * SHADES, 0, 1)

    def is_filled(top: float) -> bool:
        layer = by_depth[(depth >= top) & (depth < top + LAYER_MM)].sum(axis=0)
        return bool(layer @ is_fluid > MOST_FLUID * layer.sum())

    if not is_filled(LAYER_BELOW_MM):
        return 0.0 if is_filled(LAYER_OUTSIDE_MM) else outwards
    inwards = np.arange(0.0, MOST_RIM_MM, 0.25).tolist()
    return -next((mm for mm in inwards if not is_filled(LAYER_BELOW_MM + mm)), MOST_RIM_MM)


def _shade_of(counts: np.ndarray, share: float) -> float:
    """The shade that a share of the voxels counted lies below."""
    below = np.cumsum(counts.sum(axis=0))
    return float(np.interp(share * below[-1], below, np.arange(1, SHADES + 1) / SHADES))


def _falls(counts: np.ndarray, moves: np.ndarray, contrast: str) -> tuple[np.ndarray, np.ndarray]:
    """How deep (mm) each patch's mean shade is halfway from brain to skull, and how steep there (0 if unknown)."""
    total = counts.sum(axis=2)
    mean = counts @ ((np.arange(SHADES) + 0.5) / SHADES) / np.maximum(total, 1e-6)
    skull = mean if contrast == "ct" else -mean
    depth = _shelves()[None] + moves[:, None]
    seen = total > LEAST_SEEN
    inside = seen & (depth > 5) & (depth < 11)
    brain = np.median(skull[inside]) if inside.any() else 0.0
    near = seen & (depth > -SKULL_WITHIN_MM) & (depth < SKULL_WITHIN_MM)
    change = np.where(near, skull - brain, 0)[:, ::-1]  # from inside to outside
    return _half_way(change, depth[:, ::-1])


def _half_way(change: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The depth where each profile has changed half as much as at its first rim, and its slope around there.

    The slope is 0 without a rim.
    """
    most = np.maximum.accumulate(change, axis=1)
    # Scalp and air beyond the rim do not count.
    is_past = (most > LEAST_FALL) & (change < 0.6 * most)
    is_past |= (most > LEAST_DIP) & (change < most - LEAST_RISE_TO_SCALP)
    beyond = np.logical_or.accumulate(is_past, axis=1)
    half = np.where(beyond, 0, change).max(axis=1) / 2
    place = np.argmax(change > half[:, None], axis=1)
    row = np.arange(len(change))
    before, after = change[row, place - 1], change[row, place]
    share = (half - before) / np.maximum(after - before, 1e-6)
    known = (half > np.where(beyond[:, -1], LEAST_DIP, LEAST_FALL) / 2) & (place > 0)
    beside = np.clip([place - 2, place + 1], 0, change.shape[1] - 1)
    slope = (change[row, beside[1]] - change[row, beside[0]]) / 3
    return depth[row, place - 1] - share, np.where(known, np.maximum(slope, 0), 0)


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    """The value that half of the weight lies below."""
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(below, below[-1] / 2)])


def _distance(depth: np.ndarray) -> np.ndarray:
    """The depth below the surface that a moved depth describes, in millimetres again."""
    mask = labels.largest_part(depth > 0)
    image = sitk.GetImageFromArray(mask.astype(np.uint8).T)
    image.SetSpacing([GRID_MM] * 3)
    far = images.array(grids.distance(image)) + GRID_MM / 2  # it is between voxel centres
    slope = np.linalg.norm(np.stack(np.gradient(depth, GRID_MM)), axis=0)
    near = depth / np.clip(slope, 0.4, 2.0)
    near = np.where((near > 0) == mask, near, np.where(mask, 0.1, -0.1))
    weight = np.clip((2 * GRID_MM - np.abs(near)) / GRID_MM, 0, 1)
    return (weight * near + (1 - weight) * far).astype(np.float32)


def _moved(before: np.ndarray, after: np.ndarray) -> dict[str, float]:
    """How far the contour moved: on average (outwards positive), 95 % of it, and at most."""
    at_contour = np.abs(after) < GRID_MM / 2
    if not at_contour.any():
        return {}
    move = (after - before)[at_contour]
    return {
        "ContourMovedMm": round(float(move.mean()), 2),
        "ContourMoved95Mm": round(float(np.percentile(np.abs(move), 95)), 2),
        "ContourMovedLargestMm": round(float(np.abs(move).max()), 2),
    }

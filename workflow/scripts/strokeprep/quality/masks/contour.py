"""Whether the contour of a brain mask lies where the image has its edges, in millimetres.

The surface is divided into sectors of about 4 cm. The figures need neither a template nor the step that made
the mask, and assume no contrast:

- :func:`edges`: how deep inside the mask skull begins, and the middle of what lies between brain and skull, by
  sector. The median of the latter tells a mask that is too large or too small as a whole, :func:`short_mm` one
  that misses a part.
- :func:`slips`: how far the contour of each sector lies from where its profile of grey levels would be like
  those of all others. A mask that is shifted, tilted, cut or leaks has sectors that differ.
- :func:`agreed`: of these, what the skull's edge says as well.
- :func:`moved_mm` and :func:`worst_mm`: these as one rigid movement, and where they are largest.

:mod:`strokeprep.quality.masks.symmetry` adds whether mask and head are halved by one plane.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from strokeprep.io import grids, images, labels
from strokeprep.quality.judgement import Judge, Measurement
from strokeprep.quality.masks import profiles, symmetry

MM = 2.0  # voxels that profiles are measured on; thick slices hold no more
SECTORS = 48

# In thicker slices single sectors do not show where a thin skull begins. Where no fluid is told from brain either, the
# middle between brain and skull lies as far within the skull as such slices let see.
THICK_MM, UNSEEN_FLUID_MM = 5.0, 0.8

# Profiles of this reach are compared after moving them by up to SEARCH_MM.
REACH_MM, SEARCH_MM = 8, 6
FAR_MM = REACH_MM + SEARCH_MM
DEEP_MM = 18  # brain down to this depth sets the brightness of a sector

# Where brain ends: in bone or fluid on CT; on MR in skull, darker than half the brain below it, or in fluid
# that is brighter than halfway to the brightest that is this deep in the mask, if that is bright. A scalp may be
# brighter, and then is the rim within which a thin skull is looked for.
BONE_HU, FLUID_HU, DARK, BRIGHT, SCALP = 130, 15, 0.5, 1.35, 1.7
BRIGHTEST, FLUID_BELOW_MM = 0.98, 3.0
EDGE_REACH_MM = 10
LEAST_SHARE = 0.3  # of a layer of a sector; with less of it beyond the brain no edge is seen
PAST_THE_RIM = 0.6  # of the rim's share; with less a layer lies beyond the rim

# Sulci fill less of a layer with fluid than this. Between brain and skull it fills all, but slices may be thicker.
LEAST_FLUID = 0.5
MOST_FLUID_MM = 3.0  # between brain and skull, where there is more or where no skull is seen

# Where fewer sectors than this show no edge, such a sector ends in brain. A skull may be as bright as brain elsewhere.
FEW_UNKNOWN = 0.2

# Dura and scalp, as dense as brain, that lie between it and the first fat where a piece of skull is missing (CT).
WITHOUT_BONE_MM = 2.0

SOFT_HU = (-60.0, 200.0)
GREYS = 32
ROUNDS = 3
# A sector borrows evidence from neighbours within about 15°, brightness from those within 30°.
NEAR, NEARBY = 0.03, 0.1
LEVER_MM = 60.0  # turns are measured at this distance from the centre
SMALL_SECTOR = 0.3  # with fewer voxels than this share of the usual, a sector lies beyond the image


@dataclass(frozen=True)
class Contour:
    """Voxels near the contour: grey level (of brain 1 on MR, HU on CT), depth in the mask, sector.

    ``normals`` and ``levers`` are those of the surface by sector: outwards, and from the centre. Slices are thick
    or not.
    """

    grey: np.ndarray
    depth: np.ndarray
    sector: np.ndarray
    normals: np.ndarray
    levers: np.ndarray
    modality: str
    is_thick: bool


def measurements(
    step: str, image: sitk.Image, mask: sitk.Image, modality: str, judge: Judge
) -> Iterator[Measurement]:
    """The figures of a brain mask on its image; the first two only where half of the edge is seen."""
    contour = of(image, mask, modality)
    skull, edge = edges(contour)
    slip = agreed(slips(contour), skull)
    # A right mask may follow brain or skull, and the fluid between them is not as thick everywhere.
    both = agreed(slip, edge)
    if np.isfinite(edge).mean() >= 0.5:
        yield judge(step, "contour_edge_mm", edge_mm(contour, edge))
        yield judge(step, "contour_short_mm", short_mm(contour, edge), judged=not contour.is_thick)
    yield judge(step, "contour_moved_mm", moved_mm(contour, both))
    yield judge(step, "contour_worst_mm", worst_mm(contour, slip))
    yield judge(step, "contour_halves_mm", symmetry.planes_apart_mm(image, mask, modality))


def of(image: sitk.Image, mask: sitk.Image, modality: str) -> Contour:
    """The contour of a mask in its image."""
    margin = [int(np.ceil((FAR_MM + 4) / spacing)) for spacing in image.GetSpacing()]
    box = labels.bounding_box(images.array(mask) > 0, margin)
    grey = images.array(grids.resampled(sitk.Cast(image[box], sitk.sitkFloat32), MM))
    share = grids.resampled(sitk.Cast(mask[box] > 0, sitk.sitkFloat32), MM)
    depth = _depth(images.array(share) > 0.5)
    index = np.argwhere((depth > -FAR_MM) & (depth < DEEP_MM))
    from_centre = (index - np.argwhere(depth > 0).mean(axis=0)).astype(np.float32) * MM
    near = tuple(index.T)
    sector = (from_centre @ _directions().T.astype(np.float32)).argmax(axis=1)
    surface = np.abs(depth[near]) < MM
    normals, levers = (
        _means(values, sector[surface])
        for values in (_normals(depth, index[surface]), from_centre[surface])
    )
    values = _relative(grey[near], depth[near], sector, modality)
    is_thick = max(image.GetSpacing()) > THICK_MM
    return Contour(values, depth[near], sector, normals, levers, modality, is_thick)


def edges(contour: Contour) -> tuple[np.ndarray, np.ndarray]:
    """How deep in the mask (mm, negative outside) skull begins, and the middle between it and the brain, by sector.

    Masks that are right by eye end at either, or between. Not a number where no edge is seen.
    """
    whole = _whole(contour)
    if contour.modality == "ct":
        beyond = (contour.grey > BONE_HU) | (contour.grey < FLUID_HU)
        edge = np.where(whole, _crossings(contour, beyond), np.nan)
        return edge, edge
    dark = contour.grey < DARK
    skull, rim = (_crossings(contour, each) for each in (dark, dark | (contour.grey > SCALP)))
    begins = profiles.skulls(_profiles(contour), rim, hides_fluid(contour))
    skull = np.where(whole, np.fmax(skull, begins), np.nan)
    least = LEAST_SHARE if contour.is_thick else LEAST_FLUID
    brain = _crossings(contour, dark | (contour.grey > _fluid(contour)), least)
    brain = np.where(whole, np.fmax(skull, brain), np.nan)
    fluid = np.nan_to_num(brain - skull, nan=MOST_FLUID_MM)
    return skull, brain - np.minimum(fluid, MOST_FLUID_MM) / 2


def edge_mm(contour: Contour, edge: np.ndarray) -> float:
    """The median edge, moved in where thick slices hide the fluid."""
    return float(np.nanmedian(edge)) + (UNSEEN_FLUID_MM if hides_fluid(contour) else 0.0)


def hides_fluid(contour: Contour) -> bool:
    """Whether slices are thick and fluid is neither brighter nor darker than brain (MR)."""
    if contour.modality == "ct" or not contour.is_thick:
        return False
    return not np.isfinite(_fluid(contour)) and not profiles.darkens(contour.grey, contour.depth)


def short_mm(contour: Contour, edge: np.ndarray) -> float:
    """How far brain reaches beyond the mask in the third worst sector.

    On CT, where many sectors show no edge, it is the fourth of those that do. Where no bone is near, brain ends
    before the fat that is seen.
    """
    whole = _whole(contour)
    if contour.modality == "ct":
        has_bone = np.isfinite(_crossings(contour, contour.grey > BONE_HU))
        edge = np.where(has_bone, edge, edge + WITHOUT_BONE_MM)
        if np.isnan(edge[whole]).mean() > FEW_UNKNOWN:
            return -float(np.sort(edge)[3])  # those that are not known come last
    ends = np.nan_to_num(edge, nan=-EDGE_REACH_MM)
    if contour.modality != "ct":
        ends = np.maximum(ends, profiles.ends(_profiles(contour), -EDGE_REACH_MM))
    return -float(np.sort(ends[whole])[2])


def slips(contour: Contour) -> np.ndarray:
    """How far inside (mm, negative outside) the contour should lie, by sector, against all others.

    The distribution of grey levels at each depth is learnt from all sectors. Each sector is moved to where
    it is most likely under that distribution, which is then learnt again.
    """
    grey = _binned(contour)
    layers = 2 * FAR_MM + 1
    use = np.abs(contour.depth) <= REACH_MM
    depth, sector = np.rint(contour.depth).astype(int), contour.sector
    moves = np.arange(-SEARCH_MM, SEARCH_MM + 1)
    slip = np.zeros(SECTORS, int)
    for _ in range(ROUNDS):
        layer = np.clip(depth - slip[sector] + FAR_MM, 0, layers - 1)
        count = np.bincount(layer * GREYS + grey, minlength=layers * GREYS)
        table = ndimage.gaussian_filter(count.reshape(layers, GREYS).astype(float), 1.0)
        table = table / np.maximum(table.sum(axis=1, keepdims=True), 1e-9) + 0.01 / GREYS
        gain = np.log(table / table.sum(axis=1, keepdims=True))
        likely = np.stack(
            [
                np.bincount(sector[use], gain[depth[use] - move + FAR_MM, grey[use]], SECTORS)
                for move in moves
            ],
            axis=1,
        )
        slip = moves[(_neighbours(NEAR) @ likely).argmax(axis=1)]
        slip = slip - int(np.median(slip))
    return slip


def agreed(slip: np.ndarray, edge: np.ndarray) -> np.ndarray:
    """The slips, each no farther than its sector's edge lies from the others, and none the other way.

    Profiles differ by fluid and at the base of the skull as well, where edges do not. Where no edge is seen, the
    slip stays.
    """
    if not np.isfinite(edge).any():
        return slip.astype(float)
    off = edge - np.nanmedian(edge)
    least = np.where(off * slip > 0, np.sign(slip) * np.minimum(np.abs(slip), np.abs(off)), 0.0)
    return np.where(np.isfinite(off), least, slip)


def moved_mm(contour: Contour, slip: np.ndarray) -> float:
    """The mean displacement of the surface under the shift and turn that explain the slips best."""
    turns = np.cross(contour.levers / LEVER_MM, contour.normals)
    columns = np.column_stack([contour.normals, turns, np.ones(SECTORS)])
    weight = _sizes(contour) / _sizes(contour).max()
    # Turns of a ball cannot be seen, so they are held back a little.
    held = np.diag([0, 0, 0, 1, 1, 1, 0]) * 0.015 * weight.sum()
    for _ in range(5):
        normal = columns.T @ (weight[:, None] * columns) + held
        fit = np.linalg.solve(normal, columns.T @ (weight * -slip))
        left = -slip - columns @ fit
        weight = _sizes(contour) / _sizes(contour).max() / (1 + (left / 1.5) ** 2)
    moves = fit[:3] + np.cross(fit[3:6], contour.levers / LEVER_MM)
    return float(np.linalg.norm(moves, axis=1).mean())


def worst_mm(contour: Contour, slip: np.ndarray) -> float:
    """The fourth largest slip: three sectors of the skull base may differ from all others."""
    return float(np.sort(np.abs(slip[_whole(contour)]))[-4])


def _depth(mask: np.ndarray) -> np.ndarray:
    """Millimetres to the surface, positive inside."""
    inside = ndimage.distance_transform_edt(mask)
    outside = ndimage.distance_transform_edt(~mask)
    return np.where(mask, inside - 0.5, 0.5 - outside).astype(np.float32) * np.float32(MM)


def _directions() -> np.ndarray:
    """The middles of the sectors: a spiral over the unit sphere."""
    step = np.arange(SECTORS) + 0.5
    height = 1 - 2 * step / SECTORS
    angle = np.pi * (1 + np.sqrt(5)) * step
    across = np.sqrt(1 - height**2)
    return np.column_stack([across * np.cos(angle), across * np.sin(angle), height])


def _neighbours(width: float) -> np.ndarray:
    """How much each sector counts for each other one; rows sum to 1."""
    directions = _directions()
    weight = np.exp((directions @ directions.T - 1) / width)
    return weight / weight.sum(axis=1, keepdims=True)


def _normals(depth: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Unit vectors outwards at voxels of the surface."""
    last = np.array(depth.shape) - 1
    slope = np.empty((len(index), 3))
    for axis, unit in enumerate(np.eye(3, dtype=int)):
        ahead, behind = (np.clip(index + step, 0, last) for step in (unit, -unit))
        slope[:, axis] = depth[tuple(behind.T)] - depth[tuple(ahead.T)]
    return slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-6)


def _means(values: np.ndarray, sector: np.ndarray) -> np.ndarray:
    """The mean of vectors by sector; 0 in a sector without any."""
    count = np.maximum(np.bincount(sector, minlength=SECTORS), 1)
    sums = [np.bincount(sector, values[:, axis], SECTORS) for axis in range(3)]
    return np.column_stack(sums) / count[:, None]


def _relative(grey: np.ndarray, depth: np.ndarray, sector: np.ndarray, modality: str) -> np.ndarray:
    """Grey levels by those of the brain below them, which evens out the shading of a coil."""
    if modality == "ct":
        return grey
    deep = depth > 3
    if not deep.any():  # scattered pieces, which other figures tell
        return grey
    levels = ndimage.median(grey[deep], sector[deep], np.arange(SECTORS))
    known = np.isfinite(levels) & (levels > 0)
    if not known.any():
        return grey
    levels = np.where(known, levels, np.median(levels[known]))
    return grey / (_neighbours(NEARBY) @ levels)[sector]


def _fluid(contour: Contour) -> float:
    """The grey level (of brain 1, on MR) from which a voxel holds more fluid than brain; infinite if none is bright."""
    deep = (contour.depth > FLUID_BELOW_MM) & (contour.depth < DEEP_MM)
    if not deep.any():
        return np.inf
    brightest = float(np.quantile(contour.grey[deep], BRIGHTEST))
    return (1 + brightest) / 2 if brightest > BRIGHT else np.inf


def _crossings(contour: Contour, beyond: np.ndarray, least: float = LEAST_SHARE) -> np.ndarray:
    """The depth at which each sector first gives way to what lies ``beyond``; not a number if it does not."""
    near = np.abs(contour.depth) <= EDGE_REACH_MM
    layers = 2 * EDGE_REACH_MM + 1
    layer = np.rint(contour.depth[near]).astype(int) + EDGE_REACH_MM
    cell = contour.sector[near] * layers + layer
    shape = (SECTORS, layers)
    count = np.bincount(cell, minlength=SECTORS * layers).reshape(shape)
    hard = np.bincount(cell, beyond[near], SECTORS * layers).reshape(shape)
    count, hard = (
        ndimage.uniform_filter1d(each.astype(float), 3, axis=1) for each in (count, hard)
    )
    share = hard / np.maximum(count, 1e-9)
    return np.array([_outward_crossing(each, least) for each in share])


def _outward_crossing(share: np.ndarray, least: float) -> float:
    """The depth at which a share by layer (outermost first) first passes a half on the way out.

    No layer has an edge that does not reach the ``least`` share. A thin skull fills only a part of a voxel:
    there, three quarters of what is reached are enough. What lies beyond the first rim does not count, as air
    would beyond a scalp as bright as brain.
    """
    inwards = share[::-1]
    most = np.maximum.accumulate(inwards)
    past = np.logical_or.accumulate((most >= least) & (inwards < PAST_THE_RIM * most))
    rim = float(inwards[~past].max(initial=0.0))
    enough = min(0.5, 0.75 * rim)
    first = np.flatnonzero((inwards[:-1] < enough) & (inwards[1:] >= enough))
    if rim < least or not len(first):
        return float("nan")
    at = first[0]
    part = (enough - inwards[at]) / (inwards[at + 1] - inwards[at])
    return float(EDGE_REACH_MM - at - part)


def _profiles(contour: Contour) -> np.ndarray:
    """The grey levels of each sector by depth."""
    return profiles.of(contour.grey, contour.depth, contour.sector, SECTORS)


def _binned(contour: Contour) -> np.ndarray:
    """Grey levels as numbers of bins."""
    if contour.modality == "ct":
        low, high = SOFT_HU
    else:
        low, high = 0.0, float(np.quantile(contour.grey, 0.99))
    scaled = (contour.grey - low) / max(high - low, 1e-6)
    return np.clip(scaled * GREYS, 0, GREYS - 1).astype(int)


def _sizes(contour: Contour) -> np.ndarray:
    """How many voxels of each sector are near the contour."""
    near = np.abs(contour.depth) <= REACH_MM
    return np.bincount(contour.sector[near], minlength=SECTORS).astype(float)


def _whole(contour: Contour) -> np.ndarray:
    """Which sectors lie within the image."""
    sizes = _sizes(contour)
    return sizes >= SMALL_SECTOR * np.median(sizes)

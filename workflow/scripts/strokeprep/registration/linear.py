"""Rigid and affine registration by mutual information, from anywhere or from known starts.

Registering ``moving`` to ``fixed`` gives the ITK transform that resamples moving onto the grid of
fixed: it maps points of fixed to points of moving, in LPS millimetres.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import labels, transforms
from strokeprep.registration import mutual_information as mi
from strokeprep.registration import sampling
from strokeprep.registration.sampling import Level, Side
from strokeprep.settings.registration import ENGINES, FIT, OWN, FitSettings
from strokeprep.settings.study import SEED

# Start poses are compared at SEARCH. The best is refined through the levels of a preset.
SEARCH = Level(8, 3_000, 25)
RESOLUTIONS = {
    "coarse": (Level(4, 10_000, 30),),
    "template": (Level(4, 15_000, 40), Level(2, 120_000, 40)),
    "warp": (Level(4, 15_000, 15), Level(1, 120_000, 20)),
    "fine": (Level(4, 10_000, 30), Level(2, 40_000, 30), Level(1, 80_000, 30)),
    "refined": (Level(2, 40_000, 30), Level(1, 80_000, 30)),  # starts from a coarse result
    "size": (Level(2, 15_000, 12), Level(1, 25_000, 12)),  # starts from a known pose
    "compared": (Level(4, 6_000, 12), Level(2, 20_000, 12)),  # starts from known poses
}
DOF = {"rigid": 6, "affine": 12}

# Sizes from which the measurement of one begins: from the right one alone, thick slices that were shrunk by a
# tenth came out as right. Another than the right one has to be better by a share of its information; where the
# size was wrong it was by a tenth at least. So far may the surface of the brain move from its pose.
SIZES = (1.0, 0.9, 1.1)
CLEARLY_BETTER = 1.05
MOVE_MM = 10.0

# If one image shows less of the head than this share of the other's, its points are sampled and looked
# up in the other, so that a slab is compared with a whole head and not the other way round.
PARTIAL = 0.8


@dataclass(frozen=True)
class Registration:
    """A transform (fixed points to moving points, LPS), its inverse, and how well it fits."""

    transform: sitk.Transform
    inverse: sitk.Transform
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Fit:
    """A 4×4 matrix (points sampled to points of the other image, LPS) and how well it fits."""

    matrix: np.ndarray
    information: float = 0.0
    overlap: float = 1.0


def rigid(
    fixed: sitk.Image,
    moving: sitk.Image,
    *,
    dof: str = "rigid",
    fixed_brain: sitk.Image | None = None,
    starts: Sequence[sitk.Transform] = (),
    resolution: str = "fine",
    engine: str = OWN,
    fit: FitSettings = FIT,
    seed: int = SEED,
    where: str | Path = "moving image",
) -> Registration:
    """Register heads of any modality, from the best of ``starts`` or, without any, from an unknown pose.

    With ``fixed_brain``, only the head around it is compared. ``where`` names the image in errors.
    """
    levels = RESOLUTIONS[resolution]
    pair = _heads(fixed, moving, fixed_brain, fit.near_brain_mm, levels[-1].mm)
    return registered(*pair, dof, starts, levels, fit, seed, where, engine)


@dataclass(frozen=True)
class Reference:
    """A head and its brain, prepared once for all scans that are compared with it."""

    brain: sitk.Image
    sides: dict[str, Side]  # by the preset of RESOLUTIONS; only the head around the brain counts

    @classmethod
    def of(cls, head: sitk.Image, brain: sitk.Image) -> Reference:
        """The reference of a head's image and the mask of its brain."""
        near = sampling.dilated(brain, FIT.near_brain_mm)
        presets = ("compared", "size")
        return cls(brain, {name: sampling.head_side(head, near, _finest(name)) for name in presets})


def information(
    reference: Reference, moving: sitk.Image, poses: Sequence[np.ndarray], seed: int = SEED
) -> list[float]:
    """The normalised mutual information of two heads in the best pose close to each given pose.

    Poses are 4×4 matrices (points of the reference to points of moving, LPS) and may be mirror images.
    """
    pair = reference.sides["compared"], sampling.head_side(moving, None, _finest("compared"))
    backwards = _shows_less(pair[1], pair[0])
    sides = (pair[1], pair[0]) if backwards else pair
    fits = [Fit(np.linalg.inv(pose) if backwards else pose) for pose in poses]
    for level in RESOLUTIONS["compared"]:
        fits = _refined(*sides, [fit.matrix for fit in fits], level, DOF["rigid"], seed)
    return [fit.information for fit in fits]


def size(reference: Reference, moving: sitk.Image, pose: np.ndarray, seed: int = SEED) -> float:
    """How large the head is in ``moving``, by its size in the reference: of the best affine close to a pose.

    A rigid registration cannot change it, so it tells voxels whose size is wrong. Voxels of 1 mm are needed: at
    2 mm, fluid and skull bias the size of a diffusion image on CT by up to 4 %.
    """
    coarse, fine = RESOLUTIONS["size"]
    here, there = reference.sides["size"], sampling.head_side(moving, None, fine.mm)
    backwards = _shows_less(there, here)
    corners = _corners(reference.brain)
    here, there = _near(here, corners), _near(there, mi.mapped(pose, corners))
    sides = (there, here) if backwards else (here, there)
    poses = [pose @ _scaling(each, corners.mean(axis=1)) for each in SIZES]
    starts = [np.linalg.inv(each) if backwards else each for each in poses]
    tried = _refined(*sides, starts, coarse, DOF["affine"], seed)
    best = max(tried, key=lambda fit: fit.information)
    if best.information < CLEARLY_BETTER * tried[0].information:
        best = tried[0]
    [end] = _refined(*sides, [best.matrix], fine, DOF["affine"], seed)
    ratio = float(np.cbrt(np.linalg.det(end.matrix[:3, :3])))
    return 1 / ratio if backwards else ratio


def _finest(preset: str) -> float:
    """The voxel size (mm) of the last resolution of a preset."""
    return RESOLUTIONS[preset][-1].mm


def registered(
    fixed: Side,
    moving: Side,
    dof: str,
    starts: Sequence[sitk.Transform],
    levels: Sequence[Level],
    limits: FitSettings,
    seed: int,
    where: str | Path,
    engine: str = OWN,
) -> Registration:
    """Let an engine fit two images, and refuse what cannot be a registration.

    Points are sampled on the image that shows less of the head.
    """
    backwards = _shows_less(moving, fixed)
    pair = (moving, fixed) if backwards else (fixed, moving)
    known = [transforms.matrix(start.GetInverse() if backwards else start) for start in starts]
    best = ENGINES[engine].code()(*pair, known, dof, levels, seed, where)
    _check(best, limits, where)
    there, back = transforms.linear(best.matrix), transforms.linear(np.linalg.inv(best.matrix))
    metrics = {"Information": best.information, "Overlap": best.overlap}
    return Registration(back, there, metrics) if backwards else Registration(there, back, metrics)


def fitted(
    sampled: Side,
    other: Side,
    starts: Sequence[np.ndarray],
    dof: str,
    levels: Sequence[Level],
    seed: int,
    where: str | Path,
) -> Fit:
    """This project's engine: search unless there are starts, then refine through ``levels``."""
    freedom = DOF[dof]
    begun = starts or searched(sampled, other, dof, seed)
    tried = [
        fit
        for matrix in begun
        for fit in _refined(sampled, other, [matrix], levels[0], freedom, seed)
    ]
    best = max(tried, key=lambda fit: fit.information)
    for level in levels[1:]:
        [best] = _refined(sampled, other, [best.matrix], level, freedom, seed)
    return best


def judged(sampled: Side, other: Side, matrix: np.ndarray, level: Level, seed: int) -> Fit:
    """A pose that another engine found, with the information and overlap of this one's metric."""
    metric, entropy = sampling.metric(sampled, other, [matrix], level, seed)
    information, _, overlap = metric(matrix)
    return Fit(matrix, float(information / entropy), float(overlap))


def _heads(
    fixed: sitk.Image,
    moving: sitk.Image,
    fixed_brain: sitk.Image | None,
    near_mm: float,
    finest: float,
) -> tuple[Side, Side]:
    """Both images as heads, fixed with what lies far from its brain left out."""
    near = None if fixed_brain is None else sampling.dilated(fixed_brain, near_mm)
    return sampling.head_side(fixed, near, finest), sampling.head_side(moving, None, finest)


def _shows_less(moving: Side, fixed: Side) -> bool:
    """Whether moving shows clearly less of the head than fixed."""
    return _volume(moving.head) < PARTIAL * _volume(fixed.head)


def searched(sampled: Side, other: Side, dof: str, seed: int) -> list[np.ndarray]:
    """The best poses at low resolution: up to three that differ by more than a voxel.

    Starts are shifts along the body, for partial coverage, combined with rotations about each axis.
    The eight most promising are optimised.
    """
    metric, _ = sampling.metric(sampled, other, [], SEARCH, seed)
    here, there = _centre(sampled.head), _centre(other.head)
    shifts_mm, turns_deg = range(-100, 101, 20), (-15.0, 0.0, 15.0)
    poses = []
    for up, *turn in product(shifts_mm, turns_deg, turns_deg, turns_deg):
        shift = there - here + [0, 0, up]
        poses.append(mi.linear_map(np.array([*shift, *np.deg2rad(turn) * mi.RADIUS_MM]), here))
    order = np.argsort([-metric(pose)[0] for pose in poses], kind="stable")
    ends = [mi.maximum(metric, poses[i], here, DOF[dof], SEARCH.steps) for i in order[:8]]
    ends.sort(key=lambda end: -end[1])
    distinct: list[np.ndarray] = []
    for matrix, _, _ in ends:
        if all(_distance(matrix, known, here) > SEARCH.mm for known in distinct):
            distinct.append(matrix)
    return distinct[:3]


def _refined(
    sampled: Side,
    other: Side,
    matrices: Sequence[np.ndarray],
    level: Level,
    dof: int,
    seed: int,
) -> list[Fit]:
    """The best pose close to each of ``matrices``, which lie near one another, at one resolution."""
    metric, entropy = sampling.metric(sampled, other, matrices, level, seed)
    centre = metric.points.where.mean(axis=1)
    ends = [mi.maximum(metric, matrix, centre, dof, level.steps) for matrix in matrices]
    return [Fit(end, float(found / entropy), float(overlap)) for end, found, overlap in ends]


def _check(fit: Fit, limits: FitSettings, where: str | Path) -> None:
    """Refuse what cannot be a registration."""
    scales = np.linalg.svd(fit.matrix[:3, :3], compute_uv=False)
    if fit.overlap < limits.least_overlap:
        what = f"Registration left only {fit.overlap:.0%} overlap"
    elif fit.information < limits.least_information:
        what = f"Registration found nothing in common (information {fit.information:.3f})"
    elif scales.min() < limits.scales[0] or scales.max() > limits.scales[1]:
        what = f"Registration stretched the image by {scales.min():.2f} to {scales.max():.2f}"
    else:
        return
    remedy = "Look at both images; exclude this one if it does not show the same head."
    raise StrokeprepError(what, where, remedy)


def _distance(a: np.ndarray, b: np.ndarray, centre: np.ndarray) -> float:
    """The largest distance (mm) between where two maps send the surface of a brain."""
    corners = centre[:, None] + mi.RADIUS_MM * np.hstack([np.eye(3), -np.eye(3)])
    return float(np.linalg.norm(mi.mapped(a, corners) - mi.mapped(b, corners), axis=0).max())


def _corners(mask: sitk.Image) -> np.ndarray:
    """The corners of the box around a mask (3×8, LPS mm)."""
    box = labels.bounding_box(sitk.GetArrayViewFromImage(mask) > 0)[::-1]
    index = np.array(list(product(*((side.start, side.stop - 1) for side in box)))).T
    return mi.mapped(mi.index_to_physical(mask), index)


def _scaling(size: float, centre: np.ndarray) -> np.ndarray:
    """The map that enlarges by ``size`` about a point."""
    matrix = np.diag([size, size, size, 1.0])
    matrix[:3, 3] = (1 - size) * centre
    return matrix


def _near(side: Side, corners: np.ndarray) -> Side:
    """A side without what lies far from the brain, whose box has these corners."""
    return replace(side, image=sampling.cropped(side.image, corners, FIT.near_brain_mm + MOVE_MM))


def _volume(mask: sitk.Image) -> float:
    """The volume of a mask (mm³)."""
    return float(np.count_nonzero(sitk.GetArrayViewFromImage(mask)) * np.prod(mask.GetSpacing()))


def _centre(mask: sitk.Image) -> np.ndarray:
    """The centre of gravity of a mask (LPS mm)."""
    index = np.argwhere(sitk.GetArrayViewFromImage(mask))[:, ::-1].mean(axis=0)
    return mi.mapped(mi.index_to_physical(mask), index)

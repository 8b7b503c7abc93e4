"""Arteries and venous sinuses: tubes around centre lines in MNI space (RAS mm)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy.interpolate import PchipInterpolator

from strokeprep.phantom.names import COW_LABELS

COW_NUMBER = {name: number for number, name in COW_LABELS.items()}

# right side (x > 0) and midline; (name, radius mm, points); "L" mirrors are made below
_PAIRED = {
    "ICA-neck": (2.5, [(30, -12, -190), (28, -8, -120), (26, -14, -80), (27, -18, -52)]),
    "ICA-skull": (2.5, [(27, -18, -52), (22, -12, -42), (14, -4, -38), (11, -2, -34)]),
    "ICA": (2.3, [(11, -2, -34), (10, 5, -29), (11, 5, -23), (13, 2, -18)]),
    "M1": (1.9, [(13, 2, -18), (22, 4, -17), (30, 3, -19), (37, 1, -18)]),
    "M2-sup": (1.4, [(37, 1, -18), (42, 7, -10), (42, 8, 0), (44, 0, 14), (48, -14, 24)]),
    "M2-inf": (1.4, [(37, 1, -18), (42, -5, -13), (43, -14, -4), (46, -28, 8), (54, -42, 14)]),
    "M4-sup": (1.0, [(48, -14, 24), (56, -20, 32), (58, -34, 42)]),
    "M4-front": (1.0, [(42, 8, 0), (46, 22, 6), (50, 26, 20)]),
    "M4-inf": (1.0, [(54, -42, 14), (60, -52, 16), (56, -64, 26)]),
    "A1": (1.5, [(13, 2, -18), (8, 8, -16), (3, 14, -14)]),
    "A2": (1.2, [(3, 14, -14), (2.5, 24, -11), (2.5, 37, 0), (2.5, 38, 12), (2.5, 28, 26)]),
    "A3": (1.0, [(2.5, 28, 26), (2.5, 8, 34), (2.5, -16, 38), (2.5, -36, 44)]),
    "PCom": (1.5, [(12, 1, -20), (11, -8, -20), (11, -18, -18)]),
    "P1": (1.5, [(0, -14, -20), (6, -15, -18), (11, -18, -18)]),
    "P2": (1.3, [(11, -18, -18), (20, -24, -15), (24, -34, -8), (20, -46, -3)]),
    "P3": (1.0, [(20, -46, -3), (14, -60, 2), (10, -76, 6)]),
    "VA": (1.8, [(20, -30, -190), (20, -32, -100), (26, -40, -84), (10, -38, -68), (0, -26, -58)]),
}
_MIDLINE = {
    "BA": (1.9, [(0, -26, -58), (0, -14, -48), (0, -9, -38), (0, -10, -28), (0, -14, -20)]),
    # wider than in reality, so that nearest-neighbour resampling to thick slices can keep it
    "ACom": (1.7, [(3, 14, -14), (-3, 14, -14)]),
}
_SINUSES = {
    "SSS-front": (2.5, [(0, 72, 20), (0, 55, 55), (0, 10, 80)]),
    "SSS": (4.0, [(0, 10, 80), (0, -40, 80), (0, -85, 45), (0, -102, 5)]),
    "TS-R": (4.0, [(0, -102, 5), (25, -98, -18), (50, -75, -26), (60, -50, -34)]),
    "TS-L": (4.0, [(0, -102, 5), (-25, -98, -18), (-50, -75, -26), (-60, -50, -34)]),
}
# along the floor of the lateral ventricles
_PLEXUS = (3.2, [(4, 8, 6), (10, -10, 14), (20, -34, 14), (25, -42, 6)])
_DOWNSTREAM = ("M2-sup", "M2-inf", "M4-sup", "M4-front", "M4-inf")


@dataclass(frozen=True)
class Vessel:
    """A tube; `kind` is artery, collateral (beyond the thrombus), thrombus or vein."""

    name: str
    kind: str
    radius: float
    points: np.ndarray  # n x 3

    def mapped(self, function) -> Vessel:
        """The same vessel with every point moved."""
        return replace(self, points=np.array([function(point) for point in self.points]))


def vessels(occluded_side: str) -> list[Vessel]:
    """All vessels in MNI space; one M1 ("L" or "R") is occluded by a thrombus."""
    tubes = []
    for name, (radius, points) in _PAIRED.items():
        for side, sign in (("L", -1), ("R", 1)):
            line = _resampled(np.array(points, float) * (sign, 1, 1))
            tubes += _cut(f"{name}-{side}", radius, line, occluded_side)
    for name, (radius, points) in _MIDLINE.items():
        tubes.append(Vessel(name, "artery", radius, _resampled(np.array(points, float))))
    for name, (radius, points) in _SINUSES.items():
        tubes.append(Vessel(name, "vein", radius, _resampled(np.array(points, float))))
    return tubes


def choroid_plexus(head_point: Callable[[np.ndarray], np.ndarray]) -> list[Vessel]:
    """The plexus of both lateral ventricles, as veins at head points."""
    radius, points = _PLEXUS
    line = _resampled(np.array(points, float))
    sides = {"L": (-1, 1, 1), "R": (1, 1, 1)}
    return [
        Vessel(f"plexus-{side}", "vein", radius, line * sign).mapped(head_point)
        for side, sign in sides.items()
    ]


def _cut(name: str, radius: float, line: np.ndarray, occluded_side: str) -> list[Vessel]:
    """One vessel, or the open, occluded and collateral parts of the M1."""
    stem, side = name.rsplit("-", 1)
    if side != occluded_side or stem not in ("M1", *_DOWNSTREAM):
        return [Vessel(name, "artery", radius, line)]
    if stem in _DOWNSTREAM:
        return [Vessel(name, "collateral", radius * 0.8, line)]
    # The thrombus fills the M1 from 35 to 85 % of its length.
    first, last = (round(share * (len(line) - 1)) for share in (0.35, 0.85))
    return [
        Vessel(name, "artery", radius, line[: first + 1]),
        Vessel(name, "thrombus", 2.2, line[first : last + 1]),
        Vessel(name, "collateral", radius * 0.8, line[last:]),
    ]


def _resampled(points: np.ndarray) -> np.ndarray:
    """Points about 3 mm apart on a smooth curve through the given points."""
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
    knots = np.r_[0, np.cumsum(lengths)]
    at = np.linspace(0, knots[-1], max(int(knots[-1] / 3.0), 2) + 1)
    return PchipInterpolator(knots, points)(at)  # never overshoots


def cow_numbers(tubes: Iterable[Vessel]) -> list[tuple[int, Vessel]]:
    """The vessels that belong to the Circle of Willis, with their label numbers."""
    return [(COW_NUMBER[v.name], v) for v in tubes if v.name in COW_NUMBER]


def surface_distance(
    vessel: Vessel, shape: Sequence[int], spacing: Sequence[float], reach: float
) -> tuple[tuple[slice, ...], np.ndarray] | None:
    """Distance to the wall of the tube (negative inside) in the [z, y, x] box around it.

    The points of the vessel are in grid millimetres: continuous index times spacing, x y z. None
    if the vessel is outside of the grid.
    """
    voxel = np.asarray(spacing)
    box = _box(vessel.points, reach + vessel.radius, shape, voxel)
    if box is None:
        return None
    nearest = np.full([s.stop - s.start for s in box], np.inf, np.float32)
    origin = np.array([s.start for s in box])
    for start, end in pairwise(vessel.points):
        part = _box(np.stack([start, end]), reach + vessel.radius, shape, voxel)
        if part is None:
            continue
        local = tuple(slice(s.start - o, s.stop - o) for s, o in zip(part, origin, strict=True))
        np.minimum(nearest[local], _gap(part, voxel, start, end), out=nearest[local])
    return box, nearest - vessel.radius


def _box(
    points: np.ndarray, reach: float, shape: Sequence[int], spacing: np.ndarray
) -> tuple[slice, ...] | None:
    low = np.floor((points.min(0) - reach) / spacing).astype(int)[::-1]
    high = np.ceil((points.max(0) + reach) / spacing).astype(int)[::-1] + 1
    low, high = np.maximum(low, 0), np.minimum(high, shape)
    if (low >= high).any():
        return None
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))


def _gap(
    box: tuple[slice, ...], spacing: np.ndarray, start: np.ndarray, end: np.ndarray
) -> np.ndarray:
    """Distance of the voxel centres in a box to one segment."""
    z, y, x = (
        np.arange(s.start, s.stop) * step for s, step in zip(box, spacing[::-1], strict=True)
    )
    offset = (x[None, None] - start[0], y[None, :, None] - start[1], z[:, None, None] - start[2])
    along = end - start
    share = sum(o * a for o, a in zip(offset, along, strict=True)) / max(along @ along, 1e-9)
    share = np.clip(share, 0, 1)
    return np.sqrt(sum((o - share * a) ** 2 for o, a in zip(offset, along, strict=True)))

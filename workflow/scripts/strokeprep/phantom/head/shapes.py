"""Signed distances of simple solids on a regular grid: negative inside, millimetres, RAS world.

A solid is evaluated only in a box around it; elsewhere the distance is `FAR`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

FAR = 20.0  # mm; larger distances are not needed
FLIP = np.diag([-1.0, -1.0, 1.0])  # LPS <-> RAS points
MARGIN = 14.0  # mm around each solid; more than the widest blend

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Lattice:
    """An axis-aligned RAS grid; arrays on it are indexed [z, y, x]."""

    origin: Point
    spacing: float
    size: tuple[int, ...]  # x, y, z

    @property
    def shape(self) -> tuple[int, ...]:
        return self.size[::-1]

    def axis(self, dim: int) -> np.ndarray:
        """World coordinates along one axis (0 = x)."""
        return self.origin[dim] + self.spacing * np.arange(self.size[dim], dtype=np.float32)

    def coordinates(self, box: tuple[slice, ...] | None = None) -> tuple[np.ndarray, ...]:
        """Broadcastable x, y, z coordinates of the whole grid or of a [z, y, x] box."""
        x, y, z = (self.axis(dim) for dim in range(3))
        if box is not None:
            z, y, x = z[box[0]], y[box[1]], x[box[2]]
        return x[None, None, :], y[None, :, None], z[:, None, None]

    def inset(self, box: tuple[slice, ...]) -> Lattice:
        """The part of this lattice in a [z, y, x] box."""
        low = [o + self.spacing * s.start for o, s in zip(self.origin, box[::-1], strict=True)]
        return Lattice(tuple(low), self.spacing, tuple(s.stop - s.start for s in box[::-1]))

    def box(
        self, low: Sequence[float] | np.ndarray, high: Sequence[float] | np.ndarray
    ) -> tuple[slice, ...]:
        """[z, y, x] slices of the voxels between two corners."""
        slices = []
        for dim in (2, 1, 0):
            first = int(np.floor((low[dim] - self.origin[dim]) / self.spacing))
            last = int(np.ceil((high[dim] - self.origin[dim]) / self.spacing)) + 1
            slices.append(slice(max(first, 0), max(min(last, self.size[dim]), 0)))
        return tuple(slices)


class Solid:
    """A signed distance field into which solids are merged."""

    def __init__(self, lattice: Lattice, field: np.ndarray | None = None) -> None:
        self.lattice = lattice
        self.field = np.full(lattice.shape, FAR, np.float32) if field is None else field

    def ellipsoid(self, centre: Point, radii: Point, blend: float = 0.0) -> Solid:
        """Add an ellipsoid; `blend` (mm) rounds the edge between it and the field."""
        box = self._around([centre], max(radii))
        return self._merge(box, ellipsoid_distance(self._at(box), centre, radii), blend)

    def tube(self, points: Sequence[Point], radius: float, blend: float = 0.0) -> Solid:
        """Add a chain of capsules."""
        for start, end in pairwise(points):
            box = self._around([start, end], radius)
            self._merge(box, capsule_distance(self._at(box), start, end, radius), blend)
        return self

    def carve(self, other: np.ndarray, blend: float = 0.0) -> Solid:
        """Remove the inside of another field."""
        self.field = -smooth_minimum(-self.field, other, blend)
        return self

    def mirrored(self, method: str, *args, **kwargs) -> Solid:
        """Apply `ellipsoid` or `tube` on the right and, mirrored, on the left."""
        getattr(self, method)(*args, **kwargs)
        return getattr(self, method)(_flipped(args[0]), *args[1:], **kwargs)

    def _at(self, box: tuple[slice, ...]) -> tuple[np.ndarray, ...]:
        return self.lattice.coordinates(box)

    def _around(self, points: Sequence[Point], radius: float) -> tuple[slice, ...]:
        reach = radius + MARGIN
        low, high = np.min(points, axis=0), np.max(points, axis=0)
        return self.lattice.box(low - reach, high + reach)

    def _merge(self, box: tuple[slice, ...], distance: np.ndarray, blend: float) -> Solid:
        self.field[box] = smooth_minimum(self.field[box], distance, blend)
        return self


def _flipped(where):
    """A point, or a chain of points, mirrored across the midline."""
    if isinstance(where[0], tuple | list):
        return [_flipped(point) for point in where]
    return (-where[0], where[1], where[2])


def ellipsoid_distance(at: tuple[np.ndarray, ...], centre: Point, radii: Point) -> np.ndarray:
    """Signed distance to an ellipsoid (first order: exact on the surface)."""
    scaled = [(c - o) / r for c, o, r in zip(at, centre, radii, strict=True)]
    first = np.sqrt(sum(s * s for s in scaled))
    second = np.sqrt(sum((s / r) ** 2 for s, r in zip(scaled, radii, strict=True)))
    return (first * (first - 1) / np.maximum(second, 1e-6)).astype(np.float32)


def capsule_distance(
    at: tuple[np.ndarray, ...], start: Point, end: Point, radius: float
) -> np.ndarray:
    """Signed distance to a capsule."""
    along = np.subtract(end, start).astype(float)
    length2 = float(along @ along) or 1.0
    offset = [c - s for c, s in zip(at, start, strict=True)]
    share = np.clip(sum(o * a for o, a in zip(offset, along, strict=True)) / length2, 0, 1)
    gap2 = sum((o - share * a) ** 2 for o, a in zip(offset, along, strict=True))
    return (np.sqrt(gap2) - radius).astype(np.float32)


def smooth_minimum(a: np.ndarray, b: np.ndarray, blend: float) -> np.ndarray:
    """Union of two fields, with a fillet of about `blend` mm."""
    if blend <= 0:
        return np.minimum(a, b)
    overlap = np.maximum(blend - np.abs(a - b), 0) / blend
    return np.minimum(a, b) - overlap * overlap * (blend / 4)

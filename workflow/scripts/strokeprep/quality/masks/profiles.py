"""Where skull begins in profiles of grey levels across the contour of a brain mask (MR, of brain 1).

Thick slices blur a thin skull: it is darker than brain, but not dark. It is a dip before a brighter scalp, or a step
at which the profile stops falling.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

MM = 2.0  # between the points of a profile
DEPTHS_MM = np.arange(7.0, -10.0, -MM)  # of the points, from the inside out

# A skull is darker than this share of brain, before a scalp that is brighter by the next.
DIP, RISE = 0.8, 0.1

# A step has at least this share of brain, and beyond it the profile falls by no more than the next.
FAINT, LEVEL = 0.35, 0.05

# Fluid in sulci makes the darkest quarter darker towards the surface: by more than the last between the two depths.
DEEP_MM, SHALLOW_MM, QUARTER, DARKENS = 7.0, 5.0, 0.25, 0.02


def of(grey: np.ndarray, depth: np.ndarray, sector: np.ndarray, sectors: int) -> np.ndarray:
    """The median grey level by sector and depth; not a number where there is none."""
    found = np.full((sectors, len(DEPTHS_MM)), np.nan)
    for column, middle in enumerate(DEPTHS_MM.tolist()):
        here = _layer(depth, middle)
        if here.any():
            found[:, column] = ndimage.median(grey[here], sector[here], np.arange(sectors))
    return found


def darkens(grey: np.ndarray, depth: np.ndarray) -> bool:
    """Whether brain holds dark fluid towards its surface."""
    deep, shallow = (grey[_layer(depth, each)] for each in (DEEP_MM, SHALLOW_MM))
    if not len(deep) or not len(shallow):
        return False
    return float(np.quantile(shallow, QUARTER)) < float(np.quantile(deep, QUARTER)) - DARKENS


def skulls(profiles: np.ndarray, edges: np.ndarray, has_steps: bool) -> np.ndarray:
    """The depth at which a thin skull begins in each profile; not a number where there is none.

    No dip lies beyond the edge that was seen otherwise: in thick slices that may be the scalp's, a centimetre
    farther out. Where no edge is seen, none is looked for. Steps are looked for where the caller says so, since
    dark fluid makes them as well.
    """
    return np.array([_skull(*each, has_steps) for each in zip(profiles, edges, strict=True)])


def ends(profiles: np.ndarray, beyond: float) -> np.ndarray:
    """The depth at which each profile is first too dark to be brain, or ``beyond`` if it is not."""
    return np.array([_end(each, beyond) for each in profiles])


def _skull(profile: np.ndarray, edge: float, has_steps: bool) -> float:
    """Where a profile has fallen halfway to its first dip before an edge, or to its first step."""
    seen = np.isfinite(profile)
    grey, depth = profile[seen], DEPTHS_MM[seen]
    if np.isnan(edge):
        return float("nan")
    is_skull = _is_dip(grey, edge - MM / 2 <= depth)
    if has_steps:
        is_skull |= _is_step(grey)
    first = np.flatnonzero(is_skull)
    if not len(first):
        return float("nan")
    half = (1 + grey[first[0]]) / 2
    above = np.flatnonzero(grey[: first[0]] >= half)
    return _crossing(grey, depth, int(above[-1]), half) if len(above) else float(depth[0])


def _end(profile: np.ndarray, beyond: float) -> float:
    """Where a profile falls below the share of brain that a dip has."""
    seen = np.isfinite(profile)
    grey = np.append(1.0, profile[seen])
    depth = np.append(DEPTHS_MM[0] + MM, DEPTHS_MM[seen])
    below = np.flatnonzero(grey < DIP)
    return _crossing(grey, depth, int(below[0]) - 1, DIP) if len(below) else beyond


def _crossing(grey: np.ndarray, depth: np.ndarray, last: int, level: float) -> float:
    """The depth at which a profile passes a level after its last point above it."""
    part = (grey[last] - level) / (grey[last] - grey[last + 1])
    return float(depth[last] + part * (depth[last + 1] - depth[last]))


def _is_dip(grey: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Which points of a profile are a dip before a brighter scalp, among those near enough."""
    seen = np.where(near, grey, 0)
    brightest = np.append(np.maximum.accumulate(seen[::-1])[::-1][1:], 0)
    return _falls_to(grey) & near & (np.append(seen[1:], 0) >= grey) & (brightest >= grey + RISE)


def _is_step(grey: np.ndarray) -> np.ndarray:
    """Which points of a profile are a step."""
    return _falls_to(grey) & (grey >= FAINT) & (np.append(grey[1:], 0) >= grey - LEVEL)


def _falls_to(grey: np.ndarray) -> np.ndarray:
    """Which points of a profile are darker than brain, and no brighter than the one before."""
    return (grey <= DIP) & (np.diff(grey, prepend=np.inf) <= 0)


def _layer(depth: np.ndarray, middle: float) -> np.ndarray:
    """Which voxels lie at about a depth."""
    return np.abs(depth - middle) <= MM / 2

"""An image of a head, prepared to be compared with the template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from strokeprep.io import grids, images
from strokeprep.registration.head.edges import Edges
from strokeprep.registration.head.fit import Level, Score, fit, level, sized, unlikely
from strokeprep.registration.head.model import CENTRE, thinned, whole_head

COARSE_MM, FINE_MM = 8.0, 4.0

# Sizes that the last fit starts from: fluid around the brain may have passed for brain.
LAST_SIZES = (0.84, 1.0)

# Ends closer than this (mm, of the brain's surface at RADIUS_MM from its centre) are one.
SAME_MM, RADIUS_MM = 1.0, 70.0

EDGES_MM = (6.0, 3.0)  # coarse and fine

# What the coil left of a head's brightness is its mean within about this distance, and brain gets the usual level.
# Noise in air must stay dark: the mean is at least so many times the darkest voxels', between two limits.
SHADING_MM, USUAL = 25.0, 0.7
DARK_SHARE, NOISE_FACTOR, FLOOR = 0.1, 8.0, (0.15, 0.4)

# Nats that a share of edges is worth where candidates are compared: differences of 0.03 in edges are as
# telling as 0.3 in grey values, which may favour a fit that takes the skin for the brain.
CHOICE_BY_EDGES = 10.0


@dataclass(frozen=True)
class View:
    """An image prepared for the search: as it is for its outline, without shading for grey values and edges."""

    small: sitk.Image
    coarse: Level
    fine: Level
    coarse_edges: Edges | None
    fine_edges: Edges | None

    @classmethod
    def of(cls, image: sitk.Image, modality: str) -> View:
        """The view of an image; on CT the edges within the brain drown in noise, so there are none."""
        small = prepared(image, modality, EDGES_MM[1])
        if modality == "ct":
            coarse, fine = (level(small, mm) for mm in (COARSE_MM, FINE_MM))
            return cls(small, coarse, fine, None, None)
        even = images.like(_even(images.array(small), small.GetSpacing()), small)
        coarse, fine = (level(even, mm) for mm in (COARSE_MM, FINE_MM))
        coarse_edges, fine_edges = (Edges.of(even, mm) for mm in EDGES_MM)
        return cls(small, coarse, fine, coarse_edges, fine_edges)

    def refined(self, matrix: np.ndarray) -> tuple[np.ndarray, Score]:
        """The best map close to ``matrix`` by grey values and, on MR, by edges."""
        return max(self.ends([matrix]), key=lambda end: self.fits(end[0]) - unlikely(end[0]))

    def ends(self, maps: Sequence[np.ndarray]) -> list[tuple[np.ndarray, Score]]:
        """The maps that some sizes of ``maps`` lead to by grey values and, on MR, by edges.

        On MR most lead to the same place, which few points tell. All points are for each place once. What few points
        lead to stays to be chosen from: it may lie better than the end of all steps. On CT there are few maps to
        begin with, and what few points led to was taken for the end of a head cut in half.
        """
        few, every = thinned(FINE_MM), whole_head(FINE_MM)
        starts = [matrix @ sized(size) for matrix, size in product(maps, LAST_SIZES)]
        if not self.fine_edges:
            return [fit(every, self.fine, start, 12) for start in starts]
        also = self.fine_edges.in_nats
        near = [fit(few, self.fine, start, 12, also=also) for start in starts]
        near.sort(key=lambda end: -end[1].likely)
        places = distinct([matrix for matrix, _ in near], SAME_MM)
        far = [fit(every, self.fine, matrix, 12, also=also) for matrix in places]
        return [*near, *far]

    def fits(self, matrix: np.ndarray) -> float:
        """What candidates are chosen by: grey values that are predicted and, on MR, edges that meet.

        These are not the edges that a candidate was fitted to. On CT grey values at high resolution take their
        place: at low resolution alone the middle of a head that is cut off may pass for a whole one.
        """
        _, score = fit(whole_head(COARSE_MM), self.coarse, matrix, 12, steps=0)
        if self.fine_edges:
            return score.likely + CHOICE_BY_EDGES * self.fine_edges.met(matrix, part=1)
        _, finely = fit(whole_head(FINE_MM), self.fine, matrix, 12, steps=0)
        return (score.likely + finely.likely) / 2


def distinct(
    maps: Sequence[np.ndarray], least_mm: float, count: int | None = None
) -> list[np.ndarray]:
    """The first ``count`` maps, or all, of which no two place the brain's surface within ``least_mm``."""
    surface = CENTRE + RADIUS_MM * np.vstack([np.eye(3), -np.eye(3)])
    kept: list[tuple[np.ndarray, np.ndarray]] = []
    for matrix in maps:
        there = surface @ matrix[:3, :3].T + matrix[:3, 3]
        if all(np.linalg.norm(there - known, axis=1).max() > least_mm for known, _ in kept):
            kept.append((there, matrix))
    return [matrix for _, matrix in kept[:count]]


def prepared(image: sitk.Image, modality: str, spacing_mm: float) -> sitk.Image:
    """The image at about this resolution, on a scale of about 0 to 1 that separates tissues."""
    small = sitk.Cast(grids.shrunk(image, spacing_mm * 0.75), sitk.sitkFloat32)
    return images.like(_compressed(images.array(small), modality), small)


def _even(values: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    """MR without the shading of a coil, by the mean nearby; its bright voxels count most, so that air counts little."""
    if not values.any():
        return values
    sigma = [SHADING_MM / each for each in spacing]
    total, squares = (
        ndimage.gaussian_filter(each, sigma, truncate=2.5) for each in (values, values**2)
    )
    noise = float(np.quantile(values[values > 0], DARK_SHARE))
    floor = np.clip(NOISE_FACTOR * noise, *FLOOR)
    mean = np.maximum(squares / np.maximum(total, 1e-6), floor)
    return np.minimum(USUAL * values / mean, 1.5).astype(np.float32)


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

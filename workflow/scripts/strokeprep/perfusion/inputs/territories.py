"""Territories of the brain's arteries on the grid of a series, and how much each voxel belongs to each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from strokeprep.perfusion.deconvolution import NotComputable
from strokeprep.perfusion.regions import RIGHT, Labels

# By default, the carotids feed a hemisphere each, but for what lies behind and below an oblique plane of the
# template: the occipital lobes, the cerebellum and most of the brainstem. It passes through the parieto-occipital
# sulcus and the tentorium: y = -54 mm at the level of the commissures, and further back above.
CAROTIDS = {1: "left carotid", 2: "right carotid"}
POSTERIOR = {3: "posterior circulation"}
POSTERIOR_MM, POSTERIOR_SLOPE = -54.0, -0.65
# Where territories meet, a voxel belongs to both: standard deviation of the Gaussian that blurs their border.
BLEND_MM = 5.0
# An artery belongs to a territory for certain where its share is at least this: one standard deviation from the border.
CERTAIN = 0.84


@dataclass(frozen=True)
class Territories:
    """Territories by name, and the share of each in every voxel; shares add up to one."""

    names: tuple[str, ...]
    shares: np.ndarray  # territories × voxels of the grid

    def certain(self, index: int) -> np.ndarray:
        """The voxels (bool) that surely belong to a territory."""
        return np.asarray(self.shares[index] >= CERTAIN)


def by_planes(to_template: np.ndarray, shape: tuple[int, ...], spacing: np.ndarray) -> Territories:
    """The territories of both carotids and of the posterior circulation; the affine maps voxels to the template."""
    axes = np.ogrid[tuple(slice(0, n) for n in shape)]
    x, y, z = (
        sum(step * axis for step, axis in zip(row[:3], axes, strict=True)) + row[3]
        for row in to_template
    )
    left, right = CAROTIDS
    (behind,) = POSTERIOR
    numbers = np.where(y < POSTERIOR_MM + POSTERIOR_SLOPE * z, behind, np.where(x > 0, right, left))
    return of_labels(numbers, CAROTIDS | POSTERIOR, spacing)


def of_atlas(
    labels: Labels, to_template: np.ndarray, shape: tuple[int, ...], spacing: np.ndarray
) -> Territories:
    """The regions of an atlas as territories, those that lie on both sides as two."""
    voxels = np.indices(shape).reshape(3, -1).T
    places = voxels @ to_template[:, :3].T + to_template[:, 3]
    found, right = labels.at(places), places[:, 0] > 0
    numbers = np.zeros(len(places), np.intp)
    names: dict[int, str] = {}
    for label, sides in labels.sides().items():
        for side in sides:
            inside = found == label
            name = labels.names[label]
            if len(sides) > 1:
                inside, name = inside & (right == (side == RIGHT)), f"{side} {name}"
            names[len(names) + 1] = name
            numbers[inside] = len(names)
    if not numbers.any():
        raise NotComputable("little-brain", "The slab holds no territory of the atlas")
    return of_labels(numbers.reshape(shape), names, spacing)


def of_labels(numbers: np.ndarray, names: dict[int, str], spacing: np.ndarray) -> Territories:
    """Territories drawn as labels, blended where they meet; what has no label belongs to the nearest."""
    if not numbers.all():
        nearest = ndimage.distance_transform_edt(
            numbers == 0, sampling=spacing, return_distances=False, return_indices=True
        )
        numbers = numbers[tuple(nearest)]
    inside = np.stack([numbers == number for number in names]).astype(np.float32)
    for each in inside:
        ndimage.gaussian_filter(each, BLEND_MM / spacing, output=each, mode="nearest", truncate=3.0)
    return Territories(tuple(names.values()), inside / inside.sum(0))

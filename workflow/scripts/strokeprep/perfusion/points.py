"""The points at which curves of the brain are measured, and how its voxels lie between them.

Curves of tissue are smooth, so where voxels are small, cells of some of them tell as much as all of them.
What is found at points is interpolated between them. Voxels of vessels are not smoothed: each is a point.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from strokeprep.perfusion import tissue as tissue_at_risk
from strokeprep.perfusion.curves import Series
from strokeprep.series.smoothing import Smoothing, rows_of_one
from strokeprep.settings.perfusion import TissueSettings

MOST = 0.5  # of a weight
LEAST = 1e-12  # weight of a point that stands for no voxel


@dataclass(frozen=True)
class Points:
    """Points, and the voxels for which they stand."""

    voxels: np.ndarray  # mask
    onto: sparse.csr_matrix  # voxels × points; rows add up to one
    vessel: np.ndarray  # bool: which points are single voxels of vessels

    @classmethod
    def of_voxels(cls, voxels: np.ndarray) -> Points:
        """Each voxel of a mask as a point of tissue."""
        count = np.count_nonzero(voxels)
        return cls(voxels, sparse.identity(count, np.float32, "csr"), np.zeros(count, bool))

    @property
    def vessels(self) -> np.ndarray:
        """The mask of the voxels of vessels, which follow each other as their points do."""
        return self._part(self._weight(self.vessel) > MOST)

    def volume(self, values: np.ndarray) -> np.ndarray:
        """The volume that holds values of points in the voxels, and zero elsewhere."""
        volume = np.zeros(self.voxels.shape, np.float32)
        volume[self.voxels] = self.onto @ values.astype(np.float32)
        return volume

    def means(self, values: np.ndarray) -> np.ndarray:
        """The mean of values (any × voxels) over the voxels for which each point stands; zero for none."""
        values = np.asarray(values, np.float32)
        weight = np.maximum(self.onto.T @ np.ones_like(values[0]), LEAST)
        return np.asarray((self.onto.T @ values.T).T / weight)

    def of(self, chosen: np.ndarray) -> Points:
        """The points that are chosen (bool), and the voxels that lie mostly between these."""
        rows = self._weight(chosen) > MOST
        return Points(
            self._part(rows), rows_of_one(self.onto[rows][:, chosen]), self.vessel[chosen]
        )

    def within(self, part: np.ndarray) -> np.ndarray:
        """Which points stand mostly for voxels in a part of the mask."""
        return self.means(part[self.voxels][None])[0] > MOST

    def smoothing(
        self, part: np.ndarray, chosen: np.ndarray, spacing: np.ndarray, mm: float, reach: float
    ) -> Smoothing:
        """A Gaussian mean of the chosen points, over the voxels in a part of the mask."""
        onto = self.onto[part[self.voxels]][:, chosen]
        return Smoothing(part, spacing, np.full(3, mm), reach, onto)

    def _weight(self, chosen: np.ndarray) -> np.ndarray:
        """How much of each voxel lies between the chosen points."""
        return np.asarray(self.onto @ chosen.astype(np.float32))

    def _part(self, chosen: np.ndarray) -> np.ndarray:
        """The mask of the voxels that are chosen."""
        part = np.zeros_like(self.voxels)
        part[self.voxels] = chosen
        return part


def measured(
    series: Series, solid: np.ndarray, frames: int, settings: TissueSettings
) -> tuple[Points, np.ndarray]:
    """The points of a mask, and their curves (HU over the mean of the first ``frames``).

    Tissue is smoothed without the vessels between.
    """
    vessel = tissue_at_risk.vessels(series.hu, frames, solid, series.spacing, settings)
    tissue = solid & ~vessel
    smoothing = tissue_at_risk.smoothing(tissue, series.spacing, settings.smoothing_fwhm_mm)
    cells, alone = smoothing.used, np.count_nonzero(vessel)
    curves = np.empty((len(cells) + alone, series.hu.shape[3]), np.float32)
    for part, means in smoothing.parts(series.hu):
        curves[: len(cells), part] = means[cells]
    curves[len(cells) :] = series.hu[vessel]
    curves -= curves[:, :frames].mean(1, keepdims=True)
    both = sparse.block_diag(
        [smoothing.onto[:, cells], sparse.identity(alone, np.float32)], "csr", np.float32
    )
    rows = np.concatenate([np.flatnonzero(each[solid]) for each in (tissue, vessel)])
    return Points(solid, both[np.argsort(rows)], np.arange(len(curves)) >= len(cells)), curves

"""Vascular models by several arterial inputs as one, where territories meet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from strokeprep.perfusion.inputs.local import Served
from strokeprep.perfusion.vascular import MAPS, TINY, Marginal, Vascular, vascular_maps
from strokeprep.settings.perfusion import PerfusionSettings

# Known up to a factor, so the mean is taken of their logarithms.
BY_FACTORS = ("cbf", "mtt")
LEAST_SHARE = 0.02  # of an input in a voxel; less makes no difference that can be seen


class Weighted(NamedTuple):
    """A model of some voxels, and how much it counts in each of them."""

    model: Vascular
    rows: np.ndarray  # of all voxels, those that it is of
    weight: np.ndarray


def model_of(
    curves: np.ndarray, served: Served, dt: float, settings: PerfusionSettings
) -> Vascular:
    """The vascular model of curves (voxels × frames, HU), each by the inputs that serve it."""
    late_s = settings.tissue.hypoperfused_tmax_s
    parts = []
    for (_, vessels, lag_s), share in zip(served.inputs, served.shares, strict=True):
        rows = share > LEAST_SHARE
        if not rows.any():
            continue
        model = vascular_maps(
            curves if rows.all() else curves[rows],
            vessels.aif,
            dt,
            settings.vascular,
            settings.maps,
            late_s,
            lag_s,
        )
        parts.append(Weighted(model, rows, share[rows]))
    return mixed(parts, len(curves)) if len(parts) > 1 else parts[0].model


def mixed(parts: Sequence[Weighted], count: int) -> Vascular:
    """One model of so many voxels, each by the inputs that count there.

    A voxel's posterior is the mixture of those by each input, so where these differ it is wider than any of them.
    """
    shares = np.zeros((len(parts), count), np.float32)
    for share, part in zip(shares, parts, strict=True):
        share[part.rows] = part.weight
    models = [part.model for part in parts]
    whole = _Mixture([part.rows for part in parts], _normalised(shares))
    mixture = whole.times([model.valid for model in models])
    maps, sd = {}, {}
    for name in MAPS:
        values = [model.maps[name] for model in models], [model.sd[name] for model in models]
        maps[name], sd[name] = (
            mixture.by_factors(*values) if name in BY_FACTORS else mixture.moments(*values)
        )
    late = mixture.mean([model.late for model in models])
    of_late = mixture.times([model.late for model in models])
    late_flow, late_flow_sd = of_late.log_normal(
        [model.late_flow for model in models], [model.late_flow_sd for model in models]
    )
    return Vascular(
        maps,
        sd,
        late,
        late_flow,
        late_flow_sd,
        mixture.weights.sum(0) > 0,
        whole.mean([model.left for model in models]),
        mixture.marginal([model.delay for model in models]),
        mixture.marginal([model.log_transit for model in models]),
    )


class _Mixture:
    """Means over models, each of some rows of all voxels."""

    def __init__(self, rows: Sequence[np.ndarray], weights: np.ndarray) -> None:
        self.rows, self.weights = rows, weights

    def mean(self, each: Sequence[np.ndarray]) -> np.ndarray:
        """The mean of values, or of rows of them."""
        first = each[0]
        total = np.zeros((self.weights.shape[1], *first.shape[1:]), np.float32)
        for rows, weight, values in zip(self.rows, self.weights, each, strict=True):
            factors = weight[rows].reshape(-1, *(1,) * (values.ndim - 1))
            total[rows] += factors * values
        return total

    def moments(
        self, means: Sequence[np.ndarray], sds: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of a mixture."""
        mean = self.mean(means)
        squares = [
            sd**2 + (value - mean[rows]) ** 2
            for rows, value, sd in zip(self.rows, means, sds, strict=True)
        ]
        return mean, np.sqrt(self.mean(squares))

    def log_normal(
        self, medians: Sequence[np.ndarray], log_sds: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Median of a mixture of log-normal distributions, and the deviation of its logarithm."""
        log, sd = self.moments([np.log(np.maximum(m, TINY)) for m in medians], log_sds)
        some = self.weights.sum(0) > 0
        return np.where(some, np.exp(log), 0), sd

    def by_factors(
        self, medians: Sequence[np.ndarray], sds: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """The same, with deviations of the values themselves."""
        log_sds = [sd / np.maximum(m, TINY) for m, sd in zip(medians, sds, strict=True)]
        median, log_sd = self.log_normal(medians, log_sds)
        return median, median * log_sd

    def times(self, each: Sequence[np.ndarray]) -> _Mixture:
        """The mixture in which each model counts by a value, too."""
        weights = np.zeros_like(self.weights)
        for weight, rows, own, values in zip(weights, self.rows, self.weights, each, strict=True):
            weight[rows] = own[rows] * values
        return _Mixture(self.rows, _normalised(weights))

    def marginal(self, each: Sequence[Marginal]) -> Marginal:
        """What all models together know of a quantity; a short series may not show all values to each.

        Priors differ by what inputs show of the amplitude alone, so that their mean serves all voxels.
        """
        values = np.unique(np.concatenate([marginal.values for marginal in each]))
        seen, usual = [], np.zeros(len(values))
        for marginal, share in zip(each, self.weights.mean(1), strict=True):
            columns = np.searchsorted(values, marginal.values)
            wide = np.zeros((len(marginal.seen), len(values)), np.float32)
            wide[:, columns] = marginal.seen
            seen.append(wide)
            usual[columns] += share * marginal.usual
        return Marginal(values, usual / usual.sum(), self.mean(seen))


def _normalised(weights: np.ndarray) -> np.ndarray:
    """Weights that add up to one where there are any."""
    total = weights.sum(0)
    return np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)

"""Settings of the perfusion maps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MapSettings:
    """The constants of the maps. Tmax volumes depend on them: change one, and say so."""

    rho: float = 1.04  # g/ml, density of brain
    kh: float = (1 - 0.45) / (1 - 0.25)  # large- over small-vessel plasma share (haematocrits)
    # Share of the largest singular value below which csvd drops the others. At 1 HU of noise, less
    # than 0.2 ranks transit times worse (r .89 at .15, .83 at .1), more lowers flow further.
    csvd_threshold: float = 0.2
    # osvd takes, voxel by voxel, the smallest threshold whose k oscillates less than this: the mean
    # size of the second differences of k at lags one second apart, as a share of its maximum.
    # (Over lags one frame apart, as usual, no target serves two frame intervals.)
    osvd_oscillation: float = 0.035
    osvd_step_s: float = 1.0
    osvd_thresholds: tuple[float, float, float] = (0.01, 0.95, 0.01)  # first, last, step
    tikhonov: float = 0.3  # of the largest singular value; the same trade (r .79 at .1)
    # Where the maximum of k is sought: an artery may feed tissue before the chosen one fills
    # (collaterals, chosen voxel downstream), and past 20 s there is only noise and recirculation.
    lags_s: tuple[float, float] = (-3.0, 20.0)

"""An arterial input for each territory of the brain.

Behind a narrow carotid blood comes late and dispersed. Compared with the artery of the other side, flow is then
too low there and transit too long. Each territory's artery is found by the rules for the whole brain and scaled
to the same vein. It is used where it explains its territory's curve better than the input of the whole brain
does; elsewhere that one serves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from strokeprep.perfusion.curves import (
    Series,
    convolution_matrix,
    likeness_of,
    standardised,
    transits,
)
from strokeprep.perfusion.deconvolution import NotComputable
from strokeprep.perfusion.inputs.territories import Territories
from strokeprep.perfusion.inputs.vessels import Search, Vessels
from strokeprep.perfusion.vascular import FINE
from strokeprep.settings.ctp.vessels import VesselSettings

# Blood on its way from one artery to another: least delay, others beyond it, and time constants of its dispersion (s).
EARLIEST_S = -3.0
DELAYS_S = np.arange(0, 11.1, 0.25)
SPREADS_S = (0.05, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)

WHOLE = "whole brain"
# An artery that lags less (s) holds the same blood; noise and neighbours bend its course more than that of the whole
# brain's input (docs/accuracy.md).
LEAST_LAG_S = 1.0
# An artery is not that of its tissue if it leaves this many times as much of the tissue's curve unexplained.
MOST_UNLIKE = 1.5
UNSCALED = "the input of the whole brain is not scaled to a vein"
SAME_BLOOD = "its own artery fills with that of the whole brain"
UNLIKE = "its own artery explains the curve of its tissue worse"


class Found(NamedTuple):
    """The artery that was found in a territory, beside the input of the whole brain."""

    lag_s: float  # after that input
    likeness: float  # of the territory's curve with that of the artery after transit
    whole_likeness: float  # the same of the input of the whole brain


@dataclass(frozen=True)
class Local:
    """The input of one territory, its own or that of the whole brain."""

    territory: str
    vessels: Vessels
    refused: str | None = None  # why the territory takes the input of the whole brain
    expected: bool = False  # that it does so: its own would be no better
    found: Found | None = None


class Input(NamedTuple):
    """An arterial input, and how much it lags behind that of the whole brain."""

    name: str
    vessels: Vessels
    lag_s: float


@dataclass(frozen=True)
class Served:
    """The inputs of some curves, and how much each counts for each of them."""

    inputs: tuple[Input, ...]
    shares: np.ndarray  # inputs × curves

    @property
    def scale_sd(self) -> float | np.ndarray:
        """The relative standard deviation of the input's scale."""
        each = [input_.vessels.scale_sd for input_ in self.inputs]
        if len(each) == 1:
            return each[0]
        return np.sqrt(np.square(each).astype(np.float32) @ self.shares)

    def of(self, chosen: np.ndarray) -> Served:
        """The same of the curves that are chosen (bool)."""
        return replace(self, shares=self.shares[:, chosen])


@dataclass(frozen=True)
class LocalInputs:
    """The inputs of all territories."""

    each: tuple[Local, ...]
    territories: Territories

    @property
    def own(self) -> list[Local]:
        """Those of territories that have one of their own."""
        return [local for local in self.each if local.refused is None]

    @property
    def warnings(self) -> list[str]:
        """Why territories take the input of the whole brain although their own may be better."""
        lacking: dict[str, list[str]] = {}
        for local in self.each:
            if local.refused is not None and not local.expected:
                lacking.setdefault(local.refused, []).append(local.territory)
        return [
            f"no input of its own for {' and '.join(names)}: {why}"
            for why, names in lacking.items()
        ]

    def served(self, where: tuple[np.ndarray, ...]) -> Served:
        """The inputs of some voxels, that of the whole brain first."""
        shares = np.stack([each[where] for each in self.territories.shares])
        whole = [local.refused is not None for local in self.each]
        inputs, found = [], []
        if any(whole):
            inputs.append(Input(WHOLE, self.each[whole.index(True)].vessels, 0.0))
            found.append(shares[whole].sum(0))
        for local, share in zip(self.each, shares, strict=True):
            if local.refused is None:
                lag_s = local.found.lag_s if local.found else 0.0
                inputs.append(Input(local.territory, local.vessels, lag_s))
                found.append(share)
        return Served(tuple(inputs), np.stack(found))


def served(vessels: Vessels, local: LocalInputs | None, where: tuple[np.ndarray, ...]) -> Served:
    """The inputs of some voxels (their indices): that of the whole brain, unless territories have any."""
    if local is None:
        ones = np.ones((1, len(where[0])), np.float32)
        return Served((Input(WHOLE, vessels, 0.0),), ones)
    return local.served(where)


def inputs(
    series: Series, search: Search, territories: Territories, settings: VesselSettings
) -> LocalInputs:
    """The input of each territory; ``search`` is how that of the whole brain was found."""
    each = []
    for index, name in enumerate(territories.names):
        part = replace(series, brain=series.brain & territories.certain(index))
        try:
            each.append(_of_territory(part, name, search, settings))
        except NotComputable as error:
            each.append(Local(name, search.vessels, refused=error.what))
    return LocalInputs(tuple(each), territories)


def _of_territory(series: Series, name: str, search: Search, settings: VesselSettings) -> Local:
    """The input of a territory, which is the brain of ``series``."""
    whole = search.vessels
    if not whole.has_area_of_vein:
        return Local(name, whole, UNSCALED)
    if (volume := series.brain.sum() * series.voxel_ml) < settings.least_brain_ml:
        return Local(name, whole, f"the slab holds {volume:.0f} ml of it", expected=True)
    own, mean = search.of_part(series, settings)
    lag = lag_s(whole.aif, own.aif, series.dt)
    found = Found(lag, own.likeness, likeness_of(whole.aif, mean, series.dt))
    if lag < LEAST_LAG_S:
        return Local(name, whole, SAME_BLOOD, expected=True, found=found)
    if not own.has_area_of_vein:
        return Local(name, whole, "; ".join(own.warnings), found=found)
    if 1 - found.likeness > MOST_UNLIKE * (1 - found.whole_likeness):
        return Local(name, whole, UNLIKE, found=found)
    return Local(name, own, found=found)


def lag_s(first: np.ndarray, later: np.ndarray, dt: float) -> float:
    """How much later (s) blood reaches one artery than another, on average over its ways."""
    time = np.arange(len(first)) * dt
    fine = np.arange(FINE * len(first)) * dt / FINE
    early = np.interp(fine - EARLIEST_S, time, first)
    passing = transits(len(fine), dt / FINE, DELAYS_S, SPREADS_S) @ convolution_matrix(early)
    best = int((standardised(passing) @ np.interp(fine, time, later)).argmax())
    delay, spread = np.unravel_index(best, (len(DELAYS_S), len(SPREADS_S)))
    return float(EARLIEST_S + DELAYS_S[delay] + SPREADS_S[spread])

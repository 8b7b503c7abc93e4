"""Boluses and tissue as patients have them, to settle and to judge estimators of perfusion.

Peak, width, tail, arrival, the vein's delay and the share of the artery's area in the vein's are drawn
from their distributions in 93 patients of ISLES'18, as a commercial package had chosen the vessels.
The distributions are those of single quantities; slow circulation makes width, arrival and the vein's
delay rise together, and partial volume makes the measured peak follow the share.

Arterial curves come in four families and residue functions in eight shapes. Settings are settled on
the first of each (``SETTLING``) and accepted on the others. Apart from the exponential, no shape is
one that the vascular model of :mod:`strokeprep.perfusion.vascular` assumes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from strokeprep.phantom.scan.bolus import KH, RHO

FINE = 0.05  # s
SHARES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
# The quantities of real boluses at those shares of patients. Least and most are set by hand.
REAL: dict[str, tuple[float, ...]] = {
    "peak_hu": (12, 17, 23, 40, 92, 215, 300),  # of the artery as measured
    "width_s": (8, 9, 10, 11, 15, 20, 25),  # of the artery at half its height
    "peak_s": (9, 10, 12, 15, 19, 26, 30),
    "tail": (0.08, 0.12, 0.16, 0.21, 0.26, 0.37, 0.45),  # the last five seconds over the peak
    "share": (0.09, 0.11, 0.20, 0.28, 0.48, 0.81, 0.95),  # of the artery's area in the vein's
    "vein_later_s": (3, 4, 5, 6, 7, 9, 11),  # from peak to peak
    "seconds": (40, 43, 43, 46, 49, 61, 70),  # of scanning
}
# How strongly a quantity follows its fellows.
SLOW = {"width_s": 0.7, "peak_s": 0.7, "vein_later_s": 0.7, "seconds": 0.5}
PURE = {"peak_hu": 0.95, "share": 0.95}
INTERVALS_S = (1.0, 1.0, 1.0, 1.5, 2.0, 3.0)
NOISE_HU = (3.0, 15.0)  # of single voxels, before any smoothing
TAIL_S = 5.0


# --- Arterial curves -----------------------------------------------------------------------


def _gamma_variate(t: np.ndarray) -> np.ndarray:
    return t**3 * np.exp(-1.5 * t)


def _injection(t: np.ndarray) -> np.ndarray:
    """A constant injection, dispersed on its way through the heart and lungs."""
    dispersion = t**2 * np.exp(-2.0 * t)
    return np.cumsum(dispersion) - _delayed(np.cumsum(dispersion), 2.5, t[1])


def _lagged_normal(t: np.ndarray) -> np.ndarray:
    """A Gaussian with an exponential tail."""
    return _convolved(np.exp(-0.5 * ((t - 3.5) / 0.9) ** 2), np.exp(-t / 1.2))


def _log_normal(t: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * (np.log(np.maximum(t, 1e-3) / 3) / 0.45) ** 2)


FAMILIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "gamma variate": _gamma_variate,
    "injection": _injection,
    "lagged normal": _lagged_normal,
    "log-normal": _log_normal,
}


@dataclass(frozen=True)
class Bolus:
    """The bolus of one patient and how it was scanned; quantities as in ``REAL``."""

    family: str
    peak_hu: float
    width_s: float
    peak_s: float
    tail: float
    share: float
    vein_later_s: float
    seconds: float
    interval_s: float
    noise_hu: float

    @property
    def times(self) -> np.ndarray:
        """The times of the frames (s)."""
        return np.arange(0, self.seconds, self.interval_s)

    @cached_property
    def pure(self) -> np.ndarray:
        """A fully arterial voxel (HU) every ``FINE`` seconds, with recirculation."""
        fine = np.arange(0, self.seconds + 30, FINE)
        first = self._first_pass(fine)
        returns = _delayed(np.cumsum(first), 8.0, FINE) * np.exp(-fine / 90)
        last = (fine > self.seconds - TAIL_S) & (fine <= self.seconds)
        lacking = max(self.tail - first[last].mean(), 0)
        curve = first + lacking / returns[last].mean() * returns
        return self.peak_hu / self.share * curve / curve[fine <= self.seconds].max()

    def _first_pass(self, fine: np.ndarray) -> np.ndarray:
        """The family's curve with the width and the peak of this bolus, and a height of one."""
        unit = np.arange(0, 40, 0.01)
        curve = FAMILIES[self.family](unit)
        high = unit[curve >= curve.max() / 2]
        stretch = self.width_s / (high[-1] - high[0])
        start = self.peak_s - stretch * unit[curve.argmax()]
        return np.interp((fine - start) / stretch, unit, curve / curve.max(), left=0.0, right=0.0)

    def artery(self, times: np.ndarray) -> np.ndarray:
        """The curve of a pure artery (HU)."""
        return np.interp(times, _grid(self.pure), self.pure)

    def vein(self, times: np.ndarray) -> np.ndarray:
        """The curve of a pure vein (HU): the artery's after transit through the brain."""
        transit = np.arange(0, 60, FINE)
        mean = 0.6 * self.vein_later_s
        passing = transit**2 * np.exp(-3 * transit / mean)
        late = _convolved(self.pure, passing / passing.sum())
        return np.interp(times - 0.4 * self.vein_later_s, _grid(late), late, left=0.0)

    def tissue(self, times: np.ndarray, mtt_s: float, delay_s: float, shape: str) -> np.ndarray:
        """The curve (HU) of tissue with 1 ml/100 g of blood; multiply by its volume."""
        left = residue(np.arange(0, self.seconds + 30, FINE), mtt_s, shape)
        curve = RHO / KH / 100 / mtt_s * FINE * _convolved(self.pure, left)
        return np.interp(times - delay_s, _grid(curve) + FINE / 2, curve, left=0.0)


@dataclass(frozen=True)
class Dispersed(Bolus):
    """A bolus whose blood took ways of many lengths, as behind a narrow artery; its area stays."""

    dispersion_s: float = 0.0  # mean of the times by which it is spread

    @cached_property
    def pure(self) -> np.ndarray:
        """A fully arterial voxel (HU) every ``FINE`` seconds."""
        ways = np.arange(0, 60, FINE) + FINE / 2
        spread = ways * np.exp(-2 * ways / self.dispersion_s)
        return _convolved(super().pure, spread / spread.sum())


def draw(random: np.random.Generator, families: Sequence[str] = tuple(FAMILIES)) -> Bolus:
    """The bolus of one patient."""
    slow, pure = random.standard_normal(2)
    values = {}
    for name, quantiles in REAL.items():
        along = SLOW.get(name, PURE.get(name, 0.0))
        with_others = pure if name in PURE else slow
        normal = along * with_others + math.sqrt(1 - along**2) * random.standard_normal()
        at = 0.5 * (1 + math.erf(normal / math.sqrt(2)))
        values[name] = float(np.interp(at, SHARES, quantiles))
    return Bolus(
        family=str(random.choice(families)),
        interval_s=float(random.choice(INTERVALS_S)),
        noise_hu=float(random.uniform(*NOISE_HU)),
        **values,
    )


# --- Residue functions ---------------------------------------------------------------------


def _exponential(t: np.ndarray) -> np.ndarray:
    return np.exp(-t)


def _linear(t: np.ndarray) -> np.ndarray:
    return np.maximum(1 - t / 2, 0)


def _half_gaussian(t: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * t**2)


def _two_paths(t: np.ndarray) -> np.ndarray:
    """Most of the blood takes a short way, the rest one of four times its length."""
    return 0.8 * np.exp(-((t / 0.65) ** 2)) + 0.2 * np.exp(-((t / 2.6) ** 2))


def _box(t: np.ndarray) -> np.ndarray:
    return (t < 1).astype(float)


def _gamma_variate_transits(t: np.ndarray) -> np.ndarray:
    """Transit times from a third on, distributed as a gamma variate."""
    s = np.maximum(t - 1 / 3, 0)
    return _left(s**1.5 * np.exp(-3.75 * s))


def _lagged_normal_transits(t: np.ndarray) -> np.ndarray:
    return _left(_convolved(np.exp(-0.5 * ((t - 0.5) / 0.15) ** 2), np.exp(-t / 0.5)))


def _log_normal_transits(t: np.ndarray) -> np.ndarray:
    return _left(np.exp(-0.5 * (np.log(np.maximum(t, 1e-6) / 0.85) / 0.55) ** 2) / (t + 1e-6))


RESIDUES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "exponential": _exponential,
    "linear": _linear,
    "half Gaussian": _half_gaussian,
    "two paths": _two_paths,
    "box": _box,
    "gamma variate": _gamma_variate_transits,
    "lagged normal": _lagged_normal_transits,
    "log-normal": _log_normal_transits,
}
SETTLING = (("gamma variate", "injection"), ("exponential", "half Gaussian", "log-normal", "box"))
ACCEPTING = (
    tuple(name for name in FAMILIES if name not in SETTLING[0]),
    tuple(name for name in RESIDUES if name not in SETTLING[1]),
)


def residue(t: np.ndarray, mtt_s: float, shape: str) -> np.ndarray:
    """The share of contrast that is left after t (s, evenly spaced); its area is MTT.

    Values are means over the steps of the grid: a short transit ends between two of its points.
    """
    unit, passed = _area_left(shape)
    edges = np.r_[t, 2 * t[-1] - t[-2]] / mtt_s
    return np.diff(np.interp(edges, unit, passed)) / np.diff(edges)


@lru_cache
def _area_left(shape: str) -> tuple[np.ndarray, np.ndarray]:
    """The area under a residue function with a mean transit of one, up to each time."""
    unit = np.arange(0, 30, 0.002)
    left = RESIDUES[shape](unit)
    area = np.r_[0, np.cumsum((left[1:] + left[:-1]) / 2)] * 0.002 / left[0]
    return unit / area[-1], area / area[-1]


# --- The digital phantom -------------------------------------------------------------------


@dataclass(frozen=True)
class Voxels:
    """Noise-free curves of tissue, and the truth of each voxel."""

    bolus: Bolus
    curves: np.ndarray  # voxels × frames, HU
    shape: np.ndarray
    cbf: np.ndarray  # ml/100 g/min
    cbv: np.ndarray  # ml/100 g
    mtt: np.ndarray  # s
    delay: np.ndarray  # s


# Flow and volume (ml/100 g/min, ml/100 g) of grey and white matter, each healthy, in penumbra and
# with much blood; and how far (as a share) single voxels lie from them.
TISSUES = ((60.0, 4.0), (25.0, 2.0), (20.0, 4.4), (10.0, 2.4), (85.0, 5.0))
APART = 0.15
DELAYS_S = (0.0, 8.0)


def voxels(random: np.random.Generator, bolus: Bolus, shapes: Sequence[str], each: int) -> Voxels:
    """Voxels of every shape (``each`` of it), of any tissue and delay."""
    shape = np.repeat(shapes, each)
    tissue = np.array(TISSUES)[random.integers(len(TISSUES), size=len(shape))]
    flow, volume = (tissue * np.exp(APART * random.standard_normal(tissue.shape))).T
    delay = random.uniform(*DELAYS_S, len(shape))
    mtt = 60 * volume / flow
    curves = [
        v * bolus.tissue(bolus.times, m, d, s)
        for v, m, d, s in zip(volume, mtt, delay, shape, strict=True)
    ]
    return Voxels(bolus, np.array(curves, np.float32), shape, flow, volume, mtt, delay)


# --- Helpers -------------------------------------------------------------------------------


def _grid(curve: np.ndarray) -> np.ndarray:
    return FINE * np.arange(len(curve))


def _delayed(curve: np.ndarray, seconds: float, step: float) -> np.ndarray:
    frames = round(seconds / step)
    return np.r_[np.zeros(frames), curve[: len(curve) - frames]]


def _convolved(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The beginning of the convolution of two curves, as long as the first."""
    size = len(a) + len(b)
    return np.fft.irfft(np.fft.rfft(a, size) * np.fft.rfft(b, size), size)[: len(a)]


def _left(transits: np.ndarray) -> np.ndarray:
    """The residue function of a distribution of transit times."""
    return 1 - np.cumsum(transits) / transits.sum()

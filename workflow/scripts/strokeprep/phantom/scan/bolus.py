"""Forward model of a contrast bolus: from flow, volume and delay to Hounsfield units.

C_t = (rho / kH) * (CBV / 100 / MTT) * (AIF convolved with R)(t - delay), with R scaled so that
its area is MTT. Curves are computed on a fine grid and sampled at the frame times, so that their
discretisation is not that of the deconvolution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RHO = 1.04  # g/ml, brain density
KH = (1 - 0.45) / (1 - 0.25)  # large- over small-vessel plasma share (haematocrit .45, .25)
FINE = 0.02  # s


@dataclass(frozen=True)
class Arterial:
    """A gamma-variate input function with recirculation."""

    peak_hu: float = 300.0
    arrival_s: float = 8.0
    shape: float = 3.0
    scale_s: float = 1.5
    recirculation_after_s: float = 14.0
    recirculation_scale_s: float = 3.0
    recirculation_share: float = 0.15  # of the first pass's peak


@dataclass(frozen=True)
class Tissue:
    """Perfusion of one kind of tissue; MTT follows from flow and volume."""

    cbf: float  # ml / 100 g / min
    cbv: float  # ml / 100 g
    delay_s: float

    @property
    def mtt_s(self) -> float:
        """Mean transit time by the central volume theorem."""
        return 60 * self.cbv / self.cbf


def gamma_variate(t: np.ndarray, start: float, shape: float, scale: float) -> np.ndarray:
    """Gamma variate with a peak of one, at start + shape * scale."""
    s = np.maximum(t - start, 0)
    return (s / (shape * scale)) ** shape * np.exp(shape - s / scale)


def arterial_curve(t: np.ndarray, bolus: Arterial, delay_s: float = 0.0) -> np.ndarray:
    """Enhancement (HU) of a fully arterial voxel at times t."""
    first = gamma_variate(t, bolus.arrival_s + delay_s, bolus.shape, bolus.scale_s)
    again = bolus.arrival_s + delay_s + bolus.recirculation_after_s
    second = gamma_variate(t, again, bolus.shape, bolus.recirculation_scale_s)
    return bolus.peak_hu * (first + bolus.recirculation_share * second)


def residue(t: np.ndarray, mtt_s: float, kind: str = "exponential") -> np.ndarray:
    """The residue function, scaled on this grid to an area of MTT."""
    shapes = {
        "exponential": np.exp(-t / mtt_s),
        "linear": np.maximum(1 - t / (2 * mtt_s), 0),
        "box": (t < mtt_s).astype(float),
    }
    curve = shapes[kind]
    return curve * (mtt_s / (curve.sum() * FINE))


def tissue_curve(
    t: np.ndarray, tissue: Tissue, bolus: Arterial, kind: str = "exponential"
) -> np.ndarray:
    """Enhancement (HU) of pure tissue at times t."""
    area_ratio = RHO / KH * tissue.cbv / 100
    return area_ratio * _transported(t, bolus, tissue.mtt_s, tissue.delay_s, kind)


def venous_curve(
    t: np.ndarray, bolus: Arterial, transit_s: float = 4.0, delay_s: float = 2.0
) -> np.ndarray:
    """Enhancement (HU) of a fully venous voxel: the input after exponential transit."""
    return _transported(t, bolus, transit_s, delay_s, "exponential")


def _transported(
    t: np.ndarray, bolus: Arterial, mtt_s: float, delay_s: float, kind: str
) -> np.ndarray:
    """(AIF convolved with R / MTT) at t - delay."""
    length = float(np.max(t)) + max(-delay_s, 0) + 1
    fine = np.arange(0, length, FINE)
    spread = residue(np.arange(0, 40 * mtt_s, FINE), mtt_s, kind)[: len(fine)] / mtt_s
    size = 2 * len(fine)  # long enough to avoid wrap-around
    spectrum = np.fft.rfft(arterial_curve(fine, bolus), size) * np.fft.rfft(spread, size)
    curve = np.fft.irfft(spectrum, size)[: len(fine)] * FINE
    curve[fine <= bolus.arrival_s] = 0  # where the transform leaves rounding errors
    return np.interp(np.asarray(t) - delay_s, fine, curve, left=0.0)

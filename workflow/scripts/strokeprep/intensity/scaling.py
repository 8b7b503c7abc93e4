"""Linear maps of grey levels: to a tissue peak, to mean and SD, to the percentiles of a template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from strokeprep.errors import StrokeprepError

if TYPE_CHECKING:  # it loads scipy, which most jobs that scale an image do without
    from strokeprep.intensity.bimodal import Gaussian

# The percentiles that are matched, as those of MINC's inormalize -range 1.
LOW, HIGH = 0.01, 0.99


@dataclass(frozen=True)
class Linear:
    """``slope`` × value + ``intercept``."""

    slope: float
    intercept: float

    def of(self, values: np.ndarray) -> np.ndarray:
        """The new values, in single precision; none is clipped."""
        return np.asarray(values, np.float32) * np.float32(self.slope) + np.float32(self.intercept)

    def facts(self) -> dict[str, float]:
        """The keys of a sidecar."""
        return {"Slope": self.slope, "Intercept": self.intercept}

    @classmethod
    def read(cls, sidecar: Mapping[str, Any]) -> Linear:
        """The map that a sidecar holds."""
        return cls(float(sidecar["Slope"]), float(sidecar["Intercept"]))


def to_peak(peak: Gaussian) -> Linear:
    """Gives a peak the mean 0 and the SD 1."""
    return Linear(1 / peak.sd, -peak.mean / peak.sd)


def to_zscore(values: np.ndarray, where: str = "image") -> Linear:
    """Gives values the mean 0 and the SD 1."""
    kept = np.asarray(values, np.float64)
    mean, sd = float(kept.mean()), float(kept.std())
    _refuse_flat(sd, where)
    return Linear(1 / sd, -mean / sd)


def to_percentiles(values: np.ndarray, model: np.ndarray, where: str = "image") -> Linear:
    """Gives values the 1st and 99th percentile of a model's values."""
    (low, high), (model_low, model_high) = (
        (float(each) for each in np.quantile(np.asarray(of, np.float64), (LOW, HIGH)))
        for of in (values, model)
    )
    _refuse_flat(high - low, where)
    slope = (model_high - model_low) / (high - low)
    return Linear(slope, model_low - low * slope)


def _refuse_flat(spread: float, where: str) -> None:
    if not spread > 0:
        raise StrokeprepError(
            "The brain of the image has one grey level",
            where,
            "Look at the image and at its brain mask, or set the normalisation to none.",
        )

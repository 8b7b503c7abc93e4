"""Robust statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# From the median absolute deviation to the standard deviation of normally distributed values.
MAD_TO_SD = 1.4826


def robust_sd(values: np.ndarray) -> float:
    """The standard deviation of normally distributed values, a few of which may be outliers."""
    import numpy as np  # the cohort's page needs the constant alone, and is made without numpy

    return float(MAD_TO_SD * np.median(np.abs(values - np.median(values))))

"""Diffusion: which volumes of a series are which, the trace image, and the diffusivity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from strokeprep.errors import StrokeprepError
from strokeprep.study.layouts.series import NO_WEIGHTING

# b-values of one shell differ by less than this.
SHELL = 75.0
# Diffusivity in 1e-6 mm2/s is a million times that in mm2/s.
PER_MM2 = 1e6


@dataclass(frozen=True)
class Shell:
    """Volumes of a series: those without weighting, those with one weighting, and its b-value."""

    unweighted: tuple[int, ...]
    weighted: tuple[int, ...]
    b_value: float | None


def adc(b0: np.ndarray, trace: np.ndarray, b_value: float) -> np.ndarray:
    """The apparent diffusion coefficient in 1e-6 mm2/s: ln(b0 / trace) / b.

    It is 0 where either image holds nothing, and negative where noise makes the trace the brighter.

    >>> adc(np.array([1000.0, 0.0]), np.array([1000 * np.exp(-0.8), 5.0]), 1000).round(3).tolist()
    [800.0, 0.0]
    """
    known = (b0 > 0) & (trace > 0)
    ratio = np.divide(b0, trace, out=np.ones(np.shape(b0)), where=known)
    return (np.log(ratio) / b_value * PER_MM2).astype(np.float32)


def geometric_mean(volumes: np.ndarray) -> np.ndarray:
    """The trace image of directions (last axis): its logarithm is the mean of theirs.

    A voxel in which a direction holds nothing is 0.
    """
    known = np.all(volumes > 0, axis=-1)
    logs = np.log(np.where(known[..., None], volumes, 1))
    return np.where(known, np.exp(logs.mean(axis=-1)), 0).astype(np.float32)


def shell(b_values: Sequence[float], wanted: tuple[float, float], where: str) -> Shell:
    """The volumes without weighting, and those of the largest shell with b-values in ``wanted``.

    Of two shells with as many volumes it is the one with the higher b-value.
    """
    unweighted = tuple(n for n, b in enumerate(b_values) if b <= NO_WEIGHTING)
    inside = [b for b in b_values if wanted[0] <= b <= wanted[1]]
    if not unweighted or not inside:
        lacks = (
            "no volume without diffusion weighting"
            if not unweighted
            else (f"no volume with a b-value from {wanted[0]:g} to {wanted[1]:g} s/mm2")
        )
        found = ", ".join(f"{b:g}" for b in sorted(set(b_values)))
        raise StrokeprepError(
            f"The diffusion series has {lacks}, but {found}",
            where,
            "Set intensity.b_values to the range that is wanted, or narrow study.patterns.dwi.",
        )
    middle = max(inside, key=lambda b: (_near(b_values, b), b))
    weighted = tuple(n for n, b in enumerate(b_values) if abs(b - middle) < SHELL)
    mean = float(np.mean([b_values[n] for n in weighted]))
    return Shell(unweighted, weighted, mean)


def _near(b_values: Sequence[float], middle: float) -> int:
    return sum(abs(b - middle) < SHELL for b in b_values)

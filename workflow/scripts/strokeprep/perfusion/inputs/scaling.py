"""Correct the arterial input for partial volume and drift, by the venous outflow.

All contrast that enters the brain leaves it, so the curve of a pure artery has the area of the
vein's. A small artery fills its voxels only in part, and its curve is too low: it is scaled to the
area of the vein. Residual motion and a short baseline add a linear drift to curves; the drift of the
input is estimated from its fit to other vessels, and subtracted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from strokeprep.perfusion.curves import (
    FINE_TRANSITS,
    convolution_matrix,
    share_left,
    transits,
)
from strokeprep.settings.ctp.vessels import VesselSettings

# What makes the area of the input uncertain (standard deviation, as a share of it): so much of the area that the
# artery does not explain of the vein's curve. Noise, a vein that is not pure and an artery whose course is off leave
# something there. And so much of the error of interpolation that frames show, as a head that moves blurs its veins.
# These make the errors of 58 static and 29 moving patients likeliest (docs/accuracy.md).
UNEXPLAINED, MOVED = 0.45, 0.3
# Without a vein all that is known is how much the share of the artery's area in the vein's varies among patients.
UNSCALED_SD = 0.6
# All that enters the brain leaves it, so a vein that holds less than this share of the artery's contrast is not
# pure, and does not tell how much of the artery's voxels is artery. Noise takes some 5 % of a factor.
LEAST_FACTOR = 0.9
CURVES_AT_A_TIME = 500  # each is compared with a thousand designs


def venous_scale(
    aif: np.ndarray,
    vof: np.ndarray | None,
    references: Sequence[Sequence[np.ndarray]],
    dt: float,
    settings: VesselSettings,
) -> tuple[float, np.ndarray, str | None]:
    """The factor that gives the input the area of the outflow, and the input's drift (HU).

    If they cannot be told, the factor is 1, the drift 0, and the third value says why. An input with
    the area of the vein needs no correction for partial volume: its factor is 1. The drift is
    estimated against the ``references``: for each kind of vessel, the curves of some slices.
    """
    no_drift = np.zeros_like(aif)
    if vof is None:
        return 1.0, no_drift, "no vein was found"
    tail = share_left(vof)
    if tail > settings.most_tail:
        return 1.0, no_drift, f"{tail:.0%} of its peak is left at the end"
    factor = area_factor(aif, vof, dt)
    if not 0 < factor <= settings.most_factor:
        return 1.0, no_drift, f"it would take a factor of {factor:.1f}"
    # Each reference drifts, too. The median of slices and the mean of kinds of vessel drift less.
    kinds = [_drifts(aif, slices, dt) for slices in references]
    if any(kinds):
        drift = np.mean([np.median(drifts, axis=0) for drifts in kinds if drifts], axis=0)
    else:
        drift = no_drift
    factor = area_factor(aif - drift, vof, dt)
    if factor < LEAST_FACTOR:
        return 1.0, no_drift, f"the vein holds only {factor:.0%} of the artery's contrast"
    return max(factor, 1.0), drift, None


def _drifts(aif: np.ndarray, slices: Sequence[np.ndarray], dt: float) -> list[np.ndarray]:
    """The drift of the input against the vessels of each slice; slices that do not enhance give none."""
    fits = [_fit(aif, curves, dt) for curves in slices]
    return [-lines.sum(0) / factors.sum() for factors, lines in fits if factors.sum() > 0]


def area_factor(aif: np.ndarray, vof: np.ndarray, dt: float) -> float:
    """The area of the outflow over that of the input after transit, as far as the series shows both.

    The transit is the one that makes the input most like the outflow. A height fitted frame by frame also
    follows the artery's noise and the tissue around it: with the truth known, areas of 23 inputs varied by
    3.2 %, so scaled by 1.8 %.
    """
    return float(vof.sum() / _outflow(aif, vof, dt).sum())


def unexplained_area(aif: np.ndarray, vof: np.ndarray, dt: float) -> float:
    """The most area that what the input after transit does not explain of the outflow can have, as a share of it."""
    outflow = _outflow(aif, vof, dt)
    left = vof - (outflow @ vof) / (outflow @ outflow) * outflow
    return float(len(vof) ** 0.5 * np.linalg.norm(left) / abs(vof.sum()))


def _outflow(aif: np.ndarray, vof: np.ndarray, dt: float) -> np.ndarray:
    """The input after the transit that makes it most like the outflow."""
    outflows = _outflows(aif, dt)
    alike = outflows @ vof / np.linalg.norm(outflows, axis=1)
    return np.asarray(outflows[alike.argmax()])


def _fit(aif: np.ndarray, curves: np.ndarray, dt: float) -> tuple[np.ndarray, np.ndarray]:
    """Fit each curve as factor × input after transit + line; the factors and the lines.

    The line takes up drift: veins lie next to bone, where residual motion adds a slope with about as
    much area as the bolus.
    """
    frames = curves.shape[1]
    line = np.stack([np.ones(frames), np.linspace(-1, 1, frames)], axis=1)
    outflows = _outflows(aif, dt)
    designs = np.empty((len(outflows), frames, 3))
    designs[..., 0] = outflows
    designs[..., 1:] = line
    base, mix = np.linalg.qr(designs)
    parts = np.split(curves, range(CURVES_AT_A_TIME, len(curves), CURVES_AT_A_TIME))
    fits = np.concatenate([_best_fits(base, mix, part) for part in parts])
    return fits[:, 0], fits[:, 1:] @ line.T


def _outflows(aif: np.ndarray, dt: float) -> np.ndarray:
    """The input after each transit (transits × frames); in a short series, some transits never end."""
    outflows = transits(len(aif), dt, *FINE_TRANSITS) @ convolution_matrix(aif)
    return np.asarray(outflows[outflows.any(axis=1)])


def _best_fits(base: np.ndarray, mix: np.ndarray, curves: np.ndarray) -> np.ndarray:
    """Coefficients of each curve in the design (base @ mix) that explains most of its variance."""
    projected = np.swapaxes(base, 1, 2) @ curves.T  # designs x 3 x curves
    best = np.sum(projected**2, axis=1).argmax(0)
    chosen = projected[best, :, np.arange(len(curves))]
    return np.linalg.solve(mix[best], chosen[..., None])[..., 0]

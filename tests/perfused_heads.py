"""A synthetic perfusion series of a small head: known vessels, a late right hemisphere."""

from __future__ import annotations

import numpy as np
from strokeprep.perfusion.curves import Series
from strokeprep.phantom.scan.bolus import (
    Arterial,
    Tissue,
    arterial_curve,
    tissue_curve,
    venous_curve,
)

SHAPE, FRAMES = (44, 44, 6), 60
# Stored right to left: the first voxel is the rightmost.
AFFINE = np.diag([-3.0, 3.0, 6.0, 1.0]) + np.array([[0, 0, 0, 60], *[[0] * 4] * 3])
BOLUS = Arterial(peak_hu=280, arrival_s=9.5)
ARTERY = (slice(14, 16), slice(20, 22), slice(1, 4))
VEIN = (slice(21, 23), slice(5, 7), slice(1, 5))
NOISE_HU = 4.0


def head(times=None, artery=1.0, noise=NOISE_HU, delay=0.0) -> Series:
    """Grey and white matter in a skull, an artery, a vein; the right hemisphere (x < 0) is late."""
    times = np.arange(FRAMES, dtype=float) if times is None else times
    x, y, _ = np.indices(SHAPE) - (np.array(SHAPE) / 2 - 0.5)[:, None, None, None]
    radius = np.hypot(x, y)
    brain, skull = radius < 17, (radius >= 18) & (radius < 20)
    grey = radius > 11
    hu = np.zeros((*SHAPE, len(times)), np.float32)
    hu[radius >= 20] = -1000
    for mask, base, kind in (
        (brain & grey & (x > 0), 36, Tissue(60, 4, 1)),
        (brain & ~grey & (x > 0), 28, Tissue(25, 2, 1.5)),
        (brain & grey & (x < 0), 36, Tissue(20, 4.4, 6)),
        (brain & ~grey & (x < 0), 28, Tissue(10, 2.4, 6)),
    ):
        hu[mask] = base + tissue_curve(times - delay, kind, BOLUS)
    hu[skull] = 1000
    hu[ARTERY] = 40 + artery * arterial_curve(times - delay, BOLUS)
    hu[VEIN] = 40 + venous_curve(times - delay, BOLUS)
    hu[brain] += np.random.default_rng(5).normal(0, noise, hu[brain].shape)
    return Series(np.rint(hu).astype(np.int16), brain, AFFINE, 1.0)


# A head like that, whose hemispheres have an artery each and meet at the template's mid-plane.
TWO_SIDED = AFFINE + np.array([[0, 0, 0, 4.5], *[[0] * 4] * 3])
OWN_ARTERY = (slice(10, 12), slice(20, 22), slice(1, 4))  # of the right side
OTHER_ARTERY = (slice(32, 34), slice(20, 22), slice(1, 4))


def two_sided_head(dispersion_s=0.0, later_s=0.0, artery=1.0, noise=NOISE_HU) -> Series:
    """The same tissue on both sides; the blood of the right one (x > 0) comes late and dispersed."""
    times = np.arange(FRAMES, dtype=float)
    x, y, _ = np.indices(SHAPE) - (np.array(SHAPE) / 2 - 0.5)[:, None, None, None]
    radius = np.hypot(x, y)
    brain, skull = radius < 17, (radius >= 18) & (radius < 20)
    hu = np.zeros((*SHAPE, FRAMES), np.float32)
    hu[radius >= 20] = -1000
    for right, side in ((True, x < 0), (False, x > 0)):
        behind = (dispersion_s, later_s) if right else (0.0, 0.0)
        for mask, base, kind in (
            (radius > 11, 36, Tissue(60, 4, 1)),
            (radius <= 11, 28, Tissue(25, 2, 1.5)),
        ):
            fine = dispersed(lambda t, kind=kind: tissue_curve(t, kind, BOLUS), times, *behind)
            hu[brain & side & mask] = base + fine
        pure = dispersed(lambda t: arterial_curve(t, BOLUS), times, *behind)
        hu[OWN_ARTERY if right else OTHER_ARTERY] = 40 + (artery if right else 1.0) * pure
    hu[skull] = 1000
    hu[VEIN] = 40 + venous_curve(times, BOLUS)
    hu[brain] += np.random.default_rng(5).normal(0, noise, hu[brain].shape)
    return Series(np.rint(hu).astype(np.int16), brain, TWO_SIDED, 1.0)


def dispersed(curve, times: np.ndarray, mean_s: float, later_s: float) -> np.ndarray:
    """A curve whose blood took ways of many lengths, ``mean_s`` on average beyond a delay."""
    step = 0.05
    fine = np.arange(0, times[-1] + 1, step)
    values = curve(fine)
    if mean_s:
        ways = np.exp(-fine / mean_s)
        values = np.convolve(values, ways / ways.sum())[: len(fine)]
    return np.interp(times - later_s, fine, values, left=0.0)

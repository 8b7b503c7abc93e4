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

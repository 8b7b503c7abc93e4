"""What of a perfusion series gives no maps, or maps with a warning."""

from __future__ import annotations

import numpy as np

from strokeprep.perfusion.curves import Series, share_left
from strokeprep.perfusion.deconvolution import NotComputable
from strokeprep.settings.ctp.vessels import VesselSettings

CLIPPED_FRAMES = 3  # at the largest value of the series: the peak of a bolus is not flat


def check_brain(series: Series, settings: VesselSettings) -> list[str]:
    """Refuse a slab with next to no brain; warn of little brain and of metal."""
    warnings = []
    volume = series.brain.sum() * series.voxel_ml
    if volume < settings.least_brain_ml:
        raise NotComputable("little-brain", f"The slab holds {volume:.0f} ml of brain")
    if volume < settings.low_brain_ml:
        warnings.append(f"the slab holds only {volume:.0f} ml of brain")
    metal = (series.hu[..., 0][series.brain] > settings.metal_hu).sum() * series.voxel_ml
    if metal > settings.metal_ml:
        warnings.append(f"{metal:.1f} ml of metal in the brain: streaks corrupt curves near it")
    return warnings


def check_passage(mean: np.ndarray, settings: VesselSettings) -> list[str]:
    """Refuse a series without a bolus, or without its end; warn of one that ends early."""
    if len(mean) < 4 * settings.least_baseline_frames:
        raise NotComputable("truncated-bolus", f"The series has only {len(mean)} frames")
    if mean.max() < settings.least_enhancement_hu:
        raise NotComputable("no-bolus", f"The brain enhances by {mean.max():.1f} HU at most")
    left = share_left(mean)
    if left > settings.most_brain_left:
        raise NotComputable("truncated-bolus", f"{left:.0%} of the brain's peak is left at the end")
    if left > settings.brain_left:
        return [f"{left:.0%} of the peak is left at the end: volume is underestimated"]
    return []


def check_artery(
    series: Series, voxels: np.ndarray, aif: np.ndarray, settings: VesselSettings
) -> None:
    """Refuse an input that is cut off, does not enhance, or does not fall again."""
    count, ceiling = clipped(series, voxels)
    if count:
        raise NotComputable(
            "saturated", f"The artery's curve is cut off at {ceiling:.0f} HU in {count} voxels"
        )
    if aif.max() <= 0 or aif.sum() <= 0:
        raise NotComputable("no-aif", "The voxels of the arterial input do not enhance")
    left = share_left(aif)
    if left > settings.most_artery_left:
        raise NotComputable(
            "truncated-bolus", f"{left:.0%} of the artery's peak is left at the end"
        )


def clipped(series: Series, voxels: np.ndarray) -> tuple[int, float]:
    """The number of voxels whose peak is cut off, and the value (HU) at which it is."""
    ceiling = float(series.hu.max())
    at_ceiling = (series.curves(voxels) >= ceiling - 1).sum(1)
    return int((at_ceiling >= CLIPPED_FRAMES).sum()), ceiling

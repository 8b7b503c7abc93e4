"""Settings of the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class GateSettings:
    """Limits of the gate, and which refusals a study has decided to live with."""

    # Checks that shall warn instead of refuse; only tolerable ones.
    tolerate: tuple[str, ...] = ()
    # The config's own times of perfusion frames, which beat those of sidecars.
    frame_times: float | tuple[float, ...] | str | None = None
    # Headers are float32: two grids meant to be one differ by this much at most (mm).
    grid_rounding_mm: float = 0.01
    # Beyond this share of a voxel, labels at a border change hands.
    grid_mismatch_voxels: float = 0.05
    # Quaternions in single precision over a 250 mm head are good for a few hundredths (mm).
    forms_rounding_mm: float = 0.1
    # Less than any voxel edge in use, more than any rounding (mm).
    forms_mismatch_mm: float = 1.0
    # Head scans run from 0.2 mm (CT) to 10 mm slices (old CTP); beyond twice that is an error.
    voxel_mm: tuple[float, float] = (0.1, 20.0)
    # The longest side: a child's head slab, and aortic arch to vertex with room around it.
    extent_mm: tuple[float, float] = (60.0, 1500.0)
    # Scanner tables travel 2 m; float32 loses hundredths of a millimetre beyond some metres.
    farthest_mm: float = 5000.0
    # Slice positions are logged to 0.1 mm; the share of the spacing covers thick slices.
    uneven_mm: float = 0.15
    uneven_share: float = 0.05
    # Scans have thousands of grey levels; masks and thresholded images a few.
    fewest_values: int = 8
    # De-tilted and resampled scans carry some empty slices at their ends.
    empty_slices: float = 0.25
    # The extended CT scale ends at 30 710 HU (16 bit); above it unsigned values wrapped round.
    highest_hu: float = 32767.0
    # Soft tissue to bone alone spans more (HU); CT normalised to 0..1 or 0..10 less.
    least_hu_range: float = 50.0
    # Brain makes up about 12 % of a head CT's field of view, more than bone ever does.
    tissue_share: float = 0.02
    # Air with noise, partial volume, and lungs in a CTA from the arch (HU).
    air_hu: tuple[float, float] = (-1150.0, -650.0)
    # Metal and calcium reach the ceiling in well below 1 % of voxels, burnt-in windows in more.
    saturated_share: float = 0.01
    # Gibbs ringing and filters leave less below zero in magnitude images.
    negative_share: float = 0.01
    # Median of tissue and fluid in 1e-6 mm2/s: acute infarcts 400, fluid 3000.
    adc_median: tuple[float, float] = (100.0, 5000.0)
    # A first pass takes some 20 s; ten frames of 2 s are the least that show it.
    fewest_frames: int = 10
    # No infarct or vessel label fills half of a field of view.
    label_share: float = 0.5

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> GateSettings:
        """The settings a config section gives; what it leaves out stays as it is here."""
        known = {each.name for each in fields(cls)}
        return cls(
            **{
                key: tuple(value) if isinstance(value, list | tuple) else value
                for key, value in config.items()
                if key in known
            }
        )

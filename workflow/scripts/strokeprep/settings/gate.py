"""Settings of the gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from strokeprep.settings.field import setting

Tolerable = Literal[
    "voxel_size",
    "forms",
    "slice_positions",
    "hu_scale",
    "inverted",
    "saturated",
    "swapped",
    "duplicate",
    "named_date",
    "named_number",
    "two_patients",
]


@dataclass(frozen=True)
class GateSettings:
    """What raw files must be before anything is computed from them (docs/gate.md)."""

    tolerate: tuple[Tolerable, ...] = setting(
        (),
        "Checks that shall warn instead of refuse, for a study whose quirk is known to be "
        "harmless.",
        unique=True,
    )
    grid_rounding_mm: float = setting(
        0.01,
        "Largest distance (mm) between corners of two grids that are taken for one. Headers are "
        "single precision.",
        above=0,
    )
    grid_mismatch_voxels: float = setting(
        0.05,
        "Share of a voxel beyond which images of one scan, or a mask and its image, lie on two "
        "grids; below it the gate warns. Labels at a border change hands from there on.",
        above=0,
    )
    forms_rounding_mm: float = setting(
        0.1,
        "Largest distance (mm) between corners by qform and by sform without a word. Quaternions "
        "in single precision are good for a few hundredths over a head.",
        above=0,
    )
    forms_mismatch_mm: float = setting(
        1,
        "The same beyond which a file is refused: more than any rounding, less than a voxel.",
        above=0,
    )
    voxel_mm: tuple[float, float] = setting(
        (0.1, 20),
        "Smallest and largest edge (mm) of a voxel that can be. Head scans have 0.2 to 10 mm.",
    )
    extent_mm: tuple[float, float] = setting(
        (60, 1500),
        "Smallest and largest longest side (mm) of an image: a slab of a child's head, a CTA from "
        "the aortic arch.",
    )
    farthest_mm: float = setting(
        5000,
        "How far (mm) an image may lie from the scanner's centre. Tables travel 2 m.",
        above=0,
    )
    uneven_mm: float = setting(
        0.15,
        "Largest difference (mm) between distances of slices listed in a sidecar. Positions are "
        "logged to 0.1 mm.",
        above=0,
    )
    uneven_share: float = setting(
        0.05,
        "The same as a share of the distance, for thick slices; the larger of the two counts.",
        above=0,
    )
    fewest_values: int = setting(
        8,
        "Fewest different values in an image; masks and thresholded images have less.",
        at_least=1,
    )
    empty_slices: float = setting(
        0.25,
        "Share of slices of one value from which on the gate warns. De-tilted scans have some.",
        above=0,
    )
    highest_hu: float = setting(
        32767,
        "Largest value of a CT. The extended scale ends at 30710 HU; above are unsigned values "
        "that wrapped.",
        above=0,
    )
    least_hu_range: float = setting(
        50,
        "Smallest range (HU) of a CT. Soft tissue to bone alone spans more; normalised images "
        "less.",
        above=0,
    )
    tissue_share: float = setting(
        0.02,
        "Smallest share of a CT from -20 to 100 HU. A brain is about 0.12 of a head CT's field of "
        "view.",
        above=0,
    )
    air_hu: tuple[float, float] = setting(
        (-1150, -650),
        "Lowest and highest value (HU) that the air of a CT may have, noise, and lungs of a CTA "
        "included.",
    )
    saturated_share: float = setting(
        0.01,
        "Share of voxels with the largest value from which on a window was burnt in. Metal and "
        "calcium stay below.",
        above=0,
    )
    negative_share: float = setting(
        0.01,
        "Share of negative voxels in a magnitude image from which on the gate warns.",
        above=0,
    )
    adc_median: tuple[float, float] = setting(
        (100, 5000),
        "Lowest and highest median of an ADC map in 1e-6 mm2/s. Infarcts have 400, fluid has 3000.",
    )
    fewest_frames: int = setting(
        10,
        "Fewest frames of a series that can show a bolus pass.",
        at_least=1,
    )
    label_share: float = setting(
        0.5,
        "Share of an image that a label may fill before the gate warns.",
        above=0,
    )
    # The config's own times of perfusion frames (ctp.frame_times), which beat those of sidecars.
    frame_times: float | tuple[float, ...] | str | None = None

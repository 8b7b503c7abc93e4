"""Settings of the vessels of a CT perfusion series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from strokeprep.settings.field import setting


@dataclass(frozen=True)
class VesselSettings:
    """When a series is refused or maps are made with a warning."""

    least_baseline_frames: int = setting(
        3,
        "Fewest seconds before contrast arrives. A baseline of two is off by 0.7 of the noise at "
        "every frame.",
        at_least=2,
    )
    least_enhancement_hu: float = setting(
        1.5,
        "Least enhancement of the whole brain (HU); usual are 4 to 10.",
        at_least=0,
    )
    most_brain_left: float = setting(
        0.8,
        "Most of the brain's peak that may be left at the end; above it the transit was not seen.",
        at_most=1,
        above=0,
    )
    brain_left: float = setting(
        0.4,
        "The same, above which maps come with a warning that volume is underestimated.",
        at_most=1,
        above=0,
    )
    most_artery_left: float = setting(
        0.5,
        "Most of the artery's peak that may be left at the end; above it the bolus was not seen.",
        at_most=1,
        above=0,
    )
    least_brain_ml: float = setting(
        30,
        "Least brain in the slab (mL); less has no healthy side to compare with.",
        at_least=0,
    )
    low_brain_ml: float = setting(
        150,
        "The same, below which maps come with a warning; about 2 cm of both hemispheres.",
        at_least=0,
    )
    metal_hu: float = setting(2500, "Above this (HU) is metal; bone stays below.")
    metal_ml: float = setting(
        0.1,
        "So much metal in the brain (mL) gives a warning that streaks corrupt curves.",
        at_least=0,
    )
    most_factor: float = setting(
        14,
        "Largest factor by which the input is scaled to the vein. The arteries of 93 patients had "
        "a tenth of the area of their veins or more; noise takes some of it. More is no partial "
        "volume: the vein or the artery is wrong, and the input is left as it is with a warning.",
        at_least=1,
    )

    inputs: Literal["global", "local"] = setting(
        "global",
        "Whether one arterial input serves the whole brain, or each territory has its own where one is "
        "seen that explains its tissue better (docs/report.md). Behind a narrow carotid blood comes late "
        "and dispersed, so that the artery of the other side makes flow too low and transit too long. "
        "Tmax is always by one input.",
    )
    territories: str | None = setting(
        None,
        "Name of the atlas of perfusion.atlases whose regions, split by side, are the territories of local "
        "inputs: a few large ones, since each needs an artery and perfusion.vessels.least_brain_ml of brain. By "
        "default they are those of both carotids and of the posterior circulation.",
    )

    # How artery and vein are chosen. The config cannot set these.

    # A candidate before contrast (HU): not bone, air, calcium or metal.
    base_hu: tuple[float, float] = (0.0, 90.0)
    # Curves are reduced to a line and so many courses, those of this share of the brain's highest: a
    # vessel that fills a seventh of its voxels is hardly seen in single ones otherwise.
    waves: int = 5
    highest: float = 0.02
    # Its peak is at least this multiple of the brain's noise in single frames,
    noise_ratio: float = 1.5
    # and this multiple of the peak of the brain's mean curve: lower ones are mostly tissue.
    over_brain: float = 3.5
    # Before the brain is half filled an artery holds this much more of all its contrast than the brain,
    # as a share of it: 0.11 to 0.23 in 90 % of patients drawn like real ones. Grey matter, veins and
    # arteries beyond an occlusion have less than 0.05.
    early: float = 0.06
    # An artery has a neighbour with this share of its early contrast. Noise has no neighbours.
    paired: float = 0.3
    # Fewer candidates than this are no vessel.
    least_voxels: int = 2
    # The curve of a vessel is the mean of its tallest voxels. They are few, since the rims of
    # vessels are diluted: this many, or on fine grids as many as fill this volume. Voxels that are
    # tallest by noise are too tall, and a baseline of few voxels is off by enough to change the
    # area of a one-minute curve by 5 %.
    most_voxels: int = 8
    arterial_ml: float = 0.03
    venous_ml: float = 0.2
    # Voxels are kept above this share of a robust maximum: the second highest, or the 95th
    # percentile. Lower voxels hold tissue. A vein gives the area, so its rims do not count; an
    # artery is scaled to it, and more voxels mean less noise.
    arterial_purity: float = 0.6
    venous_purity: float = 0.96
    # The course of the input is that of more voxels. What they hold of tissue changes it less than noise does.
    course_ml: float = 0.1
    course_purity: float = 0.3
    # Drifts are measured on veins alone; for them a voxel that is partly tissue will do.
    venous_part: float = 0.6
    # Least correlation of the brain's mean curve with the artery's curve after its passage through
    # tissue, and of the vein's curve with the same. Motion and drift explain neither.
    arterial_likeness: float = 0.95
    venous_likeness: float = 0.95
    # How far below the best candidate's a correlation may be, apart from what its noise explains. An
    # artery that does not move explains nearly all of the brain's curve. Edges that move in time with
    # the bolus come close, with areas up to twice too large; veins are diluted more than arteries are.
    likeness_slack: float = 0.004
    venous_slack: float = 0.01
    # The vein's peak comes this long after the artery's (s).
    venous_delay_s: tuple[float, float] = (2.0, 15.0)
    # Veins are sought this far outside the brain mask (mm): the sinuses lie in the dura.
    venous_reach_mm: float = 8.0
    # Vessels this close to bone are left out (mm in plane; bone in the slice or its neighbours).
    # With head motion the edge of bone passes through the voxels next to it. What correction leaves
    # adds more than the bolus to a sinus, and a false tail of a tenth of its area to a carotid.
    from_bone_mm: float = 2.0
    bone_hu: float = 150.0
    # Only frames that moved are blurred by interpolation. Beside a slice with a little bone that
    # made a sinus 2 HU too high for most of a minute, and its area 8 % too large; edges of bone rise higher
    # than any vein. So this error, at its largest, is at most this share of a vein's peak.
    venous_error: float = 0.05
    # A vein's voxel is judged by the mean of its neighbours within this distance in the slice. Of
    # single voxels those with a low baseline look highest: on a grid of 0.4 mm areas came out 4 %
    # too large.
    around_mm: float = 1.0
    # The input is scaled to the vein unless this share of the vein's peak is left at the end, which
    # means that its area is not complete.
    most_tail: float = 0.75

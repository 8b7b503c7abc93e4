"""Settings of the choice of artery and vein."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class VesselSettings:
    """What counts as a bolus, an artery and a vein."""

    # Refusals: below or beyond these, maps would be numbers without meaning.
    least_baseline_frames: int = 3  # a baseline of two is off by .7 of the noise, at every frame
    least_enhancement_hu: float = 1.5  # of the brain on average, at its peak; usual is 4 to 10
    most_brain_left: float = 0.7  # of the brain's peak at the end: transit was not seen
    most_artery_left: float = 0.5  # of the artery's peak at the end: the bolus was not seen
    least_brain_ml: float = 30.0  # less has no healthy side to compare with
    # Warnings: the maps are made, their user should look.
    low_brain_ml: float = 150.0  # about 2 cm of both hemispheres
    brain_left: float = 0.4  # volume and transit time are underestimated
    metal_hu: float = 2500.0  # coils, clips; bone stays below
    metal_ml: float = 0.1
    # Candidates.
    base_hu: tuple[float, float] = (0.0, 90.0)  # before contrast: not bone, air, calcium, metal
    noise_ratio: float = 6.0  # peak over the voxel's own baseline noise
    height: float = 0.3  # of the tallest candidates: lower ones are mostly tissue ...
    over_brain: float = 5.0  # ... as are those lower than this many times the brain's mean curve
    # Score (Straka's weights): height as share of the tallest, arrival and width in s, each over a
    # fixed scale, since z-scores magnify the noise of whichever feature the candidates agree in.
    weights: tuple[float, float, float] = (1.0, -3.5, -1.0)
    scales: tuple[float, float, float] = (0.25, 3.0, 3.0)
    best_share: float = 0.1  # of the candidates, by score, of which clusters are made ...
    best_voxels: int = 20  # ... and at least so many
    least_voxels: int = 2  # of a cluster: noise has no neighbours
    # Averaged are the tallest voxels, and few of them, as the rims of vessels are diluted: so many,
    # or on fine grids what fills this much. The tallest by noise are too tall, and a baseline of
    # few voxels is off by enough to change the area of a minute's curve by a twentieth.
    most_voxels: int = 8
    arterial_ml: float = 0.03
    venous_ml: float = 0.06
    # Of the height of the second tallest, or the twentieth part of them. A lower voxel holds tissue:
    # a vein gives the area, so its rims do not count; an artery has hardly any other voxels.
    arterial_purity: float = 0.85
    venous_purity: float = 0.98
    venous_part: float = 0.6  # for drifts alone: there a voxel that is partly tissue will do
    # Correlations: of the brain's mean curve with what an artery's curve becomes on its way through
    # tissue, and of a vein's with what the artery's becomes. What moves or drifts explains nothing.
    arterial_likeness: float = 0.95
    # Nearly all of the brain's curve is explained by an artery that lies still; edges that nod in
    # time with the bolus come close, with areas up to half too large.
    likeness_slack: float = 0.004  # below the best of the candidates
    venous_likeness: float = 0.95
    # Below the best: edges that nod rise higher than veins, and come to .97 where veins have .99.
    venous_slack: float = 0.01
    # What is left of a vein's curve without the course of those nearly as high as the highest is
    # noise, alike in all: at most so many times the median of theirs. Edges that nod leave thrice.
    venous_height: float = 0.9
    venous_rest: float = 1.5
    venous_delay_s: tuple[float, float] = (2.0, 15.0)  # of the vein's peak after the artery's
    venous_reach_mm: float = 8.0  # outside the brain mask: the sinuses lie in the dura
    # Vessels at bone are left out: its edge passes through the voxels next to it as the head nods,
    # and what is left of that adds to a sinus more than the bolus, to a carotid a false tail of a
    # tenth of its area. In plane, of bone in the slice or its neighbours.
    from_bone_mm: float = 2.0
    bone_hu: float = 150.0
    # Interpolation blurs frames that moved and no others: beside a slice with a little bone that made
    # a sinus 2 HU too high for most of a minute, and its area 8 % too large. So many times of what it
    # may change is taken off a vein's height before heights are compared.
    venous_blur_weight: float = 3.0
    # A vein's voxel is judged by the mean of those so near in its slice. Judged alone, those with a
    # low baseline look highest, and areas on a grid of .4 mm came out 4 % too large.
    around_mm: float = 1.0
    # Scaling of the input to the area under the vein.
    most_tail: float = 0.3  # of the vein's peak, at the end: its area is not complete
    # Seconds of zero that hold the vein's line back. Of veins whose voxels were judged alone, noise that
    # looks like a slope made the areas of 22 heads wrong by 1.8 % (rms) without them, by 1.4 % with
    # them; most of a true slope stays out.
    line_stiffness_s: float = 25.0
    # An artery of 2.5 mm along a slice of 7 mm. More is no partial volume: vein or artery is wrong.
    most_factor: float = 3.0

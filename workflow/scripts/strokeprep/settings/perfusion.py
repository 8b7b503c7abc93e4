"""Settings of CT perfusion: frames, vessels, maps, and tissue at risk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from strokeprep.settings.field import setting
from strokeprep.settings.study import NAME, AtlasSettings, atlases_of, schema_of_atlases

# Points of a vessel (RAS, mm), or the path of its mask.
Given = tuple[tuple[float, ...], ...] | str


class GivenVessels(NamedTuple):
    """The vessels of one series that were given by hand; None is found automatically."""

    aif: Given | None = None
    vof: Given | None = None


AUTOMATIC = GivenVessels()
METHOD = "vascular"
ATLASES = (
    "Atlases whose regions are measured on both sides, such as vascular territories or the regions "
    "of ASPECTS, by what the table calls them. Hemispheres are measured without any."
)


@dataclass(frozen=True)
class CtpSettings:
    """CT perfusion series."""

    frame_times: float | tuple[float, ...] | str | None = setting(
        None,
        "When the frames of every series were taken: the interval or a list of times (s), or "
        "header to believe the NIfTI header; null reads FrameTimesStart, VolumeTiming or "
        "RepetitionTime from each sidecar and stops where there is none. A wrong interval makes "
        "maps that look right.",
    )


@dataclass(frozen=True)
class MapSettings:
    """Constants of the maps. Tmax volumes depend on them, so published numbers need the values."""

    rho: float = setting(1.04, "Density of brain (g/mL).", above=0)
    kh: float = setting(
        (1 - 0.45) / (1 - 0.25),
        "Share of plasma in large vessels over that in small ones, from haematocrits of 0.45 and "
        "0.25.",
        above=0,
    )
    csvd_threshold: float = setting(
        0.2,
        "Share of the largest singular value below which csvd drops the others. Less ranks "
        "transit times worse at 1 HU of noise, more lowers flow further.",
        at_most=1,
        above=0,
    )
    osvd_oscillation: float = setting(
        0.035,
        "How much the residue function of a voxel may oscillate under osvd (mean second "
        "difference over 1 s, as a share of its maximum). At 1 HU of noise more ranks transit "
        "times worse.",
        at_most=1,
        above=0,
    )
    osvd_step_s: float = setting(
        1.0,
        "The lag (s) of those differences. Over lags of one frame no one limit would serve series "
        "of different intervals.",
        above=0,
    )
    osvd_thresholds: tuple[float, float, float] = setting(
        (0.01, 0.95, 0.01),
        "The shares of the largest singular value that osvd tries (first, last, step), the "
        "smallest first. Larger steps take less time.",
        at_most=1,
        above=0,
    )
    tikhonov: float = setting(
        0.3,
        "Regularisation of tikhonov, as a share of the largest singular value.",
        at_most=1,
        above=0,
    )
    lags_s: tuple[float, float] = setting(
        (-3.0, 20.0),
        "Where the maximum of the residue function is sought (s after the arterial input). Tissue "
        "may be fed before the chosen artery; past 20 s there are noise and recirculation.",
    )


@dataclass(frozen=True)
class VascularSettings:
    """Constants of the vascular model: its dictionary and its prior."""

    transit_s: tuple[float, float] = setting(
        (1.5, 30.0), "Shortest and longest mean transit time of the dictionary (s).", above=0
    )
    transit_steps: int = setting(14, "Number of mean transit times.", at_least=2)
    shapes: tuple[float, ...] = setting(
        (1.0, 4.0, 30.0),
        "Shapes of the gamma distribution of transit times: 1 makes an exponential residue "
        "function, 30 nearly a box.",
        above=0,
        fewest=1,
    )
    delay_s: tuple[float, float] = setting(
        (-2.0, 13.0), "First and last delay of the dictionary (s after the arterial input)."
    )
    delay_step_s: float = setting(0.75, "Step between delays (s).", above=0)
    prior_transit_s: float = setting(5.0, "Median of the prior of transit times (s).", above=0)
    prior_transit_spread: float = setting(
        0.6, "Standard deviation of the prior of the logarithm of transit times.", above=0
    )
    prior_delay_s: float = setting(2.0, "Mean of the prior of delays (s).")
    prior_delay_spread_s: float = setting(
        3.0, "Standard deviation of the prior of delays (s).", above=0
    )
    neighbours_mm: float = setting(
        8.0, "Width (mm, at half height) of where a voxel's priors are from.", above=0
    )
    neighbours_rounds: int = setting(
        3, "How often these change. With 0 each voxel stands alone.", at_least=0
    )
    neighbours_open: float = setting(
        0.05, "Share of a prior that neighbours have no say in.", at_most=1, above=0
    )
    neighbours_held: float = setting(
        0.7, "Power of the usual prior that stays. Less enlarges core.", at_least=0, at_most=1
    )
    noise_frames: float = setting(
        20.0,
        "How many frames the noise of the whole series counts for beside a voxel's own.",
        at_least=0,
    )
    misfit: float = setting(
        0.08,
        "Share of a curve's own deviation that counts as error of the model, since no tissue has "
        "exactly the transit times of an entry. Less understates the uncertainty at 0.1 HU of "
        "noise.",
        at_least=0,
    )


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


@dataclass(frozen=True)
class TissueSettings:
    """Thresholds of core, penumbra and mismatch."""

    smoothing_fwhm_mm: float = setting(
        5,
        "In-plane smoothing of the series before the maps (mm). Slices are thick, and their noise "
        "is independent.",
        at_least=0,
    )
    tissue_hu: tuple[float, float] = setting(
        (15.0, 90.0),
        "HU of brain tissue before contrast, above CSF and below bone.",
    )
    vessel_cbv: float = setting(
        2.5,
        "Blood volume, as a multiple of the median, above which a voxel is a vessel.",
        above=0,
    )
    tmax_s: tuple[float, ...] = setting(
        (4.0, 6.0, 8.0, 10.0),
        "Thresholds of Tmax (s) whose volumes are reported.",
        fewest=1,
    )
    hypoperfused_tmax_s: float = setting(
        6.0,
        "Tmax (s) above which tissue is hypoperfused, as in DEFUSE 3 and most trials since.",
    )
    late_delay_s: float = setting(3.0, "Delay (s) above which it is late in the table of regions.")
    severe_tmax_s: float = setting(
        10.0,
        "Tmax (s) above which it is severely so, for the hypoperfusion index.",
    )
    rcbf: tuple[float, ...] = setting(
        (0.2, 0.3, 0.34, 0.38),
        "Shares of healthy flow whose volumes are reported.",
        fewest=1,
    )
    core_rcbf: float = setting(
        0.3,
        "Share of healthy flow below which tissue is core, as in DEFUSE 3.",
    )
    likely_rcbf: tuple[float, float] = setting(
        (0.25, 0.6),
        "Shares of healthy flow below which late tissue is core, and core or penumbra, in the maps of "
        "probability. Late is there what has a delay and half a transit time above "
        "hypoperfused_tmax_s together. Tissue with good collaterals fills late, but flows well.",
        at_most=1,
        above=0,
    )
    core_is_late: bool = setting(
        True,
        "Whether core must also be hypoperfused; low flow without delay is white matter or an old "
        "scar.",
    )
    midline_mm: float = setting(
        5,
        "Distance (mm) from the mid-plane within which tissue is on neither side.",
        at_least=0,
    )
    least_reference_ml: float = setting(
        20,
        "Least healthy tissue (mL) that flow may be compared with.",
        at_least=0,
    )
    least_cluster_ml: float = setting(
        1,
        "Smaller clusters (mL) are noise and left out.",
        at_least=0,
    )


@dataclass(frozen=True)
class PerfusionSettings:
    """Perfusion maps of CT perfusion series."""

    method: Literal["vascular", "osvd", "csvd", "tikhonov"] = setting(
        METHOD,
        "Of flow, volume and transit time. vascular compares each curve with a dictionary of "
        "vascular models, and is nearest to the truth; osvd chooses the truncation per voxel by "
        "how much the result oscillates; csvd and tikhonov regularise all voxels alike. Tmax "
        "beside vascular is that of osvd. Delay and all uncertainties are those of vascular.",
    )
    scale_to_vein: bool = setting(
        True,
        "Scale the arterial input to the area under the venous outflow, and take off it the drift "
        "that it shows against veins and other arteries. Arteries are thinner than voxels; "
        "without scaling flow and volume come out too high.",
    )
    rim_mm: float = setting(
        2,
        "Width (mm) of the rim of the brain that is left out, a voxel at least. What is left of "
        "the motion brings bone in and out there, which looks like much contrast that comes late.",
        at_least=0,
        at_most=20,
    )
    skip: tuple[str, ...] = setting(
        (),
        'Subjects, without "sub-" and in quotes, whose CT perfusion is known to be unusable; no '
        "maps are made for them.",
        pattern=NAME,
        unique=True,
    )
    aif: Mapping[str, Given] = setting(
        {},
        "Arterial inputs given by hand, by subject: points ([[x, y, z], …], RAS mm in the world "
        "of the motion-corrected series) or a mask file on its grid. All others are found "
        "automatically.",
    )
    vof: Mapping[str, Given] = setting({}, "The same for venous outflows.")
    atlases: dict[str, AtlasSettings] = setting(
        {}, ATLASES, schema=schema_of_atlases(ATLASES), read=atlases_of
    )
    maps: MapSettings = MapSettings()
    vascular: VascularSettings = VascularSettings()
    vessels: VesselSettings = VesselSettings()
    tissue: TissueSettings = TissueSettings()

    @property
    def deconvolution(self) -> str:
        """The method of Tmax; thresholds of Tmax are those of deconvolution."""
        return "osvd" if self.method == "vascular" else self.method

    def shared(self) -> PerfusionSettings:
        """What holds for every subject, so that a change for one runs no other again."""
        return replace(self, skip=(), aif={}, vof={}, atlases={})

    def given(self, subject: str) -> GivenVessels:
        """The vessels that were given by hand for a subject."""
        return GivenVessels(self.aif.get(subject), self.vof.get(subject))

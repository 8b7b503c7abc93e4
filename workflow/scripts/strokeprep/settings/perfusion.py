"""Settings of CT perfusion: frames, vessels, maps, and tissue at risk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from strokeprep.settings.ctp.vessels import VesselSettings
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

"""Settings of registration, of the location of a head in the template, and of head motion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from strokeprep.settings.field import setting


@dataclass(frozen=True)
class Engine:
    """A program that finds rigid and affine transforms: how it runs, and what is said of it."""

    name: str
    runs: str  # "module:function"
    about: str  # how the config's description goes on after its name
    methods: str = ""  # what the methods text adds to a sentence on transforms
    cites: tuple[str, ...] = ()

    def code(self) -> Callable[..., Any]:
        """The function that does the work; loading it may take seconds."""
        module, _, function = self.runs.partition(":")
        return getattr(import_module(module), function)


OWN = "own"
ENGINES = {
    engine.name: engine
    for engine in (
        Engine(
            OWN,
            "strokeprep.registration.linear:fitted",
            about="is this project's and takes seconds",
        ),
        Engine(
            "ants",
            "strokeprep.registration.ants_engine:fitted",
            about="is ANTs, which takes several times as long",
            methods="found by ANTs",
            cites=("avants2011",),
        ),
    )
}


@dataclass(frozen=True)
class SynSettings:
    """ANTs SyN, for registration.to_template: syn."""

    voxel_mm: float = setting(
        3.0, "Voxel size (mm) at which SyN compares brain and template.", at_least=1, at_most=8
    )
    metric: Literal["mattes", "CC"] = setting(
        "mattes",
        "What SyN compares. Local correlation (CC) is usual for MR, but it follows the noise of CT: "
        "on a synthetic NCCT it moved points by up to 20 mm.",
    )
    sampling: int = setting(
        32, "Histogram bins of mattes, or the radius in voxels of CC.", at_least=1
    )
    iterations: tuple[int, ...] = setting(
        (40, 20, 10),
        "Iterations at each resolution, the coarsest first.",
        at_least=0,
        fewest=1,
    )
    total_sigma: float = setting(
        3,
        "Smoothing of the whole deformation. With 0, SyN left deformed brains further off than the "
        "affine transform did.",
        at_least=0,
    )


@dataclass(frozen=True)
class FitSettings:
    """What a rigid or affine fit compares, and which of its results are refused."""

    near_brain_mm: float = setting(
        20.0,
        "Distance (mm) from the brain within which heads are compared. Skull and scalp move with "
        "the brain; jaw, neck and head rest do not.",
        above=0,
    )
    least_overlap: float = setting(
        0.4,
        "A result in which a smaller share of the points lies in both images is refused.",
        at_least=0,
        at_most=1,
    )
    least_information: float = setting(
        0.05,
        "A result whose normalised mutual information is smaller is refused.",
        at_least=0,
        at_most=1,
    )
    scales: tuple[float, float] = setting(
        (0.7, 1.4),
        "An affine transform that shrinks or stretches the image beyond these factors is refused.",
        above=0,
    )


@dataclass(frozen=True)
class RegistrationSettings:
    """How scans are brought into one space."""

    engine: str = setting(
        OWN,
        "Program that finds rigid and affine transforms, of scans to their reference and of brains "
        f"to the template: {'; '.join(f'{e.name} {e.about}' for e in ENGINES.values())}.",
        choices=tuple(ENGINES),
    )
    to_reference: Literal["rigid", "affine"] = setting(
        "rigid",
        "Freedom of a scan's transform to its subject's reference. One head does not change its "
        "size; affine is for scanners with wrong voxel sizes or strong DWI distortion.",
    )
    to_template: Literal["affine", "bspline", "syn"] = setting(
        "affine",
        "Freedom of the transform to the template. An affine cannot bend a lesion into healthy "
        "shape. bspline bends the brain smoothly by mutual information, the lesion left out of "
        "the cost; syn is ANTs' diffeomorphism, the lesion left out as well.",
    )
    most_warp_mm: float = setting(
        25.0,
        "A warp to the template that moves any point of the brain further (mm) is refused.",
        above=0,
    )
    fit: FitSettings = FitSettings()
    syn: SynSettings = SynSettings()


@dataclass(frozen=True)
class HeadSettings:
    """How a whole head may lie in the template. A fit outside of these limits is refused."""

    scale: tuple[float, float] = setting(
        (0.7, 1.3), "Smallest and largest size of a head by that of the template's.", above=0
    )
    most_stretch: float = setting(
        1.45,
        "Largest ratio of the scale along one axis to that along another.",
        at_least=1,
    )
    most_degrees: float = setting(
        50.0, "Largest rotation (degrees) of a head against the template.", above=0, at_most=180
    )
    least_explained: float = setting(
        0.25,
        "Smallest share of the image's variance that the tissues of the template explain.",
        at_least=0,
        at_most=1,
    )
    least_covered: float = setting(
        0.25,
        "Smallest share of the template's brain that the image shows.",
        at_least=0,
        at_most=1,
    )
    most_warp_mm: float = setting(
        25.0, "Largest displacement (mm) of the warp that follows the affine fit of a CT.", above=0
    )


@dataclass(frozen=True)
class MotionSettings:
    """Head motion in CT perfusion series."""

    still_mm: float = setting(
        0.2,
        "A head that moves less than this (mm) is treated as still: interpolation would blur its "
        "frames more than the correction would improve them.",
        at_least=0,
    )
    most_misfit_left: float = setting(
        0.5,
        "A move of at most 1 mm that leaves a larger share of the misfit counts as none. Series "
        "that were corrected before seem to move a little, since interpolation blurred them; real "
        "moves leave 0.01 to 0.2.",
        above=0,
        at_most=1,
    )
    outlier_sd: float = setting(
        5.0,
        "A frame is left out if its residual exceeds the median by this many standard deviations "
        "and by motion.outlier_hu.",
        above=0,
    )
    outlier_hu: float = setting(
        6.0,
        "The least by which it exceeds the median (HU). Interpolation alone adds up to 3 HU to the "
        "residual of a frame that moved.",
        at_least=0,
    )
    farthest_mm: float = setting(
        10.0,
        "Frames in which the head lies further (mm) from the reference pose are left out.",
        above=0,
    )
    farthest_deg: float = setting(
        10.0,
        "The same for its rotation (degrees).",
        above=0,
    )
    least_bolus_hu: float = setting(
        10.0,
        "Enhancement (HU) below which a series is taken to show no contrast.",
        above=0,
    )
    reference_frames: int = setting(
        5,
        "Frames whose mean is the reference. More would only blur it.",
        at_least=1,
    )


# For what is computed without a config.
REGISTRATION, FIT = RegistrationSettings(), FitSettings()
HEAD, MOTION = HeadSettings(), MotionSettings()

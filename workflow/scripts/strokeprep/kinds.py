"""Kinds of scans, images, maps and labels: one row for each, with all that is known of it.

A new kind of scan is a new row of ``KINDS``. What reads raw BIDS, checks, moves, names and shows
images takes it from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeVar

# The grid of a file that lies on its own scan's.
NATIVE = "native"
# Where maps of cerebral perfusion lie, whatever they were measured with.
PERFUSION = "perf"
# How an image is written in other spaces, by its ``desc-`` entity; whole images have none. The
# reference of a subject is always written stripped as well.
WHOLE, MEAN, STRIPPED = None, "mean", "brain"


@dataclass(frozen=True, kw_only=True)
class ScanKind:
    """A sort of acquisition. Its images share a grid, a face and a transform."""

    name: str  # in from- and space- entities, in the config and in tables
    title: str  # on pages
    modality: Literal["ct", "mr", "map"]
    datatype: str  # BIDS folder of its images
    mask_datatype: str  # and of masks drawn on it
    views: tuple[str | None, ...] = ()  # what is written of its images in other spaces
    also_in: str = ""  # another folder that some converters write raw images of it to
    acq: str = ""  # every image of it is told apart by this acq-, since all CT has one suffix
    ce: str = ""  # every image of it has a ce-: this one, unless its name gives another
    mask_acq: str = ""  # its masks get this acq-, where the folder holds another scan's masks
    may_repeat: bool = False  # whether a session may have several, told apart by their entities
    is_slab: bool = False  # whether it shows a part of the head by design
    ndim: int = 3
    is_reference: bool = False  # whether other scans may be registered to it
    has_perfusion: bool = False  # whether perfusion maps are computed from it
    window_hu: tuple[float, float] = (-5, 85)  # CT on pages; MR is shown by its own brightness


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A sort of image, and of which scan."""

    name: str  # in the config, and as a role in layouts
    called: str  # in sidecars
    suffix: str
    scan: ScanKind
    quantity: Literal["hounsfield", "diffusivity", "signal", "map"] = "signal"
    unit: str = ""
    desc: str | None = None  # of a map that shares its suffix with another
    label: str | None = None  # of a map of probability: what is probable

    @property
    def modality(self) -> str:
        """``ct``, ``mr``, or ``map`` for what is computed."""
        return self.scan.modality

    @property
    def ndim(self) -> int:
        """4 with a time axis, else 3."""
        return self.scan.ndim


@dataclass(frozen=True, kw_only=True)
class LabelKind:
    """A sort of mask or segmentation and the entities that name it."""

    name: str
    called: str  # in sidecars
    suffix: str = "mask"  # or dseg
    seg: str | None = None
    label: str | None = None
    desc: str | None = None
    mask_type: str | None = None  # as BIDS has it
    title: str = ""  # on pages
    drawn_on: str = ""  # the scan that a manual label is drawn on, unless a file's name says so

    @property
    def entities(self) -> dict[str, str]:
        """Its own entities, in any order."""
        given = {"seg": self.seg, "label": self.label, "desc": self.desc}
        return {key: value for key, value in given.items() if value}

    @property
    def is_manual(self) -> bool:
        """Whether it comes with a study rather than being computed."""
        return bool(self.drawn_on)


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Row = TypeVar("_Row", bound=_Named)


def _by_name(rows: Iterable[_Row]) -> dict[str, _Row]:
    return {row.name: row for row in rows}


_DWI = ScanKind(
    name="dwi",
    title="DWI",
    modality="mr",
    datatype="dwi",
    mask_datatype="dwi",
    views=(STRIPPED,),
    is_reference=True,
)


_T1W = ScanKind(
    name="t1w",
    title="T1w",
    modality="mr",
    datatype="anat",
    mask_datatype="anat",
    views=(STRIPPED,),
    may_repeat=True,
    is_reference=True,
)

# Of one scan's images, the first kind listed stands for the scan. Names are lower case: what tells
# two scans of a kind apart is added to them with a capital.
KINDS: dict[str, Kind] = _by_name(
    (
        Kind(
            name="ncct",
            called="non-contrast CT",
            suffix="ct",
            quantity="hounsfield",
            unit="HU",
            scan=ScanKind(
                name="ncct",
                title="NCCT",
                modality="ct",
                datatype="ct",
                mask_datatype="anat",
                also_in="anat",
                views=(WHOLE, STRIPPED),
                acq="ncct",
                is_reference=True,
            ),
        ),
        Kind(
            name="cta",
            called="CT angiogram",
            suffix="ct",
            quantity="hounsfield",
            unit="HU",
            scan=ScanKind(
                name="cta",
                title="CTA",
                modality="ct",
                datatype="ct",
                mask_datatype="anat",
                also_in="anat",
                views=(WHOLE,),
                acq="cta",
                is_reference=True,
                window_hu=(-20, 320),
            ),
        ),
        Kind(
            name="ctp",
            called="CT perfusion series",
            suffix="ct",
            quantity="hounsfield",
            unit="HU",
            scan=ScanKind(
                name="ctp",
                title="CTP",
                modality="ct",
                datatype="ct",
                mask_datatype="anat",
                also_in="anat",
                views=(MEAN,),
                acq="ctp",
                is_slab=True,
                ndim=4,
                has_perfusion=True,
            ),
        ),
        Kind(name="b0", called="diffusion image without weighting", suffix="S0map", scan=_DWI),
        Kind(name="trace", called="trace-weighted diffusion image", suffix="trace", scan=_DWI),
        Kind(
            name="adc",
            called="apparent diffusion coefficient",
            suffix="ADC",
            quantity="diffusivity",
            scan=_DWI,
        ),
        Kind(name="t1w", called="T1-weighted image", suffix="T1w", scan=_T1W),
        Kind(
            name="t1wce",
            called="T1-weighted image after contrast agent",
            suffix="T1w",
            scan=replace(_T1W, name="t1wce", title="T1w with contrast", ce="gadolinium"),
        ),
        Kind(
            name="t2w",
            called="T2-weighted image",
            suffix="T2w",
            scan=replace(_T1W, name="t2w", title="T2w", mask_acq="t2w"),
        ),
        Kind(
            name="flair",
            called="T2-weighted image with dark fluid (FLAIR)",
            suffix="FLAIR",
            scan=replace(_T1W, name="flair", title="FLAIR", mask_acq="flair"),
        ),
        Kind(
            name="swi",
            called="susceptibility-weighted image",
            suffix="swi",
            scan=replace(
                _T1W, name="swi", title="SWI", mask_acq="swi", also_in="swi", is_reference=False
            ),
        ),
        Kind(
            name="t2star",
            called="T2*-weighted image",
            suffix="T2starw",
            scan=replace(_T1W, name="t2star", title="T2*w", mask_acq="t2star", is_reference=False),
        ),
        Kind(
            name="tof",
            called="time-of-flight angiogram",
            suffix="angio",
            scan=replace(
                _T1W,
                name="tof",
                title="TOF",
                mask_acq="tof",
                views=(WHOLE,),  # a slab shows too little of the head to find the brain by
                is_slab=True,
                is_reference=False,
            ),
        ),
        Kind(
            name="pwi",
            called="MR perfusion series (DSC)",
            suffix="dsc",
            scan=ScanKind(
                name="pwi",
                title="PWI",
                modality="mr",
                datatype=PERFUSION,
                mask_datatype=PERFUSION,
                views=(MEAN,),
                ndim=4,
            ),
        ),
    )
)
KIND_ORDER = {name: index for index, name in enumerate(KINDS)}
SCANS: dict[str, ScanKind] = _by_name(kind.scan for kind in KINDS.values())


def scan_kind(name: str) -> ScanKind | None:
    """The kind of a scan by the scan's name; None if it is no scan's, but a template's."""
    kind = re.match(r"[a-z0-9]*", name)
    return SCANS.get(kind.group()) if kind else None


REFERENCES = tuple(scan.name for scan in SCANS.values() if scan.is_reference)

_PERFUSION_MAPS = ScanKind(
    name="ctp", title="CTP", modality="map", datatype=PERFUSION, mask_datatype=PERFUSION
)
# Images that are computed from a scan rather than found.
MAPS: dict[str, Kind] = _by_name(
    Kind(
        name=name,
        called=f"map of {called}",
        suffix=name,
        scan=_PERFUSION_MAPS,
        quantity="map",
        unit=unit,
    )
    for name, called, unit in (
        ("cbf", "cerebral blood flow", "mL/100 g/min"),
        ("cbv", "cerebral blood volume", "mL/100 g"),
        ("mtt", "mean transit time", "s"),
        ("tmax", "the time to the maximum of the residue function", "s"),
        ("delay", "the delay of arrival after the arterial input, by the vascular model", "s"),
    )
)

# What else the vascular model says, on the grid of the series alone.
_SPREAD = "standard deviation of transit times within a voxel"
MODEL_MAPS: dict[str, Kind] = _by_name(
    Kind(
        name=name,
        called=f"{called}, by the vascular model",
        suffix=suffix,
        scan=_PERFUSION_MAPS,
        quantity="map",
        unit=unit,
        desc="sd" if name.endswith("_sd") else None,
        label=name.partition("_")[0] if suffix == "probseg" else None,
    )
    for name, called, suffix, unit in (
        ("spread", _SPREAD, "spread", "s"),
        *((f"{n}_sd", f"uncertainty (1 SD) of the {m.called}", n, m.unit)
          for n, m in MAPS.items() if n != "tmax"),
        ("spread_sd", f"uncertainty (1 SD) of the {_SPREAD}", "spread", "s"),
        ("core_probability", "probability that tissue is core", "probseg", ""),
        ("penumbra_probability", "probability that tissue is penumbra", "probseg", ""),
    )
)  # fmt: skip
PROBABILITIES = tuple(name for name, kind in MODEL_MAPS.items() if kind.suffix == "probseg")

# Labels that come with a study.
LABELS: dict[str, LabelKind] = _by_name(
    (
        LabelKind(
            name="lesion",
            called="Infarct, drawn by hand",
            label="L",
            desc="infarct",
            mask_type="Lesion",
            title="lesion",
            drawn_on="dwi",
        ),
        LabelKind(
            name="lvo",
            called="Large-vessel occlusion, drawn by hand",
            label="LVO",
            mask_type="ROI",
            title="occlusion",
            drawn_on="cta",
        ),
        LabelKind(
            name="cow",
            called="Circle of Willis, segment by segment",
            suffix="dseg",
            seg="CoW",
            title="Circle of Willis",
            drawn_on="cta",
        ),
    )
)

BRAIN = LabelKind(name="brain", called="Brain mask", desc="brain", mask_type="Brain")
FACE = LabelKind(name="face", called="Voxels that defacing emptied", label="face", mask_type="Face")
LESIONS = LabelKind(name="lesions", called="Each lesion by a number", suffix="dseg", seg="lesions")
# What a network says of an infarct. It is nobody's word: only a person's mask is a lesion.
PROPOSAL = LabelKind(
    name="proposal",
    called="Infarct as a network proposes it, looked at by nobody",
    label="L",
    desc="proposal",
    mask_type="Lesion",
)
COVERAGE = LabelKind(
    name="coverage",
    called="Where the motion-corrected series shows the head in every frame",
    desc="coverage",
    mask_type="ROI",
)

# What perfusion maps say of the tissue: masks, and how many thresholds are passed.
AT_RISK: dict[str, LabelKind] = _by_name(
    (
        LabelKind(
            name="core",
            called="Infarct core by CT perfusion: tissue with little flow",
            label="core",
            mask_type="Lesion",
        ),
        LabelKind(
            name="penumbra",
            called="Penumbra by CT perfusion: late tissue outside the core",
            label="penumbra",
            mask_type="Lesion",
        ),
        LabelKind(
            name="tmax_levels",
            called="Number of Tmax thresholds that are exceeded",
            suffix="dseg",
            seg="Tmax",
        ),
        LabelKind(
            name="rcbf_levels",
            called="Number of relative flow thresholds that are not reached",
            suffix="dseg",
            seg="rCBF",
        ),
    )
)

"""Kinds of scans, maps and labels, and what each is called."""

from __future__ import annotations

from dataclasses import dataclass

from strokeprep.study import naming


@dataclass(frozen=True)
class Kind:
    """A sort of image: the scan it belongs to and how BIDS names it."""

    name: str
    scan: str
    modality: str
    datatype: str
    suffix: str
    mask_datatype: str
    ndim: int = 3


# Images of one scan share a grid and a transform; the first kind listed stands for the scan.
KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("ncct", "ncct", "ct", "ct", "ct", "anat"),
        Kind("cta", "cta", "ct", "ct", "ct", "anat"),
        Kind("ctp", "ctp", "ct", "ct", "ct", "anat", ndim=4),
        Kind("b0", "dwi", "mr", "dwi", "S0map", "dwi"),
        Kind("trace", "dwi", "mr", "dwi", "trace", "dwi"),
        Kind("adc", "dwi", "mr", "dwi", "ADC", "dwi"),
        Kind("t1w", "t1w", "mr", "anat", "T1w", "anat"),
    )
}


# Images that are computed from a scan rather than found.
MAP_KINDS: dict[str, Kind] = {
    name: Kind(name, "ctp", "map", naming.PERFUSION, name, naming.PERFUSION) for name in naming.MAPS
}


KIND_ORDER = {name: index for index, name in enumerate(KINDS)}


SCANS = tuple(dict.fromkeys(kind.scan for kind in KINDS.values()))


@dataclass(frozen=True)
class LabelKind:
    """A sort of manual mask or segmentation and its BIDS entities."""

    name: str
    suffix: str
    entities: tuple[tuple[str, str], ...]
    mask_type: str | None


LABELS: dict[str, LabelKind] = {
    label.name: label
    for label in (
        LabelKind("lesion", "mask", (("label", "L"), ("desc", "infarct")), "Lesion"),
        LabelKind("lvo", "mask", (("label", "LVO"),), "ROI"),
        LabelKind("cow", "dseg", (("seg", "CoW"),), None),
    )
}


NATIVE = "native"


def kind(name: str) -> Kind:
    """A sort of image, found or computed."""
    return KINDS.get(name) or MAP_KINDS[name]

"""Which files a study is to be turned into, subject by subject."""

from __future__ import annotations

from collections.abc import Iterator

from strokeprep.study import naming
from strokeprep.study.naming import ORIG, Space
from strokeprep.study.table import Label, Scan, Subject

# What is written of a scan's images in other spaces: whole (None), skull-stripped, or its mean.
VIEWS: dict[str, tuple[str | None, ...]] = {
    "ncct": (None, "brain"),
    "cta": (None,),
    "ctp": ("mean",),
    "dwi": ("brain",),
    "t1w": ("brain",),
}


def has_brain(scan: Scan) -> bool:
    """Whether the brain is segmented on this scan itself."""
    return "brain" in VIEWS[scan.name]


def outputs(subject: Subject, template: Space) -> list[str]:
    """Every imaging output of one subject, relative to the derivatives folder."""
    found: list[str] = []
    for scan in subject.scans:
        found.extend(_native(scan))
        if subject.reference is not None:
            found.extend(_moved(scan, subject.reference, template))
    for label in subject.labels:
        found.extend(_labels(label, subject.reference, template))
    return found


def perfusion_outputs(subject: Subject, template: Space) -> list[str]:
    """What is derived from a subject's CT perfusion; a scan without a usable bolus gives nothing."""
    if subject.reference is None:
        return []
    spaces = (ORIG, reference_space(subject.reference), template)
    return [
        name
        for scan in subject.scans
        if scan.has_perfusion
        for name in (
            naming.vessels(scan),
            naming.vessel_voxels(scan),
            naming.vessel_figure(scan),
            naming.tissue_volumes(scan),
            *(naming.perfusion_map(scan, each, space) for each in naming.MAPS for space in spaces),
            *(
                naming.at_risk(scan, each, space)
                for each in naming.TISSUE_AT_RISK
                for space in spaces
            ),
        )
    ]


def reference_space(reference: Scan) -> Space:
    """The space named after the scan a subject is built on."""
    return Space(reference.name)


def _native(scan: Scan) -> Iterator[str]:
    if not scan.defaced:
        yield naming.face_mask(scan)
    if has_brain(scan):
        yield naming.brain_mask(scan, ORIG)
    for image in scan.images:
        yield naming.defaced(scan, image.kind.suffix)
        if scan.is_4d:
            yield naming.motion(scan)
            yield naming.mean(scan, image.kind.suffix)
            yield naming.preproc(scan, image.kind.suffix, ORIG, "preproc")
            yield naming.coverage(scan, ORIG)
        if has_brain(scan):
            yield naming.preproc(scan, image.kind.suffix, ORIG, "brain")


def _moved(scan: Scan, reference: Scan, template: Space) -> Iterator[str]:
    space = reference_space(reference)
    if scan is reference:
        yield naming.to_template(scan, scan.name, template.label)
        yield naming.from_template(scan, scan.name, template.label)
    elif not scan.in_reference_space:
        yield naming.to_reference(scan, scan.name, reference.name)
    spaces = (template,) if scan is reference else (space, template)
    for image in scan.images:
        for view in VIEWS[scan.name]:
            for target in spaces:
                yield naming.preproc(scan, image.kind.suffix, target, view)
        if scan.is_4d:
            yield naming.preproc(scan, image.kind.suffix, space, "preproc")
            yield naming.coverage(scan, space)
    if has_brain(scan):
        yield naming.brain_mask(scan, space)
        yield naming.brain_mask(scan, template)


def _labels(label: Label, reference: Scan | None, template: Space) -> Iterator[str]:
    entities = dict(label.kind.entities)
    spaces = [] if label.in_reference_space else [ORIG]
    if reference is not None:
        own = label.scan is reference and not label.in_reference_space
        spaces += [template] if own else [reference_space(reference), template]
    for space in spaces:
        yield naming.label(label.scan, space, label.kind.suffix, **entities)

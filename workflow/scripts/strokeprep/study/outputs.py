"""Which files a study is to be turned into, subject by subject."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True)
class AuditPlan:
    """What is compared with what in one subject; names are relative to the derivatives folder."""

    subject: str
    reference: str
    on_reference: tuple[str, ...]
    on_template: tuple[str, ...]
    # label before, label after, whether the new grid can be expected to hold all of it
    labels: tuple[tuple[str, str, bool], ...]
    # released image, face mask, modality
    faces: tuple[tuple[str, str, str], ...] = ()
    # face mask, brain mask, transform from the face's scan to the brain's ("" if one grid)
    brains: tuple[tuple[str, str, str], ...] = ()
    template_brain: str | None = None
    # 3D image of a scan, its transform to the reference ("" if it came on its grid)
    alike: tuple[tuple[str, str], ...] = ()
    # of the reference: its brain, and the transform that takes points of the template to it
    reference_brain: str | None = None
    to_template: str | None = None


def audit_plan(subject: Subject, template: Space) -> AuditPlan:
    """The audit of a subject that has a reference."""
    reference = subject.reference
    names = outputs(subject, template)
    images = [name for name in names if name.endswith(naming.IMAGE)]
    faced = [scan for scan in subject.scans if not scan.defaced]
    return AuditPlan(
        subject=subject.name,
        **_grids(images, reference, template),
        labels=tuple(
            (naming.label(label.scan, ORIG, label.kind.suffix, **dict(label.kind.entities)),)
            + (naming.label(label.scan, space, label.kind.suffix, **dict(label.kind.entities)),)
            + (space is not template,)
            for label in subject.labels
            if not label.in_reference_space
            for space in (reference_space(reference), template)
            if space is template or label.scan is not reference
        ),
        faces=tuple(
            (naming.defaced(scan, image.kind.suffix), naming.face_mask(scan), scan.modality)
            for scan in faced
            for image in scan.images
        ),
        brains=tuple(_brain_of_face(scan, reference) for scan in faced),
        template_brain=naming.brain_mask(reference, template),
        alike=tuple(_onto(scan, reference) for scan in subject.scans if scan is not reference),
        reference_brain=naming.brain_mask(reference, ORIG),
        to_template=naming.to_template(reference, reference.name, template.label),
    )


def perfusion_audit_plan(subject: Subject, template: Space) -> AuditPlan:
    """The audit of what is derived from a subject's CT perfusion."""
    names = perfusion_outputs(subject, template)
    reference = subject.reference
    return AuditPlan(
        subject=subject.name,
        **_grids(names, reference, template),
        labels=tuple(
            (naming.at_risk(scan, name, ORIG), naming.at_risk(scan, name, space), False)
            for scan in subject.scans
            if scan.has_perfusion
            for name in naming.TISSUE_AT_RISK
            for space in (reference_space(reference), template)
        ),
    )


def _grids(names: list[str], reference: Scan, template: Space) -> dict[str, Any]:
    """Which names claim which grid."""
    return {
        "reference": naming.defaced(reference, reference.pilot.kind.suffix),
        "on_reference": tuple(name for name in names if f"_space-{reference.name}_" in name),
        "on_template": tuple(name for name in names if f"_space-{template.label}_" in name),
    }


def _onto(scan: Scan, reference: Scan) -> tuple[str, str]:
    suffix = scan.pilot.kind.suffix
    pilot = naming.mean(scan, suffix) if scan.is_4d else naming.defaced(scan, suffix)
    return pilot, _to_reference(scan, reference)


def _brain_of_face(scan: Scan, reference: Scan) -> tuple[str, str, str]:
    if has_brain(scan):
        return naming.face_mask(scan), naming.brain_mask(scan, ORIG), ""
    brain = naming.brain_mask(reference, ORIG)
    return naming.face_mask(scan), brain, _to_reference(scan, reference)


def _to_reference(scan: Scan, reference: Scan) -> str:
    """The transform of a scan to the reference; empty where the scan came on its grid."""
    if scan.in_reference_space:
        return ""
    return naming.to_reference(scan, scan.name, reference.name)

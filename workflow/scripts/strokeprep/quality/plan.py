"""What an audit of a subject has to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from strokeprep import kinds
from strokeprep.study import naming
from strokeprep.study.moves import pilot, reference_space, to_reference
from strokeprep.study.naming import ORIG, Space
from strokeprep.study.outputs import outputs, perfusion_outputs
from strokeprep.study.scans import Scan, Subject


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
    # image, the brain mask that was made on it, modality
    masks: tuple[tuple[str, str, str], ...] = ()
    # 3D image of any scan, its modality, its transform to the reference ("" if it came on its grid)
    heads: tuple[tuple[str, str, str], ...] = ()
    template_brain: str | None = None
    # 3D image of a scan, its transform to the reference ("" if it came on its grid)
    alike: tuple[tuple[str, str], ...] = ()
    # of the reference: its modality and brain, and the transforms that take points of the template to it
    # and back
    reference_modality: str = ""
    reference_brain: str = ""
    to_template: str = ""
    from_template: str = ""


def audit_plan(subject: Subject, template: Space) -> AuditPlan:
    """The audit of a subject; without a reference there are only faces to look at."""
    faced = [scan for scan in subject.scans if not scan.defaced]
    faces = tuple(
        (naming.defaced(scan, image.kind.suffix), naming.face_mask(scan), scan.modality)
        for scan in faced
        for image in scan.images
    )
    if subject.reference is None:
        return AuditPlan(subject.name, "", (), (), (), faces)
    reference = subject.reference
    names = outputs(subject, template)
    images = [name for name in names if name.endswith(naming.IMAGE)]
    return AuditPlan(
        subject=subject.name,
        **_grids(images, reference, template),
        labels=tuple(
            (
                naming.label(label.scan, ORIG, label.kind),
                naming.label(label.scan, space, label.kind),
                space is not template,
            )
            for label in subject.labels
            if not label.in_reference_space
            for space in (reference_space(reference), template)
            if space is template or label.scan is not reference
        ),
        faces=faces,
        brains=tuple((naming.face_mask(scan), *brain_of(scan, reference)) for scan in faced),
        masks=masks(subject),
        heads=tuple(
            (pilot(scan), scan.modality, to_reference(scan, reference)) for scan in subject.scans
        ),
        template_brain=naming.brain_mask(reference, template),
        alike=tuple(_onto(scan, reference) for scan in subject.scans if scan is not reference),
        reference_modality=reference.modality,
        reference_brain=naming.brain_mask(reference, ORIG),
        to_template=naming.to_template(reference, reference.name, template.label),
        from_template=naming.from_template(reference, reference.name, template.label),
    )


def perfusion_audit_plan(subject: Subject, template: Space) -> AuditPlan:
    """The audit of what is derived from a subject's CT perfusion."""
    names = perfusion_outputs(subject, template)
    reference = subject.base
    return AuditPlan(
        subject=subject.name,
        **_grids(names, reference, template),
        labels=tuple(
            (naming.at_risk(scan, name, ORIG), naming.at_risk(scan, name, space), False)
            for scan in subject.scans
            if scan.has_perfusion
            for name in kinds.AT_RISK
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
    return pilot(scan), to_reference(scan, reference)


def masks(subject: Subject) -> tuple[tuple[str, str, str], ...]:
    """Each image with a brain mask of its own, that mask, and the modality."""
    return tuple(
        (pilot(scan), naming.brain_mask(scan, ORIG), scan.modality)
        for scan in subject.scans
        if scan.has_brain
    )


def brain_of(scan: Scan, reference: Scan) -> tuple[str, str]:
    """The brain mask that defacing must not touch, and the transform of its points to the scan's.

    A scan without a brain mask of its own gets the reference's.
    """
    if scan.has_brain:
        return naming.brain_mask(scan, ORIG), ""
    return naming.brain_mask(reference, ORIG), to_reference(scan, reference)

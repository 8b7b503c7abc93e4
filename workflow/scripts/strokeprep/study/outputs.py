"""Which files a study is to be turned into, subject by subject."""

from __future__ import annotations

from collections.abc import Iterator

from strokeprep import kinds
from strokeprep.study import derived, moves, naming
from strokeprep.study.naming import ORIG, Space
from strokeprep.study.scans import Scan, Subject


def outputs(subject: Subject, template: Space) -> list[str]:
    """Every imaging output of one subject, relative to the derivatives folder."""
    names: list[str] = []
    for scan in subject.scans:
        names.extend(_native(scan, located=subject.head(scan) is scan))
        names.extend(moves.cubic(scan, template))
        if subject.reference is not None:
            names.extend(_moved(scan, subject.reference, template))
    for label in subject.labels:
        names.extend(moves.as_drawn(label))
        names.extend(moves.cubic_labels(label, template))
        if subject.reference is not None:
            names.extend(moves.labels(label, subject.reference, template))
    return names


def lesion_outputs(subject: Subject, template: Space) -> list[str]:
    """What is told of the lesions that somebody drew, each by itself."""
    if subject.reference is None:
        return []
    return [
        name
        for label in subject.labels
        if label.kind.name == "lesion"
        for name in (
            naming.lesions(label.scan, template),
            naming.lesion_table(label.scan, template),
            naming.lesion_row(label.scan),
            naming.lesion_picture(label.scan),
        )
    ]


def perfusion_outputs(subject: Subject, template: Space) -> list[str]:
    """What is derived from a subject's CT perfusion; a scan without a usable bolus gives nothing."""
    if subject.reference is None:
        return []
    spaces = (ORIG, moves.reference_space(subject.reference), template)
    return [
        name
        for scan in subject.scans
        if scan.has_perfusion
        for name in (
            naming.vessels(scan),
            naming.vessel_voxels(scan),
            naming.vessel_figure(scan),
            naming.tissue_volumes(scan),
            naming.perfusion_regions(scan),
            *(naming.perfusion_map(scan, each, space) for each in kinds.MAPS for space in spaces),
            *(naming.model_map(scan, each) for each in kinds.MODEL_MAPS),
            *(naming.at_risk(scan, each, space) for each in kinds.AT_RISK for space in spaces),
        )
    ]


def _native(scan: Scan, *, located: bool) -> Iterator[str]:
    """What is written on a scan's own grid; ``located`` if its head is found on the scan itself."""
    if not scan.defaced:
        yield naming.face_mask(scan)
    if located:
        yield naming.brain_mask(scan, ORIG)
    for image in scan.images:
        yield naming.defaced(scan, image.kind.suffix)
        if scan.is_4d:
            yield naming.mean(scan, image.kind.suffix)
        if scan.has_perfusion:
            yield naming.motion(scan)
            yield naming.preproc(scan, image.kind.suffix, ORIG, "preproc")
            yield naming.coverage(scan, ORIG)
        if scan.has_brain:
            yield naming.preproc(scan, image.kind.suffix, ORIG, "brain")
    for each in derived.of_scan(scan):
        yield each.name(ORIG)


def _moved(scan: Scan, reference: Scan, template: Space) -> Iterator[str]:
    if scan is reference:
        yield naming.to_template(scan, scan.name, template.label)
        yield naming.from_template(scan, scan.name, template.label)
    elif transform := moves.to_reference(scan, reference):
        yield transform
    yield from moves.views(scan, reference, template)
    yield from moves.comparable(scan, reference, template)
    yield from moves.series(scan, reference)
    if scan.has_perfusion:
        yield naming.coverage(scan, moves.reference_space(reference))
    yield from moves.brain_masks(scan, reference, template)

"""Which outputs of a subject a person may correct, and on which image each lies.

Read when the workflow is parsed, so it opens nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from strokeprep.kinds import BRAIN, FACE, LABELS, LabelKind
from strokeprep.study import moves, naming, raw_files
from strokeprep.study.naming import ORIG, Space
from strokeprep.study.scans import Label, Scan, Subject

# How editors end the names of what they save; longer endings first.
MASKS = (".seg.nrrd", ".nii.gz", ".nrrd", ".nii", ".voi")
TRANSFORMS = (".txt", ".tfm", ".mat", ".h5")
REGISTRATION, TEMPLATE = "registration", "template"
# Where a person says that artery and vein of a perfusion series are.
VESSELS = {
    "artery": LabelKind(name="artery", called="Artery of the arterial input", label="artery"),
    "vein": LabelKind(name="vein", called="Vein of the venous outflow", label="vein"),
}
LESION = LABELS["lesion"]


@dataclass(frozen=True)
class Target:
    """An output that can be corrected.

    ``word`` is what a person calls it. ``image`` is the raw image that a mask lies on, or that a
    transform resamples; ``onto`` the raw image whose grid it is resampled to, None for the template.
    """

    name: str  # relative to the derivatives folder
    word: str
    scan: Scan
    image: Path
    modality: str
    kind: LabelKind | None = None  # of a mask
    onto: Path | None = None
    is_drawn_first: bool = False  # whether it is a label that the study has not got

    @property
    def stem(self) -> str:
        """The name without its extension."""
        return self.name[: -len(naming.extension(self.name))]

    @property
    def is_vessel(self) -> bool:
        """Whether it is the artery or the vein of a perfusion series."""
        return self.word in VESSELS


def of_subject(subject: Subject, template: Space) -> dict[str, Target]:
    """Everything of a subject that can be corrected, by name without extension."""
    found = [*_masks(subject), *_transforms(subject, template)]
    found += [_drawn(label, subject) for label in subject.labels]
    return {target.stem: target for target in found}


def to_trace(subject: Subject) -> list[Target]:
    """The lesion on each scan of MRI, for a subject of whom nobody has drawn one."""
    if any(label.kind is LESION for label in subject.labels):
        return []
    found = (each for each in subject.scans if each.modality == "mr" and not each.is_4d)
    return [
        replace(_mask(naming.label(scan, ORIG, LESION), scan, LESION), is_drawn_first=True)
        for scan in found
        if not scan.in_reference_space
    ]


def _masks(subject: Subject) -> Iterator[Target]:
    for scan in subject.scans:
        if subject.head(scan) is scan:
            yield _mask(naming.brain_mask(scan, ORIG), scan, BRAIN)
        if not scan.defaced:
            yield _mask(naming.face_mask(scan), scan, FACE)
        if scan.has_perfusion and subject.reference is not None:
            for kind in VESSELS.values():
                yield vessel(scan, kind)


def vessel(scan: Scan, kind: LabelKind) -> Target:
    """The mask of the artery or the vein of a perfusion series."""
    return _mask(naming.vessel_mask(scan, kind), scan, kind)


def _mask(name: str, scan: Scan, kind: LabelKind) -> Target:
    return Target(name, kind.name, scan, scan.pilot.path, scan.modality, kind)


def _drawn(label: Label, subject: Subject) -> Target:
    """A label that was drawn by hand, on the grid on which it came."""
    on = subject.base if label.in_reference_space else label.scan
    name = raw_files.label_name(label, subject)
    return Target(name, label.kind.name, label.scan, on.pilot.path, on.modality, label.kind)


def _transforms(subject: Subject, template: Space) -> Iterator[Target]:
    reference = subject.reference
    if reference is None:
        return
    for scan in subject.scans:
        if name := moves.to_reference(scan, reference):
            image, onto = scan.pilot.path, reference.pilot.path
            yield Target(name, REGISTRATION, scan, image, scan.modality, onto=onto)
    for named in (naming.to_template, naming.from_template):
        name = named(reference, reference.name, template.label)
        yield Target(name, TEMPLATE, reference, reference.pilot.path, reference.modality)


def is_backward(target: Target) -> bool:
    """Whether a transform resamples the template onto the reference, and not the reverse."""
    return target.word == TEMPLATE and f"_to-{target.scan.name}_" in target.name

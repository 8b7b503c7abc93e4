"""Which files a subject's pages are made from, and the names of the pages.

The plan is made when the workflow is parsed, so no image is opened here. Images and perfusion have
a page each, because perfusion may fail where the images are fine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from strokeprep import kinds
from strokeprep.corrections import targets
from strokeprep.corrections.targets import Target
from strokeprep.kinds import ScanKind
from strokeprep.study import derived, moves, naming
from strokeprep.study.derived import Derived
from strokeprep.study.naming import ORIG, Space
from strokeprep.study.scans import Label, Scan, Subject

# Corrections, each with the file of the work folder that holds what it replaces.
Replaced = Sequence[tuple[Target, Path]]

FOLDER = "docs/qc"
COHORT = f"{FOLDER}/index.html"
COHORT_TABLE = f"{FOLDER}/cohort_qc.tsv"
METHODS, REFERENCES = f"{FOLDER}/methods.md", f"{FOLDER}/methods.bib"
RESOURCES = f"{FOLDER}/resources.tsv"


class Names(NamedTuple):
    """The files of one report, relative to the derivatives folder."""

    page: str
    table: str
    about: str
    thumbnail: str
    provenance: str
    steps: str


def image_names(subject: str) -> Names:
    """The report on a subject's images."""
    return _names(f"{FOLDER}/sub-{subject}/sub-{subject}")


def perfusion_names(subject: str) -> Names:
    """The report on a subject's CT perfusion."""
    return _names(f"{FOLDER}/sub-{subject}/sub-{subject}_perfusion")


def face_page(subject: str) -> str:
    """The page that shows faces, relative to the work folder: it is not part of the dataset."""
    return f"faces/sub-{subject}.html"


def link(name: str) -> str:
    """A file as the cohort's page links to it."""
    return name.removeprefix(f"{FOLDER}/")


def _names(base: str) -> Names:
    return Names(
        page=f"{base}.html",
        table=f"{base}_qc.tsv",
        about=f"{base}_qc.json",
        thumbnail=f"{base}.png",
        provenance=f"{base}_provenance.json",
        steps=f"{base}_steps.tsv",
    )


@dataclass(frozen=True)
class Moved:
    """A scan that was registered to the reference."""

    scan: str
    modality: str
    native: str
    on_reference: str
    stripped: bool  # whether the image on the reference shows the brain alone
    transform: str  # maps points of the reference to points of the scan
    brain: str  # its own brain mask on the reference's grid, or ""
    is_slab: bool  # whether it shows a part of the head by design


@dataclass(frozen=True)
class Drawn:
    """A manual label. A file name is "" where there is no such file."""

    kind: str
    scan: str
    title: str  # what pages call it
    step: str  # what its figures are about
    native: str  # where it was drawn; "" if that is the reference
    on_reference: str
    on_template: str


@dataclass(frozen=True)
class Face:
    """A released image of a head, and the mask of the removed face."""

    scan: str
    title: str  # what pages call the scan
    modality: str
    image: str
    seen: str  # the 3D image that the audit looks at in its place: of a series, the mean
    mask: str  # voxels set to background; "" if the input was defaced already


@dataclass(frozen=True)
class Grey:
    """An image whose grey levels can be compared, with what it is held against on the page."""

    scan: str
    kind: str
    desc: str
    image: str
    source: str  # the image it stands beside; of an ADC that of the scanner, or ""
    brain: str


@dataclass(frozen=True)
class Lesions:
    """The picture and the table of the lesions drawn on a scan."""

    scan: str
    picture: str
    table: str


@dataclass(frozen=True)
class Series:
    """A CT perfusion series: its motion, and which part of the reference it covers."""

    motion: str
    coverage: str


@dataclass(frozen=True)
class Corrected:
    """An output that a person corrected, with what it was before."""

    title: str  # what pages call it
    image: str  # on which a mask lies, or that a transform moves
    kind: ScanKind  # of that image
    after: str
    before: Path  # in the work folder; missing where the chain found nothing
    onto: str = ""  # of a transform: the image it moves onto, "template", or "" for a mask


@dataclass(frozen=True)
class Images:
    """The files that the page on a subject's images is made from; without a reference, few."""

    subject: str
    reference: str = ""  # name of the scan, or ""
    modality: str = ""
    image: str = ""
    brain: str = ""
    to_template: str = ""  # maps points of the reference to points of the template
    from_template: str = ""  # and back
    template: str = ""
    template_image: str = ""
    template_brain: str = ""
    moved: tuple[Moved, ...] = ()
    labels: tuple[Drawn, ...] = ()
    faces: tuple[Face, ...] = ()
    series: tuple[Series, ...] = ()
    grey: tuple[Grey, ...] = ()
    lesions: tuple[Lesions, ...] = ()
    s0_on_template: str = ""  # skull-stripped diffusion image without weighting, or ""
    titles: Mapping[str, str] = field(default_factory=dict)  # what pages call each scan
    corrected: tuple[Corrected, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """Every file that is read."""
        singles = (self.image, self.brain, self.to_template, self.from_template)
        groups = ((m.native, m.on_reference, m.transform, m.brain) for m in self.moved)
        others = [
            *singles,
            self.template_image,
            self.template_brain,
            self.s0_on_template,
            *(name for group in groups for name in group),
            *(
                name
                for each in self.labels
                for name in (each.native, each.on_reference, each.on_template)
            ),
            *(name for each in self.faces for name in (each.image, each.mask)),
            *(name for each in self.series for name in (each.motion, each.coverage)),
            *(name for each in self.grey for name in (each.image, each.source, each.brain)),
            *(name for each in self.lesions for name in (each.picture, each.table)),
        ]
        return tuple(dict.fromkeys(filter(None, others)))


@dataclass(frozen=True)
class Beside:
    """Files of the work folder that the page on a perfusion series is made from."""

    cells: Path  # the curves of coarse cells
    regions: Mapping[str, Path] = field(default_factory=dict)  # label images by atlas


@dataclass(frozen=True)
class Perfused:
    """The files that the page on a perfusion series is made from, all on the grid of the series."""

    subject: str
    mean: str
    vessels: str
    voxels: str
    volumes: str
    maps: dict[str, str]
    model: dict[str, str]  # uncertainties and probabilities
    at_risk: dict[str, str]
    regions: str
    beside: Beside
    replaced: Path | None = None  # in the work folder: the voxels that a drawn vessel replaces


def images(
    subject: Subject, template: Space, corrections: Replaced = (), *, lesions: bool = False
) -> Images:
    """The plan of a subject's page; ``corrections`` come with what each replaces.

    ``lesions`` says whether each lesion is measured by itself.
    """
    reference = subject.reference
    faces = tuple(_face(scan) for scan in subject.scans)
    titles = {scan.name: scan.title for scan in subject.scans}
    found = (_corrected(*each, subject) for each in corrections if not each[0].is_vessel)
    corrected = tuple({each.title: each for each in found}.values())  # a warp has two files
    if reference is None:
        return Images(subject.name, faces=faces, titles=titles, corrected=corrected)
    home = moves.reference_space(reference)
    views = reference.views
    suffix = reference.pilot.kind.suffix
    return Images(
        subject=subject.name,
        reference=reference.name,
        modality=reference.modality,
        image=naming.defaced(reference, suffix),
        brain=naming.brain_mask(reference, ORIG),
        to_template=naming.from_template(reference, reference.name, template.label),
        from_template=naming.to_template(reference, reference.name, template.label),
        template=template.label,
        template_image=naming.preproc(
            reference, suffix, template, None if None in views else views[0]
        ),
        template_brain=naming.brain_mask(reference, template),
        moved=tuple(_moved(scan, reference) for scan in subject.scans if scan is not reference),
        labels=tuple(_drawn(label, subject, template) for label in subject.labels),
        faces=faces,
        series=tuple(
            Series(naming.motion(scan), naming.coverage(scan, home))
            for scan in subject.scans
            if scan.has_perfusion
        ),
        grey=tuple(_grey(each) for scan in subject.scans for each in derived.of_scan(scan)),
        lesions=_lesions(subject, template) if lesions else (),
        s0_on_template=_s0_on_template(subject, template),
        titles=titles,
        corrected=corrected,
    )


def _lesions(subject: Subject, template: Space) -> tuple[Lesions, ...]:
    return tuple(
        Lesions(
            label.scan.name,
            naming.lesion_picture(label.scan),
            naming.lesion_table(label.scan, template),
        )
        for label in subject.labels
        if label.kind.name == "lesion"
    )


def _s0_on_template(subject: Subject, template: Space) -> str:
    """The diffusion image by which γ are taken, or ""."""
    found = (
        naming.preproc(scan, "S0map", template, "brain")
        for scan in subject.scans
        if any(image.kind.name == "b0" for image in scan.images)
    )
    return next(found, "")


def _corrected(target: Target, before: Path, subject: Subject) -> Corrected:
    shown = next(scan for scan in subject.scans if scan.pilot.path == target.image)
    onto = ""
    if target.kind is not None:
        what = target.kind.title or f"{target.word} mask"
    elif target.word == targets.TEMPLATE:
        what, onto = "registration to the template", "template"
    else:
        what, onto = f"registration to the {subject.base.title}", moves.pilot(subject.base)
    title = f"{target.scan.title}: {what}"
    return Corrected(title, moves.pilot(shown), shown.kind, target.name, before, onto)


def perfusion(subject: Subject, beside: Beside, corrections: Replaced = ()) -> Perfused | None:
    """The plan of a subject's perfusion page, or None where it has no series."""
    scan = next((scan for scan in subject.scans if scan.has_perfusion), None)
    if scan is None or subject.reference is None:
        return None
    return Perfused(
        subject=subject.name,
        mean=naming.mean(scan, scan.pilot.kind.suffix),
        vessels=naming.vessels(scan),
        voxels=naming.vessel_voxels(scan),
        volumes=naming.tissue_volumes(scan),
        maps={name: naming.perfusion_map(scan, name, ORIG) for name in kinds.MAPS},
        model={name: naming.model_map(scan, name) for name in kinds.MODEL_MAPS},
        at_risk={name: naming.at_risk(scan, name, ORIG) for name in ("core", "penumbra")},
        regions=naming.perfusion_regions(scan),
        beside=beside,
        replaced=next((before for target, before in corrections if target.is_vessel), None),
    )


def _face(scan: Scan) -> Face:
    return Face(
        scan.name,
        scan.title,
        scan.modality,
        naming.defaced(scan, scan.pilot.kind.suffix),
        moves.pilot(scan),
        "" if scan.defaced else naming.face_mask(scan),
    )


def _grey(of: Derived) -> Grey:
    own = any(image.kind is of.kind for image in of.scan.images)
    return Grey(
        of.scan.name,
        of.kind.name,
        of.desc,
        of.name(ORIG),
        naming.defaced(of.scan, of.kind.suffix) if own else "",
        naming.brain_mask(of.scan, ORIG),
    )


def _moved(scan: Scan, reference: Scan) -> Moved:
    suffix, desc = scan.pilot.kind.suffix, scan.views[0]
    return Moved(
        scan=scan.name,
        modality=scan.modality,
        native=moves.pilot(scan),
        on_reference=naming.preproc(scan, suffix, moves.reference_space(reference), desc),
        stripped=desc == "brain",
        transform=moves.to_reference(scan, reference),
        brain=naming.brain_mask(scan, moves.reference_space(reference)) if scan.has_brain else "",
        is_slab=scan.kind.is_slab,
    )


def _drawn(label: Label, subject: Subject, template: Space) -> Drawn:
    reference = subject.base
    home = moves.reference_space(reference)
    alike = [other for other in subject.labels if other.kind is label.kind]
    several = len(alike) > 1
    of = f" of {label.scan.name}" if several else ""
    own = label.scan is reference and not label.in_reference_space
    native, on_reference, on_template = (
        naming.label(label.scan, space, label.kind) for space in (ORIG, home, template)
    )
    return Drawn(
        label.kind.name,
        label.scan.name,
        f"{label.kind.title} of {label.scan.title}" if several else label.kind.title,
        f"{label.kind.name}{of} on {reference.name}",
        "" if own or label.in_reference_space else native,
        native if own else on_reference,
        on_template,
    )

"""What a release consists of: the images and tables of a case, each with its name and its source.

The archives themselves are in :mod:`strokeprep.release.archives`, and another one is another file
there. Nothing is opened here, since it is read when the workflow is parsed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from strokeprep.clinical.columns import KNOWN
from strokeprep.errors import StrokeprepError
from strokeprep.kinds import KINDS
from strokeprep.settings.finished.release import ReleaseSettings
from strokeprep.settings.study import StudySettings, TemplateSettings
from strokeprep.study import moves, naming
from strokeprep.study.naming import ORIG, Space
from strokeprep.study.scans import Label, Scan, Subject, usual

# What the values of an image have to be.
Content = Literal["image", "series", "map", "mask", "labels"]
# Why a patient of the study is not released, in words that may be.
CAUSES = {
    "review": "left out by a review",
    "unfinished": "not processed to the end, or stopped by an audit",
    "incomplete": "without all images of the archive",
    "unfit": "with an image that is not fit for the archive",
}
# Finds an output of a subject, given the template; None if the subject has no such output.
Source = Callable[[Subject, Space], str | None]


@dataclass(frozen=True)
class Image:
    """An image of every case. ``{case}`` in its path stands for the case."""

    path: str
    content: Content
    source: Source
    on_reference: bool = False  # whether its grid has to be that of the archive's reference
    called: str = ""  # what the config calls it, if that is not the end of its name
    may_lack: bool = False  # whether a case is whole without it, as published cases are
    before: Source | None = (
        None  # what is put before it in one 4D file, where there is such an image
    )

    @property
    def name(self) -> str:
        """By what the config speaks of it."""
        return self.called or self.path.rpartition("_")[2]


@dataclass(frozen=True)
class Table:
    """A clinical table of every case, with the columns (of ``clinical.columns.KNOWN``) it has.

    Without a path there is the table of all cases alone.
    """

    path: str
    name: str  # of the table that holds all cases
    timepoint: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Archive:
    """A release as a whole. The first of its images is the one whose grid others share.

    ``holds`` says what is in it, for its README. ``further`` writes what the archive has beside images
    and the tables of cases.
    """

    name: str
    root: str
    case: str  # a format for a number and a site
    numbers: int  # a case's number is drawn from 1 to this
    images: tuple[Image, ...]
    tables: tuple[Table, ...]
    holds: str
    dictionary: str = ""  # the workbook that explains the tables, if there is one
    formats: tuple[str, ...] = ("xlsx", "csv")  # of tables, that its readers know
    further: Callable[[Contents], None] | None = None
    site: str = ""  # the clinical column by which cases lie in folders of sites
    site_at: tuple[int, int] = (0, 0)  # from where to where the name of a case tells its site
    template: str = ""  # the template that its names speak of
    has_preview: bool = False  # whether release.preview knows its images

    def place(self, path: str, case: str) -> str:
        """The path of a file of a case."""
        return path.format(case=case, site=self.site_of(case))

    def site_of(self, case: str) -> str:
        """The site that the name of a case tells."""
        return case[slice(*self.site_at)]


@dataclass(frozen=True)
class Finished:
    """The finished study that a release is made from."""

    derivatives: Path
    study: StudySettings
    settings: ReleaseSettings
    template: TemplateSettings
    version: str  # of strokeprep


@dataclass(frozen=True)
class Contents(Finished):
    """What a release holds, for files that are about all of it."""

    folder: Path
    archive: Archive
    called: Mapping[str, str]  # the case of each patient, as participant_id has it
    rows: Mapping[str, Mapping[str, str]]  # of clinical values, by case


@dataclass(frozen=True)
class Member:
    """An image of one case: its place in the archive and the output that becomes it."""

    path: str
    content: Content
    source: str
    on_reference: bool
    may_lack: bool
    before: str | None = None  # the output that comes before it in one 4D file


def members(archive: Archive, subject: Subject, template: Space) -> list[Member]:
    """The images that a subject has for an archive."""
    found = [(image, image.source(subject, template)) for image in archive.images]
    return [
        Member(
            image.path,
            image.content,
            source,
            image.on_reference,
            image.may_lack,
            image.before(subject, template) if image.before else None,
        )
        for image, source in found
        if source
    ]


def lacking(
    archive: Archive, subject: Subject, may_lack: Sequence[str], template: Space
) -> list[str]:
    """The names of the images that a subject has to have and does not."""
    needed = (e for e in archive.images if not (e.may_lack or e.name in may_lack))
    return sorted({image.name for image in needed if not image.source(subject, template)})


def refuse_other_template(archive: Archive, template: Space) -> None:
    """Refuse a study in the space of another template than the names of the archive speak of."""
    if archive.template and archive.template != template.label:
        raise StrokeprepError(
            f"The archive {archive.name} lies in the space {archive.template}",
            f"template.name: {template.label}",
            "Run the study with that template, or choose another archive.",
        )


def refuse_unknown(archive: Archive, settings: ReleaseSettings, subjects: Iterable[str]) -> None:
    """Refuse settings that name what is not there: a slip of the pen would release what must not be.

    A column that another archive has is no slip: it is not in this release anyway.
    """
    columns = set(KNOWN)
    numbers = {name for name in columns if KNOWN[name].type in ("number", "integer")}
    known: dict[str, tuple[Iterable[str], set[str]]] = {
        "leave_out": (settings.leave_out, set(subjects)),
        "may_lack": (settings.may_lack, {image.name for image in archive.images}),
        "withheld": (settings.withheld, columns),
        "grouped_by": (settings.grouped_by, columns),
        "altered": (settings.altered, numbers),
    }
    if settings.preview and not archive.has_preview:
        raise StrokeprepError(
            f"The archive {archive.name} has no preview",
            "release.preview: true",
            "Set it to false.",
        )
    for key, (given, allowed) in known.items():
        for name in given:
            if name not in allowed:
                raise StrokeprepError(
                    f"There is no {name} in the study or the archive {archive.name}",
                    f"release.{key}",
                    f"Known: {', '.join(sorted(allowed))}.",
                )


# --- Sources ------------------------------------------------------------------------------------


def defaced(kind: str) -> Source:
    """An image on its own grid, without the face and otherwise as it came."""
    return _of_image(kind, lambda scan, suffix, reference: naming.defaced(scan, suffix))


def on_reference(kind: str, view: str | None = None) -> Source:
    """An image on the grid of the reference, in one of the views that are written of it."""

    def named(scan: Scan, suffix: str, reference: Scan) -> str:
        return naming.preproc(scan, suffix, moves.reference_space(reference), view)

    return _of_image(kind, named)


def native(kind: str, view: str) -> Source:
    """A view of an image on its own grid."""
    return _of_image(kind, lambda scan, suffix, reference: naming.preproc(scan, suffix, ORIG, view))


def on_template(kind: str, view: str | None) -> Source:
    """An image in the space of the template, in one of the views that are written of it."""

    def of_subject(subject: Subject, template: Space) -> str | None:
        named = _of_image(
            kind, lambda scan, suffix, _: naming.preproc(scan, suffix, template, view)
        )
        return named(subject, template)

    return of_subject


def computed(kind: str, desc: str, *, moved: bool) -> Source:
    """An image that is computed from others of its scan, which need not have one of this kind."""

    def of_subject(subject: Subject, template: Space) -> str | None:
        if subject.reference is None:
            return None
        of = KINDS[kind]
        for scan in _nearest(subject, subject.reference):
            if scan.kind.name == of.scan.name:
                return naming.preproc(scan, of.suffix, template if moved else ORIG, desc)
        return None

    return of_subject


def brain(kind: str, *, moved: bool) -> Source:
    """The mask of the brain that was found on a scan, in the space of the template or its own."""

    def of_subject(subject: Subject, template: Space) -> str | None:
        where = template if moved else ORIG
        named = _of_image(kind, lambda scan, suffix, _: naming.brain_mask(scan, where))
        return named(subject, template)

    return of_subject


def perfusion_map(name: str, *, moved: bool) -> Source:
    """A map of perfusion, on the grid of its series or that of the reference."""

    def named(scan: Scan, suffix: str, reference: Scan) -> str:
        return naming.perfusion_map(scan, name, moves.reference_space(reference) if moved else ORIG)

    return _of_image("ctp", named)


def label_as_drawn(kind: str, *, moved: bool = False) -> Source:
    """A manual label on the grid on which it was drawn, or in the space of the template."""

    def of_subject(subject: Subject, template: Space) -> str | None:
        drawn = _drawn(subject, kind)
        if drawn is None or (drawn.in_reference_space and not moved):
            return None
        return naming.label(drawn.scan, template if moved else ORIG, drawn.kind)

    return of_subject


def label(kind: str) -> Source:
    """A manual label on the grid of the reference."""

    def of_subject(subject: Subject, template: Space) -> str | None:
        drawn = _drawn(subject, kind)
        reference = subject.reference
        if drawn is None or reference is None:
            return None
        return naming.label(drawn.scan, moves.reference_space(reference), drawn.kind)

    return of_subject


def _of_image(kind: str, named: Callable[[Scan, str, Scan], str]) -> Source:
    def of_subject(subject: Subject, template: Space) -> str | None:
        reference = subject.reference
        if reference is None:
            return None
        for scan in _nearest(subject, reference):
            for image in scan.images:
                if image.kind.name == kind:
                    return named(scan, image.kind.suffix, reference)
        return None

    return of_subject


def _nearest(subject: Subject, reference: Scan) -> list[Scan]:
    """The scans of a subject: the reference, those a lesion is drawn on, and those of its session first."""
    lesion = _drawn(subject, "lesion")

    def order(scan: Scan) -> tuple[bool, bool, bool]:
        of_lesion = lesion is not None and scan is lesion.scan
        return scan is not reference, not of_lesion, scan.session != reference.session

    return sorted(subject.scans, key=order)


def _drawn(subject: Subject, kind: str) -> Label | None:
    """The label of a kind; of several, that on the scan on which the kind is usually drawn."""
    labels = [label for label in subject.labels if label.kind.name == kind]
    return usual(labels)

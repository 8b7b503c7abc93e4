"""What a release consists of: the images and tables of a case, each with its name and its source.

The archives themselves are in :mod:`strokeprep.release.archives`, and another one is another file
there. Nothing is opened here, since it is read when the workflow is parsed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from strokeprep.clinical.columns import KNOWN
from strokeprep.errors import StrokeprepError
from strokeprep.kinds import SCANS
from strokeprep.settings.finished.release import ReleaseSettings
from strokeprep.study import moves, naming
from strokeprep.study.naming import ORIG
from strokeprep.study.scans import Label, Scan, Subject

# What the values of an image have to be.
Content = Literal["image", "series", "map", "mask", "labels"]
# Why a patient of the study is not released, in words that may be.
CAUSES = {
    "review": "left out by a review",
    "unfinished": "not processed to the end, or stopped by an audit",
    "incomplete": "without all images of the archive",
    "unfit": "with an image that is not fit for the archive",
}
# Finds an output of a subject; None if the subject has no such output.
Source = Callable[[Subject], str | None]


@dataclass(frozen=True)
class Image:
    """An image of every case. ``{case}`` in its path stands for the case."""

    path: str
    content: Content
    source: Source
    on_reference: bool = False  # whether its grid has to be that of the archive's reference

    @property
    def name(self) -> str:
        """The end of its name, by which the config speaks of it."""
        return self.path.rpartition("_")[2]


@dataclass(frozen=True)
class Table:
    """A clinical table of every case, with the columns (of ``clinical.columns.KNOWN``) it has."""

    path: str
    name: str  # of the table that holds all cases
    timepoint: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Archive:
    """A release as a whole. The first of its images is the one whose grid others share."""

    name: str
    root: str
    case: str  # a format for a number
    numbers: int  # a case's number is drawn from 1 to this
    images: tuple[Image, ...]
    tables: tuple[Table, ...]
    dictionary: str = ""  # the workbook that explains the tables, if there is one
    formats: tuple[str, ...] = ("xlsx", "csv")  # of tables, that its readers know


@dataclass(frozen=True)
class Member:
    """An image of one case: its place in the archive and the output that becomes it."""

    path: str
    content: Content
    source: str
    on_reference: bool


def members(archive: Archive, subject: Subject) -> list[Member]:
    """The images that a subject has for an archive."""
    found = [(image, image.source(subject)) for image in archive.images]
    return [
        Member(image.path, image.content, source, image.on_reference)
        for image, source in found
        if source
    ]


def lacking(archive: Archive, subject: Subject, may_lack: Sequence[str]) -> list[str]:
    """The names of the images that a subject has to have and does not."""
    needed = (image for image in archive.images if image.name not in may_lack)
    return sorted({image.name for image in needed if not image.source(subject)})


def refuse_unknown(archive: Archive, settings: ReleaseSettings, subjects: Iterable[str]) -> None:
    """Refuse settings that name what is not there: a slip of the pen would release what must not be."""
    columns = {name for table in archive.tables for name in table.columns}
    numbers = {name for name in columns if KNOWN[name].type in ("number", "integer")}
    known: dict[str, tuple[Iterable[str], set[str]]] = {
        "leave_out": (settings.leave_out, set(subjects)),
        "may_lack": (settings.may_lack, {image.name for image in archive.images}),
        "withheld": (settings.withheld, columns),
        "grouped_by": (settings.grouped_by, columns),
        "altered": (settings.altered, numbers),
    }
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


def perfusion_map(name: str, *, moved: bool) -> Source:
    """A map of perfusion, on the grid of its series or that of the reference."""

    def named(scan: Scan, suffix: str, reference: Scan) -> str:
        return naming.perfusion_map(scan, name, moves.reference_space(reference) if moved else ORIG)

    return _of_image("ctp", named)


def label(kind: str) -> Source:
    """A manual label on the grid of the reference."""

    def of_subject(subject: Subject) -> str | None:
        drawn = _drawn(subject, kind)
        reference = subject.reference
        if drawn is None or reference is None:
            return None
        return naming.label(drawn.scan, moves.reference_space(reference), drawn.kind)

    return of_subject


def _of_image(kind: str, named: Callable[[Scan, str, Scan], str]) -> Source:
    def of_subject(subject: Subject) -> str | None:
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
    usual = [label for label in labels if label.scan.kind is SCANS.get(label.kind.drawn_on)]
    return next(iter([*usual, *labels]), None)

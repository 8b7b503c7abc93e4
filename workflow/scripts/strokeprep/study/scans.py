"""Patients, their scans and their labels, as the study table has them.

The standard library alone is imported, and no image is opened: this is read when the workflow is
parsed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from strokeprep.kinds import NATIVE, SCANS, STRIPPED, Kind, LabelKind, ScanKind


@dataclass(frozen=True)
class Row:
    """One file of a study as a layout reader found it.

    ``on`` names the scan a label is drawn on (empty for images); ``space`` is ``native`` where the
    file lies on that scan's own grid, or else names the reference it was already resampled to.
    ``entities`` are the source name's own, such as ``acq-ncct``, in BIDS order. ``series`` is the file of
    which this one is to be made first, where several images came in one.
    """

    subject: str
    session: str | None
    role: str
    path: Path
    on: str = ""
    space: str = NATIVE
    defaced: bool = False
    sidecar: Path | None = None
    entities: tuple[str, ...] = ()
    series: Path | None = None

    @property
    def stem(self) -> str:
        """The start of the name that BIDS gives the file."""
        return "_".join((*_identity(self.subject, self.session), *self.entities))


@dataclass(frozen=True)
class Image:
    """A raw image and the kind it is; ``series`` is the raw file of which it is a part, if any."""

    kind: Kind
    path: Path
    sidecar: Path | None
    defaced: bool
    series: Path | None = None


@dataclass(frozen=True)
class Scan:
    """Images of one acquisition: one grid, one face, one transform.

    ``name`` is that of its kind. Where a session has several of a kind, it goes on with what tells
    them apart, as ``t1wMprage``.
    """

    subject: str
    session: str | None
    name: str
    images: tuple[Image, ...]
    entities: tuple[str, ...]
    resampled_to: str | None = None
    is_reference: bool = False  # whether the subject's other scans are registered to it
    # What is computed from its images, as kind and desc- (strokeprep.study.derived).
    derived: tuple[tuple[str, str], ...] = ()
    is_cubic: bool = False  # whether it is also written on cubic voxels in its own orientation

    @property
    def in_reference_space(self) -> bool:
        """Whether the scan came resampled to its subject's reference."""
        return self.resampled_to is not None

    @property
    def pilot(self) -> Image:
        """The image that is registered and segmented for the whole scan."""
        return self.images[0]

    @property
    def kind(self) -> ScanKind:
        """What sort of scan it is."""
        return self.pilot.kind.scan

    @property
    def title(self) -> str:
        """What pages call it."""
        return f"{self.kind.title} {self.name.removeprefix(self.kind.name)}".strip()

    @property
    def views(self) -> tuple[str | None, ...]:
        """What is written of its images in other spaces; of the reference always the brain, too."""
        views = self.kind.views
        return views if STRIPPED in views or not self.is_reference else (*views, STRIPPED)

    @property
    def modality(self) -> str:
        """``ct`` or ``mr``."""
        return self.kind.modality

    @property
    def datatype(self) -> str:
        """The BIDS folder of the scan's images."""
        return self.kind.datatype

    @property
    def mask_datatype(self) -> str:
        """The BIDS folder of masks drawn on the scan."""
        return self.kind.mask_datatype

    @property
    def has_perfusion(self) -> bool:
        """Whether perfusion maps may be computed from the scan."""
        return self.kind.has_perfusion

    @property
    def has_brain(self) -> bool:
        """Whether the brain is segmented on the scan itself."""
        return STRIPPED in self.views

    @property
    def folder(self) -> str:
        """``sub-X`` or ``sub-X/ses-Y``."""
        return "/".join(_identity(self.subject, self.session))

    @property
    def stem(self) -> str:
        """The start of the file name of every image and transform of the scan."""
        return "_".join((*_identity(self.subject, self.session), *self.entities))

    @property
    def mask_entities(self) -> tuple[str, ...]:
        """The entities of every mask drawn on the scan.

        Where one folder holds masks of several kinds of scans, ``acq-`` tells them apart.
        """
        given = dict(entity.split("-", 1) for entity in self.entities)
        acq = given.pop("acq", "") + self.kind.mask_acq
        return (*([f"acq-{acq}"] if acq else []), *(f"{key}-{given[key]}" for key in given))

    @property
    def mask_stem(self) -> str:
        """The start of the file name of every mask drawn on the scan."""
        return "_".join((*_identity(self.subject, self.session), *self.mask_entities))

    @property
    def is_4d(self) -> bool:
        """Whether the scan has a time axis."""
        return self.kind.ndim == 4

    @property
    def defaced(self) -> bool:
        """Whether every image came without a face."""
        return all(image.defaced for image in self.images)

    def image(self, suffix: str) -> Image:
        """The image whose BIDS suffix is ``suffix``."""
        return next(image for image in self.images if image.kind.suffix == suffix)


@dataclass(frozen=True)
class Label:
    """A manual mask or segmentation and the scan it is drawn on."""

    kind: LabelKind
    path: Path
    scan: Scan
    in_reference_space: bool


@dataclass(frozen=True)
class Subject:
    """One patient: scans, labels, and the scan all others are registered to."""

    name: str
    scans: tuple[Scan, ...]
    labels: tuple[Label, ...]
    reference: Scan | None

    def head(self, scan: Scan) -> Scan:
        """The scan whose brain mask and location tell where the head lies in ``scan``.

        That is the scan itself where its brain is segmented, else the reference. Without a
        reference there is none but the scan itself.
        """
        return scan if scan.has_brain else self.reference or scan

    @property
    def base(self) -> Scan:
        """The reference of a subject that must have one by now."""
        if self.reference is None:
            raise ValueError(f"sub-{self.name} has no reference")
        return self.reference


@dataclass(frozen=True)
class Study:
    """All patients, and remarks on what is left out and why."""

    subjects: tuple[Subject, ...]
    remarks: tuple[str, ...] = field(default=())

    @cached_property
    def by_name(self) -> Mapping[str, Subject]:
        """Subjects by their name without ``sub-``."""
        return {subject.name: subject for subject in self.subjects}

    @cached_property
    def scans(self) -> tuple[Scan, ...]:
        """Every scan of the study."""
        return tuple(scan for subject in self.subjects for scan in subject.scans)

    @cached_property
    def _by_image(self) -> Mapping[tuple[str, str, str], Scan]:
        return {
            (scan.datatype, scan.stem, image.kind.suffix): scan
            for scan in self.scans
            for image in scan.images
        }

    @cached_property
    def _by_mask(self) -> Mapping[tuple[str, str], Scan]:
        return {
            (datatype, scan.mask_stem): scan
            for scan in self.scans
            for datatype in (scan.datatype, scan.mask_datatype)
        }

    @cached_property
    def _by_scan(self) -> Mapping[tuple[str, str], Scan]:
        return {(scan.folder, scan.name): scan for scan in self.scans}

    def scan_of_image(self, datatype: str, stem: str, suffix: str) -> Scan:
        """The scan that an image belongs to."""
        return self._by_image[datatype, stem, suffix]

    def scan_of_mask(self, datatype: str, stem: str) -> Scan:
        """The scan that a mask belongs to, or a file that only the work folder holds."""
        return self._by_mask[datatype, stem]

    def scan_in(self, folder: str, name: str) -> Scan:
        """The scan of a kind that a folder (``sub-X`` or ``sub-X/ses-Y``) holds."""
        return self._by_scan[folder, name]

    def reference(self, scan: Scan) -> Scan | None:
        """The scan that ``scan`` is registered to."""
        return self.by_name[scan.subject].reference

    def head(self, scan: Scan) -> Scan:
        """The scan whose brain mask and location tell where the head lies in ``scan``."""
        return self.by_name[scan.subject].head(scan)


def usual(labels: Iterable[Label]) -> Label | None:
    """Of several labels of a kind, the one on the scan on which such labels are usually drawn."""
    listed = list(labels)
    drawn = [label for label in listed if label.scan.kind is SCANS.get(label.kind.drawn_on)]
    return next(iter([*drawn, *listed]), None)


def _identity(subject: str, session: str | None) -> tuple[str, ...]:
    return (f"sub-{subject}",) + ((f"ses-{session}",) if session else ())

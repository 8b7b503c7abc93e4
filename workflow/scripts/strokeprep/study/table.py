"""The study table: which image of which patient lies where, and what it is drawn on.

Layout readers (:mod:`strokeprep.study.layouts.designs`) give rows; :func:`build` turns them into
scans and labels, refuses what contradicts itself, and notes what has to be left out. It runs when the
workflow is parsed, so it imports the standard library alone and opens no image.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from strokeprep.errors import StrokeprepError
from strokeprep.kinds import KIND_ORDER, KINDS, LABELS, NATIVE, SCANS
from strokeprep.settings.study import IntensitySettings
from strokeprep.study import derived, naming
from strokeprep.study.scans import Image, Label, Row, Scan, Study, Subject

# What acq- says of MR with thin slices, the better one to register others to.
THIN_SLICES = re.compile(r"acq-\w*(mp2?r|3d|iso|spgr|bravo|vibe|space|cube|vista)", re.IGNORECASE)

# File systems allow names of 255 letters, and what is made of a file adds 150.
LONGEST_LABELS = 100
# Snakemake takes a name that ends with one piece twenty times for an endless series of jobs.
REPEATED = re.compile(r"(.{1,5})\1{18}")


def build(
    rows: Iterable[Row],
    references: Sequence[str],
    subjects: Sequence[str] = (),
    sessions: Sequence[str] = (),
    intensity: IntensitySettings | None = None,
) -> Study:
    """The study of ``rows``; ``references`` lists the scans a subject may be built on, best first.

    ``intensity`` says what is derived from scans; without it nothing is.
    """
    kept = _filtered(list(rows), subjects, sessions)
    _refuse_impossible_names(kept)
    _refuse_duplicates(kept)
    remarks: list[str] = []
    by_subject: dict[str, list[Row]] = defaultdict(list)
    for row in kept:
        by_subject[row.subject].append(row)
    built = tuple(
        _subject(name, by_subject[name], references, remarks, intensity or IntensitySettings())
        for name in sorted(by_subject)
    )
    _refuse_name_clashes(built)
    return Study(built, tuple(remarks))


def _filtered(rows: list[Row], subjects: Sequence[str], sessions: Sequence[str]) -> list[Row]:
    """The rows the config asks for; a name that matches nothing is a mistake, not an empty run."""
    for wanted, present, what in (
        (subjects, {row.subject for row in rows}, "subject"),
        (sessions, {row.session for row in rows}, "session"),
    ):
        missing = [name for name in wanted if name not in present]
        if missing:
            have = ", ".join(sorted(str(name) for name in present)[:5]) or "none"
            raise StrokeprepError(
                f"The config asks for a {what} the study does not have",
                ", ".join(missing),
                f"Correct study.{what}s in the config; the study has {have}"
                + (" …" if len(present) > 5 else "."),
            )
    kept = [
        row
        for row in rows
        if (not subjects or row.subject in subjects)
        and (not sessions or row.session is None or row.session in sessions)
    ]
    if rows and not kept:
        raise StrokeprepError(
            "No subject the config asks for has a session it asks for",
            f"subjects {', '.join(subjects)}; sessions {', '.join(sessions)}",
            "Correct study.subjects or study.sessions in the config.",
        )
    return kept


def _refuse_impossible_names(rows: Iterable[Row]) -> None:
    """Refuse names that BIDS, a file system or Snakemake cannot bear."""
    written: dict[str, Row] = {}
    for row in rows:
        names = (row.subject, row.session or "0")
        if not all(re.fullmatch(r"[A-Za-z0-9]+", name) for name in names):
            raise StrokeprepError(
                "Subject and session names may hold letters and digits only",
                row.path,
                "Rename the folder, or set study.patterns so that it yields a plain name.",
            )
        label = "_".join((*names, *row.entities))
        if len(label) > LONGEST_LABELS or REPEATED.search(label):
            raise StrokeprepError(
                f"The labels of a file have more than {LONGEST_LABELS} letters, or repeat themselves",
                row.path,
                "Rename it: the files made of it have longer names.",
            )
        other = written.setdefault(row.subject.casefold(), row)
        if other.subject != row.subject:
            raise StrokeprepError(
                f"sub-{other.subject} and sub-{row.subject} differ in capitals alone, and are one "
                "folder on some computers",
                f"{other.path} and {row.path}",
                "Rename one of the subjects.",
            )


def _refuse_duplicates(rows: Iterable[Row]) -> None:
    seen: dict[tuple, Row] = {}
    for row in rows:
        key = (row.subject, row.session, row.role, row.on, _told_apart_by(row))
        if key in seen:
            raise StrokeprepError(
                f"Two files claim to be the {row.role} of sub-{row.subject}"
                + (f" ses-{row.session}" if row.session else ""),
                f"{seen[key].path} and {row.path}",
                "Move one out of the study, or narrow study.patterns so that one matches.",
            )
        seen[key] = row


def _told_apart_by(row: Row) -> tuple[str, ...]:
    """The entities by which files of one role may differ; images of most scans may not."""
    is_alone = row.role in KINDS and not KINDS[row.role].scan.may_repeat
    return () if is_alone else row.entities


def _subject(
    name: str,
    rows: Sequence[Row],
    references: Sequence[str],
    remarks: list[str],
    intensity: IntensitySettings,
) -> Subject:
    found = _scans(name, [row for row in rows if row.role in KINDS])
    scans = derived.with_derived(_with_reference(found, references), intensity)
    reference = next((scan for scan in scans if scan.is_reference), None)
    if reference is None:
        remarks.append(
            f"sub-{name}: no {' or '.join(references)}, so nothing can be registered; "
            "only defaced images and native masks are written."
        )
    usable = tuple(scan for scan in scans if _lies_on(scan.resampled_to, reference))
    for scan in scans:
        if scan not in usable:
            remarks.append(
                f"sub-{name}: {scan.name} left out, it was resampled to the {scan.resampled_to}, "
                "which is missing."
            )
    labels = [
        label
        for row in rows
        if row.role in LABELS
        for label in [_label(row, usable, reference, remarks)]
        if label
    ]
    _refuse_twins(labels)
    return Subject(name, usable, tuple(labels), reference)


def _with_reference(scans: Iterable[Scan], references: Sequence[str]) -> tuple[Scan, ...]:
    """The scans, with the one marked that the others are registered to.

    Of several of one kind it is one whose ``acq-`` speaks of thin slices, or else the first.
    """
    scans = tuple(scans)
    native = [scan for scan in scans if scan.resampled_to is None]
    native.sort(key=lambda scan: not any(THIN_SLICES.match(each) for each in scan.entities))
    chosen = next(
        (scan for wanted in references for scan in native if scan.kind.name == wanted), None
    )
    return tuple(replace(scan, is_reference=True) if scan is chosen else scan for scan in scans)


def _scans(subject: str, rows: Sequence[Row]) -> tuple[Scan, ...]:
    groups: dict[_Which, list[Row]] = defaultdict(list)
    for row in rows:
        kind = KINDS[row.role].scan
        apart = row.entities if kind.may_repeat else ()
        groups[_Which(row.session or "", list(SCANS).index(kind.name), apart)].append(row)
    return tuple(_scan(subject, _name(which, groups), groups[which]) for which in sorted(groups))


class _Which(NamedTuple):
    """Which scan of a subject an image belongs to, in the order of scans."""

    session: str
    kind: int
    told_apart_by: tuple[str, ...]


def _name(which: _Which, others: Iterable[_Which]) -> str:
    """The name of a scan: its kind's, and what tells it apart from others of its session."""
    alike = [set(other.told_apart_by) for other in others if other[:2] == which[:2]]
    own = [each for each in which.told_apart_by if each not in set.intersection(*alike)]
    return list(SCANS)[which.kind] + "".join(map(_capitalised, own))


def _capitalised(entity: str) -> str:
    """An entity as the end of a scan's name: acq-mprage as Mprage, run-2 as Run2."""
    key, value = entity.split("-", 1)
    word = value if key == "acq" and value[0].isalpha() else key + value
    return word[0].upper() + word[1:]


def _scan(subject: str, name: str, rows: list[Row]) -> Scan:
    rows.sort(key=lambda row: KIND_ORDER[row.role])
    if len({row.space for row in rows}) > 1:
        raise StrokeprepError(
            f"Images of one {name} scan lie on different grids",
            ", ".join(str(row.path) for row in rows),
            "Give all of them natively, or all of them in the reference's space.",
        )
    return Scan(
        subject=subject,
        session=rows[0].session,
        name=name,
        images=tuple(
            Image(KINDS[row.role], row.path, row.sidecar, row.defaced, row.series) for row in rows
        ),
        entities=rows[0].entities,
        resampled_to=_resampled_to(rows[0]),
    )


def _resampled_to(row: Row) -> str | None:
    return None if row.space == NATIVE else row.space


def _lies_on(resampled_to: str | None, reference: Scan | None) -> bool:
    """Whether a grid is a scan's own, or that of the subject's reference."""
    if resampled_to is None:
        return True
    return reference is not None and resampled_to in (reference.name, reference.kind.name)


def _label(
    row: Row, scans: Sequence[Scan], reference: Scan | None, remarks: list[str]
) -> Label | None:
    """The label of a row, or nothing and a remark where the scan it needs is missing."""
    scan = _drawn_on(row, scans)
    moved = _resampled_to(row)
    if moved is not None:
        scan = scan or reference
    missing = _missing(row, scan, moved, reference)
    if missing or scan is None:
        remarks.append(f"sub-{row.subject}: {row.role} left out, {missing}.")
        return None
    return Label(LABELS[row.role], row.path, scan, moved is not None)


def _drawn_on(row: Row, scans: Sequence[Scan]) -> Scan | None:
    """The scan a label is drawn on: that of its session, and of several the one with its name."""
    of_kind = [scan for scan in scans if scan.kind.name == row.on]
    near = [scan for scan in of_kind if scan.session == row.session] or of_kind[:1]
    if len(near) < 2:
        return next(iter(near), None)
    name = [each.lower() for each in row.entities]
    named = [scan for scan in near if [each.lower() for each in scan.mask_entities] == name]
    if not named:
        stems = ", ".join(f"{scan.mask_stem}_*" for scan in near)
        raise StrokeprepError(
            f"sub-{row.subject} has several {row.on} scans, and the {row.role} does not say on "
            "which it is drawn",
            row.path,
            f"Name it like the masks of one of them: {stems}.",
        )
    return named[0]


def _missing(row: Row, scan: Scan | None, moved: str | None, reference: Scan | None) -> str:
    """What keeps a label from being used; empty if nothing does."""
    if not _lies_on(moved, reference):
        return f"the {moved} it lies on is missing or not the reference"
    if scan is None:
        return f"its {row.on} scan is missing"
    if moved is None and scan.in_reference_space:
        return f"it lies on a native {row.on} scan, and only a resampled one is there"
    return ""


def _refuse_twins(labels: Iterable[Label]) -> None:
    """Two labels of one kind on one scan would get one name."""
    seen: dict[tuple[str, Scan], Label] = {}
    for label in labels:
        other = seen.setdefault((label.kind.name, label.scan), label)
        if other is not label:
            raise StrokeprepError(
                f"Two files claim to be the {label.kind.name} on the {label.scan.name} of "
                f"sub-{label.scan.subject}",
                f"{other.path} and {label.path}",
                "Move one out of the study, or narrow study.patterns so that one matches.",
            )


def _refuse_name_clashes(subjects: Iterable[Subject]) -> None:
    """Two scans whose masks or images would get one name cannot be told apart on disk."""
    for subject in subjects:
        seen: dict[str, Scan] = {}
        for scan in subject.scans:
            images = (naming.defaced(scan, image.kind.suffix) for image in scan.images)
            called = f"{scan.folder}: {scan.name}"  # in transforms
            for name in (called, naming.brain_mask(scan, naming.ORIG), *images):
                other = seen.setdefault(name, scan)
                if other is not scan:
                    raise StrokeprepError(
                        f"The {other.name} and {scan.name} of sub-{subject.name} get the same name",
                        f"{other.pilot.path} and {scan.pilot.path}",
                        "Give one of them an acq- entity.",
                    )

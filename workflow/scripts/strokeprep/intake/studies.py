"""The studies of an export: which files each has, whose it is, and which session it makes.

Who a patient is stays in here. Studies are known to everyone else by a key that is made from their
UID, and patients by the code that :mod:`strokeprep.intake.people` gives.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from strokeprep.clinical.columns import OLDEST
from strokeprep.errors import StrokeprepError
from strokeprep.intake.reading.files import Passed, Source, Unreadable, found
from strokeprep.intake.reading.headers import DAY, identity, moment

# Studies further apart are two sessions: acute CT and follow-up MR. A console that was started
# anew gives one visit two studies.
NEW_SESSION_S = 12 * 3600
OLDEST_S = 366 * DAY  # a moment without a date is less than a day
PER_YEAR = {"D": 365.25, "W": 52.18, "M": 12, "Y": 1}
IMPOSSIBLE_AGE = 125  # a date of birth that was made up
SEXES = ("F", "M", "O")
NO_STUDY = "a DICOM file of no study"


@dataclass(frozen=True)
class Patient:
    """Who, by the hospital's number; never shown."""

    number: str
    issuer: str = ""


@dataclass(frozen=True)
class Study:
    """The files of one study of one patient."""

    key: str
    patient: Patient = field(repr=False)
    sources: tuple[Source, ...] = field(repr=False)
    began: float | None  # seconds of an unknown day; None without a date
    faults: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    age: int | None = field(default=None, repr=False)  # in years, cut at the oldest that is told
    sex: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Export:
    """Everything that was found: studies, and files that are none of their images, by reason."""

    studies: tuple[Study, ...]
    passed: dict[str, int]

    @property
    def files(self) -> int:
        """How many files there are in all."""
        return sum(len(study.sources) for study in self.studies) + sum(self.passed.values())


class _Gathered:
    """What is known of a study while its files are read."""

    def __init__(self) -> None:
        self.sources: list[Source] = []
        self.moments: list[float] = []
        self.names: set[frozenset[str]] = set()
        self.births: set[str] = set()
        self.ages: set[int | None] = set()
        self.sexes: set[str] = set()

    def add(self, source: Source, facts: Mapping[str, Any]) -> None:
        self.sources.append(source)
        began = moment(facts.get("StudyDate"), facts.get("StudyTime") or "000000")
        if began is not None and began > OLDEST_S:
            self.moments.append(began)
        if "PatientName" in facts:
            parts = facts["PatientName"].casefold().replace("^", " ").split()
            self.names.add(frozenset(parts))
        if "PatientBirthDate" in facts:
            self.births.add(facts["PatientBirthDate"])
        self.ages.add(age(facts))
        if facts.get("PatientSex") in SEXES:
            self.sexes.add(facts["PatientSex"])


def read(roots: Sequence[Path]) -> Export:
    """The studies in folders and archives, oldest first for each patient."""
    passed: Counter[str] = Counter()
    gathered: dict[tuple[str, Patient], _Gathered] = defaultdict(_Gathered)
    for item in (each for root in roots for each in found(root)):
        if isinstance(item, Passed):
            passed[item.why] += 1
            continue
        try:
            facts = identity(item)
        except (Unreadable, OSError, RuntimeError, EOFError):
            passed["a DICOM file whose header cannot be read"] += 1
            continue
        if "StudyInstanceUID" not in facts:
            passed[NO_STUDY] += 1
            continue
        patient = Patient(facts.get("PatientID", ""), facts.get("IssuerOfPatientID", ""))
        gathered[facts["StudyInstanceUID"], patient].add(item, facts)
    return Export(tuple(_studies(gathered)), dict(sorted(passed.items())))


def _studies(gathered: dict[tuple[str, Patient], _Gathered]) -> Iterable[Study]:
    shared = Counter(uid for uid, _ in gathered)
    births: dict[Patient, set[str]] = defaultdict(set)
    names: dict[Patient, set[frozenset[str]]] = defaultdict(set)
    for (_, patient), each in gathered.items():
        births[patient] |= each.births
        names[patient] |= each.names
    made = []
    for (uid, patient), each in gathered.items():
        faults = []
        if not patient.number:
            faults.append("its files have no PatientID: enter the patient at the scanner's console")
        if shared[uid] > 1:
            faults.append("files of two patients bear the UID of one study")
        if len(births[patient]) > 1:
            faults.append("one PatientID has two dates of birth: is it one person?")
        remarks = ("one PatientID has two names",) if len(names[patient]) > 1 else ()
        told = f"{uid} {patient.number} {patient.issuer}" if shared[uid] > 1 else uid
        key = sha256(told.encode()).hexdigest()[:10]
        began = min(each.moments, default=None)
        sources = tuple(sorted(each.sources))
        years, sex = _only(each.ages), _only(each.sexes)
        made.append(Study(key, patient, sources, began, tuple(faults), remarks, years, sex))
    return sorted(made, key=lambda study: (study.began or 0.0, study.key))


def age(facts: Mapping[str, Any]) -> int | None:
    """Whole years at the study, by the dates or by the tag; those over 89 count as 89.

    >>> age({"PatientBirthDate": "19310203", "StudyDate": "20010202"})
    69
    """
    days = [str(facts.get(name, "")) for name in ("PatientBirthDate", "StudyDate")]
    if all(re.fullmatch(r"\d{8}", day) for day in days):
        born, seen = days
        years = int(seen[:4]) - int(born[:4]) - (seen[4:] < born[4:])
    elif told := re.fullmatch(r"(\d{3})([DWMY])", str(facts.get("PatientAge", ""))):
        years = int(int(told[1]) / PER_YEAR[told[2]])
    else:
        return None
    return min(years, OLDEST) if 0 <= years < IMPOSSIBLE_AGE else None


def _only(values: set[Any]) -> Any:
    """The one value that all files of a study give; None if they disagree."""
    known = values - {None}
    return known.pop() if len(known) == 1 else None


def sessions(studies: Sequence[Study]) -> dict[str, str]:
    """The session of each study by its key: studies within 12 hours of the last are one session.

    A study without a date has none, unless it is the only one of its patient.
    """
    by_patient: dict[Patient, list[Study]] = defaultdict(list)
    for study in studies:
        by_patient[study.patient].append(study)
    named: dict[str, str] = {}
    for visits in by_patient.values():
        if len(visits) == 1:
            named[visits[0].key] = "01"
            continue
        if any(visit.began is None for visit in visits):
            continue
        last, number = float("-inf"), 0
        for visit in sorted(visits, key=lambda each: each.began or 0.0):
            began = visit.began or 0.0
            number += began - last > NEW_SESSION_S
            named[visit.key], last = f"{number:02d}", began
    return named


def hours_since_first(studies: Sequence[Study]) -> dict[str, float]:
    """Hours from each patient's first study to each, by its key, where dates are known."""
    first: dict[Patient, float] = {}
    for study in studies:
        if study.began is not None:
            first[study.patient] = min(first.get(study.patient, study.began), study.began)
    return {
        study.key: round((study.began - first[study.patient]) / 3600, 1)
        for study in studies
        if study.began is not None
    }


def refuse_inside(output: Path, roots: Sequence[Path]) -> None:
    """Refuse to write into the export, or to read what is written."""
    target = output.resolve()
    for root in roots:
        source = root.resolve()
        if target.is_relative_to(source) or source.is_relative_to(target):
            raise StrokeprepError(
                "The output and the export lie in one another",
                output,
                "Give an output folder outside of the export, which is never written to.",
            )

"""The stage before the chain: list the studies of an export, plan each, take each in.

Listing and planning look at all studies, since sessions, codes and the override file concern all.
Taking in looks at one, so that hundreds can be taken in side by side.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strokeprep.errors import StrokeprepError
from strokeprep.intake import dataset, overrides, pages, people, plan, studies
from strokeprep.intake.plan import Plan
from strokeprep.intake.reading.files import Source
from strokeprep.intake.studies import Patient, Study
from strokeprep.io import tables
from strokeprep.io.whole import write_json, write_text
from strokeprep.settings.study import IntakeSettings


@dataclass(frozen=True)
class Request:
    """What is asked for: exports to read, where to write, whose code is whose, what was decided."""

    exports: tuple[Path, ...]
    raw: Path
    work: Path
    people: Path | None = None
    draw: bool = False
    overrides: Path | None = None
    lists_patients: bool = True  # whether ages and sexes go into participants.tsv

    @property
    def index(self) -> Path:
        """The list of studies and their files. It holds paths, so others may not read it."""
        return self.work / "studies.json"

    def page(self, key: str) -> Path:
        """The page of a study."""
        return self.work / f"study-{key}.html"

    def notes(self, key: str) -> Path:
        """What was written of a study, and from what."""
        return self.work / f"study-{key}.json"


def asked(settings: IntakeSettings, raw: str, work: Path) -> Request:
    """What a config asks for; without a table of patients the plan alone can be made."""
    return Request(
        tuple(map(Path, settings.exports)),
        Path(raw),
        work,
        Path(settings.people) if settings.people else None,
        settings.draw,
        Path(settings.overrides) if settings.overrides else None,
    )


def listed(request: Request) -> dict[str, int]:
    """List the studies with their patients' codes; returns the files that are in none, by reason."""
    for folder in (request.raw, request.work):
        studies.refuse_inside(folder, request.exports)
    export = studies.read(request.exports)
    codes: dict[Patient, str] = {}
    if request.people is not None:
        outputs = (request.raw, request.work)
        patients = [study.patient for study in export.studies]
        codes = people.codes(request.people, patients, draw=request.draw, outputs=outputs)
    sessions, hours = studies.sessions(export.studies), studies.hours_since_first(export.studies)
    content = [
        {
            "key": study.key,
            "subject": codes.get(study.patient),
            "session": sessions.get(study.key),
            "age": study.age,
            "sex": study.sex,
            "hours": hours.get(study.key),
            "faults": study.faults,
            "remarks": study.remarks,
            "sources": [[each.path, each.member] for each in study.sources],
        }
        for study in export.studies
    ]
    write_json(content, request.index)
    request.index.chmod(0o600)
    return export.passed


def index(request: Request) -> list[dict[str, Any]]:
    """The list of studies, as it was written."""
    return json.loads(request.index.read_text())


def planned(request: Request, passed: Mapping[str, int]) -> list[dict[str, Any]]:
    """Write the table and the pages of the plan for all studies; returns the table's rows."""
    entries = overrides.read(request.overrides)
    rows: list[dict[str, Any]] = []
    used: set[int] = set()
    for each in index(request):
        made = _plan(each, entries)
        used |= {
            entry.line
            for entry in entries
            for row in made.rows
            if entry.fits(made.study.key, row.stack)
        }
        rows += made.table()
        pages.write(made, request.page(made.study.key))
    overrides.refuse_unused(entries, used, request.overrides)
    blank = dict.fromkeys(plan.COLUMNS, tables.MISSING)
    rows += [
        blank | {"files": count, "decision": plan.LEAVE, "reasons": why}
        for why, count in passed.items()
    ]
    write_text(tables.render(rows, plan.COLUMNS), request.work / "plan.tsv")
    return rows


def _plan(entry: Mapping[str, Any], entries: Sequence[overrides.Override]) -> Plan:
    sources = tuple(Source(path, member) for path, member in entry["sources"])
    study = Study(
        entry["key"], Patient(""), sources, None, tuple(entry["faults"]), tuple(entry["remarks"])
    )
    return plan.of_study(study, entry["subject"], entry["session"], entries)


def taken_in(request: Request, key: str) -> Iterator[str]:
    """Take one study in; yields a line for each of its series that was to be converted."""
    from strokeprep.intake import writing

    known = index(request)
    entry = next((each for each in known if each["key"] == key), None)
    if entry is None:
        raise StrokeprepError("There is no such study", key, "Take its name from the plan.")
    made = _plan(entry, overrides.read(request.overrides))
    ended = writing.write(made, request.raw, request.notes(key))
    if made.subject and any(each.ended != "refused" for each in ended):
        dataset.describe(request.raw, made.subject, known)
        if request.lists_patients:
            lock = request.work / "participants.lock"
            dataset.add_patient(request.raw / "participants.tsv", lock, made.subject, known)
    pages.write(made, request.page(key), request.raw, ended)
    for each in ended:
        yield f"{each.row.stem}: {'; '.join((each.ended, *each.what))}"

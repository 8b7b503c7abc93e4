"""What the raw dataset says of itself: its description, its patients, and their sessions without dates."""

from __future__ import annotations

import fcntl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from strokeprep.clinical.columns import KNOWN, meaning
from strokeprep.io import tables
from strokeprep.io.whole import write_json, write_text

SESSION_COLUMNS = ("session_id", "hours_since_first_scan")
SESSION_MEANING = {
    "hours_since_first_scan": {
        "Description": "Time from the patient's first study to this one",
        "Units": "hour",
    }
}
OF_PATIENTS = ("age", "sex")


def describe(raw: Path, subject: str, known: Sequence[Mapping[str, Any]]) -> None:
    """Write the description and a patient's sessions, from the list of all studies, oldest first.

    Every job of a patient writes the same, so it does not matter which is last.
    """
    description = raw / "dataset_description.json"
    if not description.exists():
        content = {
            "Name": "Raw acute-stroke imaging",
            "BIDSVersion": "1.11.1",
            "DatasetType": "raw",
        }
        write_json(content, description)
    own = [each for each in known if each["subject"] == subject and each["session"]]
    hours: dict[str, float | None] = {}
    for each in sorted(own, key=lambda each: (each["session"], each["hours"] or 0)):
        hours.setdefault(each["session"], each["hours"])
    rows = [
        {
            "session_id": f"ses-{session}",
            "hours_since_first_scan": tables.MISSING if since is None else f"{since:g}",
        }
        for session, since in hours.items()
    ]
    stem = raw / f"sub-{subject}" / f"sub-{subject}_sessions"
    write_text(tables.render(rows, SESSION_COLUMNS), stem.with_suffix(".tsv"))
    write_json(SESSION_MEANING, stem.with_suffix(".json"))


def add_patient(table: Path, lock: Path, subject: str, known: Sequence[Mapping[str, Any]]) -> None:
    """Add a patient to ``participants.tsv``, one job at a time. A row that is there stays as it is."""
    with lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        rows = tables.read(table) if table.exists() else []
        who = f"sub-{subject}"
        if who in {row.get("participant_id") for row in rows}:
            return
        columns = list(dict.fromkeys(["participant_id", *(rows[0] if rows else OF_PATIENTS)]))
        told = {"participant_id": who, **_of_patient(subject, known)}
        rows.append({name: told.get(name, tables.MISSING) for name in columns})
        rows.sort(key=lambda row: row["participant_id"])
        if not table.with_suffix(".json").exists():
            write_json(
                {name: meaning(KNOWN[name]) for name in OF_PATIENTS}, table.with_suffix(".json")
            )
        write_text(tables.render(rows, columns), table)


def _of_patient(subject: str, known: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What the patient's first study tells, or a later one where it tells nothing."""
    told: dict[str, str] = {}
    for each in known:
        if each["subject"] == subject:
            told = {
                name: str(each[name]) for name in OF_PATIENTS if each.get(name) is not None
            } | told
    return told

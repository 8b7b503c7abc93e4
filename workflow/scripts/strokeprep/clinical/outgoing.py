"""Clinical values on their way out: what the output's tables say, as a release tells it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from strokeprep.clinical import alteration
from strokeprep.clinical.columns import KNOWN, OLDEST, meaning
from strokeprep.io import tables
from strokeprep.io.tables import MISSING, render
from strokeprep.io.whole import write_json, write_text
from strokeprep.settings.finished.release import ReleaseSettings
from strokeprep.settings.study import Column
from strokeprep.study import naming

Rows = dict[str, dict[str, str]]  # of values, by patient and column


def collected(derivatives: Path) -> Rows:
    """All clinical values of an output. Of tables that tell one value, the first that has it counts.

    What was measured on images is not among them: it must not stand for what somebody found.
    """
    rows: Rows = {}
    measured = derivatives / naming.ALL_LESIONS
    phenotype = [
        path for path in sorted((derivatives / "phenotype").glob("*.tsv")) if path != measured
    ]
    for path in [*phenotype, derivatives / "participants.tsv"]:
        for row in tables.read(path):
            mine = rows.setdefault(row.pop("participant_id"), {})
            for name, value in row.items():
                if mine.get(name, MISSING) == MISSING:
                    mine[name] = value
    return rows


def told(
    rows: Rows,
    people: Iterable[str],
    columns: Sequence[str],
    settings: ReleaseSettings,
    key: bytes,
) -> Rows:
    """What a release tells of its patients: withheld, altered and rounded as the config says."""
    return {
        person: {
            name: MISSING
            if name in settings.withheld
            else _told(rows.get(person, {}).get(name, MISSING), name, person, settings, key)
            for name in columns
        }
        for person in people
    }


def _told(value: str, name: str, person: str, settings: ReleaseSettings, key: bytes) -> str:
    if value == MISSING:
        return value
    if name in settings.altered:
        return alteration.altered(value, name, person, key, settings.altered_by)
    if KNOWN[name].type == "age":
        return str(min(int(float(value)), OLDEST))
    if KNOWN[name].type == "duration":
        return f"{round(float(value) * 60) / 60:.6g}"  # to the second, as clocks show it
    return value


def meanings(columns: Sequence[str], settings: ReleaseSettings) -> dict[str, dict[str, Any]]:
    """What the JSON beside a table says of its columns."""
    found = {}
    for name in columns:
        found[name] = meaning(KNOWN[name])
        if name in settings.altered:
            found[name] |= _altered(found[name], settings.altered_by)
    return found


def _altered(about: Mapping[str, Any], share: float) -> dict[str, Any]:
    """What is said of a column whose values are altered: that they are, and how far they reach."""
    text = f"{about['Description']}. {alteration.told(share)}"
    low, high = alteration.widened(about["Minimum"], about["Maximum"], share)
    return {"Description": text, "Minimum": low, "Maximum": high}


def write_phenotype(
    stem: Path,
    about: str,
    rows: Mapping[str, Mapping[str, str]],
    columns: Sequence[str],
    settings: ReleaseSettings,
) -> None:
    """Write a table of BIDS with a row for each case, and its JSON."""
    listed = [{"participant_id": case} | dict(rows[case]) for case in sorted(rows)]
    wanted = ["participant_id", *columns]
    chosen = [{name: row[name] for name in wanted} for row in listed]
    write_text(render(chosen, wanted), Path(f"{stem}.tsv"))
    write_json({"Description": about} | meanings(columns, settings), Path(f"{stem}.json"))


# --- One table for each case ----------------------------------------------------------------------


def cell(value: str, column: Column) -> str | int | float | None:
    """A value as a cell of a table that is no BIDS: empty where there is none, times as a clock.

    >>> cell("80.5", KNOWN["onset_to_door"])
    '01:20:30'
    >>> cell("7", KNOWN["nihss_admission"])
    7
    """
    if value == MISSING:
        return None
    if column.type == "duration":
        seconds = round(float(value) * 60)
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if column.type in ("level", "text"):
        return value
    number = float(value)
    return int(number) if number == int(number) else number


def headings(columns: Sequence[str]) -> list[str]:
    """The published names of columns."""
    return [KNOWN[name].title for name in columns]

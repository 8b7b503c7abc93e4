"""Codes for patients: from a table that the lab owns, or drawn at random and added to it.

The table is the key to everyone in the study. It stays with the lab: nothing copies it, no message
repeats a line of it, and it is refused where others could read it.
"""

from __future__ import annotations

import csv
import fcntl
import io
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from strokeprep.errors import StrokeprepError
from strokeprep.intake.studies import Patient
from strokeprep.io.whole import whole

COLUMNS = ("patient", "issuer", "subject")
LABEL = re.compile(r"[A-Za-z0-9]+")
DIGITS = 4  # of a drawn code


def codes(
    table: Path, patients: Iterable[Patient], *, draw: bool, outputs: Iterable[Path] = ()
) -> dict[Patient, str]:
    """The code of each patient; those who are not listed get none, or one that is drawn at random."""
    _refuse_exposed(table, outputs)
    wanted = list(dict.fromkeys(each for each in patients if each.number))
    if not draw:
        known = _read(table)
        return {each: code for each in wanted for code in [_known(known, each)] if code}
    with _locked(table):
        known = _read(table) if table.exists() else {}
        missing = [each for each in wanted if not _known(known, each)]
        if missing:
            # In an order of chance, so that neither names nor dates can be told from codes.
            secrets.SystemRandom().shuffle(missing)
            for each in missing:
                known[each] = _fresh(set(known.values()))
            _write(known, table)
    return {each: code for each in wanted for code in [_known(known, each)] if code}


def _known(table: dict[Patient, str], patient: Patient) -> str | None:
    """The code of a patient; a line without an issuer is for the number whoever issued it."""
    return table.get(patient) or table.get(Patient(patient.number))


def _refuse_exposed(table: Path, outputs: Iterable[Path]) -> None:
    place = table.resolve()
    if any(place.is_relative_to(output.resolve()) for output in outputs):
        raise StrokeprepError(
            "The table of patients lies in a folder that is given away",
            table,
            "Keep it outside of the output and of the work folder.",
        )
    if table.exists() and stat.S_IMODE(table.stat().st_mode) & 0o077:
        raise StrokeprepError(
            "Others can read the table of patients", table, "Run chmod 600 on it."
        )


def _read(table: Path) -> dict[Patient, str]:
    """The table. A fault is told by its line, never by what stands there."""
    if not table.exists():
        raise StrokeprepError(
            "There is no table of patients",
            table,
            f"Write one with the columns {', '.join(COLUMNS)}, or let codes be drawn (--draw).",
        )
    with table.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    known: dict[Patient, str] = {}
    for line, row in enumerate(rows, 2):
        number = (row.get("patient") or "").strip()
        code = (row.get("subject") or "").strip().removeprefix("sub-")
        patient = Patient(number, (row.get("issuer") or "").strip())
        if not number or not LABEL.fullmatch(code):
            what = f"Line {line} of the table of patients lacks a patient, or a code of letters and digits"
            raise StrokeprepError(what, table, "Correct that line.")
        if patient in known or code in known.values():
            what = f"Line {line} of the table of patients repeats a patient or a code"
            raise StrokeprepError(
                what, table, "Give each patient one line and a code of their own."
            )
        known[patient] = code
    return known


def _fresh(taken: set[str]) -> str:
    free = 10**DIGITS - 1 - len(taken)
    if free <= 0:
        raise StrokeprepError("All codes are used", "patients", "Give codes in the table.")
    while (code := f"{secrets.randbelow(10**DIGITS - 1) + 1:0{DIGITS}d}") in taken:
        pass
    return code


def _write(known: dict[Patient, str], table: Path) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    for patient, code in sorted(known.items(), key=lambda item: item[1]):
        writer.writerow((patient.number, patient.issuer, code))
    with whole(table) as partial:
        partial.touch(mode=0o600)
        partial.write_text(text.getvalue(), encoding="utf-8")


@contextmanager
def _locked(table: Path) -> Iterator[None]:
    """One writer at a time, also on a file system that is shared."""
    table.parent.mkdir(parents=True, exist_ok=True)
    lock = table.with_name(f".{table.name}.lock")
    handle = os.open(lock, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)

"""The verdicts of one rater: a table that the pages save, or that the server writes.

It holds what a person typed, so it never lies in the output.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import NamedTuple

from strokeprep.errors import StrokeprepError
from strokeprep.io import tables
from strokeprep.io.tables import MISSING
from strokeprep.io.whole import write_text

BAD = "bad"
VERDICTS = ("good", "doubtful", BAD)
START = "verdicts_"  # of a file's name; the rest is the rater
RATER = re.compile(r"[A-Za-z0-9]{1,32}")
LARGEST = 64_000_000  # bytes: a thousand cases with the longest notes have a tenth of it
# What each cell may be. A note is a line of text.
FORMS = {
    "participant_id": re.compile(r"sub-[A-Za-z0-9]+"),
    "step": re.compile(r"[A-Za-z0-9-]{1,64}"),
    "verdict": re.compile("|".join((*VERDICTS, MISSING))),
    "version": re.compile(r"[a-p]{12}|n/a"),
    "note": re.compile(r'[^\x00-\x1f\x7f"]{0,500}'),
}
REMEDY = "Save it on a page again, or correct the line."


@dataclass(frozen=True)
class Verdict:
    """What a rater said of a step; ``verdict`` is n/a where there is a note alone."""

    participant_id: str
    step: str
    verdict: str
    version: str
    note: str = MISSING

    @property
    def key(self) -> tuple[str, str]:
        """What it is about, whichever version."""
        return self.participant_id, self.step

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing: the rater took it back."""
        return (self.verdict, self.note) == (MISSING, MISSING)


COLUMNS = tuple(field.name for field in fields(Verdict))


class Rater(NamedTuple):
    """A rater, and the verdicts by case and step."""

    name: str
    verdicts: dict[tuple[str, str], Verdict]


def parsed(text: str, where: str | Path) -> list[Verdict]:
    """The verdicts of a table, each cell checked; one step has one verdict."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), delimiter="\t")
    if reader.fieldnames is None or not set(COLUMNS) <= set(reader.fieldnames):
        raise StrokeprepError(
            f"The table lacks a column of {', '.join(COLUMNS)}", where, "Save it on a page again."
        )
    found = list(_rows(reader, where))
    seen: set[tuple[str, str]] = set()
    for each in found:
        if each.key in seen:
            raise StrokeprepError(f"Two verdicts on {' '.join(each.key)}", where, REMEDY)
        seen.add(each.key)
    return found


def _rows(reader: csv.DictReader, where: str | Path) -> Iterator[Verdict]:
    for row in reader:
        cells = {name: (row[name] or "").strip() or MISSING for name in COLUMNS}
        for name, form in FORMS.items():
            if not form.fullmatch(cells[name]):
                raise StrokeprepError(
                    f"Line {reader.line_num} has a {name} that none can have", where, REMEDY
                )
        yield Verdict(**cells)


def read(path: Path) -> Rater:
    """A rater's file."""
    try:
        if path.stat().st_size > LARGEST:
            raise StrokeprepError("The table is too large for verdicts", path, REMEDY)
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StrokeprepError("The verdicts cannot be read", path, REMEDY) from error
    return Rater(name_of(path), {each.key: each for each in parsed(text, path)})


def name_of(path: Path) -> str:
    """The rater that a file is of."""
    return path.stem.removeprefix(START)


def raters(folder: Path) -> list[Rater]:
    """All raters whose files lie in a folder."""
    return [read(path) for path in sorted(folder.glob(f"{START}*.tsv"))]


def render(verdicts: Iterable[Verdict]) -> str:
    """Verdicts as a table, in the order of cases and steps."""
    ordered = sorted(verdicts, key=lambda each: each.key)
    return tables.render(map(asdict, ordered), COLUMNS)


def add(path: Path, given: Iterable[Verdict]) -> None:
    """Put verdicts into a rater's file in the place of former ones; empty ones are taken out."""
    kept = read(path).verdicts if path.exists() else {}
    kept |= {each.key: each for each in given}
    write_text(render(each for each in kept.values() if not each.is_empty), path)

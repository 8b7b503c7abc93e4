"""The steps of a subject that people judge on its pages, each with the version that they see."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from strokeprep.io import tables
from strokeprep.report import plan

if TYPE_CHECKING:  # pictures need imaging packages, which Snakemake's own process may lack
    from strokeprep.report.sections.parts import Section

COLUMNS = ("step", "title", "version")
# No digits: a version must not look like a date or a number of somebody.
LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
LENGTH = 12


@dataclass(frozen=True)
class Step:
    """A section of a page, and the version of what it shows."""

    step: str
    title: str
    version: str


def of(sections: Sequence[Section]) -> list[Step]:
    """The steps that the sections of a page show."""
    return [Step(each.name, each.title, version(each)) for each in sections]


def table(steps: Sequence[Step]) -> str:
    """The steps as a table."""
    return tables.render(map(asdict, steps), COLUMNS)


def read(root: Path, subject: str) -> list[Step]:
    """The steps of a subject's pages, in the order that they are shown."""
    names = (plan.image_names(subject), plan.perfusion_names(subject))
    paths = [path for each in names if (path := root / each.steps).exists()]
    return [Step(**row) for path in paths for row in tables.read(path)]


def version(section: Section) -> str:
    """A name for the pictures and the table of a section: a verdict on them does not hold for others."""
    made = hashlib.sha256()
    for figure in section.figures:
        for part in (figure.svg.encode(), *(picture.png for _, picture in figure.frames)):
            made.update(hashlib.sha256(part).digest())
    for row in section.rows:
        made.update("\t".join(row.values()).encode())
    return made.hexdigest()[:LENGTH].translate(LETTERS)

"""Which study design a folder follows, found by trying the shipped config of each on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from strokeprep.errors import StrokeprepError
from strokeprep.guide.folder import Contents
from strokeprep.kinds import KINDS
from strokeprep.settings import config as settings
from strokeprep.settings.config import Config
from strokeprep.settings.docs import CHECKOUT
from strokeprep.study import table
from strokeprep.study.layouts import designs
from strokeprep.study.layouts.engine import NoImages
from strokeprep.study.scans import Row, Study

EXAMPLES = CHECKOUT / "config"
# The shipped configs of real studies with the titles they have in messages. Of two that place the
# same number of files, the first is taken.
DESIGNS = {
    "bids": "raw BIDS",
    "isles22": "ISLES'22",
    "isles24": "ISLES'24",
    "jhu": "the acute stroke MRI of Johns Hopkins (ICPSR-38464)",
    "atlas": "ATLAS v2.0",
}
MOST_ROOTS = 8  # folders in which a study may begin that are tried
TRAIN = "train"  # folder of ISLES'24 that its reader enters by itself
RAW_OF_ISLES = ("raw_data", "rawdata", "derivatives")


@dataclass(frozen=True)
class Match:
    """A design, the folder in which its study begins, and what its reader finds there."""

    design: str
    root: Path
    config: Config
    rows: tuple[Row, ...] = ()
    fault: StrokeprepError | None = None  # what would stop a run before its first job
    study: Study = Study(())

    @property
    def title(self) -> str:
        """What a message calls the design."""
        return DESIGNS[self.design]

    @cached_property
    def placed(self) -> frozenset[str]:
        """The files that have a place in the study."""
        return frozenset(str(row.path) for row in self.rows)

    @cached_property
    def subjects(self) -> frozenset[str]:
        """The patients of the study."""
        return frozenset(row.subject for row in self.rows)

    @property
    def images(self) -> list[Row]:
        """Its scans, without masks."""
        return [row for row in self.rows if row.role in KINDS]


def matches(found: Contents) -> list[Match]:
    """The designs that a folder follows, that which places most files first.

    A design whose files or patients a better one has as well says nothing new. One whose reader
    refuses the folder counts where no other reads it.
    """
    tried = list(_tried(found))
    good = [match for match in tried if match.rows]
    good.sort(key=lambda match: -len(match.rows))
    kept: list[Match] = []
    for match in good:
        if all(_is_new(match, other) for other in kept):
            kept.append(match)
    return kept or [match for match in tried if match.fault][:1]


def _is_new(match: Match, better: Match) -> bool:
    """Whether most of the files and patients of a match are no part of a better one.

    Patients of two studies in two folders may have the same names by chance.
    """
    shared = len(match.placed & better.placed)
    apart = not (match.root.is_relative_to(better.root) or better.root.is_relative_to(match.root))
    known = len(match.subjects & better.subjects)
    return 2 * shared < len(match.placed) and (apart or 2 * known < len(match.subjects))


def example(design: str) -> dict[str, Any]:
    """The shipped config of a design."""
    return yaml.safe_load((EXAMPLES / f"{design}.yaml").read_text(encoding="utf-8"))


def _tried(found: Contents) -> Iterator[Match]:
    roots = _roots(found)
    for design in DESIGNS:
        for root in roots:
            match = _read(design, root, found.outside)
            if match:
                yield match
                if match.rows:
                    break  # folders further down are parts of it


def _read(design: str, root: Path, links: Sequence[str]) -> Match | None:
    """A design's study in a folder, or nothing where the reader finds no image."""
    config = _config(design, root, links)
    try:
        rows, fault = tuple(designs.read(config)), None
    except NoImages:
        return None
    except StrokeprepError as error:
        rows, fault = _as_if_links_were_good(design, root), error
    try:
        study = table.build(rows, config.reference, intensity=config.intensity)
        return Match(design, root, config, rows, fault, study)
    except StrokeprepError as error:
        return Match(design, root, config, rows, fault or error)


def _config(design: str, root: Path, links: Sequence[str]) -> Config:
    """The shipped config of a design for a folder; output and work are looked at by nobody yet."""
    given = example(design)
    given["study"] |= {"root": str(root), "links": list(links)}
    return settings.load(given | {"output": f"{root}-derivatives", "work": None})


def _as_if_links_were_good(design: str, root: Path) -> tuple[Row, ...]:
    """What a reader finds that had refused a link, so that one bad link does not hide a study."""
    try:
        return tuple(designs.read(_config(design, root, ["/"])))
    except StrokeprepError:
        return ()


def _roots(found: Contents) -> list[Path]:
    """The folders in which a study may begin: the given one, then those that names point to."""
    told: Counter[Path] = Counter()
    for path in found.images:
        parts = Path(path).relative_to(found.root).parts
        for index, name in enumerate(parts[:-1]):
            if name in RAW_OF_ISLES or name.startswith("sub-"):
                begins = parts[:index][:-1] if parts[:index][-1:] == (TRAIN,) else parts[:index]
                told[found.root.joinpath(*begins)] += 1
                break
    likely = [root for root, _ in told.most_common(MOST_ROOTS)]
    return list(dict.fromkeys([found.root, *sorted(likely, key=lambda root: len(root.parts))]))

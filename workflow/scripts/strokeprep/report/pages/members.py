"""The subjects of a cohort: how each ended, its figures, its pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from strokeprep.io import tables
from strokeprep.quality.judgement import worst
from strokeprep.report import plan
from strokeprep.report.pages import steps
from strokeprep.report.pages.steps import Step
from strokeprep.run import endings as run_endings
from strokeprep.settings.limits import LIMITS, NONE, ORDER


@dataclass(frozen=True)
class Member:
    """A subject: how its parts ended, and its figures."""

    name: str
    endings: tuple[run_endings.Ending, ...]
    rows: tuple[Mapping[str, str], ...]
    pages: Mapping[str, str] = field(default_factory=dict)  # by part, where there is one
    thumbnails: Mapping[str, str] = field(default_factory=dict)
    steps: Sequence[Step] = ()  # that people judge

    @property
    def is_done(self) -> bool:
        """Whether all that was wanted of it is there."""
        return all(ending.status in ("done", "skipped") for ending in self.endings)

    @property
    def verdict(self) -> str:
        """The gravest verdict of its figures."""
        return worst([row["verdict"] for row in self.rows])

    def gravest(self, metric: str) -> Mapping[str, str] | None:
        """The row of a figure; of several steps the gravest, and of those the most extreme."""
        rows = [row for row in self.rows if row["metric"] == metric and row["value"] != NONE]
        if not rows:
            return None
        badness = LIMITS[metric].badness
        return max(
            rows, key=lambda row: (ORDER.index(row["verdict"]), badness(float(row["value"])))
        )


def read(ended: Iterable[run_endings.Ending], root: Path) -> list[Member]:
    """The members of a cohort, in the order they come."""
    by_name: dict[str, list[run_endings.Ending]] = {}
    for ending in ended:
        by_name.setdefault(ending.subject, []).append(ending)
    return [_member(name, endings, root) for name, endings in by_name.items()]


def _member(name: str, endings: Sequence[run_endings.Ending], root: Path) -> Member:
    rows: list[Mapping[str, str]] = []
    pages, thumbnails = {}, {}
    parts = {
        run_endings.IMAGES: plan.image_names(name),
        run_endings.PERFUSION: plan.perfusion_names(name),
    }
    for part, names in parts.items():
        if (root / names.table).exists():
            rows.extend(tables.read(root / names.table))
        if (root / names.page).exists():
            pages[part] = plan.link(names.page)
        if (root / names.thumbnail).exists():
            thumbnails[part] = plan.link(names.thumbnail)
    return Member(name, tuple(endings), tuple(rows), pages, thumbnails, steps.read(root, name))

"""What a person decided about series: the override file, a list in YAML.

    - series: 12dd66b522        # as the plan names it
      as: ncct
    - study: 8c8633e45f
      session: "02"
    - description: "(?i)head.*seq"
      uneven: resample

Each entry says which series it is about and what to do with them; one that is about none is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from strokeprep.errors import StrokeprepError
from strokeprep.intake.reading.stacks import Stack
from strokeprep.kinds import KINDS

ABOUT = ("series", "study", "number", "description")
ACTIONS = ("as", "skip", "times", "session", "uneven")
RESAMPLE = "resample"


@dataclass(frozen=True)
class Override:
    """One entry: what it is about, and what it says."""

    line: int  # its number in the file
    about: Mapping[str, Any]
    says: Mapping[str, Any]

    def fits(self, study: str, stack: Stack) -> bool:
        """Whether it is about a series of a study."""
        given = {"series": stack.name, "study": study, "number": stack.number}
        same = all(str(self.about[key]) == str(given[key]) for key in given if key in self.about)
        pattern = self.about.get("description")
        told = str(stack.facts.get("SeriesDescription", ""))
        return same and (pattern is None or re.search(pattern, told) is not None)


def read(path: Path | None) -> list[Override]:
    """The entries of a file, checked."""
    if path is None:
        return []
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StrokeprepError("There is no such override file", path, "Correct its path.") from None
    except (yaml.YAMLError, ValueError) as error:
        raise StrokeprepError("The override file is no YAML", path, "Correct it.") from error
    if not isinstance(content, list):
        raise StrokeprepError("The override file is no list", path, "Begin each entry with '- '.")
    return [_entry(number, each, path) for number, each in enumerate(content, 1)]


def _entry(number: int, entry: Any, path: Path) -> Override:
    def refuse(what: str, remedy: str) -> StrokeprepError:
        return StrokeprepError(f"Entry {number} of the override file {what}", path, remedy)

    if not isinstance(entry, dict) or set(entry) - {*ABOUT, *ACTIONS}:
        raise refuse("has keys that are not known", f"Use {', '.join((*ABOUT, *ACTIONS))}.")
    about = {key: entry[key] for key in ABOUT if key in entry}
    says = {key: entry[key] for key in ACTIONS if key in entry}
    if not about or not says:
        raise refuse("does not say which series, or what to do", "Give a key of each sort.")
    if "as" in says and says["as"] not in KINDS:
        raise refuse("names no kind of scan", f"Use one of {', '.join(KINDS)}.")
    if says.get("uneven", RESAMPLE) != RESAMPLE or says.get("skip", True) is not True:
        raise refuse("has a value that is not known", "Use uneven: resample, skip: true.")
    if "session" in says and not re.fullmatch(r"[A-Za-z0-9]+", str(says["session"])):
        raise refuse("has a session that is no label", "Use letters and digits, in quotes.")
    times = says.get("times")
    if times is not None and not (
        isinstance(times, int | float) or (isinstance(times, list) and len(times) > 1)
    ):
        raise refuse("has times that are no seconds", "Give the interval, or a list.")
    try:
        re.compile(str(about.get("description", "")))
    except re.error as error:
        raise refuse(f"has no regular expression ({error})", "Correct it.") from error
    return Override(number, about, says)


def said(overrides: Sequence[Override], study: str, stack: Stack) -> dict[str, Any]:
    """Everything that the entries say about a series; later ones win."""
    merged: dict[str, Any] = {}
    for each in overrides:
        if each.fits(study, stack):
            merged |= each.says
    return merged


def refuse_unused(entries: Sequence[Override], used: set[int], path: Path | None) -> None:
    """Refuse an entry that is about no series of the export."""
    for each in entries:
        if each.line not in used:
            raise StrokeprepError(
                f"Entry {each.line} of the override file is about no series",
                str(path),
                "Take the names of studies and series from the plan.",
            )

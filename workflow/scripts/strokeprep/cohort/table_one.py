"""Table 1: the patients of a cohort and of its groups, column by column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from strokeprep.clinical.columns import FLAG, meaning
from strokeprep.io.tables import MISSING
from strokeprep.settings.study import Column

NUMBERS = ("number", "integer", "age", "duration")
NOTHING = "–"


def rows(
    people: Mapping[str, Sequence[Mapping[str, str]]], columns: Mapping[str, Column]
) -> list[dict[str, str]]:
    """A row for each column, or level of one; ``people`` has the values of patients by group.

    Cells are the median with quartiles, or how many have a level, and how many tell it.
    """
    first = {"value": "n"} | {name: str(len(values)) for name, values in people.items()}
    return [first, *(row for name, column in columns.items() for row in _of(name, column, people))]


def _of(
    name: str, column: Column, people: Mapping[str, Sequence[Mapping[str, str]]]
) -> list[dict[str, str]]:
    told = {
        group: [row[name] for row in values if row.get(name, MISSING) != MISSING]
        for group, values in people.items()
    }
    if not any(told.values()):
        return []
    title = column.title or name
    if column.type in NUMBERS:
        unit = meaning(column).get("Units", "1")
        titled = f"{title} ({unit})" if unit != "1" else title
        return [{"value": titled} | {group: quartiles(values) for group, values in told.items()}]
    levels = FLAG if column.type == "flag" else dict(column.levels)
    order = ["1"] if column.type == "flag" else list(levels) or sorted({*sum(told.values(), [])})
    counts = {group: Counter(values) for group, values in told.items()}
    return [
        {"value": title if column.type == "flag" else f"{title}: {levels.get(code, code)}"}
        | {group: _share(counts[group][code], len(values)) for group, values in told.items()}
        for code in order
        if any(count[code] for count in counts.values())
    ]


def quartiles(values: Sequence[str] | Sequence[float]) -> str:
    """Median, quartiles, and of how many.

    >>> quartiles([1, 2, 3, 4])
    '2.5 [1.75, 3.25] (4)'
    """
    import numpy as np

    if not len(values):
        return NOTHING
    low, middle, high = np.percentile(np.asarray(values, float), [25, 50, 75])
    return f"{middle:.4g} [{low:.4g}, {high:.4g}] ({len(values)})"


def _share(count: int, of: int) -> str:
    return f"{count}/{of} ({count / of:.0%})" if of else NOTHING

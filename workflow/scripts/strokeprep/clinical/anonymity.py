"""How many patients share what somebody may know of one, and which groups are the smallest.

>>> rows = [{"sex": "F", "age": "71"}, {"sex": "F", "age": "78"}, {"sex": "M", "age": "78"}]
>>> groups(rows, ("sex", "age"), 10)
[Group(values=('M', '70-79'), patients=1), Group(values=('F', '70-79'), patients=2)]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from strokeprep.errors import StrokeprepError
from strokeprep.io.tables import MISSING

AGE = "age"
MOST_NAMED = 5


class Group(NamedTuple):
    """The patients who agree in all columns by which somebody may know them."""

    values: tuple[str, ...]
    patients: int


def groups(
    rows: Iterable[Mapping[str, str]], columns: Sequence[str], age_band_years: int
) -> list[Group]:
    """All groups, the smallest first. A value that is missing is a value of its own."""

    def values_of(row: Mapping[str, str]) -> tuple[str, ...]:
        known = {**row, AGE: _band(row.get(AGE, MISSING), age_band_years)}
        return tuple(known.get(name, MISSING) for name in columns)

    counted = Counter(map(values_of, rows))
    found = [Group(values, patients) for values, patients in counted.items()]
    return sorted(found, key=lambda group: (group.patients, group.values))


def refuse_small(found: Sequence[Group], columns: Sequence[str], fewest: int, where: Path) -> None:
    """Refuse tables in which a group is so small that somebody may find a patient in it."""
    small = [group for group in found if group.patients < fewest]
    if not small:
        return
    named = "; ".join(f"{', '.join(g.values)} ({g.patients})" for g in small[:MOST_NAMED])
    more = f" and {len(small) - MOST_NAMED} more" if len(small) > MOST_NAMED else ""
    raise StrokeprepError(
        f"{len(small)} groups of fewer than {fewest} patients by {', '.join(columns)}: {named}{more}",
        where,
        "Withhold a column (release.withheld), leave these patients out (release.leave_out), or "
        "lower release.smallest_group if the risk is judged to be small.",
    )


def _band(age: str, years: int) -> str:
    """The band that an age lies in."""
    if age == MISSING:
        return age
    low = int(float(age)) // years * years
    return f"{low}-{low + years - 1}"

"""What a cell of a clinical table says, by the type of its column.

A value is parsed and written anew, so that nothing else of the cell gets into a release.

>>> from strokeprep.clinical.columns import KNOWN
>>> parsed("067Y", KNOWN["age"])
'67'
>>> parsed("1:20:00", KNOWN["door_to_groin"])
'80'
"""

from __future__ import annotations

import re
from collections.abc import Callable

from strokeprep.clinical.columns import FLAG, LONGEST_MIN, OLDEST, squashed, unit
from strokeprep.io.tables import MISSING, plain
from strokeprep.settings.study import Column

NOTHING = frozenset(
    ("na", "nan", "none", "null", "nil", "nat", "nd", "notdone", "notavailable", "notapplicable")
    + ("missing", "unknown")
)
SIGNS_OF_NOTHING = frozenset(("", "-", "--", ".", "?", "/"))

NUMBER = re.compile(r"[+-]?\d{1,7}(?:[.,]\d{1,10})?", re.ASCII)
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)
AGE = re.compile(
    r"(?P<count>\d{1,3}(?:[.,]\d{1,2})?)\s*"
    r"(?:(?P<old>\+)|(?P<unit>y|yrs?|years?|years? old|m|months?|w|weeks?|d|days?))?",
    re.ASCII | re.IGNORECASE,
)
PER_YEAR = {"y": 1, "m": 12, "w": 52.18, "d": 365.25}
OLDEST_KNOWN = 125
CLOCK = re.compile(
    r"(?:(?P<days>\d{1,2}) days?,? )?(?P<hours>\d{1,3}):(?P<minutes>[0-5]\d)(?::(?P<seconds>[0-5]\d)(?:\.\d+)?)?",
    re.ASCII,
)
YES, NO = frozenset(("1", "1.0", "yes", "y", "true")), frozenset(("0", "0.0", "no", "n", "false"))

LONGEST_TEXT = 60
# A formula would be run by the spreadsheet of whoever opens the table.
FORMULA = ("=", "+", "-", "@")


def parsed(cell: str, column: Column) -> str:
    """The value of a cell as it is released, ``n/a`` for a gap; ValueError says what is wrong.

    A level of the column is no gap, even if it is spelled like one: a lesion type of "none" was looked for.
    """
    cell = cell.strip()
    is_gap = cell in SIGNS_OF_NOTHING or squashed(cell) in NOTHING
    if is_gap and squashed(cell) not in _levels(column):
        return MISSING
    return PARSERS[column.type](cell, column)


def _number(cell: str, column: Column) -> str:
    return plain(_within(_as_number(cell, column), column), 8)


def _integer(cell: str, column: Column) -> str:
    value = _within(_as_number(cell, column), column)
    if value != round(value):
        raise ValueError("not a whole number")
    return str(round(value))


def _as_number(cell: str, column: Column) -> float:
    text = _without(unit(column), cell)
    if THOUSANDS.fullmatch(text):
        raise ValueError("a comma that may be of decimals or of thousands")
    if not NUMBER.fullmatch(text):
        raise ValueError("not a number")
    return float(text.replace(",", "."))


def _without(unit: str, cell: str) -> str:
    """A cell without its unit, in capitals or not.

    >>> _without("mg/dL", "110 mg/dl"), _without("1", "1.1")
    ('110', '1.1')
    """
    if unit.isdigit() or not cell.casefold().endswith(unit.casefold()):  # 1 is that of a ratio
        return cell
    return cell[: len(cell) - len(unit)].strip()


def _within(value: float, column: Column) -> float:
    low, high = column.range or (0, LONGEST_MIN)
    if not low <= value <= high:
        raise ValueError(f"not from {low:g} to {high:g}")
    return value


def _age(cell: str, column: Column) -> str:
    match = AGE.fullmatch(cell)
    if not match:
        raise ValueError("not an age")
    years = float(match["count"].replace(",", ".")) / PER_YEAR[(match["unit"] or "y")[0].lower()]
    if years > OLDEST_KNOWN:
        raise ValueError(f"not from 0 to {OLDEST_KNOWN}")
    return f"{min(round(years, 2), OLDEST):g}"


def _flag(cell: str, column: Column) -> str:
    text = cell.casefold()
    if text not in YES | NO:
        raise ValueError("neither yes nor no")
    return next(code for code, meaning in FLAG.items() if (meaning == "yes") == (text in YES))


def _level(cell: str, column: Column) -> str:
    try:
        return _levels(column)[squashed(cell)]
    except KeyError:
        raise ValueError(f"none of {', '.join(column.levels)}") from None


def _levels(column: Column) -> dict[str, str]:
    """The code of each level, by its code and its meaning as people spell them."""
    return {squashed(each): code for code, says in column.levels.items() for each in (says, code)}


def _duration(cell: str, column: Column) -> str:
    clock = CLOCK.fullmatch(cell)
    if not clock:
        return _number(cell, column)
    days, hours, minutes, seconds = (int(each or 0) for each in clock.groups())
    return plain(_within(days * 1440 + hours * 60 + minutes + seconds / 60, column), 6)


def _text(cell: str, column: Column) -> str:
    if len(cell) > LONGEST_TEXT or not cell.isprintable():
        raise ValueError(f"more than {LONGEST_TEXT} characters, or signs that cannot be printed")
    if cell.startswith(FORMULA):
        raise ValueError("a formula")
    return cell


PARSERS: dict[str, Callable[[str, Column], str]] = {
    "number": _number,
    "integer": _integer,
    "age": _age,
    "flag": _flag,
    "level": _level,
    "duration": _duration,
    "text": _text,
}

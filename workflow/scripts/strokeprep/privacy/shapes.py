"""What dates, paths, addresses and numbers of people look like, whatever the input holds.

Patterns are simple enough to take linear time on any text. Nothing in this module is ever written, so
its words are not ours (:mod:`strokeprep.privacy.vocabulary`): August may be a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_YEAR, _MONTH, _DAY = r"(?:19|20)\d\d", r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])"
_NAMED = (
    r"(?:jan(?:uary|uar|vier)?|feb(?:ruary|ruar)?|f[eé]vrier|mar(?:ch|s)?|m[aä]rz|apr(?:il)?|avril|"
    r"may|mai|june?|juni|juin|july?|juli|juillet|aug(?:ust)?|ao[uû]t|sep(?:t|tember|tembre)?|"
    r"o[ck]t(?:ober|obre)?|nov(?:ember|embre)?|de[cz](?:ember|embre)?)"
)
# Year first, with two or no marks; day or month first, with two marks, the year in two or four
# digits; a named month beside a year or between day and year.
DATE = re.compile(
    rf"(?<!\d)(?<!\d\.)(?:{_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:T?\d{{6}}(?:\.\d+)?)?"
    rf"|(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2]){_YEAR}"
    rf"|{_YEAR}([-./_]){_MONTH}\1{_DAY}"
    rf"|{_YEAR}/{_MONTH}"
    rf"|\d{{1,2}}([-/_]){_MONTH}\2(?:{_YEAR}|\d\d)|{_MONTH}([-/_])\d{{1,2}}\3(?:{_YEAR}|\d\d)"
    rf"|{_DAY}\.{_MONTH}\.(?:{_YEAR}|\d\d))(?![\d.]*\d)"
    rf"|(?<![a-z]){_NAMED}[ .,_-]{{0,3}}(?:\d{{1,2}}(?:st|nd|rd|th)?[ .,_-]{{1,3}})?{_YEAR}(?!\d)"
    rf"|(?<![\w.])\d{{1,2}}[ ._-]{{0,3}}{_NAMED}[ .,_-]{{0,3}}(?:{_YEAR}|\d\d)(?![\d.])",
    re.IGNORECASE,
)
PATH = re.compile(
    r"(?<![\w:/.])(?:/[\w.^-]+){2,}|(?<![A-Za-z])[A-Za-z]:[\\/](?!/)|\\\\\w|file://|~/"
    r"|(?:[\w^.-]+\\){1,9}[\w^.-]+"
)
PERSON = re.compile(r"\w\^(?!\d)\w")  # a digit behind it is an exponent: 10^9
MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.\w\w")
PHONE = re.compile(
    r"(?<![\w.])(?:\+|00)[1-9]\d{0,2}[ /()-]\d[\d /()-]{5,20}\d|(?<![\w./-])0\d{2,4}[ /-]\d{4,9}(?![\d.])"
)
SHAPES = {
    "a date": DATE,
    "a path": PATH,
    "a person's name": PERSON,
    "an address of mail": MAIL,
    "a telephone number": PHONE,
}
# Seconds since 1970, from 1990 on, and the same in milliseconds; days since 1900 as tables have them.
EPOCHS = ((631_152_000, 4_102_444_800), (631_152_000_000, 4_102_444_800_000))
TABLE_DAYS = (20_000, 60_000)
# Headings and keys under which a number of days would be a date.
DATE_KEY = re.compile(r"date|datum|birth|geb|day_of|admission|discharge|exam", re.IGNORECASE)

MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
# Words that announce the name or the number of a person.
CONTEXT = (
    "mrs?|ms|miss|dr|prof|herrn?|frau|mme|monsieur|patient(?:in|en)?|name|surname|nurse|physician|"
    "mrn|pid|id|case|nr|number"
)
# Short words that are no one's name when they stand alone.
_COMMON_SHORT = """
    no yes not the and for von van der den de le la du al el di da dos ben ibn st sub ses acq ct mr mri
    cta ctp dwi adc pwi swi tof raw all one two hu mm ms ml md dr prof mrs n a na nan f m o male left right
"""
COMMON_SHORT = frozenset(_COMMON_SHORT.split())


def looks_like(text: str) -> Iterator[str]:
    """What a text looks like that must not be released."""
    yield from (what for what, pattern in SHAPES.items() if pattern.search(text))


def is_time(number: float, key: str = "") -> bool:
    """Whether a number is a point in time rather than a measurement."""
    low, high = TABLE_DAYS
    in_days = bool(DATE_KEY.search(key)) and low <= number <= high
    return in_days or any(low <= number <= high for low, high in EPOCHS)

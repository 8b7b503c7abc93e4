"""What dates, paths, addresses and numbers of people look like, whatever the input holds.

Patterns are simple enough to take linear time on any text. Nothing in this module is ever written, so
its words are not ours (:mod:`strokeprep.privacy.vocabulary`): August may be a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from strokeprep.gate.spellings import legible

_YEAR, _MONTH, _DAY = r"(?:19|20)\d\d", r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])"
_NAMED = (
    r"(?:jan(?:uary|uar|uari|vier|eiro)?|gennaio|enero|feb(?:ruary|ruar|ruari|braio|rero)?|f[eé]vrier|"
    r"fevereiro|mar(?:ch|s|zo|[cç]o)?|m[aä]rz|maart|apr(?:il|ile)?|avril|abril|may|mai|maio|mayo|maggio|mei|"
    r"june?|juni|juin|junio|junho|giugno|july?|juli|juillet|julio|julho|luglio|aug(?:ust|ustus)?|agosto|"
    r"ao[uû]t|sep(?:t|tember|tembre|tiembre)?|settembre|setembro|o[ck]t(?:ober|obre|ubre)?|ottobre|outubro|"
    r"nov(?:ember|embre|iembre|embro)?|de[cz](?:ember|embre|embro)?|dic(?:embre|iembre)?)"
)
_OF = r"(?:[ .,_-]{0,3}|[ ]d[eoi][ ])"
# Year first, with two or no marks; day or month first, with two marks, the year in two or four
# digits; a month and a year; a named month beside a year or between day and year; a week.
DATE = re.compile(
    rf"(?<!\d)(?<!\d\.)(?:{_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:T?\d{{6}}(?:\.\d+)?)?"
    rf"|(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2]){_YEAR}"
    rf"|{_YEAR}([-./_]){_MONTH}\1{_DAY}"
    rf"|{_YEAR}[ ](?:0[1-9]|1[0-2])[ ](?:0[1-9]|[12]\d|3[01])"
    rf"|(?:0[1-9]|[12]\d|3[01])[ ](?:0[1-9]|1[0-2])[ ]{_YEAR}"
    rf"|{_YEAR}/{_MONTH}|{_YEAR}-(?:0[1-9]|1[0-2])(?!-)|(?:0[1-9]|1[0-2])/{_YEAR}|{_YEAR}-W\d\d"
    rf"|\d{{1,2}}([-/_]){_MONTH}\2(?:{_YEAR}|\d\d)|{_MONTH}([-/_])\d{{1,2}}\3(?:{_YEAR}|\d\d)"
    rf"|{_DAY}\.[ ]?{_MONTH}\.[ ]?(?:{_YEAR}|\d\d)|{_DAY}\.[ ]?[IVX]{{1,4}}\.[ ]?{_YEAR})(?![\d.]*\d)"
    rf"|(?:{_YEAR}|\d)年\d{{1,2}}月"
    rf"|(?<![a-z]){_NAMED}{_OF}(?:\d{{1,2}}(?:st|nd|rd|th)?[ .,_-]{{1,3}})?{_YEAR}(?!\d)"
    rf"|(?<![\w.])\d{{1,2}}{_OF}{_NAMED}{_OF}(?:{_YEAR}|\d\d)(?![\d.])"
    rf"|(?<!\d){_YEAR}[ .,/_-]{{1,3}}{_NAMED}(?![a-z])",
    re.IGNORECASE,
)
PATH = re.compile(
    r"(?<![\w:/.])(?:/[\w.^-]+){2,}|(?<![A-Za-z])[A-Za-z]:[\\/](?!/)|\\\\\w|~/"
    r"|(?:file|s?ftp|smb|nfs|ssh|rsync)://|(?:[\w^.-]+\\){1,9}[\w^.-]+"
)
MACHINE = re.compile(r"(?<![\d.])(?:10(?:\.\d{1,3}){3}|192\.168(?:\.\d{1,3}){2})(?!\.?\d)")
UID = re.compile(r"(?<![\d.])(?:1\.[23]|2\.25)(?:\.\d{1,40}){4,16}(?!\.?\d)")
# A digit behind a caret is an exponent: 10^9.
PERSON = re.compile(
    r"\w\^(?!\d)\w|(?<![A-Za-z])(?:Dr|Prof|Mrs?|Herrn?|Frau|Mme)(?:\.[ ]?|[ ])[A-Z][a-z]"
)
MAIL = re.compile(r"[\w.+-]{1,64}(?:@|[ ]?[(\[]at[)\]][ ]?)[\w-]{1,63}\.\w\w")
PHONE = re.compile(
    r"(?<![\w.])(?:\+|00)[1-9]\d{0,2}[ /()-]\d[\d /()-]{5,20}\d|(?<![\w./-])0\d{2,4}[ /-]\d{4,9}(?![\d.])"
    r"|(?<![\w.])\+\d{9,15}(?!\d)|\(0\)[ ]?\d{3,5}[ /-]?\d{4}|(?<![\d.-])\d{3}[ -]\d{3}[ -]\d{4}(?![\d.-])"
)
NUMBER = re.compile(
    r"(?<![A-Za-z])(?:MRN|PID|SSN|NHS)\W{0,3}\d{4}|(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])"
)
SHAPES = {
    "a date": DATE,
    "a path": PATH,
    "a person's name": PERSON,
    "an address of mail": MAIL,
    "a telephone number": PHONE,
    "the number of a patient": NUMBER,
    "the address of a machine": MACHINE,
    "an identifier of DICOM": UID,
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
    read = legible(text)
    yield from (what for what, pattern in SHAPES.items() if pattern.search(read))


def is_time(number: float, key: str = "") -> bool:
    """Whether a number is a point in time rather than a measurement."""
    low, high = TABLE_DAYS
    in_days = bool(DATE_KEY.search(key)) and low <= number <= high
    return in_days or any(low <= number <= high for low, high in EPOCHS)

"""One spelling for many: a text whatever its case, accents, dashes and invisible letters."""

from __future__ import annotations

import html
import re
import unicodedata
from urllib.parse import unquote

UMLAUTS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "oe", "æ": "ae", "å": "aa"}
)
# Dashes of all lengths, and letters that are not seen: soft hyphens, joiners, byte order marks.
MARKS = dict.fromkeys((*range(0x2010, 0x2016), 0x2212), "-") | dict.fromkeys(
    (0xAD, *range(0x200B, 0x2010), 0x2060, 0xFEFF)
)


def legible(text: str) -> str:
    """A text as it is read: entities and escapes resolved, letters of full width as usual ones."""
    read = html.unescape(text) if "&" in text else text
    read = unquote(read) if "%" in read else read
    return read if read.isascii() else unicodedata.normalize("NFKC", read.translate(MARKS))


def fold(text: str) -> str:
    """A text in lower case, without accents, its entities resolved."""
    folded = (html.unescape(text) if "&" in text else text).casefold()
    return folded if folded.isascii() else bare(folded.translate(MARKS))


def spellings(text: str) -> set[str]:
    """A text folded, and the same with umlauts as two letters."""
    composed = unicodedata.normalize("NFC", text).casefold()
    return {fold(text), fold(composed.translate(UMLAUTS))}


def plain(text: str) -> str:
    """A text by its letters and digits alone, in lower case, umlauts as two letters."""
    composed = unicodedata.normalize("NFC", text).casefold().translate(UMLAUTS)
    return re.sub(r"[\W_]+", "", bare(composed))


def bare(text: str) -> str:
    """A text without accents."""
    split = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in split if not unicodedata.combining(letter))

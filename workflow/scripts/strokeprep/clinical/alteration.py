"""Clinical values are altered a little at random, so that nobody finds a patient by them.

The alteration follows from a secret key, the patient and the column. Who does not have the key
cannot undo it, and two releases of one study cannot be averaged against one another.

>>> altered("105", "glucose", "sub-01", b"key", 0.05) == altered("105", "glucose", "sub-01", b"key", 0.05)
True
>>> altered("n/a", "glucose", "sub-01", b"key", 0.05)
'n/a'
"""

from __future__ import annotations

import hashlib
import hmac

from strokeprep.io.tables import MISSING, plain

DIGITS = 3  # that a value keeps, as many as a laboratory gives


def altered(value: str, column: str, person: str, key: bytes, share: float) -> str:
    """A value times a random factor between ``1 - share`` and ``1 + share``."""
    if value == MISSING:
        return value
    return plain(float(value) * (1 + share * _drawn(f"{person}/{column}", key)), DIGITS)


def widened(low: float, high: float, share: float) -> tuple[float, float]:
    """The range of altered values, from that of a column.

    >>> widened(10, 1500, 0.05)
    (9.5, 1580.0)
    """
    ends = [end * (1 + sign * share) for end in (low, high) for sign in (-1, 1)]
    return float(plain(min(ends), DIGITS)), float(plain(max(ends), DIGITS))


def told(share: float) -> str:
    """What the table says of it."""
    return f"Altered at random by up to {100 * share:.3g} % of the value and rounded, to protect patients."


def _drawn(of: str, key: bytes) -> float:
    """A number from -1 to 1 that only the key tells."""
    drawn = hmac.digest(key, of.encode(), hashlib.sha256)
    return int.from_bytes(drawn[:8], "big") / (2**63 - 0.5) - 1

"""How messages of the guide write names, sizes and times."""

from __future__ import annotations


def shown(text: object) -> str:
    """A name as a terminal can show it: line breaks and control characters are spelled out."""
    written = str(text)
    return written if written.isprintable() else ascii(written)


def room(count: float) -> str:
    """So many bytes, rounded as people say it."""
    for unit, size in (("TB", 1e12), ("GB", 1e9)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count / 1e6:.0f} MB"


def lasting(seconds: float) -> str:
    """A time, rounded as people say it."""
    if seconds < 90:
        return f"{max(round(seconds, -1), 10):.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.3g} h" if seconds < 200_000 else f"{seconds / 86400:.3g} days"


def counted(number: int, thing: str) -> str:
    """A number of things, in the plural where it is not one."""
    return f"{number:,} {thing}" + ("" if number == 1 else "s")

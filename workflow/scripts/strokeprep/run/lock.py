"""Keep a second process out of a folder. The operating system frees the lock when its holder ends."""

from __future__ import annotations

import fcntl
import tempfile
from pathlib import Path
from typing import TextIO

from strokeprep.errors import StrokeprepError


def locked(folder: Path, what: str, remedy: str) -> TextIO:
    """The lock of a folder, held until this file is closed; ``what`` and ``remedy`` where another has it.

    A lock of Snakemake's own belongs to the folder it was called in, and stays behind after a kill.
    """
    file = (folder / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise StrokeprepError(what, folder.name, remedy) from None
    return file


def is_locked(folder: Path) -> bool:
    """Whether somebody holds the lock of a folder at this moment."""
    try:
        with (folder / "lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def works(folder: Path) -> bool:
    """Whether files in a folder can be locked; some file systems of clusters cannot do that."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True

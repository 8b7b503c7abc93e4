"""Keep a second process out of a folder. The operating system frees the lock when its holder ends."""

from __future__ import annotations

import fcntl
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

"""The kinds of private content that the audit looks for, and how it reports them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from strokeprep.errors import StrokeprepError, combined

FINDS: dict[str, str] = {
    "link": "A symbolic link: its target was not checked",
    "writable": "A file or folder that every user of the machine may change",
    "file": "A file of a type, or with a name, that the dataset does not use",
    "name": "A file name that holds a private word",
    "header": "Text, an extension or hidden bytes in an image's header",
    "key": "A sidecar key that is not on the list of those that may be released",
    "value": "A sidecar value that looks like a date, a path or a person's name",
    "word": "A private word of the input in a file or a log",
    "source": "An image that is not derived from a defaced one, or does not name its sources",
    "face": "Voxels in the region of the face that are not empty",
    "raw": "An image with exactly the voxels of an undefaced one",
    "twin": "A scan that another subject has as well",
    "picture": "A picture, as a file or inside a page, that holds text or other extra data",
}

REMEDIES: dict[str, str] = {
    "writable": "Make it your own with chmod o-w, and run again.",
    "face": "Look at the scan and its face mask where they were made, below work/dataset. Correct the "
    "mask with strokeprep correct, or leave the scan out.",
    "twin": "Find out whose scan it is, remove it from the other subject, and run again.",
}
OTHER_REMEDY = "Find what wrote the file, and run again."


@dataclass(frozen=True)
class Leak:
    """Private content in the dataset: its kind (of ``FINDS``), what it is, and the file."""

    find: str
    what: str
    where: str  # relative to the dataset

    def error(self) -> StrokeprepError:
        """The leak as an error message."""
        return StrokeprepError(
            f"Private content ({self.find}): {self.what}",
            self.where,
            f"This part is not released. {REMEDIES.get(self.find, OTHER_REMEDY)}",
        )


def of_twins(twins: Iterable[tuple[str, str]]) -> list[Leak]:
    """Raw images that another subject has as well, each with the other's name."""
    return [Leak("twin", f"its voxels are those of {other}", path) for path, other in twins]


def report(leaks: Iterable[Leak]) -> dict[str, Any]:
    """The result of an audit, for a JSON file."""
    rows = [asdict(leak) | {"because": FINDS[leak.find]} for leak in leaks]
    return {"clean": not rows, "leaks": rows}


def enforce(leaks: list[Leak]) -> None:
    """Raise one error that lists every leak."""
    if leaks:
        raise combined([leak.error() for leak in leaks])


def relative(path: Path, root: Path) -> str:
    """A path as reports name it: relative to the dataset."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)

"""Take a correction from the desk into the folder of corrections, if it is fit."""

from __future__ import annotations

import shutil
from pathlib import Path

from strokeprep.corrections.targets import MASKS, TRANSFORMS
from strokeprep.editing.desk import Desk
from strokeprep.errors import StrokeprepError
from strokeprep.io import whole
from strokeprep.steps import corrections

PREVIOUS = "previous"


def take(desk: Desk, file: Path | None = None) -> Path:
    """Check what a person saved and copy it under the name of the output; returns where it lies now.

    ``file`` is needed where several could be meant. What was there before is moved to the desk.
    """
    chosen = file or _changed(desk)
    _check(desk, chosen)
    ending = _ending(desk, chosen)
    place = desk.into / f"{desk.target.stem}{ending}"
    for other in _endings(desk):
        before = desk.into / f"{desk.target.stem}{other}"
        if before.exists():
            shutil.move(before, _free(desk.folder, f"{PREVIOUS}{other}"))
    with whole.whole(place) as partial:
        shutil.copyfile(chosen, partial)
    return place


def _changed(desk: Desk) -> Path:
    """The one file of the desk that an editor wrote or changed."""
    laid_out = desk.laid_out()
    found = [
        path
        for path in sorted(desk.folder.iterdir())
        if path.name.endswith(_endings(desk))
        and not path.name.startswith((PREVIOUS, "README", "."))
        and laid_out.get(path.name) != whole.digest(path)
    ]
    if not found:
        raise StrokeprepError(
            "Nothing was changed since it was laid out",
            desk.folder,
            "Save the correction in this folder, or give the file with --take.",
        )
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        what = f"Several files could be the correction: {names}"
        raise StrokeprepError(what, desk.folder, "Name the one that is meant with --take.")
    return found[0]


def _check(desk: Desk, path: Path) -> None:
    target, config = desk.target, desk.config
    if not path.is_file():
        raise StrokeprepError("There is no such file", path, "Correct --take.")
    _ending(desk, path)
    if target.kind is not None:
        corrections.mask(path, target)
    else:
        is_rigid = config.registration.to_reference == "rigid"
        corrections.transform(path, target, [], is_rigid, config.template)


def _endings(desk: Desk) -> tuple[str, ...]:
    return MASKS if desk.target.kind is not None else TRANSFORMS


def _ending(desk: Desk, path: Path) -> str:
    for ending in _endings(desk):
        if path.name.endswith(ending):
            return ending
    raise StrokeprepError(
        "The ending of this file is none that is read",
        path,
        f"Save it as {', '.join(_endings(desk))}.",
    )


def _free(folder: Path, name: str) -> Path:
    """A name in a folder that no file has yet."""
    folder.mkdir(parents=True, exist_ok=True)
    stem, dot, rest = name.partition(".")
    number, path = 1, folder / name
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}{dot}{rest}"
    return path

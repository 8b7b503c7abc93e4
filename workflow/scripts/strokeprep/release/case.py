"""One case of a release: every image of it is fit, or the case is left out as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from strokeprep.errors import StrokeprepError
from strokeprep.io import images, json_files
from strokeprep.release import files
from strokeprep.release.archive import Member
from strokeprep.study import naming

SCANNER = ("Manufacturer", "ManufacturersModelName", "MagneticFieldStrength")


def prepared(members: Sequence[Member], derivatives: Path, copies: Path) -> dict[str, Any]:
    """What the release needs to know of a case: its files, or why it cannot be released.

    Images that have to be written anew go to the folder ``copies``.
    """
    there = [each for each in members if not each.may_lack or (derivatives / each.source).is_file()]
    try:
        _refuse_other_grids(there, derivatives)
        return {"files": [_file(each, derivatives, copies) for each in there], "refused": ""}
    except StrokeprepError as error:
        return {"files": [], "refused": f"{error.what} ({Path(error.where).name})"}


def _refuse_other_grids(members: Sequence[Member], derivatives: Path) -> None:
    reference = files.geometry(derivatives / members[0].source)
    for member in members:
        path = derivatives / member.source
        if member.on_reference and files.geometry(path) != reference:
            raise StrokeprepError(
                "Image does not have the header of its reference", path, "Make it again."
            )


def _file(member: Member, derivatives: Path, copies: Path) -> dict[str, Any]:
    """A file of the release: where its bytes are, and what is told of it."""
    source = derivatives / member.source
    copy = copies / source.name
    path = files.fitting(source, member.content, copy)
    if member.before and (derivatives / member.before).is_file():
        path = files.joined(derivatives / member.before, source, copy)
    nifti, about = images.open_nifti(path), json_files.read(naming.sidecar(str(source)))
    facts = {
        "path": member.path,
        "source": str(path),
        "bytes": path.stat().st_size,
        "changed": path.stat().st_mtime_ns,
        "sha256": files.digest(path),
        "shape": [int(n) for n in nifti.shape],
        "mm": [round(float(mm), 4) for mm in nifti.header.get_zooms()[:3]],
        "scanner": {key: about[key] for key in SCANNER if key in about},
    }
    return facts | ({"seconds": files.interval(path, nifti)} if member.content == "series" else {})

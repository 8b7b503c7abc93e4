"""Why an image has no place in a study: told from its name and folder, for a person to act on."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import PurePosixPath

from strokeprep.guide.folder import Contents
from strokeprep.guide.recognition import Match
from strokeprep.kinds import KINDS
from strokeprep.study.layouts.engine import EXTENSIONS

SUFFIXES = {kind.suffix: kind for kind in reversed(KINDS.values())}
CT_NAMES = ", ".join(f"acq-{kind.scan.acq}" for kind in KINDS.values() if kind.scan.acq)
NOT_MAGNITUDE = re.compile(r"_part-(phase|real|imag)_")
LIKE_BIDS = ("bids", "isles22")


def reasons(found: Contents, match: Match) -> dict[str, list[str]]:
    """Images without a place by the reason, paths below the given folder."""
    told: dict[str, list[str]] = defaultdict(list)
    root = str(match.root)
    for path in found.images:
        if path not in match.placed:
            told[_reason(path, root, match)].append(path.removeprefix(f"{found.root}/"))
    return dict(sorted(told.items(), key=lambda item: -len(item[1])))


def _reason(path: str, root: str, match: Match) -> str:
    name = PurePosixPath(path).name
    if name.startswith("."):
        return "hidden files, as macOS leaves them beside others"
    if not path.startswith(f"{root}/"):
        return "outside of the folder in which the study begins"
    below = PurePosixPath(path.removeprefix(f"{root}/"))
    if match.design in LIKE_BIDS:
        return _of_bids(below, _stem(name))
    return "copies and maps that are not used, or names that the layout does not have"


def _of_bids(below: PurePosixPath, stem: str) -> str:
    """The reason in a tree that is named as BIDS has it, or nearly so."""
    subject, folder = below.parts[0], below.parent.name
    if subject == "derivatives":
        return "derivatives that are no manual mask of a scan that was found"
    if not subject.startswith("sub-"):
        return "outside of the sub- folders"
    if not stem.startswith(f"{subject}_"):
        return "the name tells another subject than the folder"
    if NOT_MAGNITUDE.search(stem):
        return "phase, real and imaginary parts, which are not used"
    suffix = stem.rpartition("_")[2]
    kind = SUFFIXES.get(suffix)
    if kind is None:
        return f"no kind of scan has the name _{suffix}"
    if "_space-" in stem:
        return "on a grid that is neither their own nor that of a reference (space-)"
    if folder not in (kind.scan.datatype, kind.scan.also_in):
        return f"_{suffix} in a folder {folder}/, and it belongs into {kind.scan.datatype}/"
    if kind.scan.acq:
        return f"_{suffix} without one of {CT_NAMES}, in small letters"
    return f"_{suffix} with an entity or a session in the name that is not expected there"


def _stem(name: str) -> str:
    return next((name[: -len(end)] for end in EXTENSIONS if name.endswith(end)), name)

"""The models folder: which weights lie in it, and whether they are what was fetched.

A model lies whole in its folder or is not there. Beside its files lies a record of their SHA-256,
which is written last; a job compares them all before it loads a network, because a checkpoint is
code (it is unpickled). Only the standard library is needed, so the rules can ask while they are
parsed which models are missing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from strokeprep.errors import StrokeprepError
from strokeprep.settings.backends import MODELS, Model

RECORD = "weights.json"
SMALL = "mindgrab"  # the backend of that name, and its model


def missing(names: Iterable[str], folder: str | Path) -> list[str]:
    """Those of the models that are not whole in ``folder``; reads no weights."""
    return [name for name in dict.fromkeys(names) if not is_whole(MODELS[name], Path(folder))]


def require(
    names: Iterable[str], folder: str | Path, offline: str | None = None, instead: str = ""
) -> None:
    """Refuse to go on without the models, and say how to get them, or what to do ``instead``."""
    lacking = missing(names, folder)
    if lacking:
        where = "" if offline else " on a machine with network"
        raise StrokeprepError(
            f"The weights of {', '.join(lacking)} are missing",
            f"models folder {folder}",
            f"Fetch them{where}: {command(lacking, folder, offline)}{instead}",
        )


def command(names: Iterable[str], folder: str | Path, offline: str | None = None) -> str:
    """What a person types to get the models, from the root of a checkout."""
    given = f" FROM={offline}" if offline else ""
    return f"make models MODELS='{' '.join(names)}' FOLDER={folder}{given}"


def small_network(keys: Sequence[str], folder: str | Path, offline: str | None = None) -> str:
    """How a message goes on that names ``keys`` of the config, which can be set to MindGrab."""
    if not keys:
        return ""
    lacking = missing([SMALL], folder)
    fetch = f" ({command(lacking, folder, offline)})" if lacking else ""
    return f"; or set {' and '.join(keys)} to {SMALL}, whose weights are half a megabyte{fetch}"


def digests(names: Iterable[str], folder: str | Path) -> dict[str, str | None]:
    """The recorded digest of each model, None where it is missing; reads no weights."""
    root = Path(folder)
    return {
        name: _record(MODELS[name], root)["digest"] if is_whole(MODELS[name], root) else None
        for name in names
    }


def verified(name: str, folder: str | Path) -> tuple[Path, str]:
    """Where a model lies and the digest of its weights; every file is what was fetched."""
    model, root = MODELS[name], Path(folder)
    require([name], folder)
    place = root / model.folder
    record = _record(model, root)
    for path, known in record["files"].items():
        if sha256(place / path) != known:
            raise StrokeprepError(
                f"The weights of {name} are not what was fetched",
                place / path,
                f"Remove {place} and fetch them again: {command([name], folder)}",
            )
    return place, record["digest"]


def is_whole(model: Model, root: Path) -> bool:
    """Whether the record and all files that it lists are there; reads no weights."""
    place = root / model.folder
    if not (place / RECORD).is_file():
        return False
    return all((place / path).is_file() for path in _record(model, root)["files"])


def write_record(model: Model, place: Path, archive_digest: str | None) -> None:
    """Write down what was unpacked: each file's SHA-256, one digest of them all, the archive's."""
    paths = sorted(path for path in place.rglob("*") if path.is_file())
    files = {path.relative_to(place).as_posix(): sha256(path) for path in paths}
    listed = "".join(f"{digest}  {path}\n" for path, digest in files.items())
    content = {
        "model": model.name,
        "url": model.url,
        "archive": archive_digest,
        "digest": hashlib.sha256(listed.encode()).hexdigest(),
        "files": files,
    }
    (place / RECORD).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def sha256(path: Path) -> str:
    """The SHA-256 of a file, which may be larger than memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _record(model: Model, root: Path) -> dict[str, Any]:
    return json.loads((root / model.folder / RECORD).read_text(encoding="utf-8"))

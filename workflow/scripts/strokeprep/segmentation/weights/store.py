"""The models folder: which weights lie in it, and whether they are what was fetched.

A model lies whole in its folder or is not there. Beside its files lies a record of their SHA-256,
which is written last; a job compares them all before it loads a network. A record cannot vouch for
itself, so the digest of all files is compared as well with the one that the code or the config
knows, where there is one. Only the standard library is needed, so the rules can ask while they are
parsed which models are missing.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterable, Mapping, Sequence
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
    records = {name: _record(MODELS[name], Path(folder)) for name in names}
    return {name: record["digest"] if record else None for name, record in records.items()}


def verified(
    name: str, folder: str | Path, known: Mapping[str, str] | None = None
) -> tuple[Path, str]:
    """Where a model lies and the digest of its weights; every file is what was fetched.

    ``known`` are digests from the config: of a model's files, or of the archive they came in.
    """
    model, root = MODELS[name], Path(folder)
    require([name], folder)
    place, record = root / model.folder, _record(model, root) or {}
    files = _digests(place)
    wanted = (known or {}).get(name, model.sha256)
    _refuse_writable(place, files)
    if files != record["files"]:
        changed = sorted(dict(files.items() ^ record["files"].items()))
        raise _not_fetched(name, place / changed[0], folder)
    digest = _of_all(files)
    if wanted and wanted not in (digest, record["archive"], *_of_single(model, files)):
        raise _not_fetched(name, place, folder)
    return place, digest


def is_whole(model: Model, root: Path) -> bool:
    """Whether the record and all files that it lists are there; reads no weights."""
    return _record(model, root) is not None


def write_record(model: Model, place: Path, archive_digest: str | None) -> None:
    """Write down what was unpacked: each file's SHA-256, one digest of them all, the archive's."""
    files = _digests(place)
    content = {
        "model": model.name,
        "url": model.url,
        "archive": archive_digest,
        "digest": _of_all(files),
        "files": files,
    }
    (place / RECORD).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def digest_of(place: Path) -> str:
    """One SHA-256 of all files of a model."""
    return _of_all(_digests(place))


def sha256(path: Path) -> str:
    """The SHA-256 of a file, which may be larger than memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _record(model: Model, root: Path) -> dict[str, Any] | None:
    """A model's record, None where it is not whole."""
    place = root / model.folder
    try:
        record = json.loads((place / RECORD).read_text(encoding="utf-8"))
        listed = [Path(path) for path in record["files"]]
        lacking = [pattern for pattern in model.files if not any(p.match(pattern) for p in listed)]
        whole = not lacking and all((place / path).is_file() for path in listed)
        return record if whole and {"digest", "archive"} <= record.keys() else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _digests(place: Path) -> dict[str, str]:
    """The SHA-256 of each file of a model but the record."""
    paths = sorted(path for path in place.rglob("*") if path.is_file() and path.name != RECORD)
    return {path.relative_to(place).as_posix(): sha256(path) for path in paths}


def _of_all(files: Mapping[str, str]) -> str:
    listed = "".join(f"{files[path]}  {path}\n" for path in sorted(files))
    return hashlib.sha256(listed.encode()).hexdigest()


def _of_single(model: Model, files: Mapping[str, str]) -> list[str]:
    """The digest of the only file, where a file is published and not an archive."""
    return [] if model.is_archive else list(files.values())


def _refuse_writable(place: Path, files: Iterable[str]) -> None:
    """Weights that every user of the machine may exchange are nobody's."""
    for path in (place, *(place / name for name in files)):
        if path.stat().st_mode & stat.S_IWOTH:
            raise StrokeprepError(
                "Every user of this machine may change the weights",
                path,
                f"Take the right away: chmod -R o-w {place}",
            )


def _not_fetched(name: str, where: Path, folder: str | Path) -> StrokeprepError:
    return StrokeprepError(
        f"The weights of {name} are not what was fetched, or not those that are known",
        where,
        f"Remove {Path(folder) / MODELS[name].folder} and fetch them again: "
        f"{command([name], folder)}",
    )

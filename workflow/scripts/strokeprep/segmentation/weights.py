"""Weights of the segmentation networks: fetched once, verified before every use, never guessed.

A model lies whole in its folder or is not there: an archive is verified, unpacked beside its
place, listed file by file with SHA-256 in a record, and then moved into place in one step. Two
runs that fetch the same model wait for one another. Only the standard library is needed, so a
workflow can ask while it is parsed which models are missing.

    strokeprep weights --folder models hd-bet total-fast   # fetch
    strokeprep weights --folder models --from /media/usb hd-bet
    strokeprep weights --folder models --check hd-bet

A checkpoint is code (it is unpickled), so what is loaded must be what was fetched.
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import hashlib
import http.client
import json
import os
import shutil
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from strokeprep.errors import StrokeprepError
from strokeprep.settings.backends import MODELS, Model
from strokeprep.settings.networks import LICENSE_VARIABLE

TIMEOUT_S = 60  # without a byte
CHUNK = 1 << 20
RECORD = "weights.json"

# What TotalSegmentator's server is told to give weights for; envs/segmentation.txt has the same.
TOTAL_SEGMENTATOR = "2.18.0"


# --- What is there ---------------------------------------------------------------------------


def missing(names: Iterable[str], folder: str | Path) -> list[str]:
    """Those of the models that are not whole in ``folder``; reads no weights."""
    return [name for name in dict.fromkeys(names) if not _is_whole(MODELS[name], Path(folder))]


def require(names: Iterable[str], folder: str | Path, offline: str | None = None) -> None:
    """Refuse to go on without the models, and say how to get them."""
    lacking = missing(names, folder)
    if lacking:
        where = "" if offline else " on a machine with network"
        raise StrokeprepError(
            f"The weights of {', '.join(lacking)} are missing",
            f"models folder {folder}",
            f"Fetch them{where}: {command(lacking, folder, offline)}",
        )


def command(names: Iterable[str], folder: str | Path, offline: str | None = None) -> str:
    """What a person types to get the models, from the root of a checkout."""
    given = f" FROM={offline}" if offline else ""
    return f"make models MODELS='{' '.join(names)}' FOLDER={folder}{given}"


def digests(names: Iterable[str], folder: str | Path) -> dict[str, str | None]:
    """The recorded digest of each model, None where it is missing; reads no weights."""
    lacking = missing(names, folder)
    return {
        name: None if name in lacking else _record(MODELS[name], Path(folder))["digest"]
        for name in names
    }


def verified(name: str, folder: str | Path) -> tuple[Path, str]:
    """Where a model lies and the digest of its weights; every file is what was fetched."""
    model, root = MODELS[name], Path(folder)
    require([name], folder)
    place = root / model.folder
    record = _record(model, root)
    for path, known in record["files"].items():
        if _sha256(place / path) != known:
            raise StrokeprepError(
                f"The weights of {name} are not what was fetched",
                place / path,
                f"Remove {place} and fetch them again: {command([name], folder)}",
            )
    return place, record["digest"]


def _is_whole(model: Model, root: Path) -> bool:
    """A record is written last of all, so where there is one the files are, or were, there."""
    place = root / model.folder
    if not (place / RECORD).is_file():
        return False
    return all((place / path).is_file() for path in _record(model, root)["files"])


def _record(model: Model, root: Path) -> dict[str, Any]:
    return json.loads((root / model.folder / RECORD).read_text(encoding="utf-8"))


# --- Getting it ------------------------------------------------------------------------------


def fetch(
    names: Iterable[str],
    folder: str | Path,
    *,
    offline: str | Path | None = None,
    license_number: str | None = None,
    known: Mapping[str, str] | None = None,
) -> None:
    """Put the models in place: downloaded, or from a folder of archives (``offline``).

    ``offline`` may also hold folders as the packages unpack them. ``known`` gives SHA-256 of
    archives that this module does not know, by model name.
    """
    root = Path(folder)
    for name in names:
        if name not in MODELS:
            raise StrokeprepError("No such model", name, f"Choose from {', '.join(MODELS)}.")
        model = MODELS[name]
        with _alone(root / f".{name}.lock"):
            if _is_whole(model, root):
                continue
            wanted = (known or {}).get(name, model.sha256)
            _install(model, root, offline and Path(offline), license_number, wanted)


def _install(
    model: Model, root: Path, offline: Path | None, license_number: str | None, wanted: str | None
) -> None:
    """Fill a folder beside the model's place, then move it there."""
    fresh, archive, digest = root / f".{model.name}.new", None, None
    shutil.rmtree(fresh, ignore_errors=True)  # of a run that was interrupted
    if offline is not None and (unpacked := _unpacked(model, offline)):
        shutil.copytree(unpacked, fresh)
        (fresh / RECORD).unlink(missing_ok=True)
    else:
        archive = _given(model, offline) if offline else _downloaded(model, root, license_number)
        digest = _checked(model, archive, wanted, downloaded=offline is None)
        _unpack(model, archive, fresh)
    _write_record(model, fresh, digest)
    place = root / model.folder
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(place, ignore_errors=True)  # incomplete, or it would not be fetched
    os.rename(fresh, place)
    if archive is not None and offline is None:
        archive.unlink()


def _unpacked(model: Model, offline: Path) -> Path | None:
    """A folder of ``offline`` that holds the model as its package unpacks it."""
    candidates = (offline / model.folder, offline / PurePosixPath(model.folder).name)
    return next((place for place in candidates if _has_files(model, place)), None)


def _given(model: Model, offline: Path) -> Path:
    archive = offline / model.archive
    if not archive.is_file():
        raise StrokeprepError(
            f"The folder holds neither {model.archive} nor a folder "
            f"{PurePosixPath(model.folder).name} with the weights of {model.name}",
            offline,
            f"Put the archive there; it is published at {model.url}",
        )
    return archive


def _has_files(model: Model, place: Path) -> bool:
    return place.is_dir() and all(any(place.glob(pattern)) for pattern in model.files)


def _checked(model: Model, archive: Path, wanted: str | None, downloaded: bool) -> str:
    """The archive's SHA-256; refused where it is not the one that is known."""
    digest = _sha256(archive)
    if wanted is not None and digest != wanted:
        if downloaded:
            archive.unlink()  # or the next run would take it up again
        raise StrokeprepError(
            f"The archive of {model.name} has SHA-256 {digest}, and {wanted} was expected",
            model.url if downloaded else archive,
            "Fetch it again. If it stays so, the publisher has replaced it: compare, then give "
            f"the new digest with --sha256 {model.name}=DIGEST.",
        )
    return digest


def _unpack(model: Model, archive: Path, fresh: Path) -> None:
    """The archive's files in ``fresh``, whether it wraps them in the model's folder or not."""
    around = fresh.with_name(f"{fresh.name}.zip")
    shutil.rmtree(around, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(around)  # reads every file's checksum; leaves no member outside
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        archive.unlink()
        raise StrokeprepError(
            f"The archive of {model.name} is damaged ({error})", archive, "Fetch it again."
        ) from error
    inner = around / PurePosixPath(model.folder).name
    source = inner if inner.is_dir() else around
    if not _has_files(model, source):
        raise StrokeprepError(
            f"The archive of {model.name} lacks {', '.join(model.files)}",
            archive,
            "Give the archive that its publisher names for this model.",
        )
    os.rename(source, fresh)
    shutil.rmtree(around, ignore_errors=True)


def _write_record(model: Model, fresh: Path, archive_digest: str | None) -> None:
    """What was unpacked: each file's SHA-256, one digest of them all, and the archive's."""
    paths = sorted(path for path in fresh.rglob("*") if path.is_file())
    files = {path.relative_to(fresh).as_posix(): _sha256(path) for path in paths}
    listed = "".join(f"{digest}  {path}\n" for path, digest in files.items())
    content = {
        "model": model.name,
        "url": model.url,
        "archive": archive_digest,
        "digest": hashlib.sha256(listed.encode()).hexdigest(),
        "files": files,
    }
    (fresh / RECORD).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


# --- The network -----------------------------------------------------------------------------


def _downloaded(model: Model, root: Path, license_number: str | None) -> Path:
    """The archive, on disk; what an interrupted run has left is gone on with."""
    archive = root / f".{model.name}.zip.part"
    have = archive.stat().st_size if archive.exists() else 0
    try:
        with _answer(model, have, license_number) as answer:
            # 206: the server sends the rest; 200: it sends all.
            mode = "ab" if answer.status == 206 else "wb"
            expected = (have if mode == "ab" else 0) + int(answer.headers["Content-Length"] or 0)
            with archive.open(mode) as file:
                shutil.copyfileobj(answer, file, CHUNK)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # the whole of it is here already
            return archive
        raise _unreachable(model, error) from error
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(model, error) from error
    if expected and archive.stat().st_size < expected:
        raise _unreachable(model, f"{archive.stat().st_size} of {expected} bytes came")
    return archive


def _answer(model: Model, have: int, license_number: str | None) -> Any:
    headers = {"User-Agent": "strokeprep"}
    if model.licensed is None:
        headers |= {"Range": f"bytes={have}-"} if have else {}
        request = urllib.request.Request(model.url, headers=headers)
    else:
        body = json.dumps(_licensed_request(model, license_number)).encode()
        headers["Content-Type"] = "application/json"
        request = urllib.request.Request(model.url, body, headers)
    return urllib.request.urlopen(request, timeout=TIMEOUT_S)


def _licensed_request(model: Model, license_number: str | None) -> dict[str, str]:
    number = license_number or os.environ.get(LICENSE_VARIABLE)
    if not number:
        raise StrokeprepError(
            f"{model.name} needs a licence number, which is free for academic use",
            model.name,
            f"Set {LICENSE_VARIABLE}; a number is given at "
            "https://backend.totalsegmentator.com/license-academic/",
        )
    return {"license_number": number, "task": model.licensed, "version": TOTAL_SEGMENTATOR}


def _unreachable(model: Model, reason: object) -> StrokeprepError:
    return StrokeprepError(
        f"The weights of {model.name} could not be downloaded ({reason})",
        model.url,
        "Run it again: it goes on where it stopped. Without network, get "
        f"{model.archive} elsewhere and give its folder with --from.",
    )


@contextmanager
def _alone(lock: Path) -> Iterator[IO[str]]:
    """Hold a lock that ends with the process, however it ends; another run waits for it."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP):
                raise
            raise StrokeprepError(
                "The models folder lies on a file system without locks",
                lock.parent,
                "Fetch the models into a local folder and copy it there.",
            ) from error
        yield file


# --- The command -----------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    """Fetch or check models from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", choices=MODELS, metavar="MODEL", help=", ".join(MODELS))
    parser.add_argument("--folder", default="models")
    parser.add_argument("--from", dest="offline", help="a folder of archives; no network is used")
    parser.add_argument("--sha256", action="append", default=[], metavar="MODEL=DIGEST")
    parser.add_argument("--check", action="store_true", help="verify what is there")
    options = parser.parse_args(arguments)
    try:
        if not options.check:
            known = dict(pair.split("=", 1) for pair in options.sha256)
            fetch(options.names, options.folder, offline=options.offline, known=known)
        for name in options.names:
            place, digest = verified(name, options.folder)
            print(f"{name}: {place}, sha256:{digest}")
    except StrokeprepError as error:
        print(f"strokeprep: {error}", file=sys.stderr)
        return 1
    return 0

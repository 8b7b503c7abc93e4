"""Put the weights of networks into the models folder, each model whole or not at all.

An archive is verified, unpacked beside the model's place, recorded file by file, and then moved
into place in one step. Two runs that fetch the same model wait for one another.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from strokeprep.errors import StrokeprepError
from strokeprep.segmentation.weights import download, store
from strokeprep.settings.backends import MODELS, Model

# Weights hardly compress: an archive unpacks to less than this times its size.
MOST_UNPACKED = 20


def fetch(
    names: Iterable[str],
    folder: str | Path,
    *,
    offline: str | Path | None = None,
    license_number: str | None = None,
    known: Mapping[str, str] | None = None,
) -> None:
    """Put the models in place: downloaded, or from a folder of what is published (``offline``).

    ``offline`` may also hold folders as the packages unpack them. ``known`` gives SHA-256 by model
    name, from another machine's record, say: of an archive whose publisher gives none, or of all
    files of a model, which a folder needs.
    """
    root = Path(folder)
    os.umask(os.umask(0o077) | 0o022)  # what is fetched can be exchanged by nobody else
    for name in names:
        if name not in MODELS:
            raise StrokeprepError("No such model", name, f"Choose from {', '.join(MODELS)}.")
        model = MODELS[name]
        with _alone(root / f".{name}.lock"):
            if store.is_whole(model, root):
                continue
            wanted = (known or {}).get(name, model.sha256)
            _install(model, root, Path(offline) if offline else None, license_number, wanted)


def _install(
    model: Model, root: Path, offline: Path | None, license_number: str | None, wanted: str | None
) -> None:
    """Fill a folder beside the model's place, then move it there."""
    fresh = root / f".{model.name}.new"
    shutil.rmtree(fresh, ignore_errors=True)  # of a run that was interrupted
    digest, archive = None, None
    if offline is None:
        archive = download.archive_of(model, root, license_number)
        digest = _unpacked_download(model, archive, fresh, wanted)
    elif model.is_archive and (folder := _given_folder(model, offline)):
        _copy(model, folder, fresh, wanted)
    else:
        digest = _unpacked(model, _given_archive(model, offline), fresh, wanted)
    store.write_record(model, fresh, digest)
    place = root / model.folder
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(place, ignore_errors=True)  # incomplete, or it would not be fetched
    os.rename(fresh, place)
    if archive is not None:
        archive.unlink()


def _given_folder(model: Model, offline: Path) -> Path | None:
    """A folder of ``offline`` that holds the model as its package unpacks it."""
    candidates = (offline / model.folder, offline / PurePosixPath(model.folder).name)
    return next((place for place in candidates if _has_files(model, place)), None)


def _copy(model: Model, folder: Path, fresh: Path, wanted: str | None) -> None:
    """Copy a folder whose files have the digest that is wanted."""
    linked = [path for path in folder.rglob("*") if path.is_symlink()]
    if linked:
        raise StrokeprepError(
            f"The folder of {model.name} holds a link", linked[0], "Put the file itself there."
        )
    digest = store.digest_of(folder)
    if digest != wanted:
        raise StrokeprepError(
            f"Nothing vouches for the folder of {model.name}, whose files have SHA-256 {digest}",
            folder,
            f"Give the published archive ({model.archive}); or compare with digest in "
            f"{store.RECORD} of a machine that fetched it, and give it: "
            f"--sha256 {model.name}=DIGEST, or models.sha256 in the config.",
        )
    shutil.copytree(folder, fresh, ignore=shutil.ignore_patterns(store.RECORD))


def _given_archive(model: Model, offline: Path) -> Path:
    """What is published of a model, in ``offline`` or in a folder of its own there."""
    candidates = (offline / model.folder / model.archive, offline / model.archive)
    archive = next((path for path in candidates if path.is_file()), None)
    if archive is None:
        raise StrokeprepError(
            f"The folder holds neither {model.archive} nor a folder "
            f"{PurePosixPath(model.folder).name} with the weights of {model.name}",
            offline,
            f"Put {model.archive} there; it is published at {model.url}",
        )
    return archive


def _has_files(model: Model, place: Path) -> bool:
    return place.is_dir() and all(any(place.glob(pattern)) for pattern in model.files)


def _unpacked(model: Model, archive: Path, fresh: Path, wanted: str | None) -> str:
    """Unpack an archive that is the one wanted to ``fresh``; returns its SHA-256."""
    digest = store.sha256(archive)
    if wanted is not None and digest != wanted:
        raise StrokeprepError(
            f"{model.archive} of {model.name} has SHA-256 {digest}, and {wanted} was expected",
            f"{archive}, published at {model.url}",
            "Fetch it again. If it stays so, the publisher has replaced it: compare, then give "
            f"the new digest with --sha256 {model.name}=DIGEST.",
        )
    _unpack(model, archive, fresh)
    return digest


def _unpacked_download(model: Model, archive: Path, fresh: Path, wanted: str | None) -> str:
    """The same for an archive that was downloaded; one that is refused is removed.

    The next run would take it for a download to continue.
    """
    try:
        return _unpacked(model, archive, fresh, wanted)
    except StrokeprepError:
        archive.unlink()
        raise


def _unpack(model: Model, archive: Path, fresh: Path) -> None:
    """The archive's files in ``fresh``, whether it wraps them in the model's folder or not.

    Where no archive is published but the weights themselves, those.
    """
    if not model.is_archive:
        fresh.mkdir()
        shutil.copyfile(archive, fresh / model.archive)
        return
    around = fresh.with_name(f"{fresh.name}.zip")
    shutil.rmtree(around, ignore_errors=True)  # of a run that was killed
    try:
        _extract(model, archive, around)
        for inner in sorted(around.glob("*.zip")):  # an archive of a record's files, one an archive
            _extract(model, inner, around)
            inner.unlink()
        inner = around / PurePosixPath(model.folder).name
        source = inner if inner.is_dir() else around
        if not _has_files(model, source):
            raise StrokeprepError(
                f"The archive of {model.name} lacks {', '.join(model.files)}",
                archive,
                "Give the archive that its publisher names for this model.",
            )
        os.rename(source, fresh)
    finally:
        shutil.rmtree(around, ignore_errors=True)


def _extract(model: Model, archive: Path, folder: Path) -> None:
    """Extract an archive; refused where a checksum in it is wrong, or where it is a bomb."""
    try:
        with zipfile.ZipFile(archive) as packed:
            size = sum(member.file_size for member in packed.infolist())
            if size > MOST_UNPACKED * archive.stat().st_size:
                raise zipfile.BadZipFile(f"{size} bytes when it is unpacked")
            packed.extractall(folder)  # no member leaves the folder
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise StrokeprepError(
            f"The archive of {model.name} is damaged ({error})", archive, "Fetch it again."
        ) from error


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
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
        yield

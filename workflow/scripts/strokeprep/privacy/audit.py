"""The audit of a dataset: no file of it shows a face or identifies a person.

It relies on no other step. It looks at every file that is to be released, whatever wrote it, and
compares it with what the input holds that must not be released.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from strokeprep.io.whole import final_name
from strokeprep.privacy import files, shown, undefaced
from strokeprep.privacy.leaks import Leak, of_twins, relative
from strokeprep.privacy.private_words import PrivateWords
from strokeprep.study import naming

SUBJECT = re.compile(r"sub-[A-Za-z0-9]+")


def of_subject(
    root: Path,
    subject: str,
    words: PrivateWords,
    *,
    declared_defaced: bool = False,
    raw_digests: Mapping[str, tuple[int, ...]] | None = None,
    heads: Sequence[shown.Head] = (),
    drawn: Sequence[shown.Drawn] = (),
    extremes: Path | None = None,
    twins: Iterable[tuple[str, str]] = (),
    logs: Path | None = None,
    only: Iterable[str] | None = None,
) -> list[Leak]:
    """All private content in the files of one subject.

    ``declared_defaced``: the config says that the raw images show no faces.
    ``raw_digests``: digests and shapes of the subject's raw images (:func:`strokeprep.gate.given.digests`).
    ``heads`` and ``drawn``: the released images of heads and the labels drawn on them, and where the
    head lies in each.
    ``extremes``: the folder of what was noted when series were written (:mod:`strokeprep.series.extremes`).
    ``twins``: the subject's raw images that another has as well, each with the other's name.
    ``only``: the files (relative, without extension) that are to be released; None stands for all.
    """
    folder = root / f"sub-{subject}"
    paths = paths_of_subject(root, subject, only)
    images = [path for path in paths if path.name.endswith(naming.IMAGE)]
    every_image = {relative(p, root) for p in _walk(folder) if p.name.endswith(naming.IMAGE)}
    masks = [*folder.rglob(f"*{undefaced.FACE_MASK}{naming.IMAGE}")]
    leaks = [leak for path in paths for leak in _of_entry(path, root, words)]
    leaks += of_twins(twins)
    leaks += undefaced.of_sources(root, images, every_image, declared_defaced)
    leaks += [*shown.of_heads(root, heads), *shown.of_drawn(root, drawn)]
    leaks += shown.of_template_space(root, images)
    leaks += undefaced.of_voxels(root, images, masks, raw_digests or {}, heads, extremes)
    if logs is not None:
        leaks += _of_logs(logs, _subject_pattern(subject), words)
    return [_discreet(leak, words) for leak in leaks]


def of_dataset(
    root: Path, subjects: Iterable[str], words: PrivateWords, only: Iterable[str] | None = None
) -> list[Leak]:
    """All private content in dataset-level files and, unless ``only`` some files are looked at, in
    the folders of unlisted subjects.
    """
    known = {f"sub-{subject}" for subject in subjects}
    paths = paths_of_dataset(root, known, only)
    leaks = [leak for path in paths for leak in _of_entry(path, root, words)]
    leaks += shown.of_template_space(root, [p for p in paths if p.name.endswith(naming.IMAGE)])
    for folder in _subject_folders(root) if only is None else ():
        if folder.name not in known:
            leaks += of_subject(root, folder.name.removeprefix("sub-"), words)
    return [_discreet(leak, words) for leak in leaks]


def paths_of_subject(root: Path, subject: str, only: Iterable[str] | None = None) -> list[Path]:
    """The files and folders of a subject in a dataset."""
    pattern = _subject_pattern(subject)
    figures = [path for path in _walk(root / "docs") if pattern.search(relative(path, root))]
    return _chosen([*_walk(root / f"sub-{subject}"), *figures], root, only)


def paths_of_dataset(
    root: Path, subjects: Iterable[str], only: Iterable[str] | None = None
) -> list[Path]:
    """The files and folders of a dataset that are not a subject's."""
    known, folders = set(subjects), set(_subject_folders(root))
    entries = [entry for entry in sorted(root.iterdir()) if entry not in folders]
    paths = [
        path
        for entry in entries
        for path in _walk(entry)
        if not known & set(SUBJECT.findall(relative(path, root)))
    ]
    return [root, *_chosen(paths, root, only)]


def _subject_folders(root: Path) -> list[Path]:
    found = (path for path in sorted(root.glob("sub-*")) if not path.is_symlink())
    return [path for path in found if path.is_dir()]


def _chosen(paths: Iterable[Path], root: Path, only: Iterable[str] | None) -> list[Path]:
    """Folders, and the files that have one of these names without extension."""
    stems = None if only is None else frozenset(only)
    return [
        path
        for path in paths
        if stems is None
        or (path.is_dir() and not path.is_symlink())
        or _stem(relative(path, root)) in stems
    ]


def _subject_pattern(subject: str) -> re.Pattern[str]:
    """Matches a subject in a path; sub-1 does not match in sub-10."""
    return re.compile(rf"sub-{re.escape(subject)}(?![A-Za-z0-9])")


def _stem(where: str) -> str:
    """A relative path without extension; a partial file has the stem of its final name."""
    folder, slash, name = where.rpartition("/")
    return f"{folder}{slash}{final_name(name).partition('.')[0]}"


def _walk(folder: Path) -> list[Path]:
    """A folder and everything below it; links are listed but not followed."""
    if folder.is_symlink() or not folder.is_dir():
        return [folder] if os.path.lexists(folder) else []
    paths = [folder]
    for base, folders, names in os.walk(folder):
        paths += [Path(base, name) for name in (*folders, *names)]
    return sorted(paths)


def _of_entry(path: Path, root: Path, words: PrivateWords) -> Iterator[Leak]:
    """All private content in one file or folder, except for what its voxels show."""
    where = relative(path, root)
    yield from _of_place(path, root)
    for origin in words.found_in(where):
        yield Leak("name", f"the name holds {origin}", where)
    if not path.is_symlink() and not path.is_dir():
        yield from files.of_file(path, where, words)


def _of_place(path: Path, root: Path) -> Iterator[Leak]:
    """Whether a path is a link, or may be changed by everybody."""
    where = relative(path, root)
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        yield Leak("link", "a symbolic link", where)
    elif mode & stat.S_IWOTH:
        yield Leak("writable", "every user of this machine may change it", where)
    elif stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
        yield Leak("writable", "it runs with the rights of its owner", where)
    if not stat.S_ISLNK(mode) and _has_attributes(path):
        yield Leak("file", "it has extended attributes", where)


def _has_attributes(path: Path) -> bool:
    """Whether a file carries text of its own on the file system, which a copy may carry on."""
    try:
        return any(name.startswith("user.") for name in os.listxattr(path))
    except (AttributeError, OSError):  # there are none on this system
        return False


def _of_logs(logs: Path, of_this_subject: re.Pattern[str], words: PrivateWords) -> Iterator[Leak]:
    """Private words in logs of jobs that succeeded; the log of a failure has to name its file."""
    for path in _walk(logs):
        if path.is_dir() or not of_this_subject.search(path.relative_to(logs).as_posix()):
            continue
        failed = path.name.endswith(".failure.json") or Path(f"{path}.failure.json").exists()
        if not failed and not path.is_symlink():
            for origin in words.found_in(path.read_bytes()):
                yield Leak("word", f"a log holds {origin}", path.relative_to(logs).as_posix())


def _discreet(leak: Leak, words: PrivateWords) -> Leak:
    """A leak whose file name is not shown if that name holds a private word."""
    if not words.found_in(leak.where):
        return leak
    return replace(leak, where=f"{leak.where.rpartition('/')[0]}/(not shown)")

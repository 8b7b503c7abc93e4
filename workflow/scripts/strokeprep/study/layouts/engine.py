"""Find the files of a layout and build the rows of the study from them."""

from __future__ import annotations

import glob
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from strokeprep.errors import StrokeprepError
from strokeprep.kinds import KINDS, LABELS, NATIVE, SCANS
from strokeprep.settings.config import Config
from strokeprep.settings.study import path_pattern
from strokeprep.study.scans import Row

# The grid of the scan that others were registered to.
REFERENCE = "reference"


# The grid of a scan that was released on a template's grid: native to the chain, which registers
# it again, but a label must lie on the same copy of the scan.
TEMPLATE = "template"


GRIDS = (NATIVE, REFERENCE, TEMPLATE)


EXTENSIONS = (".nii.gz", ".nii")


# The role of a file with b0 and diffusion-weighted images, what is made of it first, and where.
SERIES, SERIES_OF = "dwi", ("b0", "trace")
SEPARATED, BVAL = "separated", ".bval"


# Entities of a source that its derivatives keep, in BIDS order.
KEPT = ("acq", "ce", "rec", "dir", "run", "echo", "part")


# The scan that a folder or an entity stands for, where a label says no more of what it is drawn on.
SCAN_OF_WORD = {"anat": "t1w", "ce": "t1wce"}


class NoImages(StrokeprepError):
    """A folder holds no image that a layout knows."""


@dataclass(frozen=True)
class Pattern:
    """Files that play one role; of several files on one grid the lowest ``rank`` wins."""

    role: str
    regex: str
    on: str = ""
    grid: str = NATIVE
    rank: int = 0
    only: Callable[[_File, Config], bool] | None = None  # which of the files it matches
    acq: str = ""  # given to files whose names have no acq-, to tell two of one kind apart


def drawn_on(role: str) -> str:
    """The scan that a label is drawn on unless a pattern or a file's name says otherwise."""
    return LABELS[role].drawn_on if role in LABELS else ""


@dataclass(frozen=True)
class _File:
    """An image file, and its path below the folder that patterns are read from.

    ``linked`` says that a link leads to it, or to a folder it is in.
    """

    path: str
    below: str
    sidecar: str | None
    linked: bool = False
    b_values: str | None = None  # the bval file beside it


@dataclass(frozen=True)
class _Found:
    """A file with its role, before one grid of each scan is chosen."""

    row: Row
    scan: str
    grid: str
    rank: int


_WORD = r"[A-Za-z0-9]+"


_ENTITIES = rf"(?:_(?:{'|'.join(KEPT)})-{_WORD})*"


def _root(config: Config) -> Path:
    root = Path(str(config.study.root))
    if not root.is_dir():
        raise StrokeprepError(
            "The study's folder does not exist" if not root.exists() else "This is not a folder",
            root,
            "Set study.root in the config to the folder of the study; "
            "a relative path starts where Snakemake is called.",
        )
    return root


def _label_roots(root: Path, config: Config) -> list[Path]:
    """The folders that ``study.labels`` names, each once and none that the workflow writes to."""
    seen = _written(config)
    roots = []
    for wanted in config.study.labels:
        for path in sorted(glob.glob(os.path.join(glob.escape(str(root)), wanted))):
            identity = _identities(path)
            if not identity <= seen:
                seen |= identity
                roots.append(Path(path))
    return roots


def _subject_folders(folder: Path) -> list[Path]:
    return [
        Path(entry.path)
        for entry in _entries(str(folder))
        if entry.name.startswith("sub-") and _is_folder(entry)
    ]


def _files(
    config: Config, base: Path, folders: Iterable[Path], skip: re.Pattern | None = None
) -> Iterator[_File]:
    """Every image file at or below ``folders``, each folder read once.

    Links are followed, hidden folders and those that ``skip`` finds are not entered, nor are the
    folders the workflow itself writes to.
    """
    seen = _written(config)
    stack = [(str(each), each.relative_to(base).as_posix(), each.is_symlink()) for each in folders]
    stack.sort(reverse=True)
    while stack:
        folder, below, linked = stack.pop()
        identity = _identities(folder)
        if identity <= seen:
            continue
        seen |= identity
        entries = _entries(folder)
        yield from _files_of(entries, below, linked)
        stack += [
            (entry.path, f"{below}/{entry.name}", linked or entry.is_symlink())
            for entry in reversed(entries)
            if _is_folder(entry)
            and not entry.name.startswith(".")
            and not (skip and skip.search(entry.name))
        ]


def _files_of(entries: Sequence[os.DirEntry], below: str, linked: bool) -> Iterator[_File]:
    """The image files of one folder, which lies at ``below`` of the base."""
    paths = {entry.path: entry.is_symlink() for entry in entries}
    for entry in entries:
        extension = next((known for known in EXTENSIONS if entry.name.endswith(known)), None)
        if extension and not _is_folder(entry):
            end = -len(extension)
            sidecar = f"{entry.path[:end]}.json"
            name = f"{below}/{entry.name[:end]}"
            beside = sidecar if sidecar in paths else None
            b_values = f"{entry.path[:end]}{BVAL}"
            leads_on = linked or entry.is_symlink() or paths.get(sidecar, False)
            weights = b_values if b_values in paths else None
            yield _File(entry.path, name, beside, leads_on, weights)


def _entries(folder: str) -> list[os.DirEntry]:
    try:
        os.stat(os.path.join(folder, "."))  # names alone do not let a file be opened
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise StrokeprepError(
            f"A folder of the study cannot be listed ({error.strerror})",
            folder,
            "Allow reading it, or move it out of the study.",
        ) from error


def _is_folder(entry: os.DirEntry) -> bool:
    if entry.is_symlink():
        return os.path.isdir(entry.path)  # unlike entry.is_dir(), no error on a circular link
    return entry.is_dir()


def _written(config: Config) -> set[tuple[int, int]]:
    """The folders of the workflow itself, which may lie inside the study."""
    return _identities(config.output, str(config.work))


def _identities(*folders: str) -> set[tuple[int, int]]:
    """Device and inode of the folders that exist, the same for all links to one folder."""
    stats = [os.stat(folder) for folder in folders if os.path.isdir(folder)]
    return {(each.st_dev, each.st_ino) for each in stats}


def _with_overrides(patterns: Sequence[Pattern], config: Config) -> list[Pattern]:
    """The patterns of a layout; a role that ``study.patterns`` names has that pattern alone."""
    overrides = config.study.patterns
    usual = {pattern.role: pattern.on for pattern in reversed(patterns) if pattern.on}
    return [pattern for pattern in patterns if pattern.role not in overrides] + [
        Pattern(role, regex, usual.get(role, drawn_on(role))) for role, regex in overrides.items()
    ]


def _matches(files: Iterable[_File], patterns: Sequence[Pattern], config: Config) -> list[_Found]:
    """Every file that a pattern matches."""
    compiled = [(pattern, path_pattern(pattern.role, pattern.regex)) for pattern in patterns]
    hits = []
    for file in files:
        matches = [
            found
            for pattern, regex in compiled
            if (match := regex.search(file.below))
            and (pattern.only is None or pattern.only(file, config))
            for found in _founds(file, pattern, match, config)
        ]
        if any(matches):
            _refuse_outside(file, config)
        hits += [hit for hit in matches if hit]
    return hits


def _refuse_outside(file: _File, config: Config) -> None:
    """Refuse a file that a link leads out of the study to, or whose path Snakemake cannot take."""
    if not file.path.isprintable() or set("{}") & set(file.path):  # braces are Snakemake's
        raise StrokeprepError(
            "A file of the study has a brace or a control character, as a line break, in its path",
            ascii(file.path),
            "Rename the file or folder.",
        )
    if not file.linked:
        return
    study, root = config.study, str(config.study.root)
    inside = [root, *study.labels, *study.links]
    allowed = [os.path.realpath(os.path.join(root, folder)) for folder in inside]
    for path in filter(None, (file.path, file.sidecar)):
        real = Path(os.path.realpath(path))
        if not any(real.is_relative_to(folder) for folder in allowed):
            raise StrokeprepError(
                f"A link leads out of the study, to {real}",
                path,
                "Put the file itself there, or name the folder it is in under study.links.",
            )


def _founds(file: _File, pattern: Pattern, match: re.Match, config: Config) -> list[_Found | None]:
    """What a match says of a file, or of each image that is made of a series."""
    if pattern.role != SERIES:
        return [_found(file, pattern, match, config)]
    parts = []
    for role in SERIES_OF:
        found = _found(file, replace(pattern, role=role), match, config)
        parts.append(found and replace(found, row=_part(found.row, config)))
    return parts


def _part(row: Row, config: Config) -> Row:
    """The row of an image that is to be made of a series, in the work folder."""
    kind = KINDS[row.role]
    folders = [f"sub-{row.subject}", *([f"ses-{row.session}"] if row.session else [])]
    base = "/".join([str(config.work), SEPARATED, *folders, f"{row.stem}_{kind.suffix}"])
    return replace(
        row, path=Path(f"{base}{EXTENSIONS[0]}"), sidecar=Path(f"{base}.json"), series=row.path
    )


def _found(file: _File, pattern: Pattern, match: re.Match, config: Config) -> _Found | None:
    """What a match says of a file; None if the file lies on a grid that is not used."""
    groups = match.groupdict()
    if not groups.get("subject"):
        raise StrokeprepError(
            f"The pattern of {pattern.role} matches a file and finds no subject in it",
            file.path,
            f"Give study.patterns.{pattern.role} a group (?P<subject>…) that is never empty.",
        )
    is_image = pattern.role in KINDS
    on = "" if is_image else _drawn_on(groups.get("on") or pattern.on, file)
    scan = KINDS[pattern.role].scan.name if is_image else on
    grid = _grid(groups.get("space"), pattern.grid, scan, config.reference)
    if grid is None:
        return None
    row = Row(
        subject=groups["subject"],
        session=groups.get("session") or None,
        role=pattern.role,
        path=Path(file.path),
        on=on,
        space=groups.get("space") or config.reference[0] if grid == REFERENCE else NATIVE,
        defaced=is_image and config.study.defaced,
        sidecar=Path(file.sidecar) if file.sidecar else None,
        entities=_entities(pattern, os.path.basename(file.below)),
    )
    return _Found(row, scan, grid, pattern.rank)


def _drawn_on(name: str, file: _File) -> str:
    scan = SCAN_OF_WORD.get(name.lower(), name.lower())
    if scan not in SCANS:
        raise StrokeprepError(
            f"A label is said to be drawn on '{name}', which is no scan",
            file.path,
            f"Let the group (?P<on>…) yield one of {', '.join(SCANS)}, or anat.",
        )
    return scan


def _grid(space: str | None, default: str, scan: str, references: Sequence[str]) -> str | None:
    """The grid that a ``space-`` entity names; None where the chain has no use for it."""
    if space is None:
        return default
    if space in ("orig", scan):
        return NATIVE
    return REFERENCE if space in references else None


def _entities(pattern: Pattern, name: str) -> tuple[str, ...]:
    """The entities a derivative keeps; a kind that is told apart by one always has it."""
    given = dict(re.findall(rf"_({'|'.join(KEPT)})-({_WORD})(?=_|$)", name))
    scan = KINDS[pattern.role].scan if pattern.role in KINDS else None
    for key, value in (("acq", pattern.acq or (scan and scan.acq)), ("ce", scan and scan.ce)):
        if value:
            given.setdefault(key, value)
    return tuple(f"{key}-{given[key]}" for key in KEPT if key in given)


def _rows(matches: Sequence[_Found], root: Path, looked_for: str) -> list[Row]:
    """The rows of what was found: every scan on one grid, every label on a grid that fits."""
    if not any(each.row.role in KINDS for each in matches):
        raise NoImages(
            f"No image of the study was found; looked for {looked_for}, as .nii or .nii.gz",
            root,
            "Correct study.root or study.layout in the config, or set study.patterns "
            "(config/README.md).",
        )
    scans: dict[tuple[str, str, str], list[_Found]] = defaultdict(list)
    for each in matches:
        scans[each.row.subject, each.row.session or "", each.scan].append(each)
    return [each.row for files in scans.values() for each in _on_one_grid(files)]


def _on_one_grid(files: Sequence[_Found]) -> list[_Found]:
    """Of one scan's images and labels, those on the grid that makes the most of them.

    A scan may be there natively and as a resampled copy. Its images must share a grid, and a
    label fits the grid it was drawn on or, on the reference's, any. Native wins on a tie.
    """
    images = _of_one_source([each for each in files if each.row.role in KINDS])
    labels = [each for each in files if each.row.role not in KINDS]
    grid = max(
        (grid for grid in GRIDS if any(image.grid == grid for image in images)),
        key=lambda grid: len({_what(each) for each in files if _fits(each, grid)}),
        default=NATIVE,
    )
    preferred = (grid, REFERENCE, *GRIDS)
    return _best([image for image in images if image.grid == grid], preferred) + _best(
        labels, preferred
    )


def _of_one_source(images: list[_Found]) -> list[_Found]:
    """Images without those that a series would give, where some of these have better files already."""
    ranks = [each.rank for each in images if each.row.series]
    others = [each for each in images if not each.row.series]
    pairs = [each for each in others if each.row.role in SERIES_OF]
    is_better = ranks and any(each.rank < min(ranks) for each in pairs)
    return others if is_better else images


def _what(each: _Found) -> tuple[str, tuple[str, ...]]:
    """The role of a file, and what tells it apart where a session may have several."""
    kind = KINDS.get(each.row.role)
    return each.row.role, each.row.entities if kind and kind.scan.may_repeat else ()


def _fits(each: _Found, grid: str) -> bool:
    is_label = each.row.role not in KINDS
    return each.grid == grid or (is_label and each.grid == REFERENCE)


def _best(files: Sequence[_Found], grids: Sequence[str]) -> list[_Found]:
    """Of every image and label the files of the best grid and rank. Ties stay, to be refused later."""

    def order(each: _Found) -> tuple[int, int]:
        return grids.index(each.grid), each.rank

    best: dict[tuple, tuple[int, int]] = {}
    for each in files:
        best[_what(each)] = min(best.get(_what(each), order(each)), order(each))
    return [each for each in files if order(each) == best[_what(each)]]

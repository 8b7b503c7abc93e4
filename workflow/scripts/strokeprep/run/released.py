"""What lies in the output: files that an audit has passed, and no others.

Everything is made in the work folder (``work/dataset``). The job that audits a part of the dataset
puts the part into the output, by hard links, and lists it with its digests in ``work/released``.
When a run ends, parts that are not what an audit has passed any more are taken out again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from strokeprep.errors import StrokeprepError
from strokeprep.io.whole import PARTIAL, State, final_name, whole, write_json
from strokeprep.run.endings import IMAGES
from strokeprep.study import naming

LISTS = "released"  # folder of the work folder
DATASET, SUMMARY, COHORT = "dataset", "summary", "cohort"  # the parts that are no subject's
MOST_NAMED = 5
UNKNOWN, CHANGED, LINK = "was released by no run", "was changed since its release", "is a link"


@dataclass(frozen=True)
class Release:
    """The output of a study, and the lists of what was released."""

    output: Path
    work: Path

    @property
    def made(self) -> Path:
        """The folder in which the dataset is made."""
        return self.work / naming.MADE

    def put(self, part: str, names: Iterable[str], source: Path | None = None) -> None:
        """Put the files of a part into the output in place of those that were there before.

        A kill at any moment leaves only files in the output that a list in the work folder knows.
        """
        source = source or self.made
        entries = {name: State.once(source / name) for name in sorted(names)}
        self._empty(part)
        self._write(part, entries)
        for name in entries:
            _link(source / name, self.output / name)
            changed = (self.output / name).stat().st_ctime_ns
            entries[name] = replace(entries[name], ctime_ns=changed)
        self._write(part, entries)

    def withdraw(self, part: str) -> None:
        """Take the files of a part out of the output, and folders that are empty then."""
        for name in self._empty(part):
            for folder in (self.output / name).parents:
                if folder == self.output or not _removed(folder):
                    break
        self._list(part).unlink(missing_ok=True)

    def require(self, *, run: bool) -> None:
        """Refuse an output with files that no audit has passed.

        Where released files are missing, a ``run`` has to audit their part again, which releases it.
        """
        faults = self.faults()
        if faults:
            shown = "; ".join(f"{name} {fault}" for name, fault in faults[:MOST_NAMED])
            more = f" and {len(faults) - MOST_NAMED} more" if len(faults) > MOST_NAMED else ""
            raise StrokeprepError(
                "The output holds files that no audit has passed",
                f"{self.output}: {shown}{more}",
                "Move them out, or set output to a new folder. What is missing then is released "
                "again.",
            )
        for part in self.lacking() if run else ():
            (self.work / f"privacy/{part}.json").unlink(missing_ok=True)
            self._reopen(part.partition("_")[0])

    def forget(self, subject: str) -> None:
        """Let everything that is made of a subject be made anew."""
        shutil.rmtree(self.made / f"sub-{subject}", ignore_errors=True)
        self._reopen(f"sub-{subject}")

    @contextmanager
    def summary(self) -> Iterator[Path]:
        """Yield a folder for what is said of all subjects, which is released as a part of its own."""
        folder = self.work / SUMMARY
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        yield folder
        self.put(SUMMARY, (path.relative_to(folder).as_posix() for path in _files(folder)), folder)

    def settle(self, current: Iterable[str]) -> list[str]:
        """Withdraw every part that is not ``current``, or was made anew since its audit."""
        kept = {part for part in current if self.is_current(part)}
        gone = [part for part in self.parts() if part not in kept]
        for part in gone:
            self.withdraw(part)
        for path in _files(self.output):
            if path.name.startswith(PARTIAL):
                path.unlink()
        return gone

    def parts(self) -> list[str]:
        """The parts that were released."""
        return sorted(path.stem for path in (self.work / LISTS).glob("*.json"))

    def is_current(self, part: str) -> bool:
        """Whether what is made now is what was released."""
        entries = self._read(part)
        return bool(entries) and all(
            (self.made / name).is_file() and entry.is_of(self.made / name)
            for name, entry in entries.items()
        )

    def digest_of(self, part: str) -> str:
        """A digest of the content of a part, which changes with any of its files."""
        content = {name: entry.sha256 for name, entry in self._read(part).items()}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def lacking(self) -> list[str]:
        """The parts of which a file is missing in the output."""
        return [
            part
            for part in self.parts()
            if not all((self.output / name).is_file() for name in self._read(part))
        ]

    def faults(self, *, read: bool = False) -> list[tuple[str, str]]:
        """Files of the output that no audit has passed, each with what is wrong with it."""
        listed = {name: entry for part in self.parts() for name, entry in self._read(part).items()}
        return [
            (name, fault)
            for path in _files(self.output)
            for name in [path.relative_to(self.output).as_posix()]
            if (fault := _fault(path, listed, name, read))
        ]

    def _list(self, part: str) -> Path:
        return self.work / LISTS / f"{part}.json"

    def _read(self, part: str) -> dict[str, State]:
        path = self._list(part)
        if not path.exists():
            return {}
        return {name: State(**entry) for name, entry in json.loads(path.read_text()).items()}

    def _write(self, part: str, entries: Mapping[str, State]) -> None:
        write_json({name: asdict(entry) for name, entry in entries.items()}, self._list(part))

    def _reopen(self, folder: str) -> None:
        """Where each patient is one job, let that of this patient run again."""
        (self.work / f"patients/{folder}/done").unlink(missing_ok=True)

    def _empty(self, part: str) -> list[str]:
        """Remove the files of a part from the output; their names."""
        names = list(self._read(part))
        for name in names:
            (self.output / name).unlink(missing_ok=True)
        return names


def part(subject: str, of: str) -> str:
    """The name of a subject's part: its images, or its perfusion."""
    return f"sub-{subject}" + ("" if of == IMAGES else f"_{of}")


def _link(source: Path, target: Path) -> None:
    """The same file under another name, or a copy where the file system cannot do that."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        with whole(target) as partial:
            shutil.copy2(source, partial)


def _files(folder: Path) -> Iterator[Path]:
    """All files and links below a folder; links are not followed."""
    for base, folders, names in os.walk(folder):
        linked = [name for name in folders if Path(base, name).is_symlink()]
        yield from (Path(base, name) for name in sorted([*names, *linked]))


def _fault(path: Path, listed: Mapping[str, State], name: str, read: bool) -> str | None:
    """What is wrong with a file of the output."""
    if path.is_symlink():
        return LINK
    if path.name.startswith(PARTIAL):  # a killed job was copying it
        name = Path(name).with_name(final_name(path.name)).as_posix()
        return None if name in listed else UNKNOWN
    if name not in listed:
        return UNKNOWN
    return None if path.is_file() and listed[name].is_of(path, read=read) else CHANGED


def _removed(folder: Path) -> bool:
    """Whether a folder is gone; one that is not empty stays."""
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True

"""A whole release, from cases that are fit: links to their images, tables, texts and a manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strokeprep.clinical import outgoing
from strokeprep.errors import StrokeprepError
from strokeprep.io import json_files, tables
from strokeprep.io.tables import MISSING, render
from strokeprep.io.whole import write_text
from strokeprep.release import description, folder, identifiers, phenotype
from strokeprep.release.archive import Archive, Contents, Finished
from strokeprep.release.archives import ARCHIVES
from strokeprep.study import naming

LEFT_OUT = ("participant_id", "cause", "reason")
ROOTS = frozenset(archive.root for archive in ARCHIVES.values())
Preview = Callable[[Path, Mapping[str, str]], None]


@dataclass(frozen=True)
class Private:
    """The files of a release that nobody outside may see."""

    folder: Path

    @property
    def numbers(self) -> Path:
        """Which patient has which number."""
        return self.folder / "identifiers.tsv"

    @property
    def secret(self) -> Path:
        """The key of altered values."""
        return self.folder / "secret"

    @property
    def left_out(self) -> Path:
        """The patients who are not released, each with the reason."""
        return self.folder / "left_out.tsv"

    @property
    def groups(self) -> Path:
        """The groups of patients that somebody may tell apart."""
        return self.folder / "groups.tsv"


def write(
    finished: Finished,
    prepared: Mapping[str, Path],
    left_out: Sequence[Mapping[str, str]],
    private: Private,
    preview: Preview | None = None,
) -> None:
    """Write a release of the patients in ``prepared``, whose values are the files of their cases.

    ``left_out`` are those who were left out before, each with cause and reason. ``preview`` adds
    its files to a folder, given the case of each patient.
    """
    archive, arteries = ARCHIVES[finished.settings.archive], _arteries(finished.derivatives)
    fit, causes = _sorted_out(prepared, left_out, private)
    called = _called(finished, archive, identifiers.numbers(sorted(fit), archive, private.numbers))
    told = _clinical(finished, archive, called, private)
    about = description.Release(archive, finished, list(fit.values()), told, causes, arteries)
    with folder.replaced(Path(str(finished.settings.folder)), ROOTS) as new:
        root = new / archive.root
        known = _place_images(root, archive, fit, called)
        phenotype.write(new, archive, told, finished.settings)
        description.write(new, about)
        if archive.further:
            archive.further(
                Contents(**vars(finished), folder=root, archive=archive, called=called, rows=told)
            )
        if preview:
            preview(new / "preview", called)
        folder.write_manifest(new, {f"{archive.root}/{name}": sha for name, sha in known.items()})


def _arteries(derivatives: Path) -> dict[str, str]:
    """What each number in a segmentation of the Circle of Willis is; empty where nobody said."""
    table = derivatives / naming.COW_TABLE
    rows = tables.read(table) if table.is_file() else []
    return {row["index"]: row["name"] for row in rows}


def _called(finished: Finished, archive: Archive, numbers: Mapping[str, int]) -> dict[str, str]:
    """The case of each patient; where cases lie by site, a patient of an unknown one is of the first."""
    rows = outgoing.collected(finished.derivatives)
    tells_site = archive.site and archive.site not in finished.settings.withheld

    def site(person: str) -> int:
        told = rows.get(person, {}).get(archive.site, MISSING) if tells_site else MISSING
        return 1 if told == MISSING else int(float(told))

    return {
        person: archive.case.format(number=number, site=site(person))
        for person, number in numbers.items()
    }


def _sorted_out(
    prepared: Mapping[str, Path], left_out: Sequence[Mapping[str, str]], private: Private
) -> tuple[dict[str, Any], list[str]]:
    """The cases that are fit, and the cause for each patient who is left out; these are listed."""
    cases = {person: json_files.read(path) for person, path in prepared.items()}
    others = sorted([*left_out, *_unfit(cases)], key=lambda row: row["participant_id"])
    write_text(render(others, LEFT_OUT), private.left_out)
    fit = {person: case for person, case in cases.items() if not case["refused"]}
    if not fit:
        raise StrokeprepError(
            "No patient can be released", private.left_out, "It says why, patient by patient."
        )
    return fit, [row["cause"] for row in others]


def _unfit(cases: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    return [
        {"participant_id": person, "cause": "unfit", "reason": case["refused"]}
        for person, case in cases.items()
        if case["refused"]
    ]


def _clinical(
    finished: Finished, archive: Archive, called: Mapping[str, str], private: Private
) -> outgoing.Rows:
    """What the release tells of each case, in the order of their names; refused if it tells too much."""
    names, key = phenotype.columns(archive), identifiers.secret(private.secret)
    values = outgoing.collected(finished.derivatives)
    rows = outgoing.told(values, called, names, finished.settings, key)
    phenotype.check(rows, finished.settings, private.groups)
    return {case: rows[person] for person, case in sorted(called.items(), key=lambda pair: pair[1])}


def _place_images(
    root: Path, archive: Archive, cases: Mapping[str, Mapping[str, Any]], called: Mapping[str, str]
) -> dict[str, str]:
    """Put all images in their place; returns the digest of each."""
    known = {}
    for person, case in cases.items():
        for file in case["files"]:
            name = archive.place(file["path"], called[person]) + ".nii.gz"
            folder.place(file, root / name)
            known[name] = file["sha256"]
    return known

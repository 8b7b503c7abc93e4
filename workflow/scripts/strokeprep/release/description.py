"""What a release says of itself: README, licence, citation and the tables of its summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from strokeprep.clinical.alteration import told as told_of_alteration
from strokeprep.clinical.columns import KNOWN, OLDEST
from strokeprep.io.images import AIR_HU
from strokeprep.io.tables import render
from strokeprep.io.whole import write_text
from strokeprep.release import licence, phenotype, summary
from strokeprep.release.archive import CAUSES, Archive, Finished
from strokeprep.release.phenotype import columns
from strokeprep.settings.finished.release import ReleaseSettings

README = """\
# {name}

Version {version}: {cases} cases, made with strokeprep {strokeprep}.

{left_out}## Licence and citation

{licence}
Please cite: {citation}

{holds}
{absent}## Clinical data

An empty cell, or n/a in TSV, says that a value is not known. Ages above {oldest} are given as {oldest}.
Times are durations: minutes in the tables of all cases, hours:minutes:seconds in those of one. {altered}

{demographics}

## Images

{grids}

## Scanners

{scanners}
"""


@dataclass(frozen=True)
class Release:
    """All that a description is made from.

    ``left_out`` has the cause for each patient not released, and ``arteries`` what each number in a
    segmentation of the Circle of Willis is, if that is known.
    """

    archive: Archive
    finished: Finished
    cases: Sequence[summary.Case]
    rows: Mapping[str, Mapping[str, str]]  # of clinical values, by case
    left_out: Sequence[str]
    arteries: Mapping[str, str]

    @property
    def demographics(self) -> list[dict[str, str | int]]:
        """The table of patients."""
        return summary.demographics(self.rows, columns(self.archive))


def write(folder: Path, release: Release) -> None:
    """Write all texts of a release and the table of its patients."""
    study, settings = release.finished.study, release.finished.settings
    write_text(_readme(release), folder / "README.md")
    write_text(licence.text(study), folder / "LICENSE")
    write_text(licence.citation_file(study, settings), folder / "CITATION.cff")
    write_text(render(release.demographics, summary.DEMOGRAPHICS), folder / "demographics.tsv")


def _readme(release: Release) -> str:
    archive, study, settings = release.archive, release.finished.study, release.finished.settings
    forms = phenotype.formats(archive, settings)
    return README.format(
        name=study.name,
        version=settings.version,
        cases=len(release.cases),
        strokeprep=release.finished.version,
        left_out=_left_out(release.left_out),
        licence=licence.text(study),
        citation=licence.citation(study, settings),
        holds=archive.holds.format(
            root=archive.root,
            formats=" and ".join(form.upper() for form in forms),
            air=AIR_HU,
            arteries=_arteries(release.arteries),
        ),
        absent=_absent(release),
        oldest=OLDEST,
        altered=_altered(archive, settings),
        demographics=_markdown(release.demographics, summary.DEMOGRAPHICS),
        grids=_markdown(summary.grids(release.cases, archive), summary.GRIDS),
        scanners=_markdown(summary.scanners(release.cases), summary.SCANNERS),
    )


def _absent(release: Release) -> str:
    """The images of the archive that no case has."""
    held = {file["path"] for case in release.cases for file in case["files"]}
    absent = [
        image.path.rpartition("/")[2].replace("{case}", "*")
        for image in release.archive.images
        if image.path not in held
    ]
    if not absent:
        return ""
    named = ", ".join(f"`{name}`" for name in absent)
    return f"The study did not give these images of the archive, so no case has them: {named}.\n\n"


def _arteries(names: Mapping[str, str]) -> str:
    """What each number of a segmentation is."""
    told = ", ".join(f"{number} {name}" for number, name in names.items())
    return told or "the study did not say which is which"


def _left_out(causes: Sequence[str]) -> str:
    """How many patients of the study are not in the release, and why."""
    if not causes:
        return ""
    counts = Counter(causes)
    named = "; ".join(f"{counts[cause]} {says}" for cause, says in CAUSES.items() if counts[cause])
    return f"{len(causes)} more patients of the study are not in this release: {named}.\n\n"


def _altered(archive: Archive, settings: ReleaseSettings) -> str:
    names = [KNOWN[name].title for name in columns(archive) if name in settings.altered]
    return f"{', '.join(names)}: {told_of_alteration(settings.altered_by)}" if names else ""


def _markdown(rows: Sequence[Mapping[str, object]], names: Sequence[str]) -> str:
    """Rows as a table of Markdown."""
    if not rows:
        return "Nothing is known."
    lines = [names, ["---"] * len(names), *([row[name] for name in names] for row in rows)]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)

"""Settings of snakemake release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from strokeprep.settings.field import setting

Archive = Literal["isles24", "isles24-challenge", "jhu", "atlas"]
Review = Literal["none", "one", "two"]
TableFormat = Literal["xlsx", "csv", "tsv"]


@dataclass(frozen=True)
class ReleaseSettings:
    """What snakemake release writes of a study that is finished."""

    folder: str | None = setting(
        None,
        'Folder of the release; null stands for output with "-release" added. It is written anew as '
        "a whole. On the file system of output, files are hard links and take no room.",
    )
    archive: Archive = setting(
        "isles24",
        "Names and folders: isles24 is the tree of ISLES'24 on Zenodo since 2025, isles24-challenge "
        "that of the challenge in 2024, jhu that of the acute stroke MRI of Johns Hopkins, atlas that of "
        "ATLAS v2.0.",
    )
    version: str = setting("1.0.0", "Version of the release, for its citation.")
    doi: str = setting("", "DOI of the release, if one is reserved.", may_be_empty=True)
    leave_out: Mapping[str, str] = setting(
        {},
        'Patients to leave out, by subject without "sub-", each with the reason: a review found '
        "something, consent was withdrawn.",
    )
    review: Review = setting(
        "none",
        "How many people must have judged every step of a case on its pages, as it is now. A step "
        "that anybody called bad keeps its case out, whatever is asked here (docs/review.md).",
    )
    verdicts: str | None = setting(
        None,
        "Folder of the raters' files, verdicts_NAME.tsv; null stands for review in the work folder. "
        "They hold notes that people typed, so it must lie outside of output.",
    )
    may_lack: tuple[str, ...] = setting(
        (),
        "Images that a case may lack, by the end of their names (lvo-msk, cow-msk). A case that "
        "lacks any other is left out.",
        unique=True,
    )
    tables: tuple[TableFormat, ...] = setting(
        ("xlsx", "csv", "tsv"),
        "Formats of the clinical tables, of those that the archive has. Loaders that others wrote need the one or the other.",
        fewest=1,
        unique=True,
    )
    withheld: tuple[str, ...] = setting(
        (),
        "Clinical columns to leave empty, by the heading they have in the output's phenotype/.",
        unique=True,
    )
    altered: tuple[str, ...] = setting(
        ("glucose", "leucocytes", "crp", "inr"),
        "Clinical columns whose values are altered at random, so that nobody finds a patient by them. "
        "The same patient gets the same alteration in every release of a study.",
        unique=True,
    )
    altered_by: float = setting(
        0.05, "Largest alteration, as a share of the value.", at_least=0, at_most=0.5
    )
    grouped_by: tuple[str, ...] = setting(
        ("center", "sex", "age"),
        "Clinical columns by which somebody may know a patient. Patients who agree in all of them "
        "are a group.",
        unique=True,
    )
    age_band_years: int = setting(
        10, "Ages are told apart by bands of so many years when patients are grouped.", at_least=1
    )
    smallest_group: int = setting(
        5,
        "Fewest patients that a group may have; a release with a smaller group is refused. 1 lets "
        "everything pass.",
        at_least=1,
    )
    preview: bool = setting(
        False,
        "Whether to add a preview: a picture of each image of each case, as Parquet with a card. "
        "Needs envs/preview.txt, and an archive of ISLES'24.",
    )

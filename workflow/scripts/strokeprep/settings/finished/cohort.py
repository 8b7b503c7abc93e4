"""Settings of snakemake cohort: what is made of all patients together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from strokeprep.kinds import KINDS
from strokeprep.settings.field import setting
from strokeprep.settings.study import AtlasSettings, atlases_of, schema_of_atlases

ATLASES = (
    "Atlases whose regions are measured in every lesion, such as vascular territories, lobes or "
    "tracts, by what tables call them."
)
Session = Literal["first", "last"]
if TYPE_CHECKING:
    Averaged = str  # mypy cannot read choices from a table
else:
    Averaged = Literal[tuple(name for name, kind in KINDS.items() if kind.ndim == 3)]


@dataclass(frozen=True)
class CohortSettings:
    """What snakemake cohort makes of all finished patients."""

    groups: str | None = setting(
        None,
        "A clinical column, by the heading it has in the output. Patients of each of its values "
        "get maps of their own, beside those of all patients.",
    )
    session: Session = setting(
        "first",
        "Which session of a patient counts, of those in which a lesion was drawn; of all sessions "
        "where none was.",
    )
    at_least: int = setting(
        5,
        "Voxels with lesions of at least so many patients are marked in a mask, for statistics "
        "that leave out the others.",
        at_least=1,
    )
    averaged: tuple[Averaged, ...] = setting(
        ("trace", "adc", "t1w"),
        "Images of which mean and standard deviation are taken where they were normalised "
        "(desc-normalised, in the space of the template; of ADC desc-recalculated).",
        unique=True,
    )
    atlases: dict[str, AtlasSettings] = setting(
        {}, ATLASES, schema=schema_of_atlases(ATLASES), read=atlases_of
    )

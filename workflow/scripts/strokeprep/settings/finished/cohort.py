"""Settings of snakemake cohort: what is made of all patients together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import TYPE_CHECKING, Any, Literal

from strokeprep.kinds import KINDS
from strokeprep.settings.field import Schema, schema, setting, typed

NAME = "^[A-Za-z0-9]+$"
Session = Literal["first", "last"]
if TYPE_CHECKING:
    Averaged = str  # mypy cannot read choices from a table
else:
    Averaged = Literal[tuple(name for name, kind in KINDS.items() if kind.ndim == 3)]


@dataclass(frozen=True)
class AtlasSettings:
    """An atlas whose regions are measured in every lesion."""

    path: str = setting(MISSING, "Its label image (NIfTI), on any grid in MNI space.")
    names: str | None = setting(
        None,
        "The table of its regions: TSV or CSV with the columns index and name, lines of a number and "
        "a name, or a name in each line. null stands for the file beside it that is named like it.",
    )
    drawn_on: str | None = setting(
        None,
        "The brain-extracted image that the atlas was drawn on, if that is another template: it is "
        "registered to the template of the study, and the regions follow.",
    )


def schema_of_atlases() -> Schema:
    """The schema of cohort.atlases: atlases by what tables call them."""
    return {
        "type": "object",
        "description": "Atlases whose regions are measured in every lesion, such as vascular "
        "territories, lobes or tracts, by what tables call them.",
        "default": {},
        "propertyNames": {"pattern": NAME, "title": "names of letters and digits"},
        "additionalProperties": schema(AtlasSettings),
    }


def atlases_of(values: Mapping[str, Any]) -> dict[str, AtlasSettings]:
    """The atlases of the config."""
    return {name: typed(AtlasSettings, value) for name, value in values.items()}


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
        {}, "Atlases.", schema=schema_of_atlases(), read=atlases_of
    )

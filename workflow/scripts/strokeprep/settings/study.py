"""Settings of the study: its files, the template they are carried to, its simulation and release."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from strokeprep.errors import StrokeprepError
from strokeprep.kinds import KINDS, LABELS, REFERENCES
from strokeprep.settings.field import Schema, schema, setting, typed

NAME = "^[A-Za-z0-9]+$"
BUILT_IN_TEMPLATE = "MNI152NLin2009aSym"
# The seed of everything random unless the config sets another.
SEED = 1
LARGEST_SEED = 2**31 - 1

Layout = Literal["phantom", "bids", "isles24", "jhu", "atlas"]
# A file with b0 and diffusion-weighted images in one is no kind of image, and so has a role of its own.
ROLES = (*KINDS, *LABELS, "dwi")
if TYPE_CHECKING:
    Scan = str  # mypy cannot read choices from a table
else:
    Scan = Literal[REFERENCES]


Pathology = Literal[
    "old_infarct",
    "malignant_infarct",
    "haematoma",
    "craniectomy",
    "atrophy",
    "thick_skull",
    "child",
]
PATHOLOGIES: tuple[Pathology, ...] = get_args(Pathology)
# What a simulated patient may be scanned with beside CT, CT angiography, CT perfusion, DWI and T1w.
FurtherScan = Literal["t1wce", "t2w", "flair", "swi", "t2star", "tof"]
Cells = Literal["number", "integer", "age", "flag", "level", "duration", "text"]
Simulated = Literal["isles24", "jhu", "atlas"]
NUMBERS, LEVELS = ("number", "integer"), ("level",)


@dataclass(frozen=True)
class AtlasSettings:
    """An atlas whose regions are measured."""

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


def schema_of_atlases(meaning: str) -> Schema:
    """The schema of a setting that holds atlases by what tables call them."""
    return {
        "type": "object",
        "description": meaning,
        "default": {},
        "propertyNames": {"pattern": NAME, "title": "names of letters and digits"},
        "additionalProperties": schema(AtlasSettings),
    }


def atlases_of(values: Mapping[str, Any]) -> dict[str, AtlasSettings]:
    """The atlases of the config."""
    return {name: typed(AtlasSettings, value) for name, value in values.items()}


@dataclass(frozen=True)
class Column:
    """A clinical column that may be released."""

    type: Cells = setting(
        MISSING,
        "How its cells are read: number, integer, age (years, cut at 89), flag (0 or 1, yes or "
        "no), level (one of levels), duration (minutes or hours:minutes), or text. Text is copied "
        "as it stands: choose it only for columns in which nobody can have typed a name.",
    )
    description: str = setting(MISSING, "What it means, for the table's JSON.")
    title: str = setting("", "Its published name, for the table's JSON.", may_be_empty=True)
    unit: str = setting("", "Unit of a number, as BIDS writes it.", may_be_empty=True)
    range: tuple[float, float] | None = setting(
        None,
        "Smallest and largest value. Needed for numbers, since an identifier or a date is a number "
        "as well.",
    )
    levels: Mapping[str, str] = setting({}, "The values of a level, each with its meaning.")
    headings: tuple[str, ...] = setting((), "Other headings that it is known by.")


def schema_of_columns() -> Schema:
    """The schema of study.columns: columns by the heading they get in the release."""
    return {
        "type": "object",
        "description": "Clinical columns to release beside those that are known, by the heading "
        "they get; one of a known name takes its place.",
        "default": {},
        "propertyNames": {
            "pattern": "^[a-z][a-z0-9_]*$",
            "title": "names of lower-case letters, digits and underscores",
        },
        "additionalProperties": schema(Column),
    }


def columns_of(values: Mapping[str, Any]) -> dict[str, Column]:
    """The columns of the config."""
    return {name: typed(Column, value) for name, value in values.items()}


def schema_of_arteries() -> Schema:
    """The schema of study.arteries: names by number."""
    return {
        "type": "object",
        "description": "What each number in segmentations of the Circle of Willis is, such as "
        "1: basilar artery. It is released with them, as a table and in words; empty where it is "
        "not known.",
        "default": {},
        "propertyNames": {"pattern": "^[1-9][0-9]*$", "title": "numbers above 0"},
        "additionalProperties": {
            "type": "string",
            "pattern": "^[A-Za-z][A-Za-z0-9 -]*$",
            "title": "names of letters, digits, blanks and hyphens",
        },
    }


def arteries_of(values: Mapping[str, str]) -> dict[int, str]:
    """The arteries of the config."""
    return {int(number): name for number, name in values.items()}


@dataclass(frozen=True)
class StudySettings:
    """Where the images are and how they are named."""

    layout: Layout = setting(
        MISSING,
        "How files and folders are named; phantom simulates the study it works on.",
    )
    root: str | None = setting(
        None,
        "Folder of the study. Needed for every layout but phantom. A relative path starts where "
        "Snakemake is called.",
    )
    defaced: bool = setting(
        False,
        "Your statement that no image of the study shows a face any more. Nothing is emptied then, "
        "and a scan that shows a face all the same ends its subject. Say false for a study that "
        "mixes whole heads with scans that came without a face: those are recognised one by one.",
    )
    subjects: tuple[str, ...] = setting(
        (),
        'Subjects to work on, without "sub-", in quotes; empty for all.',
        pattern=NAME,
        unique=True,
    )
    sessions: tuple[str, ...] = setting(
        (),
        'Sessions to work on, without "ses-", in quotes; empty for all.',
        pattern=NAME,
        unique=True,
    )
    patterns: Mapping[str, str] = setting(
        {},
        "Own file name patterns, one regular expression per role; each replaces all patterns the "
        "layout has for that role, for studies whose names are a little different.",
        keys=ROLES,
    )
    labels: tuple[str, ...] = setting(
        ("derivatives", "derivatives/*"),
        "Only for layout bids: folders (or globs) that hold sub-* folders with manual masks, "
        "absolute or below study.root.",
    )
    links: tuple[str, ...] = setting(
        (),
        "Folders outside of study.root that links in the study may lead to; any other link that "
        "leads out of the study is refused.",
    )
    pseudonyms: str | None = setting(
        None,
        "A table (TSV) of your own that lists each subject by its pseudonym in the first column and "
        "what you keep of the patient in others. With it the gate refuses subjects that are not "
        "listed, or are named by what another column holds; nothing of it is released.",
    )
    corrections: str | None = setting(
        None,
        "Folder of what people corrected by hand: masks and transforms under the names that the "
        "output has for them, each in place of what would be computed (docs/corrections.md). A "
        "relative path starts where Snakemake is called.",
    )
    columns: dict[str, Column] = setting(
        {}, "Clinical columns.", schema=schema_of_columns(), read=columns_of
    )
    arteries: dict[int, str] = setting(
        {}, "Arteries.", schema=schema_of_arteries(), read=arteries_of
    )
    name: str = setting(
        "Preprocessed acute-stroke imaging",
        "Name of the derivatives dataset, as dataset_description.json gives it.",
    )
    license: str = setting(
        "",
        "License of the derivatives dataset; empty leaves it out, since we cannot know.",
        may_be_empty=True,
    )
    authors: tuple[str, ...] = setting(
        (),
        "Authors of the derivatives dataset; empty leaves them out.",
    )


@dataclass(frozen=True)
class TemplateSettings:
    """The standard space that results are carried to."""

    name: str = setting(
        BUILT_IN_TEMPLATE,
        "Its name behind space- in file names. The default ships with nilearn and needs no "
        "download; any other needs template.path.",
        pattern=NAME,
    )
    path: str | None = setting(
        None,
        "An own template in MNI152 coordinates: an image, brain-extracted or with "
        "template.brain_mask, or a template's folder as TemplateFlow names it "
        "(…/tpl-MNI152NLin2009cAsym); null for the built-in template.",
    )
    brain_mask: str | None = setting(
        None,
        "Brain mask of the image at template.path; null takes its voxels above zero.",
    )
    resolution_mm: float = setting(
        1,
        "Voxel size (mm) of images in template space. 1 mm is the grid of the template and finer "
        "than DWI or CTP slices; 2 mm takes an eighth of the disk.",
        at_least=0.5,
        at_most=4,
    )
    res: str | None = setting(
        None,
        "The voxel size as it stands behind res- in file names; null derives it from "
        "template.resolution_mm (1 gives 1, 1.5 gives 1p5).",
        pattern=NAME,
    )


@dataclass(frozen=True)
class IntensitySettings:
    """Images with grey levels that can be compared, as files beside their sources (docs/intensity.md)."""

    dwi: Literal["none", "bimodal", "zscore"] = setting(
        "none",
        "How DWI is normalised, in the brain alone: bimodal gives brain tissue the mean 0 and the SD "
        "1, tissue being the higher of two Gaussians on the histogram; zscore gives them to all of "
        "the brain.",
    )
    adc: bool = setting(
        False,
        "Whether the ADC is also computed from the b0 and the DWI, beside that of the scanner.",
    )
    t1w: Literal["none", "n4", "percentiles", "zscore"] = setting(
        "none",
        "What is done with T1w: n4 takes away the bias field, found in the brain outside of lesions. "
        "After that percentiles gives the brain the 1st and 99th percentile of the template's, and "
        "zscore the mean 0 and the SD 1.",
    )
    cubic: tuple[Literal["dwi", "t1w"], ...] = setting(
        (),
        "Scans of which brain, masks and normalised images are also written in their own orientation "
        "on cubic voxels of template.resolution_mm.",
        unique=True,
    )
    b_value: float | None = setting(
        None,
        "b-value (s/mm2) of DWI that has none in its sidecar (DiffusionBValue) or bval file. It is "
        "not guessed: without one the ADC is not computed and the subject ends.",
        above=0,
    )
    b_values: tuple[float, float] = setting(
        (800, 1500),
        "Of a diffusion series with several weightings, the range (s/mm2) in which the trace is "
        "taken.",
    )
    least_fit: float = setting(
        0.8,
        "Share of the histogram that the two Gaussians must explain (R2). Below it the mode and the "
        "half-width on its bright side are used, and the sidecar says so.",
        at_least=0,
        at_most=1,
    )


@dataclass(frozen=True)
class IntakeSettings:
    """DICOM exports that `snakemake intake` makes raw BIDS of, in the folder study.root (docs/intake.md)."""

    exports: tuple[str, ...] = setting(
        (), "Folders and zip archives with the files of the scanners, at any depth.", unique=True
    )
    people: str | None = setting(
        None,
        "The lab's table of patients and their codes, tab-separated, with the columns patient, "
        "issuer and subject. It stays outside of every folder that is written, readable by its owner "
        "alone. Needed to convert; without it `snakemake intake_plan` still plans.",
    )
    draw: bool = setting(
        False, "Draw a code at random for patients who are not listed, and add it to the table."
    )
    overrides: str | None = setting(
        None, "What a person decided about series, in YAML; an entry about no series is refused."
    )


@dataclass(frozen=True)
class PhantomSettings:
    """The built-in synthetic study. Only for layout phantom."""

    folder: str = setting("demo", "Folder the simulated study and its truth are written to.")
    study: Simulated = setting(
        "isles24",
        "Like which study: isles24, CT, CT perfusion and MRI of acute strokes; jhu, diffusion MRI of "
        "infarcts and haemorrhages, some of them not visible; atlas, T1-weighted MRI of old infarcts.",
    )
    subjects: int = setting(2, "Number of simulated subjects.", at_least=1, at_most=99)
    seed: int = setting(
        1,
        "Seed of the simulation; another seed gives other heads, poses and lesions.",
        at_least=0,
        at_most=LARGEST_SEED,
    )
    size: Literal["small", "clinical"] = setting(
        "small",
        "Size of the simulated images: small for minutes on a laptop, clinical for the matrix "
        "sizes of scanners.",
    )
    source: Literal["nifti", "dicom"] = setting(
        "nifti",
        "What the study begins with: raw BIDS, or dicom, the export of a hospital that is taken in "
        "first (docs/intake.md).",
    )
    pathologies: tuple[Pathology, ...] = setting(
        (),
        "What the simulated patients have beside their stroke. The first has the first of these, the "
        "second the second, and so on, starting again when all were used. Limits of accuracy are "
        "those of healthy heads.",
    )
    scans: tuple[FurtherScan, ...] = setting(
        (),
        "Scans of every simulated patient beside the usual ones: T1w after gadolinium (t1wce), T2w, "
        "FLAIR, SWI, T2*w and TOF angiography.",
        unique=True,
    )
    circulation: Literal["textbook", "drawn", "narrow"] = setting(
        "textbook",
        "How contrast flows in the simulated patients of isles24: by one sharp bolus for all, drawn "
        "for each from what real patients have, or drawn and dispersed behind a narrow carotid. Limits "
        "of accuracy are those of textbook (docs/accuracy.md).",
    )
    table: Literal["still", "shuttle"] = setting(
        "still",
        "Whether the table stands still in the simulated CT perfusion of isles24, or goes back and forth between two "
        "halves of the slices, so that each has times of its own.",
    )


def path_pattern(role: str, regex: str) -> re.Pattern[str]:
    """A file name pattern ready for use on paths; one that cannot work is refused."""
    try:
        compiled = re.compile(rf"(?:^|/)(?:{regex})\Z")
    except re.error as error:
        raise StrokeprepError(
            f"study.patterns.{role} is no regular expression ({error})", regex, "Correct it."
        ) from error
    if "subject" not in compiled.groupindex:
        raise StrokeprepError(
            f"study.patterns.{role} does not say which part of a path is the subject",
            regex,
            "Put that part into a group (?P<subject>…).",
        )
    return compiled

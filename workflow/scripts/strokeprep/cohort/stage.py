"""The stage of a cohort: from the files of finished patients to maps, tables and a page."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from strokeprep.clinical import outgoing
from strokeprep.clinical.columns import FLAG, KNOWN
from strokeprep.clinical.outgoing import Rows
from strokeprep.cohort import files, page, plan, regions, table_one, tables
from strokeprep.cohort.figures import Background
from strokeprep.cohort.gathering import Cohort, Grid, gathered
from strokeprep.cohort.maps import is_mirrored
from strokeprep.cohort.plan import Candidate
from strokeprep.cohort.regions import Regions
from strokeprep.errors import StrokeprepError
from strokeprep.io import grids, images, json_files
from strokeprep.io.tables import MISSING
from strokeprep.io.whole import write_json
from strokeprep.registration import template
from strokeprep.registration.template import Template
from strokeprep.settings.finished.cohort import CohortSettings
from strokeprep.settings.finished.lesions import LESIONS, LesionSettings
from strokeprep.settings.study import Column, StudySettings, TemplateSettings
from strokeprep.study.naming import Space


@dataclass(frozen=True)
class About:
    """The sections of the config that maps of a cohort depend on, and the seed."""

    study: StudySettings
    cohort: CohortSettings
    lesions: LesionSettings
    template: TemplateSettings
    seed: int

    @property
    def columns(self) -> dict[str, Column]:
        """All clinical columns, those of the study, too."""
        return {**KNOWN, **self.study.columns}


def write(
    root: Path,
    folder: Path,
    candidates: Sequence[Candidate],
    left_out: Mapping[str, int],
    about: About,
    software: Mapping[str, str],
) -> list[str]:
    """Write everything about the finished patients of a dataset at ``root`` below ``folder``.

    ``left_out`` are other patients of the study by the reason. Returns the names of the files.
    """
    clinical, loaded = outgoing.collected(root), template.standard(about.template)
    onto = template.target_grid(None, about.template)
    atlases = regions.load(about.cohort.atlases, loaded, onto, about.seed)
    cohort = _gathered(root, candidates, clinical, atlases, about)
    cohort.excluded.update(left_out)
    called = {group: _rule(group, about.cohort, about.columns) for group in cohort.groups}
    space = Space(about.template.name, about.template.res)
    maps = files.write(folder, cohort, called, about.cohort, space, software)
    summary = _table_one(cohort, clinical, about.columns)
    words = page.Words(
        about.study.name,
        rules(about.cohort, about.lesions.bilateral_share, atlases),
        summary,
        [name for name in maps if name.endswith(".nii.gz")],
    )
    return [
        *maps,
        *_write_tables(folder, cohort, clinical, atlases, summary),
        *page.write(folder, cohort, atlases, _background(loaded), words),
    ]


def _gathered(
    root: Path,
    candidates: Sequence[Candidate],
    clinical: Rows,
    atlases: Mapping[str, Regions],
    about: About,
) -> Cohort:
    """What the files of all candidates give; refused if there are none."""
    groups = groups_of(candidates, clinical, about.cohort, about.columns)
    loaded = template.standard(about.template)
    grid = grid_of(loaded, about.template.resolution_mm, about.lesions.bilateral_share)
    labels = {name: each.labels for name, each in atlases.items()}
    cohort = gathered(root, candidates, groups, grid, labels)
    if not cohort.members:
        raise StrokeprepError(
            "No patient has a lesion mask or a normalised image in the space of the template",
            root,
            "Run snakemake first, and see docs/qc/status.tsv for patients that were stopped.",
        )
    return cohort


def _write_tables(
    folder: Path,
    cohort: Cohort,
    clinical: Rows,
    atlases: Mapping[str, Regions],
    summary: Sequence[Mapping[str, str]],
) -> list[str]:
    """Write members, lists for other tools, Table 1, and the regions of lesions if there are atlases."""
    written = tables.write_members(folder, cohort)
    written += tables.write_lists(folder, cohort.members, clinical)
    meanings = {name: f"Patients of {name}" for name in summary[0]} | {"value": "What is told"}
    written += tables.write_table(folder, plan.TABLE_ONE, iter(summary), meanings)
    if atlases:
        of_regions = regions.rows(cohort.members, atlases, cohort.grid)
        written += tables.write_table(folder, plan.REGIONS, of_regions, regions.COLUMNS)
    return written


def remove(folder: Path, listed: Path) -> None:
    """Remove the files that were written last, as ``listed`` tells: groups may be others now."""
    for name in json_files.read(listed)["files"] if listed.is_file() else ():
        (folder / name).unlink(missing_ok=True)


def list_files(path: Path, names: Sequence[str], made_of: Mapping[str, str]) -> None:
    """Write down what was written, and the digests of the parts that it was made of."""
    write_json({"files": sorted(names), "made_of": dict(made_of)}, path)


def groups_of(
    candidates: Sequence[Candidate],
    clinical: Rows,
    settings: CohortSettings,
    columns: Mapping[str, Column],
) -> dict[str, str]:
    """The group of each patient, as file names spell it; patients without a value are in none."""
    column = settings.groups
    if column is None:
        return {}
    known = {name for row in clinical.values() for name in row}
    if column not in known:
        raise StrokeprepError(
            f"The output has no clinical column {column}",
            "cohort.groups",
            f"Name one of {', '.join(sorted(known & set(columns))) or 'them, once there are some'}.",
        )
    values = {
        each.subject: clinical.get(f"sub-{each.subject}", {}).get(column, MISSING)
        for each in candidates
    }
    return {subject: spelt(value) for subject, value in values.items() if value != MISSING}


def spelt(value: str) -> str:
    """A value as it stands in file names, where letters and digits alone may be.

    >>> spelt("not visible")
    'notVisible'
    """
    first, *others = re.findall(r"[A-Za-z0-9]+", value) or ["other"]
    return first + "".join(part[0].upper() + part[1:] for part in others)


def _rule(group: str, settings: CohortSettings, columns: Mapping[str, Column]) -> str:
    """What the patients of a group have in common, in words."""
    name = str(settings.groups)
    column = columns.get(name)
    levels = {} if column is None else FLAG if column.type == "flag" else dict(column.levels)
    meaning = next((text for code, text in levels.items() if spelt(code) == group), "")
    return f"{name} is {group}" + (f" ({meaning})" if meaning and meaning != group else "")


def rules(
    settings: CohortSettings, bilateral_share: float, atlases: Mapping[str, Regions]
) -> list[str]:
    """How the maps were made, in words."""
    return [
        f"Of each patient one session counts: {files.session_rule(settings)}.",
        "A patient whose mask is there counts in the maps of lesions, also if the mask is empty. "
        "The map of shares is the mean of all masks, which nearest neighbour moved to the template.",
        f"Voxels with lesions of at least {settings.at_least} patients are marked in a mask.",
        "In the map of both sides as one, masks are mirrored whose larger part lies on the right.",
        "A patient's side is that of the table of lesions. Without one, or of a single lesion, it is both "
        f"if the smaller part has more than {bilateral_share:.0%} of all.",
        "Means and deviations (n - 1) are of scans that show brain in the voxel; a map beside them "
        "has their number.",
        *(
            f"Atlas {name}: {len(atlas.names)} regions; {atlas.fit:.0%} of it, or of the brain that it "
            "was drawn on, fits the brain of the template."
            for name, atlas in atlases.items()
        ),
    ]


def grid_of(
    loaded: Template, resolution_mm: float, bilateral_share: float = LESIONS.bilateral_share
) -> Grid:
    """The grid of images in the space of the template, and its brain."""
    grid = grids.cubic_grid(loaded.t1, resolution_mm)
    filled = images.as_dtype(images.array(loaded.filled), np.float32)
    share = grids.resampled(images.like(filled, loaded.filled), resolution_mm)
    brain, affine = images.array(share) > 0, images.affine(grid)
    return Grid(affine, brain, is_mirrored(brain, affine), bilateral_share)


def _background(loaded: Template) -> Background:
    return Background(images.array(loaded.t1).astype(np.float32), images.affine(loaded.t1))


def _table_one(
    cohort: Cohort, clinical: Rows, columns: Mapping[str, Column]
) -> list[dict[str, str]]:
    """Table 1 of all patients and of each group."""
    people = {page.ALL: cohort.members} | {
        name: [each for each in cohort.members if each.group == name] for name in cohort.groups
    }
    told = {
        name: [clinical.get(f"sub-{each.subject}", {}) for each in members]
        for name, members in people.items()
    }
    volumes = {
        name: table_one.quartiles([each.ml for each in members if each.ml is not None])
        for name, members in people.items()
    }
    return [*table_one.rows(told, columns), {"value": "Lesion, in the template (mL)", **volumes}]

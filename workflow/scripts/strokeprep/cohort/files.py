"""The images of a cohort as files, each with a sidecar that says of whom it is made and how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from strokeprep.cohort import plan
from strokeprep.cohort.gathering import Cohort, Group
from strokeprep.io import images
from strokeprep.io.whole import write_json
from strokeprep.kinds import KINDS
from strokeprep.settings.finished.cohort import CohortSettings
from strokeprep.study import naming
from strokeprep.study.naming import Space

MEAN, SD, COVERAGE = "cohortMean", "cohortSd", "cohortN"
COUNT, MIRRORED, AT_LEAST = "count", "flipped", "atLeast"


class Map(NamedTuple):
    """An image to be written: its name, voxels and what its sidecar says of it alone."""

    name: str
    voxels: np.ndarray
    about: dict[str, Any]


@dataclass(frozen=True)
class Described:
    """A group of patients by the words in which sidecars speak of it."""

    label: str | None  # behind cohort- in file names; None for all patients
    rule: str
    maps: Group


def write(
    folder: Path,
    cohort: Cohort,
    called: Mapping[str, str],
    settings: CohortSettings,
    template: Space,
    software: Mapping[str, str],
) -> list[str]:
    """Write all images below a folder; their names and those of their sidecars.

    ``called`` has the rule by which patients are in each group.
    """
    written = []
    for group in _groups(cohort, called):
        common = _common(group, cohort, settings, template) | {"Software": dict(software)}
        for each in [*_of_lesions(group, cohort, settings, template), *_of_images(group, template)]:
            images.write_array(each.voxels, cohort.grid.affine, folder / each.name, code=images.MNI)
            write_json(_sidecar(each, common), folder / naming.sidecar(each.name))
            written += [each.name, naming.sidecar(each.name)]
    return written


def _groups(cohort: Cohort, called: Mapping[str, str]) -> Iterator[Described]:
    yield Described(None, "all patients", cohort.everybody)
    for name, maps in cohort.groups.items():
        yield Described(name, called[name], maps)


def _of_lesions(
    group: Described, cohort: Cohort, settings: CohortSettings, template: Space
) -> Iterator[Map]:
    """The maps of lesions; none where no lesion was drawn."""
    maps = group.maps.lesions
    if not maps.patients:
        return
    about = {
        "N": maps.patients,
        "MostInAVoxel": int(maps.count.max()),
        "Interpolation": "NearestNeighbor",
        "Sources": [f"bids::{name}" for name in group.maps.masks],
    }

    def named(suffix: str, desc: str | None = None) -> str:
        return plan.lesion_map(template, group.label, suffix, desc)

    share = "Share of patients with a lesion in the voxel: the mean of their masks"
    yield Map(named("probseg"), maps.share(maps.count), about | {"Description": share})
    text = "Number of patients with a lesion in the voxel"
    yield Map(named("probseg", COUNT), maps.count, about | {"Description": text})
    text = "Number of patients whose scan shows brain or lesion in the voxel"
    yield Map(named("probseg", COVERAGE), maps.seen, about | {"Description": text})
    text = f"Voxels with a lesion in at least {settings.at_least} patients"
    least = (maps.count >= settings.at_least).astype(np.uint8)
    yield Map(
        named("mask", AT_LEAST),
        least,
        about | {"Description": text, "Type": "Lesion", "AtLeast": settings.at_least},
    )
    if cohort.grid.is_mirrored:
        text = f"{share}, both sides as one: the larger part of each lesion lies on the left"
        told = about | {"Description": text, "MostInAVoxel": int(maps.mirrored.max())}
        yield Map(named("probseg", MIRRORED), maps.share(maps.mirrored), told)


def _of_images(group: Described, template: Space) -> Iterator[Map]:
    for kind, maps in group.maps.images.items():
        about = {
            "N": maps.patients,
            "SkullStripped": True,
            "Sources": [f"bids::{name}" for name in group.maps.files[kind]],
        }
        of = f"images of the kind {kind} ({KINDS[kind].called}) that can be compared"
        for desc, voxels, text in (
            (MEAN, maps.mean(), f"Mean of {of}; 0 where no scan shows brain"),
            (SD, maps.sd(), f"Standard deviation of {of} (n - 1); 0 for fewer than two scans"),
            (COVERAGE, maps.coverage(), f"Number of scans that show brain in the voxel, for {of}"),
        ):
            name = plan.image_map(template, group.label, kind, desc)
            yield Map(name, voxels, about | {"Description": text})


def _common(
    group: Described, cohort: Cohort, settings: CohortSettings, template: Space
) -> dict[str, Any]:
    """What all sidecars of a group say."""
    mm = float(np.linalg.norm(cohort.grid.affine[:3, 0]))
    return {
        "SpatialReference": template.label,
        "Resolution": f"Cubic voxels of {mm:g} mm",
        "Subset": group.rule,
        "Session": session_rule(settings),
        "Excluded": [f"{n} patients: {cause}" for cause, n in sorted(cohort.excluded.items())],
    }


def session_rule(settings: CohortSettings) -> str:
    """Which session of a patient counts, in words."""
    return (
        f"the {settings.session} session in which a lesion was drawn; where none was, the "
        f"{settings.session} of all"
    )


def _sidecar(each: Map, common: Mapping[str, Any]) -> dict[str, Any]:
    """A sidecar with the description first and the long list of sources last."""
    last = ("Sources", "Software")
    told = each.about | dict(common)
    first = {"Description": told["Description"]}
    return first | {k: v for k, v in told.items() if k not in last} | {k: told[k] for k in last}

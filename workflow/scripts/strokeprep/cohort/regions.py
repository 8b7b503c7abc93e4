"""How much of each region of an atlas a lesion takes, and how much of the lesion lies there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk

from strokeprep.cohort.gathering import Grid, Member, counted
from strokeprep.io import images, transforms
from strokeprep.io.tables import MISSING
from strokeprep.lesions import atlas as atlases
from strokeprep.registration.template import Template
from strokeprep.settings.study import AtlasSettings

COLUMNS = {
    "participant_id": "The patient",
    "atlas": "The atlas, as the config calls it",
    "index": "The label of the region",
    "region": "Its name",
    "lesion_ml": "Volume of the lesion in the region (mL)",
    "share_of_region": "Share of the region that the lesion takes",
    "share_of_lesion": "Share of the lesion that lies in the region",
}
MOST_SHOWN = 16  # regions on the page


@dataclass(frozen=True)
class Regions:
    """An atlas on the grid of the cohort's maps."""

    labels: np.ndarray
    names: Mapping[int, str]
    voxels: Mapping[int, int]  # by label
    fit: float  # as the atlas says

    @classmethod
    def of(cls, labels: np.ndarray, names: Mapping[int, str], fit: float) -> Regions:
        """Regions with their sizes."""
        return cls(labels, names, counted(labels), fit)


def load(
    settings: Mapping[str, AtlasSettings], onto: Template, grid: sitk.Image, seed: int
) -> dict[str, Regions]:
    """The atlases of the config on a grid of the template ``onto``; each is checked first."""
    found = {}
    for name, each in settings.items():
        atlas = atlases.load(each.path, each.names, each.drawn_on, onto, seed)
        moved = transforms.resample(atlas.labels, grid, [sitk.Transform()], transforms.NEAREST)
        found[name] = Regions.of(images.array(moved), atlas.names, atlas.fit)
    return found


def rows(
    members: Sequence[Member], regions: Mapping[str, Regions], grid: Grid
) -> Iterator[dict[str, Any]]:
    """A row for each patient with a lesion and each region, those without a lesion in them too."""
    for member in members:
        for name, voxels in member.region_voxels.items():
            atlas, lesion = regions[name], sum(voxels.values())
            for index, region in atlas.names.items():
                here = voxels.get(index, 0)
                yield {
                    "participant_id": f"sub-{member.subject}",
                    "atlas": name,
                    "index": index,
                    "region": region,
                    "lesion_ml": f"{here * grid.voxel_ml:.6g}",
                    "share_of_region": _share(here, atlas.voxels.get(index, 0)),
                    "share_of_lesion": _share(here, lesion),
                }


def most_hit(members: Sequence[Member], name: str, regions: Regions) -> dict[str, float]:
    """The number of patients whose lesion lies in a region more than in any other, by region."""
    patients: Counter[str] = Counter()
    for member in members:
        voxels = {n: count for n, count in member.region_voxels[name].items() if n}
        if voxels:
            patients[regions.names[max(voxels, key=lambda label: voxels[label])]] += 1
    return {region: float(count) for region, count in patients.most_common(MOST_SHOWN)}


def _share(part: int, of: int) -> str:
    return f"{part / of:.6g}" if of else MISSING

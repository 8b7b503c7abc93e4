"""One pass over the patients of a cohort: each file is read once, and nothing of it is kept but counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from strokeprep.cohort.maps import ImageMaps, LesionMaps, sides
from strokeprep.cohort.plan import NO_IMAGES, Candidate
from strokeprep.errors import StrokeprepError
from strokeprep.io import images, json_files, tables
from strokeprep.lesions.table import NONE, side_by
from strokeprep.settings.finished.lesions import LESIONS
from strokeprep.study import naming

MOST_GROUPS = 12


@dataclass(frozen=True)
class Grid:
    """The grid of the template, its brain, whether its halves mirror one another, the rule of sides."""

    affine: np.ndarray
    brain: np.ndarray
    is_mirrored: bool
    bilateral_share: float = LESIONS.bilateral_share

    @property
    def voxel_ml(self) -> float:
        """The volume of a voxel."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000


@dataclass
class Group:
    """The maps of some patients, and their files."""

    lesions: LesionMaps
    masks: list[str] = field(default_factory=list)
    images: dict[str, ImageMaps] = field(default_factory=dict)
    files: dict[str, list[str]] = field(default_factory=dict)  # the images, by kind

    def merge(self, others: Group) -> None:
        """Add the patients of another group."""
        self.lesions.merge(others.lesions)
        self.masks = sorted([*self.masks, *others.masks])
        for kind, maps in others.images.items():
            self.images.setdefault(kind, ImageMaps(maps.inside)).merge(maps)
            self.files[kind] = sorted([*self.files.get(kind, []), *others.files[kind]])


@dataclass(frozen=True)
class Member:
    """A patient of the cohort. Volumes are None where no lesion was drawn."""

    subject: str
    session: str
    group: str | None
    mask: str
    averaged: tuple[str, ...]
    drawn_ml: float | None = None  # on the grid on which it was drawn
    ml: float | None = None  # in the space of the template
    left_ml: float = 0.0
    right_ml: float = 0.0
    side: str = NONE
    # Of each atlas, the voxels of the lesion by label.
    region_voxels: Mapping[str, Mapping[int, int]] = field(default_factory=dict)


@dataclass
class Cohort:
    """All that is known of a cohort when each patient was read."""

    grid: Grid
    everybody: Group
    groups: dict[str, Group]
    members: list[Member] = field(default_factory=list)
    excluded: Counter[str] = field(default_factory=Counter)  # patients by reason


def gathered(
    root: Path,
    candidates: Sequence[Candidate],
    group_of: Mapping[str, str],
    grid: Grid,
    atlases: Mapping[str, np.ndarray] | None = None,
) -> Cohort:
    """Read the files of all candidates below ``root``.

    ``group_of`` has the group of each patient who is in one; ``atlases`` are labels on the grid.
    """
    names = sorted(set(group_of.values()))
    if len(names) > MOST_GROUPS:
        raise StrokeprepError(
            f"The column of groups has {len(names)} different values",
            "cohort.groups",
            f"Name a column with {MOST_GROUPS} at most.",
        )
    everybody, without = (Group(LesionMaps(grid.brain.shape)) for _ in range(2))
    groups = {each: Group(LesionMaps(grid.brain.shape)) for each in names}
    cohort = Cohort(grid, everybody, groups)
    for candidate, read in _read_ahead(root, candidates, grid):
        if not read:
            cohort.excluded[NO_IMAGES] += 1
            continue
        name = group_of.get(candidate.subject)
        group = groups[name] if name else without
        cohort.members.append(_added(candidate, read, group, name, grid, root, atlases or {}))
    for each in (*groups.values(), without):
        everybody.merge(each)
    return cohort


def _added(
    candidate: Candidate,
    read: Mapping[str, np.ndarray],
    group: Group,
    name: str | None,
    grid: Grid,
    root: Path,
    atlases: Mapping[str, np.ndarray],
) -> Member:
    """Add a patient to the maps of a group."""
    about = Member(
        candidate.subject,
        candidate.session,
        name,
        candidate.mask if candidate.mask in read else "",
        tuple(kind for kind, name in candidate.images.items() if name in read),
    )
    for kind in about.averaged:
        image = candidate.images[kind]
        maps = group.images.setdefault(kind, ImageMaps(grid.brain))
        maps.add(read[image], _seen(read, candidate.seen_in[kind]))
        group.files.setdefault(kind, []).append(image)
    if not about.mask:
        return about
    lesion = read[candidate.mask] > 0
    left, right = sides(lesion, grid.affine)
    group.masks.append(candidate.mask)
    group.lesions.add(lesion, _seen(read, candidate.seen), mirror=right > left)
    return replace(
        about,
        drawn_ml=_drawn_ml(root / candidate.mask),
        ml=np.count_nonzero(lesion) * grid.voxel_ml,
        left_ml=left * grid.voxel_ml,
        right_ml=right * grid.voxel_ml,
        side=_told_side(root / candidate.told) or side_by(left, right, grid.bilateral_share),
        region_voxels={name: counted(labels[lesion]) for name, labels in atlases.items()},
    )


def _told_side(row: Path) -> str:
    """The side that the table of lesions tells, "" where there is none."""
    return tables.read(row)[0]["side"] if row.is_file() else ""


def _seen(read: Mapping[str, np.ndarray], name: str) -> np.ndarray | None:
    return read[name] > 0 if name in read else None


def counted(labels: np.ndarray) -> dict[int, int]:
    """The number of voxels of each label that occurs."""
    counts = np.bincount(labels.ravel())
    return {int(label): int(counts[label]) for label in np.flatnonzero(counts)}


# --- Reading ----------------------------------------------------------------------------------------


def _read_ahead(
    root: Path, candidates: Sequence[Candidate], grid: Grid
) -> Iterator[tuple[Candidate, dict[str, np.ndarray]]]:
    """Each candidate with the files that are there; those of the next are read meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        yield from zip(
            candidates,
            _one_ahead(pool, lambda each: _files(root, each, grid), candidates),
            strict=True,
        )


def _one_ahead(
    pool: ThreadPoolExecutor,
    function: Callable[[Candidate], dict[str, np.ndarray]],
    items: Iterable[Candidate],
) -> Iterator[dict[str, np.ndarray]]:
    """The results of a function, of which one is made ahead; ``map`` would make all at once."""
    ahead = None
    for item in items:
        following = pool.submit(function, item)
        if ahead:
            yield ahead.result()
        ahead = following
    if ahead:
        yield ahead.result()


def _files(root: Path, candidate: Candidate, grid: Grid) -> dict[str, np.ndarray]:
    """The mask and the normalised images of a candidate, and where they show the brain."""
    shown = {candidate.mask: candidate.seen} | {
        name: candidate.seen_in[kind] for kind, name in candidate.images.items()
    }
    there = {name: seen for name, seen in shown.items() if name and (root / name).is_file()}
    names = [*there, *(seen for seen in there.values() if seen and (root / seen).is_file())]
    return {name: _voxels(root / name, grid) for name in dict.fromkeys(names)}


def _voxels(path: Path, grid: Grid) -> np.ndarray:
    nifti = images.open_nifti(path)
    if nifti.shape != grid.brain.shape or not np.allclose(nifti.affine, grid.affine, atol=1e-3):
        raise StrokeprepError(
            "Image is not on the grid of the template",
            path,
            "Run snakemake: it makes the image anew, and then snakemake cohort.",
        )
    return images.voxels(nifti, path)


def _drawn_ml(mask: Path) -> float | None:
    """The volume of a lesion before it was moved to the template, as the mask's sidecar tells."""
    sidecar = Path(naming.sidecar(str(mask)))
    if not sidecar.is_file():
        return None
    before = json_files.read(sidecar).get("Audit", {}).get("Before")
    return sum(before["Volumes"].values()) if before else None

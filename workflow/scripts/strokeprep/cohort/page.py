"""The page of a cohort: maps on the template, volumes, sides, regions and Table 1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from strokeprep.cohort import figures, plan
from strokeprep.cohort.figures import SIDES, Background
from strokeprep.cohort.gathering import Cohort, Group, Member
from strokeprep.cohort.regions import Regions, most_hit
from strokeprep.drawing.pictures import Picture
from strokeprep.io.whole import write_text
from strokeprep.kinds import KINDS
from strokeprep.report.render import render

ALL = "all"


@dataclass(frozen=True)
class Shown:
    """A picture and what is said above it."""

    title: str
    pictures: Sequence[Picture]


@dataclass(frozen=True)
class Words:
    """What the page says beside its pictures."""

    title: str
    rules: Sequence[str]
    table_one: Sequence[Mapping[str, str]]
    files: Sequence[str]  # images


def write(
    folder: Path,
    cohort: Cohort,
    atlases: Mapping[str, Regions],
    over: Background,
    words: Words,
) -> list[str]:
    """Write the page; its name."""
    groups = {ALL: cohort.everybody, **cohort.groups}
    page = render(
        "cohort_maps.html",
        title=words.title,
        members=len(cohort.members),
        excluded=sorted(cohort.excluded.items()),
        rules=words.rules,
        lesions=list(_lesions(groups, cohort, over)),
        means=list(_means(groups, cohort)),
        spread=[*_spread(cohort), *_regions(cohort, atlases)],
        table=words.table_one,
        columns=list(words.table_one[0]),
        files=[f"../../{name}" for name in words.files],
        links=[(Path(name).name, Path(name).name) for name in _tables(atlases)],
    )
    write_text(page, folder / plan.PAGE)
    return [plan.PAGE]


def _tables(atlases: Mapping[str, Regions]) -> list[str]:
    """The tables beside the page."""
    of_regions = [plan.REGIONS] if atlases else []
    return [plan.MEMBERS, plan.TABLE_ONE, *of_regions, plan.MASK_LIST, plan.DESIGN]


def _lesions(groups: Mapping[str, Group], cohort: Cohort, over: Background) -> Iterator[Shown]:
    """The maps of lesions of each group."""
    affine = cohort.grid.affine
    for name, group in groups.items():
        maps = group.lesions
        if maps.patients:
            share, most = maps.share(maps.count), int(maps.count.max())
            yield Shown(
                f"{name}: {maps.patients} patients, {most} of them in one voxel at most",
                [
                    figures.shares(share, maps.patients, affine, over),
                    figures.glass(share, maps.patients, affine),
                ],
            )
    maps = cohort.everybody.lesions
    if maps.patients and cohort.grid.is_mirrored:
        share = maps.share(maps.mirrored)
        yield Shown(
            "all, both sides as one: the larger part of each lesion lies on the left",
            [figures.shares(share, maps.patients, affine, over)],
        )


def _means(groups: Mapping[str, Group], cohort: Cohort) -> Iterator[Shown]:
    """Mean and standard deviation of the images of each group."""
    for name, group in groups.items():
        for kind, maps in group.images.items():
            shown = [figures.grey(each, cohort.grid.affine) for each in (maps.mean(), maps.sd())]
            yield Shown(
                f"{name}: mean, then standard deviation, of {maps.patients} {KINDS[kind].called}s",
                shown,
            )


def _spread(cohort: Cohort) -> Iterator[Shown]:
    """Volumes and sides of lesions by group."""
    drawn = by_group([each for each in cohort.members if each.mask], cohort)
    if not drawn:
        return
    ml = {name: [each.ml or 0.0 for each in members] for name, members in drawn.items()}
    yield Shown("Volumes", [figures.volumes(ml)])
    sides = {
        name: {side: float(sum(each.side == side for each in members)) for side in SIDES}
        for name, members in drawn.items()
    }
    yield Shown("Sides", [figures.bars(sides, "patients")])


def _regions(cohort: Cohort, atlases: Mapping[str, Regions]) -> Iterator[Shown]:
    """In how many patients the lesion lies in a region more than in any other."""
    drawn = by_group([each for each in cohort.members if each.mask], cohort)
    for name, atlas in atlases.items() if drawn else ():
        counts = {group: most_hit(members, name, atlas) for group, members in drawn.items()}
        title = f"{name}: where most of the lesion lies, region by region"
        yield Shown(title, [figures.bars(counts, "patients")])


def by_group(members: Sequence[Member], cohort: Cohort) -> dict[str, list[Member]]:
    """Members by their group; those in none, too, and all as one where there are no groups."""
    names = [*cohort.groups, None]
    found = {
        name or ("without a group" if cohort.groups else ALL): [
            each for each in members if each.group == name
        ]
        for name in names
    }
    return {name: those for name, those in found.items() if those}

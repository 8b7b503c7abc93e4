"""The table of perfusion by region and side, from the maps of a series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from strokeprep.io import images, tables, transforms
from strokeprep.io.whole import write_text
from strokeprep.lesions import atlas
from strokeprep.perfusion import regions
from strokeprep.perfusion.regions import Labels
from strokeprep.settings.perfusion import PerfusionSettings


class Sources(NamedTuple):
    """The files that the table is made from."""

    maps: Mapping[str, str]  # by the names of regions.USED, on the grid of the series
    volumes: str  # the row of volumes, which has the flow of healthy tissue
    to_series: str | None  # maps points of the reference to points of the series
    to_template: str  # maps points of the reference to points of the template


def atlases(
    names: Sequence[str], images: Sequence[str], tables: Sequence[str]
) -> dict[str, Labels]:
    """Prepared atlases by name, from their label images and the names of their regions."""
    read = (atlas.prepared(*files) for files in zip(images, tables, strict=True))
    return {
        name: Labels.of(each.labels, each.names) for name, each in zip(names, read, strict=True)
    }


def territories(files: Sequence[str]) -> Labels | None:
    """The prepared atlas of territories from its label image and its names, if these are given."""
    if not files:
        return None
    image, names = files
    (labels,) = atlases(["territories"], [image], [names]).values()
    return labels


def tabulate(
    sources: Sources,
    by: Mapping[str, Labels],
    target: str,
    drawn: Sequence[str],
    settings: PerfusionSettings,
) -> dict[str, Any]:
    """Write the table of the brain and of the regions of atlases; returns its sidecar.

    The regions of each atlas are ``drawn`` on the grid of the maps, for the page.
    """
    back = [transforms.read(sources.to_series).GetInverse()] if sources.to_series else []
    chain = [*back, transforms.read(sources.to_template)]
    maps = {name: images.read(path) for name, path in sources.maps.items()}
    (row,) = tables.read(sources.volumes)
    tissue = regions.tissue_in_template(maps, chain, settings)
    found = regions.rows(tissue, by, float(row["reference_cbf"]), settings)
    for labels, path in zip(by.values(), drawn, strict=True):
        images.write_array(tissue.drawn(labels), images.affine(maps["cbf"]), path)
    columns = regions.columns(settings)
    cells = [{name: _cell(value) for name, value in each.items()} for each in found]
    write_text(tables.render(cells, list(columns)), target)
    return {"Description": "CT perfusion by region and side"} | {
        name: {"Description": text} | ({"Units": unit} if unit else {})
        for name, (text, unit) in columns.items()
    }


def _cell(value: str | float | None) -> str:
    if value is None:
        return tables.MISSING
    return f"{value:.4g}" if isinstance(value, float) else str(value)

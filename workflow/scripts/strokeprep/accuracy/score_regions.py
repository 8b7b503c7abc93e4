"""The errors of the table of perfusion by region: where its tissue lies, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from strokeprep import kinds
from strokeprep.accuracy.figures import Measure
from strokeprep.io import images, tables, transforms
from strokeprep.perfusion import regions
from strokeprep.perfusion.regions import Labels, Tissue
from strokeprep.quality.judgement import Measurement
from strokeprep.settings.perfusion import PerfusionSettings
from strokeprep.study import naming
from strokeprep.study.naming import ORIG
from strokeprep.study.scans import Scan

Key = tuple[str, str, str]  # atlas, region and side of a row
STEP = "ctp_regions"
LEAST_ML = 10.0  # of tissue in a region, and at its mirror image, that is scored
# An affine to the template is off by about as much in heads of another shape. A region at the end of the
# view, or a thin one, has another volume as far from its place.
ABOUT_MM = 1.0
# Half of a region may be core or penumbra. Then noise decides to which half the median belongs, so it is
# compared with the middle tenth of the true flow.
MIDDLE = (0.45, 0.55)
# Half a frame of the series: delays that differ by less are the same.
ABOUT_S = 0.5


def measurements(
    scan: Scan,
    root: Path,
    true_maps: Mapping[str, sitk.Image],
    to_template: Sequence[sitk.Transform],
    atlases: Mapping[str, Labels],
    settings: PerfusionSettings,
    measured: Measure,
) -> Iterator[Measurement]:
    """The largest error over all regions.

    ``true_maps`` lie on the grid of the maps; ``to_template`` maps its points to where they truly are.
    """
    found = {_key(row): row for row in tables.read(root / naming.perfusion_regions(scan))}
    maps = {
        name: images.array(images.read(root / naming.perfusion_map(scan, name, ORIG)))
        for name in kinds.MAPS
    }
    inside = regions.tissue_of(maps, settings)
    true = {name: images.array(image)[inside] for name, image in true_maps.items()}
    nothing = np.zeros(np.count_nonzero(inside), np.float32)
    tissue = Tissue(
        dict.fromkeys(regions.USED, nothing) | true,
        transforms.places(true_maps["cbf"], to_template)[inside],
        inside,
        float(np.prod(true_maps["cbf"].GetSpacing())) / 1000,
    )
    rows = {_key(row): row for row in regions.rows(tissue, atlases, 0.0, settings)}
    large = [key for key, row in rows.items() if _ml(rows, key) >= LEAST_ML]
    volumes = volumes_nearby_ml(tissue, atlases)
    beyond = [
        _beyond(float(found[key]["volume_ml"]), *volumes[key]) / _ml(rows, key) for key in large
    ]
    yield measured(STEP, "volume_change", max(beyond))
    compared = [key for key in large if _ml(rows, _across(key)) >= LEAST_ML]
    ratios = _ratios(tissue, atlases)
    beyond = [
        _beyond(float(found[key]["cbf_ratio"]), *ratios[key]) for key in compared if key in ratios
    ]
    yield measured(STEP, "ratio_error", max(beyond))
    least, most = (_late_shares(tissue, atlases, settings, by) for by in (ABOUT_S, -ABOUT_S))
    beyond = [_beyond(float(found[key]["late_delay"]), least[key], most[key]) for key in compared]
    yield measured(STEP, "share_error", max(beyond))


def _beyond(value: float, least: float, most: float) -> float:
    """How far a value lies outside of a range."""
    return max(least - value, value - most, 0.0)


def volumes_nearby_ml(
    tissue: Tissue, atlases: Mapping[str, Labels]
) -> dict[Key, tuple[float, float]]:
    """The least and the largest volume of each region where the tissue lies about as far from its place."""
    steps = ABOUT_MM * np.vstack([np.zeros(3), np.eye(3), -np.eye(3)])
    near = [replace(tissue, place=tissue.place + step) for step in steps]
    volumes = [
        {
            _key(about): int(np.count_nonzero(inside)) * tissue.voxel_ml
            for about, inside, _ in regions.parts(each, atlases)
        }
        for each in near
    ]
    return {key: (min(v[key] for v in volumes), max(v[key] for v in volumes)) for key in volumes[0]}


def _ratios(tissue: Tissue, atlases: Mapping[str, Labels]) -> dict[Key, tuple[float, float]]:
    """The least and the largest ratio of flow between the middles of each region and its mirror image."""
    flow, found = tissue.maps["cbf"], {}
    for about, inside, across in regions.parts(tissue, atlases):
        if across is not None and inside.any() and across.any():
            low, high = np.quantile(flow[inside], MIDDLE)
            low_across, high_across = np.quantile(flow[across], MIDDLE)
            found[_key(about)] = float(low / high_across), float(high / low_across)
    return found


def _late_shares(
    tissue: Tissue, atlases: Mapping[str, Labels], settings: PerfusionSettings, later_s: float
) -> dict[Key, float]:
    """The share of each region that is late by a later threshold."""
    maps = {**tissue.maps, "delay": tissue.maps["delay"] - later_s}
    rows = regions.rows(replace(tissue, maps=maps), atlases, 0.0, settings)
    return {
        _key(row): float(str(row["late_delay"])) for row in rows if row["late_delay"] is not None
    }


def _key(row: Mapping[str, object]) -> Key:
    """What names a row, as the table writes it."""
    atlas, region, side = (row[name] for name in ("atlas", "region", "side"))
    return str(atlas or tables.MISSING), str(region), str(side)


def _across(key: Key) -> Key:
    """The same region on the other side, if its name does not tell the side."""
    atlas, region, side = key
    return atlas, region, {"left": "right", "right": "left"}.get(side, side)


def _ml(rows: Mapping[Key, regions.Row], key: Key) -> float:
    return float(str(rows[key]["volume_ml"])) if key in rows else LEAST_ML

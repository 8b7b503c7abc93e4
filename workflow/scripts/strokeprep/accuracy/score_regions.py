"""The errors of the table of perfusion by region: where its tissue lies, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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

STEP = "ctp_regions"
LEAST_ML = 10.0  # of tissue in a region, and at its mirror image, that is scored
# What is told of a region, and the figure that its largest error is.
SCORED = {"cbf_ratio": "ratio_error", "late_delay": "share_error"}


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
    moved = [abs(float(found[key]["volume_ml"]) / _ml(rows, key) - 1) for key in large]
    yield measured(STEP, "volume_change", max(moved))
    for column, figure in SCORED.items():
        apart = [
            abs(float(found[key][column]) - float(str(rows[key][column])))
            for key in large
            if rows[key][column] is not None and _ml(rows, _across(key)) >= LEAST_ML
        ]
        yield measured(STEP, figure, max(apart))


def _key(row: Mapping[str, object]) -> tuple[str, str, str]:
    """What names a row, as the table writes it."""
    atlas, region, side = (row[name] for name in ("atlas", "region", "side"))
    return str(atlas or tables.MISSING), str(region), str(side)


def _across(key: tuple[str, str, str]) -> tuple[str, str, str]:
    """The same region on the other side, if its name does not tell the side."""
    atlas, region, side = key
    return atlas, region, {"left": "right", "right": "left"}.get(side, side)


def _ml(rows: Mapping[tuple[str, str, str], regions.Row], key: tuple[str, str, str]) -> float:
    return float(str(rows[key]["volume_ml"])) if key in rows else LEAST_ML

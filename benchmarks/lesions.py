"""The table of lesions on many simulated patients: do count, side and type equal what was simulated?

    python benchmarks/lesions.py [--patients 40] [--seed 1]

Half of the patients are like those of Johns Hopkins, half like those of ATLAS. Lesions are drawn on
a head's own grid and moved into the template by the true transform, so errors are those of the table
alone; the built-in study scores the same after a registration.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from strokeprep.accuracy import score_lesions
from strokeprep.io import tables, transforms
from strokeprep.lesions import columns, table
from strokeprep.lesions.atlas import Atlas
from strokeprep.phantom import mr_study, regions
from strokeprep.phantom.head.foci import Focus
from strokeprep.phantom.head.mapping import draw_mapping
from strokeprep.phantom.head.subject import Head, draw_traits, make_head_with
from strokeprep.registration import template

HEAD_MM = 2.0
WARP_MM = 3.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    atlas = Atlas(regions.regions(), regions.NAMES, 1.0)
    wrong: dict[str, int] = {}
    lesions = 0
    for number in range(asked.patients):
        study = ("jhu", "atlas")[number % 2]
        foci, found = patient(study, number // 2 + 1, asked.seed, atlas)
        lesions += len(foci)
        for metric, count in found.items():
            wrong[metric] = wrong.get(metric, 0) + int(count)
            if count:
                print(f"{study} {number // 2 + 1}: {metric} {count:g}", flush=True)
    print(f"{asked.patients} patients, {lesions} lesions, {wrong}")
    return int(any(wrong.values()))


def patient(
    study: str, number: int, seed: int, atlas: Atlas
) -> tuple[tuple[Focus, ...], dict[str, float]]:
    """The lesions of a patient, and how many the table has wrong."""
    random = np.random.default_rng(np.random.SeedSequence([seed, number]))
    foci = mr_study.foci_of(study, f"{number:02d}", seed)
    mapping = draw_mapping(random, 0.0 if number == 1 else 3.0)
    head = make_head_with(foci, mapping, draw_traits(random), HEAD_MM, random, ("b0",))
    parts = table.numbered(drawn(head))
    moved = transforms.resample(parts, template.load().t1, [to_head(head)], transforms.NEAREST)
    rows = table.lesion_rows(table.measured(parts, moved, template.load(), atlas))
    true = [{"centre": f.centre, "side": f.side, "region": f.region} for f in foci]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lesions.tsv"
        path.write_text(tables.render(rows, list(columns.LESION)))
        return foci, dict(score_lesions.errors(path, true))


def drawn(head: Head) -> sitk.Image:
    """The mask that somebody draws, on the grid of the head."""
    return sitk.Cast(head.image(head.shares["drawn"]) >= 0.5, sitk.sitkUInt8)


def to_head(head: Head) -> sitk.Transform:
    """The map from points of the template to points of the head; a warp is inverted on a grid."""
    there = head.mapping.transform
    if there.IsLinear():
        return there.GetInverse()
    grid = head.image(np.zeros(head.lattice.shape, np.uint8))
    affine = head.mapping.affine
    warp = sitk.TransformToDisplacementField(
        head.mapping.spline, sitk.sitkVectorFloat64, *coarse(grid)
    )
    back = sitk.DisplacementFieldTransform(sitk.InvertDisplacementField(warp, 30))
    return transforms.chain([affine.GetInverse(), back])


def coarse(grid: sitk.Image) -> tuple:
    """Size, origin, spacing and direction of a coarser grid over the same space."""
    size = [int(n * HEAD_MM / WARP_MM) + 1 for n in grid.GetSize()]
    return size, grid.GetOrigin(), (WARP_MM,) * 3, grid.GetDirection()


if __name__ == "__main__":
    sys.exit(main())

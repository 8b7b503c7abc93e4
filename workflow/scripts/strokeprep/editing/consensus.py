"""One mask from those of several raters: what most of them marked, or what a third decides.

strokeprep consensus one.nii.gz two.nii.gz three.nii.gz --to both.nii.gz
strokeprep consensus one.nii.gz two.nii.gz --third chief.nii.gz --to both.nii.gz

Masks may be of any editor that corrections may be of. Each pair's agreement is printed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from strokeprep.corrections import masks
from strokeprep.errors import StrokeprepError
from strokeprep.io import images, labels


def agreed(raters: Sequence[np.ndarray], third: np.ndarray | None = None) -> np.ndarray:
    """What more than half of the raters marked (uint8); where they are even, what ``third`` did.

    >>> one, two, three = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [0, 1, 1, 0]])
    >>> agreed([one, two, three]).tolist()
    [1, 1, 1, 0]
    >>> agreed([one, two], third=three).tolist()
    [1, 1, 1, 0]
    """
    votes = np.sum([rater > 0 for rater in raters], axis=0)
    result = 2 * votes > len(raters)
    if third is not None:
        even = 2 * votes == len(raters)
        result = np.where(even, third > 0, result)
    return result.astype(np.uint8)


def of_files(paths: Sequence[Path], third: Path | None = None) -> tuple[sitk.Image, list[str]]:
    """The consensus of masks in files, on the grid of the first, and a line about each pair."""
    if len(paths) < 2 or (len(paths) % 2 == 0 and third is None):
        raise StrokeprepError(
            "An even number of raters has no majority where half of them marked a voxel",
            ", ".join(map(str, paths)),
            "Give one rater more, or the mask of who decides with --third.",
        )
    grid = masks.read(paths[0]).image
    read = {path: _on(path, grid, paths[0].name) for path in [*paths, *([third] if third else [])]}
    raters = [read[path] for path in paths]
    voxel_ml = float(np.prod(grid.GetSpacing())) / 1000
    lines = [
        f"{a.name} and {b.name}: Dice {labels.dice(read[a], read[b]):.3f}, volumes "
        f"{np.count_nonzero(read[a]) * voxel_ml:.2f} and {np.count_nonzero(read[b]) * voxel_ml:.2f} ml"
        for a, b in combinations(paths, 2)
    ]
    result = agreed(raters, read[third] if third else None)
    lines.append(f"consensus: {np.count_nonzero(result) * voxel_ml:.2f} ml")
    return images.like(result, grid), lines


def _on(path: Path, grid: sitk.Image, first: str) -> np.ndarray:
    return images.array(masks.on_grid(masks.read(path).image, grid, path, first))


def main(arguments: list[str] | None = None) -> int:
    """Write the consensus; 1 if masks cannot be read or compared."""
    options = _parser().parse_args(arguments)
    try:
        mask, lines = of_files(options.masks, options.third)
        images.write(mask, options.to)
    except StrokeprepError as error:
        print(f"strokeprep: {error}", file=sys.stderr)
        return 1
    print("\n".join(lines))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("masks", type=Path, nargs="+", help="a mask of each rater")
    parser.add_argument("--third", type=Path, help="the mask that decides where they are even")
    parser.add_argument("--to", type=Path, required=True, help="the NIfTI file to write")
    return parser

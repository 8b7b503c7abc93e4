"""One mask from those of several raters: what most of them marked, or what a third decides.

strokeprep consensus one.nii.gz two.nii.gz three.nii.gz --to both.nii.gz
strokeprep consensus one.nii.gz two.nii.gz --third chief.nii.gz --to both.nii.gz
strokeprep consensus tracings/A tracings/B --third tracings/C --to corrections

Masks may be of any editor that corrections may be of. Of folders, the masks are paired by subject and session,
and written under the names that the first rater's have. Each pair's agreement is printed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from strokeprep.corrections.masks import together
from strokeprep.corrections.targets import MASKS
from strokeprep.errors import StrokeprepError
from strokeprep.io import images, labels
from strokeprep.metrics import command as metrics


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
    """The consensus of masks in files, and a line about each pair."""
    if len(paths) < 2 or (len(paths) % 2 == 0 and third is None):
        raise StrokeprepError(
            "An even number of raters has no majority where half of them marked a voxel",
            ", ".join(map(str, paths)),
            "Give one rater more, or the mask of who decides with --third.",
        )
    read, grid = together([*paths, *([third] if third else [])])
    raters = dict(zip(paths, read, strict=False))
    voxel_ml = float(np.prod(grid.GetSpacing())) / 1000
    ml = {path: np.count_nonzero(mask) * voxel_ml for path, mask in raters.items()}
    lines = [
        f"{a} and {b}: Dice {labels.dice(raters[a], raters[b]):.3f}, volumes {ml[a]:.2f} and "
        f"{ml[b]:.2f} ml, {abs(ml[a] - ml[b]):.2f} ml apart"
        for a, b in combinations(paths, 2)
    ]
    result = agreed(list(raters.values()), read[-1] if third else None)
    lines.append(f"consensus: {np.count_nonzero(result) * voxel_ml:.2f} ml")
    return images.like(result, grid), lines


def main(arguments: list[str] | None = None) -> int:
    """Write the consensus; 1 if masks cannot be read or compared."""
    options = _parser().parse_args(arguments)
    try:
        for to, paths, third in _cases(options.masks, options.third, options.to):
            _refuse_existing(to)
            mask, lines = of_files(paths, third)
            images.write(mask, to)
            print("\n".join(lines), flush=True)
    except StrokeprepError as error:
        print(f"strokeprep: {error}", file=sys.stderr)
        return 1
    return 0


def _cases(
    given: Sequence[Path], third: Path | None, to: Path
) -> Iterator[tuple[Path, list[Path], Path | None]]:
    """For each case the file to write, the raters' masks, and that of who decides."""
    if not all(path.is_dir() for path in given):
        yield to, list(given), third
        return
    raters = [metrics.by_case(folder) for folder in given]
    decides = metrics.by_case(third) if third else {}
    for folder, found in zip(given, raters, strict=True):
        metrics.refuse_single(folder, found, raters[0])
    for case, first in raters[0].items():
        name = first.relative_to(given[0])
        ending = next(each for each in MASKS if name.name.endswith(each))
        written = to / name.with_name(f"{name.name.removesuffix(ending)}.nii.gz")
        yield written, [found[case] for found in raters], decides.get(case)


def _refuse_existing(to: Path) -> None:
    if to.exists():
        raise StrokeprepError(
            "A file of this name is there already", to, "Move it away, or give another with --to."
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "masks", type=Path, nargs="+", help="a mask of each rater, or a folder of each"
    )
    parser.add_argument("--third", type=Path, help="the mask that decides where they are even")
    parser.add_argument("--to", type=Path, required=True, help="the NIfTI file or folder to write")
    return parser

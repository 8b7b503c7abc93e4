"""Compare two finished outputs of one study, for example of two versions of the code.

    python benchmarks/same_results.py OLD/derivatives NEW/derivatives

Files with equal bytes are the same. Of the others, images are compared by voxels, type and affine,
transforms by what they do to points, and sidecars by all that they say but texts and versions. Pages,
judgements and descriptions may differ. The exit status is 1 if a result differs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import SimpleITK as sitk

# Judgements, pages and descriptions: a version may judge or word the same results differently.
MAY_DIFFER = (
    "docs/qc/",
    "README.md",
    "CHANGES",
    "dataset_description.json",
    "descriptions.",
    ".bidsignore",
)
# What a sidecar says in words, and of the code that wrote it.
IN_WORDS = ("Software", "Description", "LongName")


def compare(old: Path, new: Path) -> Counter[str]:
    """How many files are the same in bytes, the same in content, or different; prints the last."""
    names = {path.relative_to(root) for root in (old, new) for path in root.rglob("*")}
    counts: Counter[str] = Counter()
    for name in sorted(name for name in names if (old / name).is_file() or (new / name).is_file()):
        outcome = outcome_of(old / name, new / name)
        counts[outcome] += 1
        if outcome not in ("same bytes", "same content"):
            print(f"{outcome}\t{name}")
    return counts


def outcome_of(old: Path, new: Path) -> str:
    """How one file compares with its counterpart."""
    if not (old.exists() and new.exists()):
        return "only in new" if new.exists() else "only in old"
    if old.read_bytes() == new.read_bytes():
        return "same bytes"
    if same_content(old, new):
        return "same content"
    return "judgement or page" if may_differ(old) else "DIFFERENT"


def may_differ(path: Path) -> bool:
    """Whether a file holds judgements, pages or words rather than results."""
    name = path.as_posix()
    figures = name.endswith(("_aif.tsv", "_perfusion.tsv", "/perfusion.tsv"))
    return not figures and any(f"/{part}" in name for part in MAY_DIFFER)


def same_content(old: Path, new: Path) -> bool:
    """Whether two files with different bytes hold the same."""
    readers: dict[str, Callable[[Path, Path], bool]] = {
        ".gz": same_image,
        ".h5": same_transform,
        ".txt": same_transform,
        ".json": same_sidecar,
    }
    same = readers.get(old.suffix)
    return same is not None and same(old, new)


def same_image(old: Path, new: Path) -> bool:
    """Whether two images have the same voxels, data type and affine."""
    first, second = nib.load(old), nib.load(new)
    return (
        first.get_data_dtype() == second.get_data_dtype()
        and np.array_equal(first.affine, second.affine)
        and np.array_equal(first.dataobj, second.dataobj)
    )


def same_transform(old: Path, new: Path) -> bool:
    """Whether two transforms move a lattice of points to the same places."""
    first, second = (sitk.ReadTransform(str(path)) for path in (old, new))
    axis = np.linspace(-120, 120, 9)
    points = np.stack(np.meshgrid(axis, axis, axis), -1).reshape(-1, 3).tolist()
    return all(first.TransformPoint(p) == second.TransformPoint(p) for p in points)


def same_sidecar(old: Path, new: Path) -> bool:
    """Whether two JSON files agree in all but words and versions."""
    first, second = (without_words(json.loads(path.read_text())) for path in (old, new))
    return first == second


def without_words(value: Any) -> Any:
    """A JSON value without the keys that hold words, at any depth."""
    if isinstance(value, dict):
        return {key: without_words(each) for key, each in value.items() if key not in IN_WORDS}
    return value


def main() -> int:
    """Compare two folders of derivatives."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    arguments = parser.parse_args()
    counts = compare(arguments.old, arguments.new)
    print(", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())))
    return int(any(counts[outcome] for outcome in ("DIFFERENT", "only in old", "only in new")))


if __name__ == "__main__":
    sys.exit(main())

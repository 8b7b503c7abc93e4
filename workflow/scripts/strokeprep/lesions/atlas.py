"""Atlases given by path: read, checked against their names and the template, and put on its grid.

Label images and tables of names are easily mixed up, and headers of atlases are often wrong: some mirror
the brain, others are shifted by centimetres. What a load cannot prove wrong, it measures (:attr:`Atlas.fit`).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import images, labels, tables, transforms
from strokeprep.io.json_files import require_file
from strokeprep.io.whole import whole
from strokeprep.registration import template as templates
from strokeprep.registration.template import Template
from strokeprep.settings.study import SEED

# Where a volume's middle lies in MNI152, as seen from the anterior commissure (RAS mm). Headers that
# name the middle as the origin are off by this.
MIDDLE_OF_MNI = np.array([0.0, -18.0, 18.0])
LEAST_INSIDE = 0.8  # of an atlas, the share within the template's brain
LEAST_DICE = 0.9  # of the brain that the atlas was drawn on with the template's
SIDES = {
    "left": re.compile(r"(?<![a-z])(left|lh|l)(?![a-z])", re.IGNORECASE),
    "right": re.compile(r"(?<![a-z])(right|rh|r)(?![a-z])", re.IGNORECASE),
}
NUMBERED = re.compile(r"(?P<number>\d+)(?:\|(?:.*\|)?|[\s:,]+)(?P<name>[^|]+)")
NUMBERS, NAMES = ("index", "label", "id", "value"), ("name", "region", "label", "abbreviation")


@dataclass(frozen=True)
class Atlas:
    """Regions on a template's grid.

    ``fit`` is the Dice coefficient of the brain that the atlas was drawn on with the template's; without
    such a brain, the share of the regions that lies within the template's brain.
    """

    labels: sitk.Image
    names: Mapping[int, str]
    fit: float

    def mask(self, pattern: str) -> np.ndarray:
        """The regions whose names hold a match of a regular expression (bool, NIfTI order)."""
        found = [n for n, name in self.names.items() if re.search(pattern, name, re.IGNORECASE)]
        return np.isin(images.array(self.labels), found)


def load(
    path: str | Path,
    names: str | Path | None = None,
    drawn_on: str | Path | None = None,
    onto: Template | None = None,
    seed: int = SEED,
) -> Atlas:
    """An atlas on the grid of the template ``onto`` (the built-in one); refused if it cannot be right.

    ``names`` is its table of names, by default the file of the same name ending in tsv, csv or txt.
    ``drawn_on`` is the brain-extracted image that the atlas was drawn on, if that is another template:
    it is registered to ``onto``, and the labels follow by nearest neighbour.
    """
    onto = onto or templates.load()
    own = labels.read(path)
    called = read_names(names or _beside(Path(path)))
    _check_names(called, own, path)
    there: sitk.Transform = sitk.Transform()
    fit = None
    if drawn_on:
        there, fit = _registered(drawn_on, onto, seed)
    moved = transforms.resample(own, onto.t1, [there], transforms.NEAREST)
    _check_sides(called, moved, path)
    if fit is None:
        fit = _share_inside(own, onto, path)
    return Atlas(moved, called, fit)


def read_names(path: str | Path) -> dict[int, str]:
    """The names of labels by number.

    The file is a table with the headings index and name, separated by tabs or commas; or each line holds
    a number and a name (``7|CST|corticospinal tract``, ``7 corticospinal tract``); or only a name, the
    first that of label 1.
    """
    require_file(Path(path))
    text = Path(path).read_text(encoding="utf-8-sig", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise StrokeprepError("The table of the atlas's names is empty", path, "Give its names.")
    numbered = [NUMBERED.fullmatch(line) for line in lines]
    if all(numbered):
        found = [(match["number"], match["name"]) for match in numbered if match]
    else:
        found = _columns(lines) or [(str(n), line) for n, line in enumerate(lines, 1)]
    return _unique(found, path)


def _columns(lines: list[str]) -> list[tuple[str, str]]:
    """Numbers and names of a table with a heading; empty if there is no such heading."""
    separator = "\t" if "\t" in lines[0] else ","
    rows = list(csv.reader(lines, delimiter=separator))
    heading = [cell.strip().lower() for cell in rows[0]]
    number = next((heading.index(each) for each in NUMBERS if each in heading), None)
    name = next(
        (
            heading.index(each)
            for each in NAMES
            if each in heading and heading.index(each) != number
        ),
        None,
    )
    if number is None or name is None:
        return []
    return [(row[number], row[name]) for row in rows[1:] if len(row) > max(number, name)]


def _unique(found: Iterable[tuple[str, str]], path: str | Path) -> dict[int, str]:
    """Names by number; refused if a number is none, or a number or a name comes twice."""
    names: dict[int, str] = {}
    for number, name in found:
        if not re.fullmatch(r"\s*\d+\s*", number):
            raise StrokeprepError(
                f"A label of the atlas is no number ({number})", path, "Correct its table."
            )
        if int(number) in names or name.strip() in names.values():
            raise StrokeprepError(
                f"A label or a name of the atlas comes twice ({number}, {name.strip()})",
                path,
                "Give each region one number and a name of its own.",
            )
        names[int(number)] = name.strip()
    names.pop(0, None)  # what is no region
    return names


def _beside(path: Path) -> Path:
    """The table of names beside a label image."""
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    tried = [path.with_name(f"{stem}.{ending}") for ending in ("tsv", "csv", "txt")]
    for each in tried:
        if each.is_file():
            return each
    raise StrokeprepError(
        "The atlas has no table of names",
        path,
        f"Put {tried[0].name} beside it, with the columns index and name, or say where it is.",
    )


def _check_names(names: Mapping[int, str], own: sitk.Image, path: str | Path) -> None:
    """Refuse an atlas with regions that have no name, and one without regions."""
    present = set(np.unique(images.array(own)).tolist()) - {0}
    nameless = sorted(present - set(names))
    if nameless or not present:
        raise StrokeprepError(
            f"The atlas has labels without a name ({', '.join(map(str, nameless[:5]))})"
            if nameless
            else "The atlas has no regions",
            path,
            "Give the table of names that belongs to it.",
        )


def _check_sides(names: Mapping[int, str], moved: sitk.Image, path: str | Path) -> None:
    """Refuse an atlas with a region on the other side than its name says."""
    x = images.affine(moved)[0]
    numbers = images.array(moved)
    for number, name in names.items():
        said = [side for side, pattern in SIDES.items() if pattern.search(name)]
        where = np.argwhere(numbers == number)
        if len(said) != 1 or not len(where):
            continue
        middle = float(where.mean(axis=0) @ x[:3] + x[3])
        if (middle < 0) != (said == ["left"]):
            raise StrokeprepError(
                f"The atlas has {name} on the wrong side (x = {middle:+.0f} mm)",
                path,
                "Its header mirrors the brain, or its names belong to another atlas. Correct that.",
            )


def _share_inside(own: sitk.Image, onto: Template, path: str | Path) -> float:
    """The share of an atlas within the template's brain; refused if it lies beside the brain.

    A header whose origin is the middle of the volume is known by that, and by the better fit once it
    is corrected.
    """
    points = _points(own)
    share = _inside(points, onto)
    if _names_the_middle(own) and _inside(points + MIDDLE_OF_MNI, onto) > share - 0.01:
        what = (
            "The atlas is not in MNI coordinates: its header puts the middle of the volume at zero"
        )
    elif share < LEAST_INSIDE:
        what = f"Only {share:.0%} of the atlas lies within the template's brain"
    else:
        return share
    raise StrokeprepError(
        what,
        path,
        "Correct the header's origin, or give the template image that the atlas was drawn on.",
    )


def _names_the_middle(own: sitk.Image) -> bool:
    """Whether the middle of the volume has the coordinates 0, 0, 0, to a voxel."""
    middle = images.affine(own) @ [*(np.array(own.GetSize()) - 1) / 2, 1]
    return bool(np.all(np.abs(middle[:3]) <= 1.01 * np.array(own.GetSpacing())))


def _points(own: sitk.Image) -> np.ndarray:
    """Where the regions of an atlas are (N×3, RAS mm), at most some 100,000 voxels of them."""
    index = np.argwhere(images.array(own) > 0)
    index = index[:: max(len(index) // 100_000, 1)]
    matrix = images.affine(own)
    return index @ matrix[:3, :3].T + matrix[:3, 3]


def _inside(points: np.ndarray, onto: Template) -> float:
    """The share of points that lie within a template's brain."""
    inside = images.array(onto.brain) > 0
    back = np.linalg.inv(images.affine(onto.brain))
    index = np.rint(points @ back[:3, :3].T + back[:3, 3]).astype(int)
    on_grid = np.all((index >= 0) & (index < inside.shape), axis=1)
    return float(inside[tuple(index[on_grid].T)].sum() / len(points))


def _registered(path: str | Path, onto: Template, seed: int) -> tuple[sitk.Transform, float]:
    """The transform from ``onto`` to the template at ``path``, and how well both brains agree."""
    from strokeprep.registration import deformable  # most atlases need none

    other = templates.load(path)
    # Templates differ in shape, which an affine leaves.
    found = deformable.to_template(other.t1, onto.t1, kind="bspline", seed=seed, where=path)
    brain = transforms.resample(other.brain, onto.t1, [found.transform], transforms.NEAREST)
    fit = labels.dice(images.array(brain), images.array(onto.brain))
    if fit < LEAST_DICE:
        raise StrokeprepError(
            f"The brain that the atlas was drawn on does not fit the template (Dice {fit:.2f})",
            path,
            "Give the brain-extracted template that belongs to the atlas.",
        )
    return found.transform, fit


def write(atlas: Atlas, image: str | Path, table: str | Path) -> None:
    """Save an atlas as BIDS has it: a label image and a table with index and name."""
    images.write(atlas.labels, image, code=images.MNI)
    rows = [{"index": number, "name": name} for number, name in atlas.names.items()]
    with whole(table) as partial:
        partial.write_text(tables.render(rows, ("index", "name")))


def prepared(image: str | Path, table: str | Path, fit: float = 1.0) -> Atlas:
    """An atlas that :func:`write` wrote, which was checked then."""
    return Atlas(labels.read(image), read_names(table), fit)

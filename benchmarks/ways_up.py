"""Heads whose headers have them another way up: no face may be released, and right ones must pass.

    python benchmarks/ways_up.py [--draws 1 2] [--contrasts ncct b0 …] [--right-only]
    python benchmarks/ways_up.py --folder FOLDER [--heads NAME …]    # as for heads.py

A header is turned or mirrored about the brain in all 47 ways that map axes to axes. The steps before
defacing are fooled as far as can be: the head is believed to lie as the header says, in the best place
and size for it. Then the check of the ``face`` step decides. A head that is only mirrored left to right
is not refused; its face lies where it is believed to, so it is emptied. A row says how a head fared: how
many ways are refused, those that are not, by how much (nats) the right way up is ahead of the best other,
and CPU seconds of a check. The exit status is 1 if a wrong way was taken or the right one refused. With
``--folder`` the heads are real; they are located first, which takes some 10 seconds each.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from itertools import permutations, product
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

import numpy as np  # noqa: E402
import SimpleITK as sitk  # noqa: E402
from heads import heads_in  # noqa: E402
from strokeprep.errors import StrokeprepError  # noqa: E402
from strokeprep.io import images, transforms  # noqa: E402
from strokeprep.phantom import heads  # noqa: E402
from strokeprep.registration import location  # noqa: E402
from strokeprep.registration.head import way_up  # noqa: E402
from strokeprep.registration.head.fit import fit  # noqa: E402
from strokeprep.registration.head.model import CENTRE, whole_head  # noqa: E402
from strokeprep.registration.head.view import COARSE_MM, View  # noqa: E402

# The phantom's contrasts by kind of scan, and how much of the head each shows.
SCANS = {
    "ncct": ("ncct", ("face", "holder")),
    "cta": ("cta", ("neck",)),
    "ctp": ("cta", ("slab",)),
    "b0": ("b0", ("face", "thick")),
    "t1w": ("t1w", ("neck",)),
    "flair": ("flair", ("face", "thick")),
}
HEADING = ("head", "right nats", "CPU s", "refused", "taken")
FOOLED_STEPS = 15


class Head(NamedTuple):
    """A head that lies as its header says, and where it lies."""

    name: str
    image: sitk.Image
    modality: str
    to_template: sitk.Transform


def synthetic(contrasts: list[str], draws: list[int]) -> Iterator[Head]:
    """Phantom heads with their faces."""
    for name, draw in product(contrasts, draws):
        contrast, view = SCANS[name]
        made = heads.head(draw, contrast, view=view)
        yield Head(f"{name} {draw}", made.image, made.modality, made.to_template)


def real(folder: Path, names: list[str]) -> Iterator[Head]:
    """The heads of a folder, located."""
    for each in heads_in(folder, names):
        image = images.read(each.image)
        try:
            place = location.locate(image, each.modality, each.name)
        except StrokeprepError as error:
            print(f"{each.name}: {' '.join(str(error).split())}", flush=True)
            continue
        yield Head(each.name, image, each.modality, place.to_template)


def wrong_ways() -> dict[str, np.ndarray]:
    """The 47 ways to turn or mirror a header, by the axes that right, front and top become."""
    result = {}
    for order, signs in product(permutations(range(3)), product((1.0, -1.0), repeat=3)):
        turn = np.diag(signs)[list(order)]
        if not np.allclose(turn, np.eye(3)):
            result["".join("+-"[sign < 0] + "xyz"[axis] for axis, sign in zip(order, signs))] = turn  # noqa: B905
    return result


def turned(head: Head, matrix: np.ndarray, way: np.ndarray) -> sitk.Image:
    """A head whose header is turned about the brain's centre."""
    centre = matrix[:3, :3] @ CENTRE + matrix[:3, 3]
    about = np.eye(4)
    about[:3, :3], about[:3, 3] = way, centre - way @ centre
    return images.from_array(images.array(head.image), about @ images.affine(head.image))


def fooled(image: sitk.Image, modality: str, matrix: np.ndarray) -> sitk.Transform:
    """Where a head is believed to lie whose header is believed."""
    view = View.of(image, modality)
    best, _ = fit(whole_head(COARSE_MM), view.coarse, matrix, 7, FOOLED_STEPS)
    believed = best if way_up.degrees_between(best, matrix) < way_up.SAME_DEGREES else matrix
    return transforms.linear(images.LPS @ np.linalg.inv(believed) @ images.LPS)


def row(head: Head, right_only: bool) -> tuple[list[str], bool]:
    """The cells of a head, and whether all is as it should be."""
    matrix = way_up.matrix_of(head.to_template, head.image)
    start = time.process_time()
    right = way_up.lies_as_located(head.image, head.modality, head.to_template)
    seconds = time.process_time() - start
    ahead = way_up.ahead(View.of(head.image, head.modality), matrix)[0]
    cells = [head.name, f"{ahead:+.2f}{'' if right else ' REFUSED'}", f"{seconds:.2f}"]
    if right_only:
        return [*cells, "-", "-"], right
    taken = []
    for name, way in wrong_ways().items():
        image = turned(head, matrix, way)
        if way_up.lies_as_located(image, head.modality, fooled(image, head.modality, matrix)):
            taken.append(name)
    count = len(wrong_ways()) - len(taken)
    return [*cells, str(count), " ".join(taken) or "-"], right and taken == ["-x+y+z"]


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", nargs="+", type=int, default=[1])
    parser.add_argument("--contrasts", nargs="+", default=list(SCANS), choices=SCANS)
    parser.add_argument("--right-only", action="store_true", help="only whether right heads pass")
    parser.add_argument("--folder", type=Path, help="of real heads, in place of synthetic ones")
    parser.add_argument("--heads", nargs="+", default=[], metavar="NAME", help="only these")
    given = parser.parse_args()
    found = (
        real(given.folder, given.heads) if given.folder else synthetic(given.contrasts, given.draws)
    )
    print("\t".join(HEADING))
    sound = True
    for head in found:
        cells, right = row(head, given.right_only)
        sound &= right
        print("\t".join(cells), flush=True)
    return 0 if sound else 1


if __name__ == "__main__":
    raise SystemExit(main())

"""The template backend on hard heads: ill ones, in any contrast, scanned in any way, with known brains.

    python benchmarks/hard_heads.py [--draws 1 2 3] [--cases NAME …]
    python benchmarks/hard_heads.py --write FOLDER    # for heads.py

The heads are those of ``strokeprep.phantom.heads``. A row says how a head fared: the Dice coefficient of its
mask with the true brain, the mean distance (mm) between where points of its brain were located in the
template and where they are, the same for the located affine and the affine that is nearest to the truth,
CPU seconds of location and mask, or why it was refused. A haematoma may displace brain by 30 mm, which no
affine follows, so the second distance is judged. Every draw of every case is another patient. The exit
status is 1 if a head was refused, if its Dice or its distance is beyond the limit, or if one was taken
that lies otherwise than its header says. With ``--write`` the heads are only written, as a folder that
``benchmarks/heads.py`` runs all backends on.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

import numpy as np  # noqa: E402
import SimpleITK as sitk  # noqa: E402
from strokeprep.errors import StrokeprepError  # noqa: E402
from strokeprep.io import images, labels, transforms  # noqa: E402
from strokeprep.phantom import heads  # noqa: E402
from strokeprep.registration import location  # noqa: E402
from strokeprep.segmentation import brains  # noqa: E402
from strokeprep.segmentation.request import Request  # noqa: E402
from strokeprep.settings.backends import BRAINS  # noqa: E402

LEAST_DICE = 0.92
MOST_OFF_MM = 8.0  # of the pose: as far as a planted defect has to be told
HEADING = ("case", "draw", "Dice", "apart mm", "pose mm", "CPU s", "outcome")


def distances_mm(head: heads.Head, found: location.Location) -> tuple[float, float]:
    """Mean distance in the template between where points of the brain were found and where they are.

    First by all that was found, then of its affine from the affine that is nearest to the truth.
    """
    inside = np.argwhere(head.brain)[::200]
    affine = images.affine(head.image)
    points = inside @ affine[:3, :3].T + affine[:3, 3]
    true = transforms.apply(head.to_template, points)
    each = np.column_stack([points, np.ones(len(points))])
    nearest = each @ np.linalg.lstsq(each, true, rcond=None)[0]
    pairs = ((found.to_template, true), (found.affine, nearest))
    apart, off = (transforms.apply(way, points) - there for way, there in pairs)
    return float(np.linalg.norm(apart, axis=1).mean()), float(np.linalg.norm(off, axis=1).mean())


def row(case: str, draw: int) -> tuple[list[str], bool]:
    """The cells of a head, and whether it is right."""
    head = heads.case(case, draw)
    start = time.process_time()
    cells = [case, str(draw)]
    try:
        brain = brains.found(Request(head.image, head.modality, case), BRAINS["template"])
    except StrokeprepError as error:
        seconds = time.process_time() - start
        right = heads.CASES[case].is_wrong_way_up
        return [*cells, "-", "-", "-", f"{seconds:.1f}", " ".join(str(error).split())], right
    seconds = time.process_time() - start
    dice = labels.dice(images.array(brain.mask) > 0, head.brain)
    apart, off = distances_mm(head, brain.location)
    figures = [f"{dice:.3f}", f"{apart:.1f}", f"{off:.1f}", f"{seconds:.1f}"]
    is_near = dice >= LEAST_DICE and off <= MOST_OFF_MM
    right = is_near and not heads.CASES[case].is_wrong_way_up
    return [*cells, *figures, "right" if right else "wrong"], right


def write(folder: Path, case: str, draw: int) -> None:
    """A head as a folder, as ``benchmarks/heads.py`` wants it."""
    head = heads.case(case, draw)
    name = "".join(letter if letter.isalnum() else "_" for letter in f"{case} {draw}")
    target = folder / name
    target.mkdir(parents=True, exist_ok=True)
    brain = images.like(head.brain.astype(np.uint8), head.image)
    sitk.WriteImage(head.image, str(target / "image.nii.gz"))
    sitk.WriteImage(brain, str(target / "judge.nii.gz"))
    (target / "modality.txt").write_text(head.modality + "\n")


def main() -> int:
    """Print the table, or write the heads."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, nargs="+", default=[1])
    parser.add_argument("--cases", nargs="+", default=list(heads.CASES), choices=heads.CASES)
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    drawn = [(case, draw) for draw in arguments.draws for case in arguments.cases]
    if arguments.write:
        for case, draw in drawn:
            write(arguments.write, case, draw)
        return 0
    print(*HEADING, sep="\t", flush=True)
    all_right = True
    for case, draw in drawn:
        cells, right = row(case, draw)
        print(*cells, sep="\t", flush=True)
        all_right &= right
    return int(not all_right)


if __name__ == "__main__":
    sys.exit(main())

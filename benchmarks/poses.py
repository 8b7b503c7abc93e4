"""The second opinion on poses: right ones, planted errors, and voxels of a wrong size.

    python benchmarks/poses.py [--seeds 501 502] [--scans t1w tof …]

Each seed is a synthetic patient (odd ones have an old infarct) with an NCCT as the reference and scans of the
other contrasts. A row says how far edges would move a scan that lies right, the least of what they say
of four poses that are off by 8 mm or 8°, and the size of the scan as it is and with voxels 10 % too large and
too small. The last column is CPU seconds of both figures for the right pose.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

import numpy as np  # noqa: E402
import SimpleITK as sitk  # noqa: E402
from scipy.spatial.transform import Rotation  # noqa: E402
from strokeprep.io import images, transforms  # noqa: E402
from strokeprep.phantom import heads  # noqa: E402
from strokeprep.registration import linear, second_opinion  # noqa: E402

VIEWS: dict[str, dict[str, Any]] = {
    "fine": {"spacing": (1.0, 1.0, 2.0)},
    "slices 4": {"spacing": (1.2, 1.2, 4.0)},
    "slices 6": {"spacing": (0.9, 0.9, 6.0), "gap": 0.1},
    "cubes": {"spacing": (1.2, 1.2, 1.2)},
    "slices 2.5": {"spacing": (0.9, 0.9, 2.5)},
    "perfusion": {"spacing": (1.8, 1.8, 5.0), "gap": 0.2, "low_mm": -60.0, "high_mm": 70.0},
}
SCANS = {
    "cta": ("fine",),
    "b0": ("slices 4",),
    "t1w": ("cubes", "defaced"),
    "flair": ("slices 6", "defaced"),
    "t2w": ("slices 6", "defaced"),
    "swi": ("slices 2.5", "defaced"),
    "t2star": ("perfusion",),
    "tof": ("slices 2.5", "slab"),
}
HEADING = ("seed", "scan", "off mm", "planted mm", "size", "+10 %", "-10 %", "CPU s")


def into_head(scan: heads.Head) -> np.ndarray:
    """The rigid map (LPS) from points of a scan to points of its patient's head."""
    steps = sitk.CompositeTransform(scan.to_template)
    matrix = np.eye(4)
    for number in range(steps.GetNumberOfTransforms() - 1, 0, -1):  # the first is the way to MNI
        matrix = transforms.matrix(steps.GetNthTransform(number)) @ matrix
    return matrix


def planted(centre: np.ndarray) -> list[np.ndarray]:
    """Moves by 8 mm, and by 8° about a point."""
    moves = [np.eye(4) for _ in range(4)]
    moves[0][0, 3] = moves[1][2, 3] = 8.0
    for move, axis in zip(moves[2:], "xy", strict=True):
        move[:3, :3] = Rotation.from_euler(axis, 8, degrees=True).as_matrix()
        move[:3, 3] = centre - move[:3, :3] @ centre
    return moves


def stretched(image: sitk.Image, factor: float) -> sitk.Image:
    """An image whose voxels are said to be larger by a factor."""
    wrong = sitk.Image(image)
    wrong.SetSpacing([factor * each for each in image.GetSpacing()])
    wrong.SetOrigin([factor * each for each in image.GetOrigin()])
    return wrong


def rows(seed: int, scans: list[str]) -> None:
    """Print the rows of a patient."""
    ill = ("old_infarct",) if seed % 2 else ()
    reference = heads.head(seed, "ncct", ill, ("fine", "face", "holder"))
    brain = images.like(reference.brain.astype(np.uint8), reference.image)
    compared = linear.Reference.of(reference.image, brain)
    opinion = second_opinion.Reference.of((reference.image, "ct"), brain)
    centre = (opinion.inside * (-1, -1, 1)).mean(axis=0)
    for name in scans:
        scan = heads.head(seed, name, ill, SCANS[name])
        pose = np.linalg.inv(into_head(scan)) @ into_head(reference)
        shown = scan.image, scan.modality
        start = time.process_time()
        off_mm = opinion.off_mm(shown, pose)
        sizes = [linear.size(compared, scan.image, pose)]
        seconds = time.process_time() - start
        least = min(opinion.off_mm(shown, pose @ move) for move in planted(centre))
        for factor in (1.1, 0.9):
            wrong = pose.copy()
            wrong[:3, 3] += (factor - 1) * (pose[:3, :3] @ centre + pose[:3, 3])
            stretch = stretched(scan.image, factor)
            sizes.append(linear.size(compared, stretch, wrong))
        figures = [f"{off_mm:.1f}", f"{least:.1f}", *(f"{size:.3f}" for size in sizes)]
        print(seed, name, *figures, f"{seconds:.1f}", sep="\t", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[501, 502])
    parser.add_argument("--scans", nargs="+", default=list(SCANS), choices=SCANS)
    arguments = parser.parse_args()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    heads.VIEWS.update(VIEWS)
    print(*HEADING, sep="\t", flush=True)
    for seed in arguments.seeds:
        rows(seed, arguments.scans)


if __name__ == "__main__":
    main()

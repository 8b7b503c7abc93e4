"""The warp from head to template by SimpleITK, beside the same by this project's mutual information.

    PYTHONPATH=workflow/scripts python benchmarks/head_warp.py

Masks of the template backend come from a pose that a B-spline refines (``registration/head/warp.py``). The
B-spline is SimpleITK's. Registration to the template has one of its own (``mutual_information.warp``), which
could take its place. Both refine the same poses of simulated heads that are deformed by up to 9 mm. The
figures are the Dice coefficient of the template's brain with the true one, and CPU seconds on one thread.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import heads  # noqa: E402
import numpy as np  # noqa: E402
import SimpleITK as sitk  # noqa: E402
from strokeprep.io import images, labels  # noqa: E402
from strokeprep.registration import mutual_information as mi  # noqa: E402
from strokeprep.registration import sampling, template  # noqa: E402
from strokeprep.registration.head import pose as head_pose  # noqa: E402
from strokeprep.registration.head import warp  # noqa: E402
from strokeprep.registration.sampling import Level, Side  # noqa: E402

MODALITIES = {"ct": "ct", "t1": "mr", "b0": "mr"}
LEVELS = (Level(6, 15_000, 12), Level(3, 40_000, 12))
CENTRE, WIDTH_MM, PUSH_MM = (-25.0, 20.0, 0.0), 40.0, (8.0, -4.0, 3.0)


def by_mutual_information(
    fixed: sitk.Image, compared: sitk.Image, moving: sitk.Image, in_view: sitk.Image
) -> sitk.Image:
    """Displacements (LPS mm) from fixed to moving by this project's warp."""
    lattice = mi.Lattice.over(fixed)
    knots = np.zeros((lattice.count, 3))
    for level in LEVELS:
        sides = Side(fixed, compared, None), Side(moving, in_view, in_view)
        metric, _ = sampling.metric(*sides, [np.eye(4)], level, seed=1)
        knots = mi.warp(metric, np.eye(4), lattice, knots, level.steps)
    return lattice.displacement(knots, fixed)


WARPS: dict[str, Callable[..., sitk.Image]] = {
    "SimpleITK": warp._bspline,
    "mutual information": by_mutual_information,
}


def deformed(head: heads.Head) -> tuple[sitk.Image, np.ndarray]:
    """The image of a head with a smooth displacement, and its brain."""
    grid = head.image
    place = grid.GetSize(), grid.GetOrigin(), grid.GetSpacing(), grid.GetDirection()
    points = sitk.GetArrayFromImage(sitk.PhysicalPointSource(sitk.sitkVectorFloat64, *place))
    share = np.exp(-(((points - CENTRE) / WIDTH_MM) ** 2).sum(axis=-1, keepdims=True))
    field = sitk.GetImageFromArray(share * PUSH_MM, isVector=True)
    field.CopyInformation(grid)
    move = sitk.DisplacementFieldTransform(field)
    brain = images.like(head.brain.astype(np.uint8), grid)
    air = float(sitk.GetArrayViewFromImage(grid).min())
    return (
        sitk.Resample(grid, grid, move, sitk.sitkLinear, air),
        images.array(sitk.Resample(brain, grid, move, sitk.sitkNearestNeighbor)),
    )


def overlap(image: sitk.Image, brain: np.ndarray, to_template: sitk.Transform) -> float:
    """The Dice coefficient of the template's brain, moved onto an image, with the true brain."""
    depth = template.depth_at(image, to_template)
    return labels.dice(images.array(depth) > 0, brain)


def main() -> None:
    """Print the table."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    print("contrast\thow\tDice\tCPU s")
    for contrast, modality in MODALITIES.items():
        image, brain = deformed(heads.head(contrast))
        start = time.process_time()
        pose = head_pose.locate(image, modality)
        seconds = time.process_time() - start
        print(f"{contrast}\tpose\t{overlap(image, brain, pose.to_template):.3f}\t{seconds:.1f}")
        for name, bspline in WARPS.items():
            warp._bspline = bspline
            start = time.process_time()
            refined = warp.refine(image, modality, pose)
            seconds = time.process_time() - start
            dice = overlap(image, brain, refined.to_template)
            print(f"{contrast}\t{name}\t{dice:.3f}\t{seconds:.1f}", flush=True)


if __name__ == "__main__":
    main()

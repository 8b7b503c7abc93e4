"""Registration by ANTs: an engine beside the own one of :mod:`linear`.

ANTs is loaded when it is first used. It runs on one thread, since more would sum in an order that varies.
Images reach it as files in a folder that is removed at the end.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import transforms
from strokeprep.registration import linear, sampling
from strokeprep.registration.sampling import Level, Side
from strokeprep.settings.study import SEED

# Share of the points in the mask that are compared, and bins of the histogram.
SHARE, BINS = 0.2, 32


class Stage(NamedTuple):
    """A fit of one freedom: iterations, shrink factors and smoothing (mm) of each resolution."""

    freedom: str  # Rigid, Similarity or Affine
    iterations: tuple[int, ...]
    shrink: tuple[int, ...]
    smooth_mm: tuple[float, ...]

    def arguments(self, metric: str) -> list[str]:
        """The stage as antsRegistration takes it."""
        return [
            "--transform", f"{self.freedom}[0.25]",
            "--metric", metric,
            "--convergence", f"[{_by_level(self.iterations)},1e-6,10]",
            "--shrink-factors", _by_level(self.shrink),
            "--smoothing-sigmas", f"{_by_level(self.smooth_mm)}mm",
        ]  # fmt: skip


def fitted(
    sampled: Side,
    other: Side,
    starts: Sequence[np.ndarray],
    dof: str,
    levels: Sequence[Level],
    seed: int,
    where: str | Path,
) -> linear.Fit:
    """ANTs' fit of what the own engine would compare, judged by the own engine's metric.

    It begins at the best of ``starts`` or, without any, where the own engine's search ends.
    """
    begun = starts or linear.searched(sampled, other, dof, seed)[:1]
    begin = max(
        begun,
        key=lambda start: linear.judged(sampled, other, start, linear.SEARCH, seed).information,
    )
    found = linear_fit(
        sampled.image,
        other.image,
        [_stage(dof, levels[-1].mm)],
        start=transforms.linear(begin),
        mask=_compared(sampled),
        moving_mask=other.usable,
        seed=seed,
        where=where,
    )
    return linear.judged(sampled, other, transforms.matrix(found), levels[-1], seed)


def linear_fit(
    fixed: sitk.Image,
    moving: sitk.Image,
    stages: Sequence[Stage],
    *,
    start: sitk.Transform,
    mask: sitk.Image | None = None,
    moving_mask: sitk.Image | None = None,
    seed: int = SEED,
    where: str | Path = "moving image",
) -> sitk.AffineTransform:
    """The transform (points of fixed to points of moving, LPS) that ANTs' ``stages`` reach.

    The mutual information of points in both masks decides. The seed makes their choice repeatable.
    """
    inputs = {"fixed": fixed, "moving": moving, "mask": mask, "moving_mask": moving_mask}
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: os.path.join(folder, f"{name}.nrrd") for name in inputs}
        for name, image in inputs.items():
            if image is None:
                paths[name] = "NA"
            else:
                sitk.WriteImage(image, paths[name])
        begin, prefix = os.path.join(folder, "start.tfm"), os.path.join(folder, "found")
        transforms.write(transforms.linear(transforms.matrix(start)), begin)
        metric = f"Mattes[{paths['fixed']},{paths['moving']},1,{BINS},Regular,{SHARE}]"
        arguments = [
            "--dimensionality", "3", "--float", "0", "--random-seed", str(seed),
            "--output", prefix,
            "--initial-moving-transform", begin,
            "--winsorize-image-intensities", "[0.005,0.995]",
            "--masks", f"[{paths['mask']},{paths['moving_mask']}]",
        ]  # fmt: skip
        for stage in stages:
            arguments += stage.arguments(metric)
        try:
            loaded().registration(arguments, None)
            found = sitk.ReadTransform(f"{prefix}0GenericAffine.mat")
        except RuntimeError as error:
            raise StrokeprepError(
                "ANTs cannot register the image",
                where,
                "Look at it; take registration.engine: own if it shows the head.",
            ) from error
    return transforms.linear(transforms.matrix(found))


def loaded() -> ModuleType:
    """ANTsPy, which takes seconds to load."""
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"  # ANTs reads it when it is loaded
    import ants

    return ants


def _stage(dof: str, finest_mm: float) -> Stage:
    """What ANTs fits, from 4 mm to ``finest_mm``."""
    mm = [size for size in (4.0, 2.0, 1.0) if size >= finest_mm]
    shrink = tuple(round(size / finest_mm) for size in mm)
    smooth = tuple(0.0 if size == finest_mm else size / 2 for size in mm)
    return Stage(dof.capitalize(), (200, 100, 50)[: len(mm)], shrink, smooth)


def _compared(side: Side) -> sitk.Image:
    """The mask of what may be compared of an image, on its grid."""
    head = sampling.on(side.head, side.image)
    return head if side.usable is None else head & sampling.on(side.usable, side.image)


def _by_level(numbers: Sequence[float]) -> str:
    return "x".join(f"{number:g}" for number in numbers)

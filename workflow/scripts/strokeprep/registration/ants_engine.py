"""Registration by ANTs: the peer of :mod:`linear`.

ANTs is loaded when it is first used. It runs on one thread, since more would sum in an order that varies.
Images reach it as files in a folder that is removed at the end.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import transforms
from strokeprep.settings.study import SEED


class Stage(NamedTuple):
    """A fit of one freedom: shrink factors and smoothing (mm) of its resolutions, and their iterations."""

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


def linear_fit(
    fixed: sitk.Image,
    moving: sitk.Image,
    stages: Sequence[Stage],
    *,
    start: sitk.Transform,
    mask: sitk.Image | None = None,
    seed: int = SEED,
    where: str | Path = "moving image",
) -> sitk.AffineTransform:
    """The transform (points of fixed to points of moving, LPS) that ANTs' ``stages`` reach.

    Mutual information of the points in ``mask`` of fixed, a fifth of them, decides.
    """
    # ANTs reads this when it is loaded.
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"
    import ants  # slow to load

    with tempfile.TemporaryDirectory() as folder:
        inputs = {"fixed.nrrd": fixed, "moving.nrrd": moving, "mask.nrrd": mask}
        paths = {name: os.path.join(folder, name) for name in inputs}
        for name, image in inputs.items():
            if image is not None:
                sitk.WriteImage(image, paths[name])
        begin = os.path.join(folder, "start.tfm")
        transforms.write(transforms.linear(transforms.matrix(start)), begin)
        pair = f"{paths['fixed.nrrd']},{paths['moving.nrrd']}"
        arguments = [
            "--dimensionality", "3", "--float", "0", "--random-seed", str(seed),
            "--output", os.path.join(folder, "found"),
            "--initial-moving-transform", begin,
            "--masks", "NA" if mask is None else paths["mask.nrrd"],
        ]  # fmt: skip
        for stage in stages:
            arguments += stage.arguments(f"Mattes[{pair},1,32,Regular,0.2]")
        found = os.path.join(folder, "found0GenericAffine.mat")
        try:
            ants.registration(arguments, None)
            return transforms.linear(transforms.matrix(sitk.ReadTransform(found)))
        except RuntimeError as error:
            raise StrokeprepError(
                "ANTs cannot register the image", where, "Look at it; choose the own engine."
            ) from error


def _by_level(numbers: Sequence[float]) -> str:
    return "x".join(f"{number:g}" for number in numbers)

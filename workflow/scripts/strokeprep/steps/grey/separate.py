"""The images of a diffusion series, each as a file of its own, before anything is done with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from strokeprep.errors import StrokeprepError
from strokeprep.intensity import diffusion, order
from strokeprep.intensity.diffusion import Shell
from strokeprep.io import images, json_files
from strokeprep.io.whole import write_json
from strokeprep.settings.study import IntensitySettings
from strokeprep.steps.grey.levels import B_VALUE, confirm
from strokeprep.study import naming
from strokeprep.study.layouts.series import b_values

REMEDY = "Put a bval file beside it, or give b0 and DWI as files of their own."


def separate(
    series: str, weights: str | None, metadata: str | None, b0: str, trace: str,
    settings: IntensitySettings,
) -> None:  # fmt: skip
    """Write the mean of the volumes without weighting, and the trace of one shell, with sidecars.

    ``weights`` is the bval file. Without it there have to be two volumes, and their voxels tell which is
    which.
    """
    nifti = images.open_nifti(Path(series))
    if len(nifti.shape) != 4 or nifti.shape[3] < 2:
        raise StrokeprepError("This is no series of b0 and DWI, but one volume", series, REMEDY)
    volumes = images.voxels(nifti, Path(series)).astype(np.float32)
    said = json_files.read(metadata) if metadata else {}
    shell = _shell(volumes, weights, settings, series)
    unweighted = volumes[..., list(shell.unweighted)].mean(axis=-1)
    directions = volumes[..., list(shell.weighted)]
    weighted = (
        diffusion.geometric_mean(directions) if len(shell.weighted) > 1 else directions[..., 0]
    )
    b_value = shell.b_value or said.get(B_VALUE) or settings.b_value
    _check_order(unweighted, weighted, b_value, series)
    known: dict[str, Any] = {B_VALUE: b_value} if b_value else {}
    for target, voxels, more in ((b0, unweighted, {}), (trace, weighted, known)):
        images.write_array(voxels, nifti.affine, target, series)
        write_json({k: v for k, v in said.items() if k != B_VALUE} | more, naming.sidecar(target))


def _shell(
    volumes: np.ndarray, weights: str | None, settings: IntensitySettings, where: str
) -> Shell:
    """Which volumes are which, by the bval file or by their voxels."""
    if weights:
        values = b_values(weights)
        if len(values) != volumes.shape[3]:
            what = f"{len(values)} b-values for {volumes.shape[3]} volumes"
            raise StrokeprepError(what, weights, "Convert the scan again.")
        return diffusion.shell(values, settings.b_values, where)
    if volumes.shape[3] != 2:
        raise StrokeprepError(
            f"{volumes.shape[3]} volumes without b-values: their weighting is not known",
            where,
            REMEDY,
        )
    said = order.votes(volumes[..., 0], volumes[..., 1])
    if said is None or said.first_is_unweighted is None:
        raise StrokeprepError("It is not clear which of two volumes is b0", where, REMEDY)
    return Shell((0,), (1,), None) if said.first_is_unweighted else Shell((1,), (0,), None)


def _check_order(b0: np.ndarray, trace: np.ndarray, b_value: float | None, where: str) -> None:
    """Refuse volumes that look like each other's opposite, or like no pair with this weighting."""
    said = order.votes(b0, trace)
    if said is not None and said.first_is_unweighted is False:
        raise StrokeprepError(
            "The volumes without diffusion weighting look like the weighted ones", where, REMEDY
        )
    if b_value:
        confirm(b0, trace, b_value, where)

"""Infarcts that networks propose, for a person to look at and correct; none of them is a manual mask.

What the packages let pass in silence is refused here: images that do not belong together or still show
a head, values that are no mask, voxels outside of the brain, a network that answered with no numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import grids, images
from strokeprep.settings.backends import Backend, NetworkSettings

# Of a stripped image that many voxels are background at least: a brain fills half of its box.
LEAST_BACKGROUND = 0.2
# Of ISLES'22, which the networks were trained on, by the scan that DeepISLES ships. Neither package
# turns an image, so that one with other axes would be seen mirrored or on its side.
AXES = "LAS"


@dataclass(frozen=True)
class Diffusion:
    """The stripped images of one patient that an infarct is looked for in."""

    trace: sitk.Image
    adc: sitk.Image
    where: str
    networks: NetworkSettings
    flair: Path | None = None  # stripped, on a grid of its own
    container: str | None = None


def found(
    request: Diffusion, brain: sitk.Image, backend: Backend
) -> tuple[sitk.Image, dict[str, Any]]:
    """The proposal (uint8, 0 and 1, on the grid of the diffusion images), and what is known of it.

    Backends give values as they got them: halves would become an empty mask in 8 bits.
    """
    _refuse_unfit(request, brain)
    mask, facts = backend.run(request)
    if not grids.same_grid(mask, request.trace):
        raise ValueError(f"backend {backend.name} left the grid of {request.where}")
    data, inside = images.array(mask), images.array(brain) > 0
    if not set(np.unique(data)) <= {0, 1}:
        raise ValueError(f"backend {backend.name} gave values other than 0 and 1")
    outside = int(np.count_nonzero(data[~inside]))
    kept = images.like((data * inside).astype(np.uint8), request.trace)
    millilitres = np.count_nonzero(data * inside) * float(np.prod(mask.GetSpacing())) / 1000
    measured = {"VolumeMl": round(millilitres, 2), "VoxelsOutsideBrain": outside}
    return kept, measured | facts


def put(image: sitk.Image, path: Path) -> np.ndarray:
    """Write an image with its axes in the order the networks know; returns the way back."""
    nifti = nib.Nifti1Image(images.array(image).astype(np.float32), images.affine(image))
    own = nib.io_orientation(nifti.affine)
    wanted = nib.orientations.axcodes2ornt(AXES)
    nib.save(nifti.as_reoriented(nib.orientations.ornt_transform(own, wanted)), path)
    return nib.orientations.ornt_transform(wanted, own)


def _refuse_unfit(request: Diffusion, brain: sitk.Image) -> None:
    """Images on which a network would answer, and the answer would mean nothing."""
    for name, image in (("ADC map", request.adc), ("brain mask", brain)):
        if not grids.same_grid(image, request.trace):
            raise StrokeprepError(
                f"The {name} lies on another grid than the trace image",
                request.where,
                "Give both as the scanner made them of one series.",
            )
    for name, image in (("trace image", request.trace), ("ADC map", request.adc)):
        data = images.array(image)
        empty = np.count_nonzero(data == 0) / data.size
        if not np.isfinite(data).all() or data[images.array(brain) > 0].std() == 0:
            raise StrokeprepError(
                f"The {name} has no contrast, or values that are no numbers",
                request.where,
                "Look at the image.",
            )
        if empty < LEAST_BACKGROUND:
            raise StrokeprepError(
                f"The {name} is not skull-stripped: {100 * empty:.0f} % of it is background",
                request.where,
                "Look at its brain mask.",
            )

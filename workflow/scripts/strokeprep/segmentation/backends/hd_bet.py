"""Brain masks of MR heads by HD-BET: its network and settings, without its command.

The ``hd-bet`` command starts twelve processes that share one folder, takes every core, and
expects the head upright. Here the same network runs in the calling process;
``benchmarks/segmentation.py`` shows that the masks are the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import images
from strokeprep.segmentation import nnunet
from strokeprep.segmentation.request import Request

PACKAGE, MODEL = "HD-BET", "hd-bet"


def brain(request: Request) -> tuple[sitk.Image, dict[str, Any]]:
    """The brain (uint8 on the image's grid) of an MR head, and what made it."""
    where, settings = request.where, request.network()
    if request.modality != "mr":
        raise StrokeprepError(
            "HD-BET was trained on MR and finds no brain on CT",
            where,
            "Set brain.ct to totalsegmentator or template.",
        )
    [(folder, digest)] = nnunet.weights([MODEL], settings).values()
    device = nnunet.device(settings.device)
    with nnunet.limits(settings.threads) as private:
        upright, back = _upright(request.image)
        path = private / "image.nii.gz"
        nib.save(upright, path)
        predicted = nnunet.on_memory(
            lambda: predict(path, private, folder, device, settings.mirroring), where
        )
    data = nib.orientations.apply_orientation(predicted, back)
    if not data.any():
        raise StrokeprepError(
            "HD-BET found no brain",
            where,
            "Look at the image; if it shows a head, set brain.mr to another backend.",
        )
    mask = images.like(np.ascontiguousarray(data.astype(np.uint8)), request.image)
    return mask, nnunet.facts(PACKAGE, {MODEL: digest}, device, Mirroring=settings.mirroring)


def predict(
    image: Path, private: Path, weights: Path, device: str, mirroring: bool = False
) -> np.ndarray:
    """HD-BET's mask of an upright image file, voxel for voxel; files are made in ``private``."""
    import torch

    with nnunet.quick_lookup():
        predictor = nnunet.in_process()(
            tile_step_size=0.5,
            use_gaussian=True,
            use_mirroring=mirroring,
            perform_everything_on_device=True,
            device=torch.device(device),
            allow_tqdm=False,
        )
        predictor.initialize_from_trained_model_folder(str(weights), "all")
    results = private / "hd-bet"
    results.mkdir()
    predictor.predict_from_files([[str(image)]], [str(results / "mask.nii.gz")])
    # nnU-Net adds the ending of the network's own data set, which for HD-BET is none.
    written = next(results.glob("mask.nii.gz*"))
    return np.asarray(nib.load(written).dataobj)


def _upright(image: sitk.Image) -> tuple[nib.Nifti1Image, np.ndarray]:
    """The image with its axes nearest to right, front and up, and the reorientation back.

    Axes are only exchanged and reversed, so no value changes.
    """
    nifti = nib.Nifti1Image(_storable(images.array(image)), images.affine(image))
    stored = nib.io_orientation(nifti.affine)
    upright = nib.orientations.axcodes2ornt("RAS")
    turned = nifti.as_reoriented(nib.orientations.ornt_transform(stored, upright))
    return turned, nib.orientations.ornt_transform(upright, stored)


def _storable(data: np.ndarray) -> np.ndarray:
    """The voxels in a type that every NIfTI reader knows; nnU-Net works in single precision."""
    return data if data.dtype in (np.uint8, np.int16, np.float32) else data.astype(np.float32)

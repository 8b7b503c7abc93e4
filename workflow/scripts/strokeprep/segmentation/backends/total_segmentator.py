"""Brain, skull and face by TotalSegmentator, each run apart from all others.

A run gets a home folder of its own, because the package rewrites a file there, with usage
statistics off. The weights are shared; the package neither fetches nor removes them. All runs in
the calling process. Three things that the package does without a message are errors here or are
avoided: it casts voxels to integers, falls back to the CPU, and returns empty masks.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import nibabel as nib
import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import images
from strokeprep.registration.template import depth_at
from strokeprep.segmentation import nnunet, skull
from strokeprep.segmentation.backends import template
from strokeprep.segmentation.faces import Answer
from strokeprep.segmentation.request import Request
from strokeprep.settings import backends
from strokeprep.settings.backends import BRAINS, FACES, NetworkSettings

PACKAGE = "TotalSegmentator"

# The package casts to int32 before it resamples. MR signal has no unit, so it is scaled first.
SIGNAL = 10_000.0
COARSEST, FINEST = 1_000.0, 1_000_000.0  # bright signal in this range is not scaled
PERCENTILE = 99.9

# Every head on CT shows air below this and bone above that.
AIR_BELOW_HU, BONE_ABOVE_HU = -200, 200

TASKS = {"ct": "total", "mr": "total_mr"}
FACE_TASKS = {"ct": "face", "mr": "face_mr"}
PARTS = {"ct": ("brain", "skull"), "mr": ("brain",)}

Facts = dict[str, Any]


def brain(request: Request) -> tuple[sitk.Image, Facts]:
    """The brain (uint8 on the image's grid): on CT all that the skull encloses."""
    masks, facts = parts(request)
    if request.modality == "ct":
        return skull.inside(masks["brain"], masks["skull"]), facts
    return masks["brain"], facts


def face_by_parts(request: Request, grid: sitk.Image) -> Answer:
    """The face in front of and below brain and skull; needs no licence."""
    to_template = request.head().to_template
    masks, facts = parts(request)
    wanted = skull.face_field(grid, masks["brain"], masks.get("skull"), to_template)
    # A network finds a lowest point of the frontal lobes in a slab above the brow, too.
    below = template.below_the_brow(grid, to_template)
    kept = sitk.Maximum(skull.mask_field(grid, masks["brain"]), depth_at(grid, to_template))
    return Answer(sitk.Minimum(wanted, below), kept, facts)


def face(request: Request, grid: sitk.Image) -> Answer:
    """What the licensed networks call the face, and what lies in front of it.

    They are not asked where even the template's region, which is ample, has nothing in view.
    """
    ample = template.face(request, grid)
    if not (sitk.GetArrayViewFromImage(ample.face) > 0).any():
        return ample
    mask, facts = licensed_face(request)
    return Answer(skull.forward_field(grid, mask, request.head().to_template), None, facts)


def licensed_face(request: Request) -> tuple[sitk.Image, Facts]:
    """The mask of the face by the networks that need a licence."""
    if not request.network().license_number:
        raise StrokeprepError(
            "TotalSegmentator's face networks need a licence number, free for academic use",
            request.where,
            f"Set {backends.LICENSE_VARIABLE}, or choose the backend totalsegmentator, which needs "
            "none.",
        )
    names = FACES["totalsegmentator-face"].weights(request.modality, request.network().fast)
    task = Task(FACE_TASKS[request.modality], ("face",), names, fast=False)
    masks, facts = _masks(request, task)
    return masks["face"], facts


def parts(request: Request) -> tuple[dict[str, sitk.Image], Facts]:
    """Masks of the brain and, on CT, of the skull; what made them."""
    modality, fast = request.modality, request.network().fast
    names = BRAINS["totalsegmentator"].weights(modality, fast)
    masks, facts = _masks(request, Task(TASKS[modality], PARTS[modality], names, fast))
    if "skull" in masks:
        masks["skull"] = skull.refined(masks["skull"], request.image)
    return masks, facts


@dataclass(frozen=True)
class Task:
    """A task of the package, the classes wanted of it, and the models it needs here."""

    name: str
    wanted: tuple[str, ...]
    models: tuple[str, ...]
    fast: bool

    @property
    def subset(self) -> list[str] | None:
        """What the package is asked to find alone.

        It makes the full networks run where the head is; the fast one sees all at once.
        """
        return list(self.wanted) if self.name in TASKS.values() and not self.fast else None


def _masks(request: Request, task: Task) -> tuple[dict[str, sitk.Image], Facts]:
    """The classes that are wanted of a task as masks, and what made them."""
    weights = nnunet.weights(task.models, request.network())
    device = nnunet.device(request.network().device)
    given = _hounsfield(request) if request.modality == "ct" else _integral(request)
    labels = _segmented(given, task, device, request)
    masks = {name: _part(labels, task, name, request) for name in task.wanted}
    digests = {name: digest for name, (_, digest) in weights.items()}
    return masks, nnunet.facts(PACKAGE, digests, device, Task=task.name, Fast=task.fast)


def _segmented(nifti: nib.Nifti1Image, task: Task, device: str, request: Request) -> np.ndarray:
    """The package's label image of a task, on the grid of ``nifti``; integers in, integers out."""
    settings = request.network()
    with nnunet.limits(settings.threads) as private, _alone(private, settings):
        from totalsegmentator.python_api import totalsegmentator

        with nnunet.quick_lookup():
            result = nnunet.on_memory(
                lambda: totalsegmentator(
                    nifti,
                    None,
                    ml=True,
                    task=task.name,
                    fast=task.fast,
                    roi_subset=task.subset,
                    device=device.replace("cuda", "gpu"),
                    nr_thr_resamp=1,
                    nr_thr_saving=1,
                    quiet=True,
                ),
                request.where,
            )
    if result.shape != nifti.shape or not np.allclose(result.affine, nifti.affine, atol=1e-3):
        raise ValueError(f"TotalSegmentator left the grid of {request.where}")
    return np.asarray(result.dataobj)


@contextmanager
def _alone(private: Path, settings: NetworkSettings) -> Iterator[None]:
    """A home for one run, without statistics and without downloads."""
    home = private / "totalsegmentator"
    home.mkdir()
    config = {
        "totalseg_id": "strokeprep",
        "send_usage_stats": False,
        "prediction_counter": 0,
        "statistics_disclaimer_shown": True,
    }
    if settings.license_number:
        config["license_number"] = settings.license_number
    (home / "config.json").write_text(json.dumps(config))
    variables = {
        "TOTALSEG_HOME_DIR": str(home),
        "TOTALSEG_WEIGHTS_PATH": str(Path(settings.folder).resolve() / "totalsegmentator"),
    }
    with ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, variables))
        from totalsegmentator import nnunet as runner
        from totalsegmentator import python_api

        # The weights have been verified before. The package would only look for folder names, and
        # delete those of older releases from the shared folder.
        stack.enter_context(
            mock.patch.object(python_api, "download_pretrained_weights", lambda task_id: None)
        )
        stack.enter_context(mock.patch.object(runner, "nnUNetPredictor", nnunet.in_process()))
        yield


def _hounsfield(request: Request) -> nib.Nifti1Image:
    """CT as whole numbers; refused where its values cannot be Hounsfield units."""
    data = images.array(request.image)
    low, high = float(data.min()), float(data.max())
    if low > AIR_BELOW_HU or high < BONE_ABOVE_HU:
        raise StrokeprepError(
            f"The values run from {low:g} to {high:g}, which are not Hounsfield units of a head",
            request.where,
            "Convert the scan again with its rescale slope and intercept.",
        )
    return nib.Nifti1Image(np.rint(data).astype(np.int32), images.affine(request.image))


def _integral(request: Request) -> nib.Nifti1Image:
    """MR as whole numbers, scaled so that rounding does no harm; networks normalise it anyway."""
    data = images.array(request.image).astype(np.float32)
    bright = float(np.percentile(np.abs(data), PERCENTILE))
    if bright == 0:
        raise StrokeprepError("The image is empty", request.where, "Remove it from the study.")
    if not COARSEST <= bright <= FINEST:
        data *= SIGNAL / bright
        bright = SIGNAL
    # A stray voxel must not leave the range of int32.
    whole = np.rint(np.clip(data, -100 * bright, 100 * bright)).astype(np.int32)
    return nib.Nifti1Image(whole, images.affine(request.image))


def _part(labels: np.ndarray, task: Task, name: str, request: Request) -> sitk.Image:
    """One class as a mask; an empty one is refused, which the package does not do."""
    from totalsegmentator.map_to_binary import class_map

    number = next(number for number, each in class_map[task.name].items() if each == name)
    part = labels == number
    if not part.any():
        raise StrokeprepError(
            f"TotalSegmentator ({task.name}) found no {name}",
            request.where,
            "Look at the image; if it shows a head, choose the template backend for it.",
        )
    return images.like(part.astype(np.uint8), request.image)

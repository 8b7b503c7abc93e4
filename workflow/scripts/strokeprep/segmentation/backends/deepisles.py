"""Infarcts by the container of DeepISLES, named by its digest, run by Apptainer or Docker.

It takes a GPU of an older kind, whatever it is told, and ignores what its three methods report of
themselves: where one fails, the vote goes on with the others. It runs in a folder of its own here, and
what it leaves there is counted.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import images
from strokeprep.segmentation import proposals
from strokeprep.segmentation.proposals import Diffusion

LONGEST_S = 1800
INSIDE = "/app/data"  # where the container looks for its input
RESULT = Path("results/lesion_msk.nii.gz")
METHODS = ("seals", "nvauto", "factorizer")  # by their folders; without FLAIR the first runs alone
NEWEST_GPU = 9.0  # compute capability that its torch 1.11 with CUDA 11.3 has no kernels for


def infarct(request: Diffusion) -> tuple[sitk.Image, dict[str, Any]]:
    """What DeepISLES calls an infarct, on the grid of the images, and what made it."""
    container = str(request.container)  # the config has one
    engine = _engine()
    _require_gpu()
    with tempfile.TemporaryDirectory(prefix="strokeprep-") as name:
        folder = Path(name)
        back = proposals.put(request.trace, folder / "dwi.nii.gz")
        proposals.put(request.adc, folder / "adc.nii.gz")
        if request.flair:
            proposals.put(images.read(request.flair), folder / "flair.nii.gz")
        call = command(engine, container, folder, with_flair=bool(request.flair))
        _run(call, request.where, folder.name)
        methods = _methods(folder, request)
        mask = _mask(folder, request, back)
    about = {"Package": "DeepISLES", "Container": container, "Engine": engine, "Methods": methods}
    return mask, {"Model": about}


def command(engine: str, container: str, folder: Path, *, with_flair: bool) -> list[str]:
    """The call of the container on a folder."""
    given = ["--dwi_file_name", "dwi.nii.gz", "--adc_file_name", "adc.nii.gz"]
    given += ["--flair_file_name", "flair.nii.gz"] if with_flair else []
    given += ["--save_team_outputs"]
    if engine == "docker":
        start = ["docker", "run", "--rm", "--gpus", "all", "--network", "none"]
        start += ["--name", folder.name]
        return [*start, "--volume", f"{folder}:{INSIDE}", container, *given]
    start = ["apptainer", "run", "--nv", "--writable-tmpfs", "--bind", f"{folder}:{INSIDE}"]
    return [*start, "--pwd", "/app", f"docker://{container}", *given]


def _engine() -> str:
    engine = next((each for each in ("apptainer", "docker") if shutil.which(each)), None)
    if engine is None:
        raise StrokeprepError(
            "DeepISLES is a container, and neither Apptainer nor Docker is here",
            "proposal.backend",
            "Install one, or set proposal.backend to stroke-segmentor.",
        )
    return engine


def _require_gpu() -> None:
    """A GPU that the container can use: on another it finds nothing, and says nothing."""
    asked = ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60)
        newest = max(float(line) for line in told.stdout.split())
    except (OSError, ValueError, subprocess.SubprocessError):
        newest = None
    if newest is None or newest >= NEWEST_GPU:
        what = "there is none" if newest is None else f"this one's compute capability is {newest}"
        raise StrokeprepError(
            f"DeepISLES needs an NVIDIA GPU of compute capability below {NEWEST_GPU}, and {what}",
            "nvidia-smi",
            "Run it on such a GPU, or set proposal.backend to stroke-segmentor.",
        )


def _run(call: list[str], where: str, name: str) -> None:
    """Run the container; its words go to the log. One that takes too long is ended."""
    print(" ".join(call), flush=True)
    # With a session of its own all that Apptainer started can be ended.
    process = subprocess.Popen(call, start_new_session=True)
    try:
        status = process.wait(timeout=LONGEST_S)
    except subprocess.TimeoutExpired as error:
        raise StrokeprepError(
            f"DeepISLES was not done after {LONGEST_S} s", where, "Read the log of this job."
        ) from error
    finally:
        _end(process, call[0], name)
    if status:
        raise StrokeprepError(
            f"DeepISLES ended with status {status}", where, "Read the log of this job."
        )


def _end(process: subprocess.Popen, engine: str, name: str) -> None:
    """End what a container still runs. Docker's runs under its daemon, not under the call."""
    if process.poll() is None:
        if engine == "docker":
            subprocess.run(["docker", "kill", name], check=False)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _methods(folder: Path, request: Diffusion) -> list[str]:
    """The methods that left a mask; fewer than there should be are refused."""
    left = [name for name in METHODS if list(folder.glob(f"results/**/{name}/*.nii.gz"))]
    missing = [name for name in METHODS[: None if request.flair else 1] if name not in left]
    if missing:
        raise StrokeprepError(
            f"DeepISLES went on without {' and '.join(missing)}, which left no mask",
            request.where,
            "Read the log of this job.",
        )
    return left


def _mask(folder: Path, request: Diffusion, back: np.ndarray) -> sitk.Image:
    if not (folder / RESULT).exists():
        raise StrokeprepError("DeepISLES left no mask", request.where, "Read the log of this job.")
    nifti, given = nib.load(folder / RESULT), nib.load(folder / "dwi.nii.gz")
    if nifti.shape != given.shape or not np.allclose(nifti.affine, given.affine, atol=1e-3):
        raise StrokeprepError(
            "DeepISLES left the grid of the trace image", request.where, "Read the log of this job."
        )
    data = nib.orientations.apply_orientation(np.asarray(nifti.dataobj), back)
    return images.like(np.ascontiguousarray(data), request.trace)

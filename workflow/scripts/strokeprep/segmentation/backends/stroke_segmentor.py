"""Infarcts by stroke_segmentor: 15 networks on DWI and ADC, with weights that are verified.

The package asks a server for its weights at every call, and replaces them without a word where there
are newer ones. Here it is told the folder. A network that answers with no numbers, as in half precision
on a GPU, would count as one that finds nothing; here it is an error.
"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

import nibabel as nib
import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import images
from strokeprep.segmentation import nnunet, proposals
from strokeprep.segmentation.proposals import Diffusion

PACKAGE, MODEL, NETWORKS = "stroke_segmentor", "stroke-segmentor", 15


def infarct(request: Diffusion) -> tuple[sitk.Image, dict[str, Any]]:
    """What the networks call an infarct, on the grid of the images, and what made it."""
    [(folder, digest)] = nnunet.weights([MODEL], request.networks).values()
    device = nnunet.device(request.networks.device)
    with nnunet.limits(request.networks.threads) as private:
        paths = {name: private / f"{name}.nii.gz" for name in ("adc", "dwi")}
        back = proposals.put(request.adc, paths["adc"])
        proposals.put(request.trace, paths["dwi"])
        found = nnunet.on_memory(lambda: _predicted(paths, folder, device), request.where)
    upright = found.transpose(2, 1, 0)  # the package gives z, y, x of what it read
    data = nib.orientations.apply_orientation(upright, back)
    mask = images.like(np.ascontiguousarray(data), request.trace)
    return mask, _facts(digest, device)


def _predicted(paths: dict[str, Path], weights: Path, device: str) -> np.ndarray:
    """The package's answer, from its own code."""
    import torch
    from stroke_segmentor import model_handler

    load, used = torch.jit.load, []

    def checked(path: Path) -> torch.nn.Module:
        used.append(path)
        return _with_checks(load(path, map_location="cpu"), str(path))

    place = nullcontext() if device == "cpu" else torch.cuda.device(device)
    told = mock.patch.object(model_handler, "fetch_weights", lambda: weights)
    with told, mock.patch.object(torch.jit, "load", checked), place:
        handler = model_handler.ModelHandler(force_cpu=device == "cpu")
        found = handler.infer(adc_path=paths["adc"], dwi_path=paths["dwi"])
    if len(set(used)) != NETWORKS:
        raise ValueError(f"{len(set(used))} of {NETWORKS} networks were asked")
    return found


def _with_checks(network: Any, where: str) -> Any:
    """The same network, which refuses to answer with values that are no numbers."""
    import torch

    class Checked(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            answer = self.network(image)
            if not torch.isfinite(answer).all():
                raise StrokeprepError(
                    "A network answered with values that are no numbers",
                    where,
                    "Set models.device to cpu, and look at the images.",
                )
            return answer

    return Checked()


def _facts(digest: str, device: str) -> dict[str, Any]:
    from importlib import metadata

    packages = {name: metadata.version(name) for name in ("monai", "torch")}
    return {
        "Model": {
            "Package": PACKAGE,
            "Version": metadata.version(PACKAGE),
            "Monai": packages["monai"],
            "Torch": packages["torch"],
            "Weights": {MODEL: f"sha256:{digest}"},
            "Device": device.partition(":")[0],
            "Networks": NETWORKS,
        }
    }

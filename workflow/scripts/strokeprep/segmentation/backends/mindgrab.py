"""Brain masks by MindGrab, a small network for CT and for MR of any contrast. Needs no torch.

The network sees a cube of 256 mm at 1 mm, in the orientation that FreeSurfer conforms to, because
it was trained on such cubes and normalises over all of one.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io import images
from strokeprep.segmentation import meshnet
from strokeprep.segmentation.request import Request
from strokeprep.segmentation.weights import store

MODEL, FILE = "mindgrab", "model.bin"

SIZE = 256  # voxels of 1 mm

# The axes of the cube (LPS): to the left, down, to the front.
DIRECTION = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0, -1.0, 0.0)

# The grey values (percentiles of the cube) that become 0 and 1.
DARK, BRIGHT = 2, 98

# On CT, soft tissue gets most of the range of grey values: HU, and what becomes of it.
HU, SPREAD = (-1000, -100, 100, 4100), (0, 10, 210, 410)

MOST_PIECES = 5  # whose volumes are told


def brain(request: Request) -> tuple[sitk.Image, dict[str, Any]]:
    """The brain (uint8 on the image's grid), how the network's answer looked, and what made it."""
    folder, digest = store.verified(MODEL, request.network().folder, request.network().sha256)
    weights = meshnet.read(folder / FILE)
    mask, facts = segmented(request, weights, SIZE)
    model = {"Package": "MindGrab", "Weights": {MODEL: f"sha256:{digest}"}, "Device": "cpu"}
    return mask, facts | {"Model": model}


def segmented(
    request: Request, weights: meshnet.Weights, size: int
) -> tuple[sitk.Image, dict[str, Any]]:
    """The largest piece of what the network calls brain, holes filled, and figures of all pieces."""
    cube = conformed(request.image, request.modality, size)
    grey = normalised(images.array(cube), request.where)
    background, brain = meshnet.scores(grey, weights, request.network().threads)
    answer = images.like((brain > background).astype(np.uint8), cube)
    pieces = sitk.RelabelComponent(sitk.ConnectedComponent(answer))
    facts = _facts(pieces, request.where)
    whole = sitk.BinaryFillhole(pieces == 1)
    return _on_grid(whole, request.image), facts


def conformed(image: sitk.Image, modality: str, size: int) -> sitk.Image:
    """The image in a cube of voxels of 1 mm around its middle.

    Of a scan that is taller than the cube, the upper end is taken: that is where the brain is.
    """
    grey = sitk.Cast(image, sitk.sitkFloat32)
    if modality == "ct":
        grey = images.like(np.interp(images.array(grey), HU, SPREAD).astype(np.float32), image)
    grid = _cube(image, size)
    darkest = float(sitk.GetArrayViewFromImage(grey).min())
    return sitk.Resample(grey, grid, sitk.Transform(), sitk.sitkLinear, darkest)


def normalised(grey: np.ndarray, where: str) -> np.ndarray:
    """Grey values from 0 to 1."""
    dark, bright = np.percentile(grey, (DARK, BRIGHT))
    if not bright > dark:
        raise StrokeprepError(
            "Nearly all of the image has one grey value",
            where,
            "Look at the image; remove the scan from the study if it shows no head.",
        )
    return np.clip((grey - dark) / (bright - dark), 0, 1).astype(np.float32)


def _cube(image: sitk.Image, size: int) -> sitk.Image:
    """An empty cube of voxels of 1 mm around the image's middle, or below its upper end."""
    ends = [(-0.5, count - 0.5) for count in image.GetSize()]
    corners = np.array(
        [image.TransformContinuousIndexToPhysicalPoint(each) for each in product(*ends)]
    )
    low, high = corners.min(axis=0), corners.max(axis=0)
    middle = (low + high) / 2
    middle[2] = max(middle[2], high[2] - size / 2)
    cube = sitk.Image([size] * 3, sitk.sitkUInt8)
    cube.SetDirection(DIRECTION)
    to_first = np.reshape(DIRECTION, (3, 3)) @ np.full(3, (size - 1) / 2)
    cube.SetOrigin((middle - to_first).tolist())
    return cube


def _facts(pieces: sitk.Image, where: str) -> dict[str, Any]:
    """How many pieces the answer is in, and their volumes; an empty one is refused."""
    found = sitk.LabelShapeStatisticsImageFilter()
    found.Execute(pieces)
    voxels = [found.GetNumberOfPixels(label) for label in found.GetLabels()]
    if not voxels:
        raise StrokeprepError(
            "MindGrab found no brain",
            where,
            "Look at the image; if it shows a head, set brain.ct or brain.mr to another backend.",
        )
    return {
        "Pieces": len(voxels),
        "PiecesMl": [round(each / 1000, 3) for each in voxels[:MOST_PIECES]],
        "LargestShare": round(voxels[0] / sum(voxels), 4),
    }


def _on_grid(mask: sitk.Image, image: sitk.Image) -> sitk.Image:
    """A mask of the cube on the image's grid, its surface interpolated."""
    share = sitk.Resample(
        sitk.Cast(mask, sitk.sitkFloat32), image, sitk.Transform(), sitk.sitkLinear
    )
    return sitk.Cast(share >= 0.5, sitk.sitkUInt8)

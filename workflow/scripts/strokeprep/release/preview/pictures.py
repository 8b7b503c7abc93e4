"""The pictures of a case in the preview: one axial slice of each image, as a radiologist sees it.

The patient's right is on the left and the front is up, whatever the storage order. A pixel is as high
as it is wide. Pictures are made of the files of the release alone.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from PIL import Image
from scipy import ndimage

from strokeprep.drawing.palette import VERMILION
from strokeprep.drawing.pictures import picture
from strokeprep.errors import StrokeprepError
from strokeprep.io import images

PIXELS = 384  # along the longer side
# The values shown as black and white: windows that are usual for stroke (HU), and seconds of Tmax.
WINDOWS = {"ncct": (0, 80), "cta": (-125, 475), "tmax": (0, 16)}
BRIGHTEST = 99.5  # percentile of MR that is shown as white
COLOURS = "turbo"
# The ends of the names of the images that are shown, by column of the preview.
ENDS = {
    "ncct": "ses-01_ncct",
    "cta": "space-ncct_cta",
    "tmax": "space-ncct_tmax",
    "dwi": "space-ncct_dwi",
    "adc": "space-ncct_adc",
}
LARGEST_LABEL = 255  # of 8 bits
LESION, LVO, COW = "lesion-msk", "lvo-msk", "cow-msk"
OVERLAYS = {"lesion_overlay_ncct": "ncct", "lesion_overlay_dwi": "dwi"}


def of_case(case: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a case in the preview, but for its name; pictures are PNG in base 64."""
    lesion = _opened(case, LESION)
    if lesion is None:
        raise StrokeprepError(
            "Case has no lesion mask to show", LESION, "Release it without preview."
        )
    drawn, axis = _voxels(lesion), _axial(lesion)[0]
    areas = np.count_nonzero(drawn, axis=tuple({0, 1, 2} - {axis}))
    index = int(areas.argmax()) if areas.any() else drawn.shape[axis] // 2
    row = {
        "shape": str(drawn.shape),
        "n_slices": int(drawn.shape[axis]),
        "display_slice": index,
        "lesion_voxels": int(np.count_nonzero(drawn)),
        "has_lvo": bool(_labels(case, LVO)),
        "cow_classes": len(_labels(case, COW)),
    }
    shown = _shown(case, lesion, index)
    return row | {
        name: base64.b64encode(picture(image).png).decode() for name, image in shown.items()
    }


def _shown(case: Mapping[str, Any], lesion: nib.Nifti1Image, index: int) -> dict[str, Image.Image]:
    """The pictures by column of the preview; of images on other grids than the lesion there is none."""
    shown = {}
    for name, end in ENDS.items():
        nifti = _opened(case, end)
        if nifti is not None and nifti.shape == lesion.shape:
            shown[name] = _sized(_seen(_cut(nifti, index), name), nifti)
    inside = _sized(Image.fromarray((_cut(lesion, index) > 0).astype(np.uint8)), lesion, True)
    outline = np.asarray(inside) > 0
    outline &= ~ndimage.binary_erosion(outline, iterations=2)
    for name, under in OVERLAYS.items():
        if under in shown:
            pixels = np.asarray(shown[under].convert("RGB")).copy()
            pixels[outline] = VERMILION
            shown[name] = Image.fromarray(pixels)
    return shown


def _opened(case: Mapping[str, Any], end: str) -> nib.Nifti1Image | None:
    """The image of the release whose name ends like this, if the case has it."""
    found = (file["source"] for file in case["files"] if file["path"].endswith(end))
    return next((images.open_nifti(Path(path)) for path in found), None)


def _labels(case: Mapping[str, Any], end: str) -> list[int]:
    """The numbers of a segmentation, without that of the background."""
    nifti, there = _opened(case, end), np.zeros(LARGEST_LABEL + 1, bool)
    if nifti is not None:
        there[_voxels(nifti)] = True
    return np.flatnonzero(there[1:]).tolist()


def _voxels(nifti: nib.Nifti1Image) -> np.ndarray:
    return images.voxels(nifti, Path(nifti.get_filename()))


# --- Slices ---------------------------------------------------------------------------------------


def _axial(nifti: nib.Nifti1Image) -> tuple[int, int, int]:
    """The axes of the voxels that run to the head, to the left or right, and to the front or back."""
    along = [int(axis) for axis in nib.io_orientation(nifti.affine)[:, 0]]
    return along.index(2), along.index(0), along.index(1)


def _cut(nifti: nib.Nifti1Image, index: int) -> np.ndarray:
    """An axial slice as rows and columns on screen. No more of the file is read than it takes."""
    up, across, down = _axial(nifti)
    at: list[slice | int] = [slice(None)] * 3
    at[up] = index
    plane = np.asarray(nifti.dataobj[tuple(at)], np.float32)
    plane = plane.T if across < down else plane
    ways = nib.io_orientation(nifti.affine)[:, 1]
    return plane[:: -1 if ways[down] > 0 else 1, :: -1 if ways[across] > 0 else 1]


def _seen(plane: np.ndarray, name: str) -> Image.Image:
    """A slice in its window, in grey or, for Tmax, in colours; what is no brain is black there."""
    low, high = WINDOWS.get(name) or _of_mr(plane)
    share = (np.clip((plane - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    if name != "tmax":
        return Image.fromarray(share)
    coloured = _colours()[share]
    coloured[plane == 0] = 0
    return Image.fromarray(coloured)


def _of_mr(plane: np.ndarray) -> tuple[float, float]:
    inside = plane[plane > 0]
    return 0.0, float(np.percentile(inside, BRIGHTEST)) if len(inside) else 1.0


def _sized(image: Image.Image, nifti: nib.Nifti1Image, nearest: bool = False) -> Image.Image:
    """A slice with square pixels."""
    _, across, down = _axial(nifti)
    zooms = nifti.header.get_zooms()
    width, height = image.width * zooms[across], image.height * zooms[down]
    scale = PIXELS / max(width, height)
    way = Image.Resampling.NEAREST if nearest or image.mode == "RGB" else Image.Resampling.BICUBIC
    return image.resize((max(1, round(width * scale)), max(1, round(height * scale))), way)


@cache
def _colours() -> np.ndarray:
    from matplotlib import colormaps  # slow to load

    return (colormaps[COLOURS](np.linspace(0, 1, 256))[:, :3] * 255).astype(np.uint8)

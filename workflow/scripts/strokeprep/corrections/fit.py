"""Whether a mask can be what it says it is: its values, its size, and what the image shows there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from strokeprep.corrections.targets import VESSELS
from strokeprep.errors import StrokeprepError
from strokeprep.io import images
from strokeprep.kinds import BRAIN, FACE, LabelKind

BRAIN_ML = (50.0, 2600.0)
LARGEST_SHARE = 0.6  # of an image that a mask fills; a brain in a tight box fills half of it
VESSEL_ML = 50.0  # more than the largest sinus
# What an image must show under a mask: shares of its voxels.
LEAST_TISSUE = {BRAIN.name: 0.7}
LEAST_INSIDE = 0.3  # an occlusion in bone of the skull base still lies half in tissue
# By which a flipped mask must fit better to be taken for the right one. Both halves of a head are alike,
# so a brain gains little; what is small gains much by chance.
FLIP_GAIN = {BRAIN.name: 0.01}
SMALL_FLIP_GAIN = 0.3
TISSUE_HU = (-50.0, 150.0)
VESSEL_HU = (-50.0, 1500.0)
SIDES = ("first", "second", "third")


def check(
    mask: sitk.Image,
    image: sitk.Image,
    kind: LabelKind,
    modality: str,
    path: Path,
    names: Mapping[int, str],
) -> sitk.Image:
    """The mask (uint8 or uint16), fit to be used; refused if it cannot be what it is named."""
    marked = images.array(mask)
    if kind.suffix == "mask":
        marked = _one_value(marked, names, path)
    if not marked.any():
        raise StrokeprepError(
            "Nothing is marked",
            path,
            "Save the right layer; to do without what it corrects, take the file away.",
        )
    _check_size(marked, mask, kind, path)
    if kind is not FACE:
        _check_place(marked > 0, images.array(image), kind, modality, path)
    return images.like(marked, mask)


def _one_value(marked: np.ndarray, names: Mapping[int, str], path: Path) -> np.ndarray:
    """A mask of ones; several values are several things, of which a person has to choose one."""
    values = [int(value) for value in np.unique(marked) if value]
    if len(values) > 1:
        called = ", ".join(f"{value} ({names[value]})" if value in names else str(value)
                           for value in values[:5])  # fmt: skip
        raise StrokeprepError(
            f"The mask holds {len(values)} values: {called}",
            path,
            "Keep the one that is meant, and erase the others.",
        )
    return (marked > 0).astype(np.uint8)


def _check_size(marked: np.ndarray, mask: sitk.Image, kind: LabelKind, path: Path) -> None:
    count = int(np.count_nonzero(marked))
    volume = count * float(np.prod(mask.GetSpacing())) / 1000
    if count > LARGEST_SHARE * marked.size:
        share = count / marked.size
        remedy = "Invert it: what is meant is marked by 1, and all else by 0."
        raise StrokeprepError(f"The mask fills {share:.0%} of its image", path, remedy)
    if kind is BRAIN and not BRAIN_ML[0] < volume < BRAIN_ML[1]:
        remedy = "Mark the whole brain that the image shows, and nothing else."
        raise StrokeprepError(f"The brain mask holds {volume:.0f} ml", path, remedy)
    if kind.name in VESSELS and volume > VESSEL_ML:
        remedy = "Mark a few voxels in the middle of the vessel."
        raise StrokeprepError(f"The {kind.name} holds {volume:.0f} ml", path, remedy)


def _check_place(
    marked: np.ndarray, image: np.ndarray, kind: LabelKind, modality: str, path: Path
) -> None:
    """Refuse a mask that lies in air or bone, and one that would not if it were flipped."""
    shown = _shown(image, kind, modality)
    share = float(shown[marked].mean())
    flipped = {axis: float(np.flip(shown, axis)[marked].mean()) for axis in range(3)}
    best = max(flipped, key=lambda axis: flipped[axis])
    least = LEAST_TISSUE.get(kind.name, LEAST_INSIDE)
    if flipped[best] > max(share + FLIP_GAIN.get(kind.name, SMALL_FLIP_GAIN), least):
        raise StrokeprepError(
            f"The mask is flipped: along its {SIDES[best]} axis the other way round "
            f"{flipped[best]:.0%} of it lies in tissue, as it is {share:.0%}",
            path,
            "Save it with the orientation of the image, or flip it.",
        )
    if share < least:
        raise StrokeprepError(
            f"Only {share:.0%} of the mask lies in tissue",
            path,
            "It may be of another patient, or drawn on another image: look at it over this one.",
        )


def _shown(image: np.ndarray, kind: LabelKind, modality: str) -> np.ndarray:
    """Where an image shows tissue, or a vessel for what lies in vessels."""
    if modality == "ct":
        low, high = TISSUE_HU if kind.name in (BRAIN.name, "lesion") else VESSEL_HU
        return (image > low) & (image < high)
    level = sitk.OtsuThresholdImageFilter()
    level.Execute(sitk.GetImageFromArray(image.astype(np.float32)))
    return image > level.GetThreshold() / 4  # brain is darker than fat, and air darker than both

"""Masks as ITK-SNAP, 3D Slicer and MRIcroGL save them, brought onto the grid of their image.

An editor may turn or flip the axes of an image, or keep only the box around what is marked. As long
as each voxel of the mask lies on a voxel of the image, it is put there without interpolation.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.gate import header_checks
from strokeprep.io import images, labels
from strokeprep.settings.gate import GateSettings

MISPLACED_VOXELS = 0.1  # the farthest that a corner of a mask may lie from a voxel of the image
NIFTI = (".nii", ".nii.gz")
GZIP = b"\x1f\x8b"
SEGMENT = re.compile(r"Segment(\d+)_LabelValue")
SAVE_AGAIN = "Save it again, as one volume with the geometry of the image."
EXPORT = "Export the segmentation as one label map (NIfTI or NRRD), on the geometry of the image."


@dataclass(frozen=True)
class Drawn:
    """A mask as it was saved: its values, and the names that an editor gave to them."""

    image: sitk.Image
    names: Mapping[int, str]


def read(path: Path) -> Drawn:
    """The mask in a file, whatever the editor."""
    return _nrrd(path) if path.suffix == ".nrrd" else Drawn(_nifti(path), {})


def _nifti(path: Path) -> sitk.Image:
    """A mask in a NIfTI file; MRIcroGL may end its name in ``.voi``."""
    if path.suffix != ".voi":
        return _checked(path, path)
    with path.open("rb") as file:
        ending = ".nii.gz" if file.read(2) == GZIP else ".nii"
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / f"voi{ending}"
        link.symlink_to(path.resolve())
        return _checked(link, path)


def _checked(file: Path, path: Path) -> sitk.Image:
    """The mask in a NIfTI file whose header is sound; ``path`` is what errors call it."""
    try:
        found = header_checks.of_header(images.open_nifti(file), file, 3, GateSettings())
        for finding in found:
            if finding.refused:
                raise finding.error()
        image = images.read(file)
    except StrokeprepError as error:  # its remedy is for a scan
        raise StrokeprepError(error.what, path, SAVE_AGAIN) from error
    return labels.counted(image, path)


def _nrrd(path: Path) -> Drawn:
    """A label map or a segmentation of 3D Slicer, whose segments may lie in layers."""
    reader = sitk.ImageFileReader()
    reader.SetImageIO("NrrdImageIO")
    reader.SetFileName(str(path))
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise StrokeprepError(
            "Not a readable NRRD image, or one that is cut short", path, SAVE_AGAIN
        ) from error
    if image.GetDimension() != 3:
        raise StrokeprepError(f"{image.GetDimension()}D image, 3D expected", path, EXPORT)
    about = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    numbers = [match[1] for key in about if (match := SEGMENT.fullmatch(key))]
    if not numbers:
        return Drawn(_scalar(image, path), {})
    return _joined(image, [_Segment.of(about, number) for number in numbers], path)


@dataclass(frozen=True)
class _Segment:
    """A segment of 3D Slicer: the layer and the value that mark it."""

    name: str
    layer: int
    value: int

    @classmethod
    def of(cls, about: Mapping[str, str], number: str) -> _Segment:
        key = f"Segment{number}_"
        name = about.get(f"{key}Name") or about.get(f"{key}ID", f"segment {number}")
        return cls(name, int(about.get(f"{key}Layer", 0)), int(about[f"{key}LabelValue"]))


def _joined(image: sitk.Image, segments: list[_Segment], path: Path) -> Drawn:
    """Segments in one label map. Those of several layers get values of their own, in their order."""
    layers = image.GetNumberOfComponentsPerPixel()
    if layers == 1:
        return Drawn(_scalar(image, path), {each.value: each.name for each in segments})
    values = np.moveaxis(sitk.GetArrayFromImage(image), -1, 0)
    joined = np.zeros(values.shape[1:], np.uint8)
    for value, each in enumerate(segments, 1):
        here = values[each.layer] == each.value
        if (joined[here] > 0).any():
            raise StrokeprepError("Segments overlap", path, f"{EXPORT} A voxel has one value.")
        joined[here] = value
    made = sitk.GetImageFromArray(joined)
    made.CopyInformation(image)
    return Drawn(made, {value: each.name for value, each in enumerate(segments, 1)})


def _scalar(image: sitk.Image, path: Path) -> sitk.Image:
    """An image of whole numbers, one in each voxel, as unsigned integers."""
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise StrokeprepError("The image has several values in each voxel", path, EXPORT)
    return labels.counted(image, path)


def together(paths: Sequence[Path]) -> tuple[list[np.ndarray], sitk.Image]:
    """Masks of one image, each as its editor cut it, in the box that holds all; and the box's grid."""
    read_masks = [labels.read(p) if p.name.endswith(NIFTI) else read(p).image for p in paths]
    first, name = read_masks[0], paths[0].name
    placed = [_placement(m, first, p, name) for m, p in zip(read_masks, paths, strict=True)]
    sizes = [
        np.array(m.GetSize())[axes] for m, (axes, _, _) in zip(read_masks, placed, strict=True)
    ]
    starts = np.array([start for _, _, start in placed])
    low, high = starts.min(0), (starts + sizes).max(0)
    grid = sitk.Image([int(size) for size in high - low], sitk.sitkUInt8)
    grid.SetSpacing(first.GetSpacing())
    grid.SetDirection(first.GetDirection())
    grid.SetOrigin(first.TransformContinuousIndexToPhysicalPoint([float(each) for each in low]))
    on_it = [on_grid(m, grid, p, name) for m, p in zip(read_masks, paths, strict=True)]
    return [images.array(each) for each in on_it], grid


def on_grid(mask: sitk.Image, grid: sitk.Image, path: Path, image: str) -> sitk.Image:
    """The mask on the grid of its image, which errors call ``image``."""
    axes, flips, start = _placement(mask, grid, path, image)
    values = np.flip(np.transpose(images.array(mask), axes), flips)
    shape = grid.GetSize()
    inside = tuple(
        slice(max(-first, 0), max(size - first, 0))
        for first, size in zip(start, shape, strict=True)
    )
    kept = values[inside]
    if np.count_nonzero(kept) < np.count_nonzero(values):
        turned = ", and an axis runs the other way" if flips else ""
        raise _elsewhere(f"What is marked reaches out of the image{turned}", path, image)
    whole = np.zeros(shape, values.dtype)
    first = [max(each, 0) for each in start]
    whole[tuple(slice(a, a + n) for a, n in zip(first, kept.shape, strict=True))] = kept
    return images.like(whole, grid)


def _placement(
    mask: sitk.Image, grid: sitk.Image, path: Path, image: str
) -> tuple[list[int], list[int], list[int]]:
    """For each axis of the grid the mask's; which are then flipped; and where the mask starts."""
    to_index = np.linalg.inv(images.affine(grid)) @ images.affine(mask)
    turn = np.rint(to_index[:3, :3])
    if not (np.abs(turn).sum(0) == 1).all() or not (np.abs(turn).sum(1) == 1).all():
        spacings = (_product(each.GetSpacing()) for each in (mask, grid))
        raise _elsewhere(
            "Its voxels are {}, those of the image {} mm".format(*spacings), path, image
        )
    size = np.array(mask.GetSize())
    corners = np.array(np.meshgrid(*([0, n - 1] for n in size), indexing="ij")).reshape(3, -1)
    shift = np.rint(to_index[:3, 3])
    off = (to_index[:3, :3] @ corners + to_index[:3, 3:]) - (turn @ corners + shift[:, None])
    if np.abs(off).max() > MISPLACED_VOXELS:
        raise _elsewhere(f"Voxels lie {np.abs(off).max():.2g} voxels apart", path, image)
    axes = [int(np.argmax(np.abs(row))) for row in turn]
    flips = [axis for axis, row in enumerate(turn) if row.sum() < 0]
    low = (turn @ corners + shift[:, None]).min(axis=1)
    return axes, flips, [int(each) for each in low]


def _elsewhere(how: str, path: Path, image: str) -> StrokeprepError:
    return StrokeprepError(
        f"The mask does not lie on the grid of {image}. {how}",
        path,
        "Draw it on that image (strokeprep correct lays it out), and save it without resampling.",
    )


def _product(values: tuple[float, ...]) -> str:
    return " x ".join(f"{value:.4g}" for value in values)

"""The gate: what a raw file must be before anything is computed from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from strokeprep import images, labels
from strokeprep.errors import StrokeprepError, combined

# Headers are float32, so two grids that are meant to be one differ by this much at most.
SAME_GRID_MM = 1e-2


def admit(
    scans: Iterable[Mapping[str, int]], masks: Mapping[str, str | None]
) -> dict[str, dict[str, Any]]:
    """What each file of a subject holds, or one error that lists every unusable file.

    ``scans`` gives, per scan, its files with the number of dimensions each must have, the file
    the scan's grid is taken from first; ``masks`` gives label files, each with the image whose
    grid it must share, or None.
    """
    report: dict[str, dict[str, Any]] = {}
    faults: list[StrokeprepError] = []
    for scan in scans:
        grid = next(iter(scan))
        for path, ndim in scan.items():
            try:
                report[path] = check_image(Path(path), ndim)
                check_same_grid(Path(path), Path(grid))
            except StrokeprepError as fault:
                faults.append(fault)
    for path, grid in masks.items():
        try:
            report[path] = check_label(Path(path), Path(grid) if grid else None)
        except StrokeprepError as fault:
            faults.append(fault)
    if faults:
        raise combined(faults)
    return report


def check_image(path: Path, ndim: int) -> dict[str, Any]:
    """Shape, spacing and range of an image that is fit for use."""
    nifti = images.open_nifti(path)
    _check_header(nifti, path, ndim)
    data = images.voxels(nifti, path)
    if data.dtype.kind == "f" and not np.isfinite(data).all():
        raise StrokeprepError(
            "The image holds NaN or infinite voxels",
            path,
            "Find out what wrote them; replace the file or remove it from the study.",
        )
    low, high = float(data.min()), float(data.max())
    if low == high:
        raise StrokeprepError(
            f"Every voxel is {low:g}: the image is empty", path, "Convert the scan again."
        )
    return {
        "shape": list(nifti.shape),
        "spacing_mm": [round(float(zoom), 4) for zoom in nifti.header.get_zooms()[:3]],
        "range": [low, high],
        "dtype": str(nifti.get_data_dtype()),
    }


def check_label(path: Path, grid: Path | None) -> dict[str, Any]:
    """The contents of a label file that is fit for use."""
    _check_header(images.open_nifti(path), path, 3)
    content = labels.contents(labels.read(path))
    if grid is not None:
        check_same_grid(path, grid)
    return content


def check_same_grid(path: Path, grid: Path) -> None:
    """Refuse a file whose voxels are not those of the image it belongs to."""
    if path == grid:
        return
    ours, theirs = images.open_nifti(path), images.open_nifti(grid)
    if ours.shape[:3] == theirs.shape[:3] and _corner_distance(ours, theirs) <= SAME_GRID_MM:
        return
    raise StrokeprepError(
        f"The grid differs from that of {grid.name}",
        path,
        "Both must share shape and affine: export them from one series, or resample one onto "
        "the other and check the overlay.",
    )


def _check_header(nifti: nib.Nifti1Image, path: Path, ndim: int) -> None:
    shape = nifti.shape
    if ndim == 3 and len(shape) == 4 and shape[3] == 1:
        shape = shape[:3]
    if len(shape) != ndim:
        raise StrokeprepError(
            f"The image has {len(shape)} dimensions {nifti.shape}, {ndim} expected",
            path,
            "Give a single volume here." if ndim == 3 else "Give the whole time series here.",
        )
    if min(shape) < 2:
        raise StrokeprepError(f"The image is flat, its shape is {shape}", path, "Give a volume.")
    if not (int(nifti.header["qform_code"]) or int(nifti.header["sform_code"])):
        raise StrokeprepError(
            "The header has no affine: both qform and sform code are 0",
            path,
            "Convert the scan again from DICOM; a position cannot be guessed.",
        )
    images.check_affine(nifti.affine, path)


def _corner_distance(ours: nib.Nifti1Image, theirs: nib.Nifti1Image) -> float:
    """The largest distance (mm) between equal corners of two grids of one shape."""
    size = np.array(ours.shape[:3]) - 1
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * size
    apart = nib.affines.apply_affine(ours.affine, corners) - nib.affines.apply_affine(
        theirs.affine, corners
    )
    return float(np.linalg.norm(apart, axis=1).max())

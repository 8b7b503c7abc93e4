"""Check the header of a raw file: data type, shape, position, voxel size, orientation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine
from nibabel.openers import ImageOpener
from nibabel.spatialimages import HeaderDataError

from strokeprep.errors import StrokeprepError
from strokeprep.gate.checks import Finding
from strokeprep.io import images
from strokeprep.settings.gate import GateSettings

SPATIAL_UNITS = {0: "unknown", 1: "metre", 2: "millimetre", 3: "micrometre"}
CONVERT_AGAIN = "Convert the scan again from DICOM."


def shape_of(nifti: nib.Nifti1Image, ndim: int) -> tuple[int, ...]:
    """The shape; a fourth dimension of length 1 is dropped if a volume is expected."""
    shape = nifti.shape
    return shape[:3] if ndim == 3 and len(shape) == 4 and shape[3] == 1 else shape


def of_header(
    nifti: nib.Nifti1Image, path: Path, ndim: int, settings: GateSettings
) -> Iterator[Finding]:
    """Everything wrong with the header of an image that must have ``ndim`` dimensions.

    Each check relies on those before it; none follows a refusal.
    """
    for check in (_length, _data_type, _shape, _position, _sizes, _shear, _forms):
        faults = list(check(nifti, path, ndim, settings))
        yield from faults
        if any(fault.refused for fault in faults):
            return


def as_stored(path: Path, nifti: nib.Nifti1Image) -> nib.Nifti1Header:
    """The header as it is in the file: nibabel silently repairs some faults when it loads one."""
    kind = type(nifti.header)
    with ImageOpener(str(path)) as file:
        block = file.read(kind.template_dtype.itemsize)
    return kind(block, endianness=nifti.header.endianness, check=False)


def corner_distance_mm(ours: np.ndarray, theirs: np.ndarray, shape: tuple[int, ...]) -> float:
    """The largest distance (mm) between corresponding corners of two grids of the same shape."""
    size = np.array(shape[:3]) - 1
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * size
    apart = apply_affine(ours, corners) - apply_affine(theirs, corners)
    return float(np.linalg.norm(apart, axis=1).max())


def same_grid(path: Path, grid: Path, settings: GateSettings) -> Iterator[Finding]:
    """Differences between the grid of a file and that of the image it belongs to."""
    ours, theirs = images.open_nifti(path), images.open_nifti(grid)
    remedy = (
        "Both must share shape and affine: export them from one series, or resample one onto "
        "the other and check the overlay."
    )
    if ours.shape[:3] != theirs.shape[:3]:
        shapes = f"{_product(ours.shape[:3])} voxels, not {_product(theirs.shape[:3])}"
        yield Finding.of("grid", f"The grid differs from that of {grid.name}: {shapes}",
                         path, remedy)  # fmt: skip
        return
    apart = corner_distance_mm(ours.affine, theirs.affine, ours.shape)
    smallest = float(np.linalg.norm(theirs.affine[:3, :3], axis=0).min())
    what = f"The grid differs from that of {grid.name}: corners are {apart:.3g} mm apart"
    if apart > max(settings.grid_mismatch_voxels * smallest, settings.grid_rounding_mm):
        yield Finding.of("grid", what, path, remedy)
    elif apart > settings.grid_rounding_mm:
        yield Finding.of("grid_rounding", what, path, "Nothing, if the overlay looks right.")


def facts(nifti: nib.Nifti1Image) -> dict[str, Any]:
    """The facts about a header for the report."""
    sizes = np.linalg.norm(nifti.affine[:3, :3], axis=0)
    return {
        "shape": list(nifti.shape),
        "spacing_mm": [round(float(size), 4) for size in sizes],
        "axes": "".join(nib.aff2axcodes(nifti.affine)),
        "dtype": str(nifti.get_data_dtype()),
        "qform_code": int(nifti.header["qform_code"]),
        "sform_code": int(nifti.header["sform_code"]),
    }


def _length(nifti, path, ndim, settings) -> Iterator[Finding]:
    stored = as_stored(path, nifti)
    if int(stored["sizeof_hdr"]) != stored.template_dtype.itemsize:
        what = (
            f"The header gives its own length as {int(stored['sizeof_hdr'])} bytes, which is wrong"
        )
        yield Finding.of("unreadable", what, path, CONVERT_AGAIN)


def _data_type(nifti, path, ndim, settings) -> Iterator[Finding]:
    dtype = nifti.get_data_dtype()
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        yield Finding.of(
            "datatype",
            f"The voxels are {_name(dtype)}, not plain numbers",
            path,
            "Give the scan itself, not a colour or complex image of it.",
        )


def _name(dtype: np.dtype) -> str:
    return "colours" if dtype.kind == "V" else str(dtype)


def _shape(nifti, path, ndim, settings) -> Iterator[Finding]:
    shape = shape_of(nifti, ndim)
    if len(shape) != ndim:
        yield Finding.of(
            "dimensions",
            f"The image has {len(shape)} dimensions ({_product(shape)}), {ndim} expected",
            path,
            "Give a single volume here." if ndim == 3 else "Give the whole time series here.",
        )
    elif min(shape[:3]) < 2 or (ndim == 4 and shape[3] < 2):
        yield Finding.of(
            "dimensions",
            f"The image is flat, its shape is {_product(shape)}",
            path,
            "Give a volume.",
        )
    elif max(shape) > 4096:  # voxels or frames; no scan is that long
        what = f"No scan has {_product(shape)} voxels, the header is damaged"
        yield Finding.of("dimensions", what, path, CONVERT_AGAIN)


def _position(nifti, path, ndim, settings) -> Iterator[Finding]:
    if not (int(nifti.header["qform_code"]) > 0 or int(nifti.header["sform_code"]) > 0):
        yield Finding.of(
            "no_position",
            "The header has no affine: both qform and sform code are 0",
            path,
            f"{CONVERT_AGAIN} A position cannot be guessed.",
        )
    elif not _is_affine(nifti.affine):
        yield Finding.of("no_position", "The header holds no usable affine", path, CONVERT_AGAIN)


def _is_affine(affine: np.ndarray) -> bool:
    """Whether a matrix is finite and its axes are neither zero nor coplanar."""
    if not np.isfinite(affine).all():
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        sizes = np.linalg.norm(affine[:3, :3], axis=0)
        if not (np.isfinite(sizes).all() and (sizes > 0).all()):
            return False
        return (
            abs(np.linalg.det(affine[:3, :3] / sizes)) > 1e-3
        )  # below, the axes are nearly coplanar


def _sizes(nifti, path, ndim, settings) -> Iterator[Finding]:
    stored = as_stored(path, nifti)
    pixdim = np.array(stored["pixdim"][1:4], float)
    unit = SPATIAL_UNITS.get(int(stored["xyzt_units"]) & 7, "unknown")
    if not (np.isfinite(pixdim).all() and (pixdim > 0).all()):
        what = f"The header gives voxel sizes of {_product(pixdim)} mm"
        yield Finding.of("spacing", what, path, CONVERT_AGAIN)
        return
    if unit in ("metre", "micrometre"):
        what = f"The header gives its unit of length as {unit}"
        yield Finding.of("units", what, path, "Write it in millimetres.")
        return
    yield from _plausible(nifti, path, settings)
    if unit == "unknown":
        what = "The header does not give its unit of length; millimetres are assumed"
        yield Finding.of("units_missing", what, path, "Set the unit when converting.")


def _plausible(nifti, path, settings) -> Iterator[Finding]:
    """Whether voxel size, field of view and position are possible for a head in a scanner."""
    size = np.linalg.norm(nifti.affine[:3, :3], axis=0)
    extent = size * nifti.shape[:3]
    centre = apply_affine(nifti.affine, (np.array(nifti.shape[:3]) - 1) / 2)
    low, high = settings.voxel_mm
    shortest, longest = settings.extent_mm
    what = ""
    if size.min() < low or size.max() > high:
        what = f"Voxels of {_product(size)} mm; {low:g} to {high:g} mm are possible"
    elif not shortest <= extent.max() <= longest:
        what = (
            f"The field of view is {_product(extent)} mm; its longest side should be "
            f"{shortest:g} to {longest:g} mm"
        )
    elif np.abs(centre).max() > settings.farthest_mm:
        what = f"The image lies {np.abs(centre).max() / 1000:.3g} m from the scanner's centre"
    if what:
        yield Finding.of("voxel_size", what, path, "Convert the scan again, in millimetres.")


def _shear(nifti, path, ndim, settings) -> Iterator[Finding]:
    try:
        images.check_affine(nifti.affine, path)
    except StrokeprepError as error:
        yield Finding.of("shear", error.what, path, error.remedy)


def _forms(nifti, path, ndim, settings) -> Iterator[Finding]:
    """Whether the voxel size and the position, which a header holds twice each, agree."""
    remedy = (
        "Find out which is right (in a viewer, with the mask over the image) and convert again."
    )
    stored = as_stored(path, nifti)
    size = np.linalg.norm(nifti.affine[:3, :3], axis=0)
    pixdim = np.array(stored["pixdim"][1:4], float)
    if np.abs(pixdim / size - 1).max() > 0.01:
        what = (
            f"Voxels are {_product(pixdim)} mm by the header and {_product(size)} mm by its affine"
        )
        yield Finding.of("forms", what, path, remedy)
        return
    if not (int(stored["qform_code"]) > 0 and int(stored["sform_code"]) > 0):
        return
    try:
        qform, sform = nifti.header.get_qform(), nifti.header.get_sform()
    except (HeaderDataError, ValueError):
        qform = sform = np.full((4, 4), np.nan)
    if not np.isfinite(qform).all():
        yield Finding.of("forms", "The qform is no rotation", path, remedy)
        return
    apart = corner_distance_mm(qform, sform, nifti.shape)
    if np.linalg.det(qform[:3, :3]) * np.linalg.det(sform[:3, :3]) < 0:
        what = "By its qform the image is the mirror image of that by its sform"
        yield Finding.of("forms", what, path, remedy)
    elif not apart <= settings.forms_mismatch_mm:
        what = f"qform and sform put corners {apart:.3g} mm apart"
        yield Finding.of("forms", what, path, remedy)
    elif apart > settings.forms_rounding_mm:
        what = f"qform and sform put corners {apart:.3g} mm apart; the sform is used"
        yield Finding.of("forms_rounding", what, path, "Nothing, or convert the scan again.")


def _product(values: Any) -> str:
    return " x ".join(f"{value:.4g}" for value in values)

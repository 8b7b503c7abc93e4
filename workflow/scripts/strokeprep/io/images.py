"""Images between disk and memory: NIfTI on one side, SimpleITK on the other.

nibabel reads and writes (it keeps affines exact and headers under control), SimpleITK computes.
NIfTI world coordinates are RAS, SimpleITK's are LPS; only this module and
:mod:`strokeprep.io.transforms` know.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk

from strokeprep.errors import StrokeprepError
from strokeprep.io.whole import whole

AIR_HU = -1024
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])

# NIfTI codes for what the world coordinates are relative to.
SCANNER, MNI = 1, 4

# A direction cosine further than this from orthonormal is a shear (an uncorrected gantry tilt),
# which no ITK image can hold; float32 quaternions alone leave about 1e-6.
SHEAR_TOLERANCE = 1e-3

# Deflate packs at most 1032 bytes into one, and a header stays below a megabyte.
MOST_DEFLATED = 1032
# A few bytes of padding behind the voxels are harmless; as much as a slice is not.
MORE_BYTES = 1 << 20


def open_nifti(path: Path) -> nib.Nifti1Image:
    """The image on disk, header read, voxels not."""
    try:
        return nib.load(path)
    except FileNotFoundError:
        raise StrokeprepError("File is missing", path, "Restore it and run again.") from None
    except (nib.filebasedimages.ImageFileError, nib.spatialimages.HeaderDataError, EOFError,
            OSError, zlib.error, ValueError, OverflowError) as error:  # fmt: skip
        raise StrokeprepError(
            "Not a readable NIfTI image",
            path,
            "Convert the scan again, or remove the file from the study.",
        ) from error


def voxels(nifti: nib.Nifti1Image, path: Path) -> np.ndarray:
    """All voxels: stored integers where there is no scaling, float32 otherwise."""
    try:
        slope, inter = nifti.dataobj.slope, nifti.dataobj.inter
        raw = nifti.dataobj.get_unscaled()
        if (slope, inter) == (1, 0):
            return np.asarray(raw)
        return np.asarray(raw, np.float32) * np.float32(slope) + np.float32(inter)
    except (EOFError, OSError, zlib.error, ValueError, OverflowError) as error:
        raise _cut_short(path) from error


def blocks(nifti: nib.Nifti1Image, path: Path, slices: int) -> Iterator[np.ndarray]:
    """The stored values (before slope and intercept), so many slices at a time.

    Each block is slices × columns × rows, in memory as on disk; the slices of a series follow one
    another through all frames. At the end the file's checksum has been proven.
    """
    rows, columns, *rest = nifti.shape
    left, dtype = int(np.prod(rest)), nifti.dataobj.dtype
    _refuse_impossible(nifti, path)
    try:
        with _opened(path) as file:
            file.seek(nifti.dataobj.offset)
            while left:
                block = np.empty((min(slices, left), columns, rows), dtype)
                _fill(file, block)
                left -= len(block)
                yield block
            more = len(file.read(MORE_BYTES))
    except (EOFError, OSError, zlib.error, ValueError, OverflowError) as error:
        raise _cut_short(path) from error
    if more >= min(rows * columns * dtype.itemsize, MORE_BYTES):
        raise StrokeprepError(
            "The file holds more data than its header says",
            path,
            "Convert the scan again, or remove the file from the study.",
        )


def _refuse_impossible(nifti: nib.Nifti1Image, path: Path) -> None:
    """A damaged header may ask for terabytes; a file cannot unpack to more than so much."""
    needed = int(np.prod([int(n) for n in nifti.shape])) * nifti.dataobj.dtype.itemsize
    if needed > path.stat().st_size * (MOST_DEFLATED if path.suffix == ".gz" else 1):
        raise _cut_short(path)


def _opened(path: Path):
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def _fill(file, block: np.ndarray) -> None:
    """Read a block whole, or say that the file has come to its end."""
    view, have = memoryview(block.reshape(-1).view(np.uint8)), 0
    while have < len(view):
        got = file.readinto(view[have:])
        if not got:
            raise EOFError
        have += got


def _cut_short(path: Path) -> StrokeprepError:
    return StrokeprepError(
        "The voxels cannot be read, the file is cut short or damaged",
        path,
        "Copy or convert the scan again, or remove the file from the study.",
    )


def read(path: str | Path, dtype: np.dtype | type | None = None) -> sitk.Image:
    """A 3D image."""
    nifti = open_nifti(Path(path))
    data = voxels(nifti, Path(path))
    if data.ndim == 4 and data.shape[3] == 1:
        data = data[..., 0]
    if data.ndim != 3:
        raise StrokeprepError(f"{data.ndim}D image, 3D expected", path, "Give a single volume.")
    return from_array(data if dtype is None else data.astype(dtype), nifti.affine, path)


def read_mean(path: str | Path) -> sitk.Image:
    """A 3D image, or the mean over time of a 4D one, in single precision."""
    nifti = open_nifti(Path(path))
    data = voxels(nifti, Path(path))
    if data.ndim == 3:
        return from_array(data, nifti.affine, path)
    total = np.zeros(data.shape[:3], np.float32)
    for index in range(data.shape[3]):  # frame by frame: a float copy of a series is gigabytes
        total += data[..., index]
    return from_array(total / data.shape[3], nifti.affine, path)


def read_grid(path: str | Path) -> sitk.Image:
    """An empty image on the grid of a file, whose voxels are not read."""
    nifti = open_nifti(Path(path))
    direction, spacing = check_affine(nifti.affine, path)
    grid = sitk.Image([int(n) for n in nifti.shape[:3]], sitk.sitkUInt8)
    _place(grid, nifti.affine, direction, spacing)
    return grid


def background(modality: str) -> int:
    """The value of a voxel that shows nothing."""
    return AIR_HU if modality == "ct" else 0


def from_array(data: np.ndarray, affine: np.ndarray, where: str | Path = "image") -> sitk.Image:
    """A SimpleITK image of voxels in NIfTI order (i, j, k) and a RAS affine."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(data.T))
    _place(image, affine, *check_affine(affine, where))
    return image


def check_affine(affine: np.ndarray, where: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Direction (LPS) and spacing of an affine that an ITK image can hold."""
    columns = (LPS @ affine)[:3, :3]
    spacing = np.linalg.norm(columns, axis=0)
    if not np.all(np.isfinite(affine)) or np.any(spacing == 0):
        raise StrokeprepError("The header holds no usable affine", where, "Convert the scan again.")
    direction = columns / spacing
    if np.abs(direction.T @ direction - np.eye(3)).max() > SHEAR_TOLERANCE:
        raise StrokeprepError(
            "The affine is sheared, as by a gantry tilt that was not removed",
            where,
            "Resample the scan onto an orthogonal grid first (dcm2niix does so for tilted CT).",
        )
    return direction, spacing


def array(image: sitk.Image) -> np.ndarray:
    """The voxels in NIfTI order (i, j, k)."""
    return sitk.GetArrayFromImage(image).T


def affine(image: sitk.Image) -> np.ndarray:
    """The RAS affine of a SimpleITK image."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    matrix[:3, 3] = image.GetOrigin()
    return LPS @ matrix


def like(data: np.ndarray, grid: sitk.Image) -> sitk.Image:
    """Voxels in NIfTI order as an image on ``grid``."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(data.T))
    image.CopyInformation(grid)
    return image


def write(
    image: sitk.Image,
    path: str | Path,
    on: str | Path | None = None,
    code: int = SCANNER,
) -> None:
    """Save a 3D image; ``on`` names the file whose affine it shares, to the last bit."""
    write_array(array(image), affine(image), path, on, code)


def write_array(
    data: np.ndarray,
    matrix: np.ndarray,
    path: str | Path,
    on: str | Path | None = None,
    code: int = SCANNER,
    frame_seconds: float | None = None,
) -> None:
    """Save voxels under a header that says nothing but their geometry, and their time if known."""
    if on is not None:
        reference = nib.load(on)
        if reference.shape[:3] != data.shape[:3] or not np.allclose(
            reference.affine, matrix, atol=1e-3
        ):
            raise ValueError(f"{path} does not lie on the grid of {on}")
        matrix = reference.affine
    nifti = nib.Nifti1Image(data, matrix)
    nifti.header.set_data_dtype(data.dtype)
    nifti.set_qform(matrix, code)
    nifti.set_sform(matrix, code)
    nifti.header.set_xyzt_units("mm", "sec" if frame_seconds else "unknown")
    nifti.header["pixdim"][4] = frame_seconds or 0
    save(nifti, path)


def save(nifti: nib.Nifti1Image, path: str | Path) -> None:
    """Write so that the file is either whole or absent."""
    with whole(path) as partial:
        nib.save(nifti, partial)


def as_dtype(data: np.ndarray, dtype: np.dtype | type) -> np.ndarray:
    """Values rounded and clipped into an integer type, or cast to a float one."""
    dtype = np.dtype(dtype)
    if dtype.kind not in "iu":
        return data.astype(dtype)
    if data.dtype.kind in "f":
        data = np.rint(data)
    limits = np.iinfo(dtype)
    return np.clip(data, limits.min, limits.max).astype(dtype)


def _place(
    image: sitk.Image, affine: np.ndarray, direction: np.ndarray, spacing: np.ndarray
) -> None:
    image.SetSpacing(spacing.tolist())
    image.SetDirection(_orthonormal(direction).ravel().tolist())
    image.SetOrigin((LPS @ affine)[:3, 3].tolist())


def _orthonormal(direction: np.ndarray) -> np.ndarray:
    """The rotation nearest to a direction matrix that float32 storage has blunted."""
    u, _, vt = np.linalg.svd(direction)
    return u @ vt

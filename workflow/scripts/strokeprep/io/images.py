"""Read NIfTI files as SimpleITK images, and write them.

nibabel reads headers and writes, because it keeps affines exact and gives control over headers. ISA-L
decompresses voxels, in half of the time that nibabel takes. SimpleITK computes. World coordinates are RAS in NIfTI and LPS in SimpleITK: this module and
:mod:`strokeprep.io.transforms` convert between them.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from isal import igzip, isal_zlib
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from strokeprep.errors import StrokeprepError
from strokeprep.io.json_files import require_file
from strokeprep.io.whole import whole

AIR_HU = -1024
# What was removed from a CT may have been given a value above this. Then most of its border has that value.
NO_TISSUE_HU, EMPTIED_BORDER = -200.0, 0.5
MOST_BYTES = 32 << 30  # unpacked; a perfusion series of the whole head has a third of it
# The fields of a header that hold text.
TEXT_FIELDS = ("descrip", "aux_file", "db_name", "intent_name", "data_type")
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])

# What a file that is cut short or damaged raises while its voxels are read.
INFLATE: Any = isal_zlib.error  # an exception class, which its stub calls an instance
DAMAGED = (EOFError, OSError, zlib.error, INFLATE, ValueError, OverflowError)

PACKING = 2  # level of ISA-L
# Bytes unpacked at a time: each piece is copied once, while it is still in the processor's cache.
PIECE = 1 << 18

# NIfTI codes of coordinate systems.
SCANNER, MNI = 1, 4


def open_nifti(path: Path) -> nib.Nifti1Image:
    """The image on disk. Its header is read, its voxels are not."""
    require_file(path)
    try:
        return nib.load(path)
    except (ImageFileError, HeaderDataError, EOFError,
            OSError, zlib.error, ValueError, OverflowError) as error:  # fmt: skip
        raise StrokeprepError(
            "Not a readable NIfTI image",
            path,
            "Convert the scan again, or remove the file from the study.",
        ) from error


def header_texts(nifti: nib.Nifti1Image) -> list[tuple[str, str]]:
    """The legible texts of a header and its extensions, each with its field."""
    fields = [
        (field, _printable(bytes(nifti.header[field].item())))
        for field in TEXT_FIELDS
        if field in nifti.header
    ]
    for extension in nifti.header.extensions:
        content = extension.get_content()
        raw = content if isinstance(content, bytes) else str(content).encode()
        fields += [("an extension", line) for line in _printable(raw).splitlines()]
    return fields


def _printable(raw: bytes) -> str:
    """The legible parts of a header field, one a line."""
    return re.sub(r"[^\w\s^.,:;=/|()-]+", "\n", raw.decode("utf-8", "replace")).strip()


def voxels(nifti: nib.Nifti1Image, path: Path) -> np.ndarray:
    """All voxels: the stored integers if no scaling applies, else float32."""
    try:
        return _scaled(_usual(_stored(nifti, path)), nifti)
    except DAMAGED as error:
        raise _cut_short(path) from error


def _scaled(stored: np.ndarray, nifti: nib.Nifti1Image) -> np.ndarray:
    """Stored values with slope and intercept applied: float32, or as they are without any."""
    slope, inter = nifti.dataobj.slope, nifti.dataobj.inter
    if (slope, inter) == (1, 0):
        return stored
    return np.asarray(stored, np.float32) * np.float32(slope) + np.float32(inter)


def _stored(nifti: nib.Nifti1Image, path: Path) -> np.ndarray:
    """All voxels before slope and intercept."""
    _refuse_impossible(nifti, path)
    flat = np.empty(int(np.prod(nifti.shape)), nifti.dataobj.dtype)
    with opened(path) as file:
        file.seek(nifti.dataobj.offset)
        _fill(file, flat)
    return flat.reshape(nifti.shape, order="F")


def blocks(nifti: nib.Nifti1Image, path: Path, slices: int) -> Iterator[np.ndarray]:
    """The stored values (before slope and intercept), ``slices`` slices at a time, as in :func:`voxels`.

    Each block is slices × columns × rows, in memory as on disk. For a series, the slices of all frames
    follow one another. The file is read to its end, which verifies the checksum of a compressed one.
    """
    rows, columns, *others = nifti.shape
    left, dtype = int(np.prod(others)), nifti.dataobj.dtype
    _refuse_impossible(nifti, path)
    try:
        with opened(path) as file:
            file.seek(nifti.dataobj.offset)
            while left:
                block = np.empty((min(slices, left), columns, rows), dtype)
                _fill(file, block)
                left -= len(block)
                yield _usual(block)
            rest = len(file.read(1 << 20))
    except DAMAGED as error:
        raise _cut_short(path) from error
    # A few bytes of padding after the voxels are harmless, but not as much as a slice.
    if rest >= min(rows * columns * dtype.itemsize, 1 << 20):
        raise StrokeprepError(
            "The file holds more data than its header says",
            path,
            "Convert the scan again, or remove the file from the study.",
        )


def _usual(stored: np.ndarray) -> np.ndarray:
    """Stored values in the byte order of this machine, and integers of 64 bits as ITK has them."""
    dtype = stored.dtype
    if dtype.kind in "iu" and dtype.itemsize == 8:
        limits = np.iinfo(np.int32)
        fits = stored.min(initial=0) >= limits.min and stored.max(initial=0) <= limits.max
        return stored.astype(np.int32 if fits else np.float64)
    return stored if dtype.isnative else stored.astype(dtype.newbyteorder("="))


def _refuse_impossible(nifti: nib.Nifti1Image, path: Path) -> None:
    """Refuse a file that is too small for its header: a damaged header may ask for terabytes."""
    needed = math.prod(int(n) for n in nifti.shape) * nifti.dataobj.dtype.itemsize
    most_deflated = 1032  # the highest ratio of deflate
    if needed > MOST_BYTES:
        what = f"The image has more than {MOST_BYTES >> 30} GiB"
        raise StrokeprepError(what, path, "Give the scan itself, or remove it from the study.")
    if needed > path.stat().st_size * (most_deflated if path.suffix == ".gz" else 1):
        raise _cut_short(path)


def opened(path: Path):
    """The file, decompressed while it is read."""
    return igzip.open(path) if path.suffix == ".gz" else path.open("rb")


def _fill(file, block: np.ndarray) -> None:
    """Fill a block from a file; EOFError if the file ends before."""
    view, have = block.reshape(-1).view(np.uint8).data, 0
    while have < len(view):
        got = file.readinto(view[have : have + PIECE])
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
    if nifti.ndim == 3:
        return from_array(voxels(nifti, Path(path)), nifti.affine, path)
    # In the order of the file: between two orders, an addition takes three times as long.
    total = np.zeros(nifti.shape[:3], np.float32, order="F")
    for block in blocks(nifti, Path(path), nifti.shape[2]):
        total += _scaled(block.T, nifti)
    return from_array(total / nifti.shape[3], nifti.affine, path)


def read_grid(path: str | Path) -> sitk.Image:
    """An empty image on the grid of a file, whose voxels are not read."""
    nifti = open_nifti(Path(path))
    direction, spacing = check_affine(nifti.affine, path)
    grid = sitk.Image([int(n) for n in nifti.shape[:3]], sitk.sitkUInt8)
    _place(grid, nifti.affine, direction, spacing)
    return grid


def background(modality: str) -> int:
    """The value of empty voxels."""
    return AIR_HU if modality == "ct" else 0


def with_air(image: sitk.Image) -> sitk.Image:
    """A CT with air where something was removed from it: a stripped one often has 0 HU around the brain."""
    border = _border(image)
    value = float(np.median(border))
    if value <= NO_TISSUE_HU or np.mean(border == value) < EMPTIED_BORDER:
        return image
    parts = sitk.ConnectedComponent(sitk.Cast(image, sitk.sitkFloat64) == value)
    touching = np.unique(_border(parts))
    emptied = np.isin(array(parts), touching[touching > 0])
    return like(np.where(emptied, np.float32(AIR_HU), array(image)), image)


def _border(image: sitk.Image) -> np.ndarray:
    """The values of the outermost voxels of an image on its six sides."""
    data = sitk.GetArrayViewFromImage(image)
    sides = (np.moveaxis(data, axis, 0)[[0, -1]] for axis in range(3))
    return np.concatenate([side.ravel() for side in sides])


def from_array(data: np.ndarray, affine: np.ndarray, where: str | Path = "image") -> sitk.Image:
    """A SimpleITK image from voxels in NIfTI order (i, j, k) and a RAS affine."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(data.T))
    _place(image, affine, *check_affine(affine, where))
    return image


def check_affine(affine: np.ndarray, where: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Direction (LPS) and spacing of an affine; refused if no ITK image can represent it."""
    columns = (LPS @ affine)[:3, :3]
    spacing = np.linalg.norm(columns, axis=0)
    if not np.all(np.isfinite(affine)) or np.any(spacing == 0):
        raise StrokeprepError("The header holds no usable affine", where, "Convert the scan again.")
    direction = columns / spacing
    # Rounding by float32 quaternions leaves about 1e-6. More is a shear: an uncorrected gantry tilt.
    if np.abs(direction.T @ direction - np.eye(3)).max() > 1e-3:
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
    """Save a 3D image; ``on`` names a file on the same grid, whose affine is copied exactly."""
    write_array(array(image), affine(image), path, on, code)


def write_array(
    data: np.ndarray,
    matrix: np.ndarray,
    path: str | Path,
    on: str | Path | None = None,
    code: int = SCANNER,
    frame_seconds: float | None = None,
) -> None:
    """Save voxels with a header that holds only their geometry and, if given, the frame interval."""
    if data.dtype.kind == "f" and not np.isfinite(data).all():
        raise ValueError(f"{path} would hold values that are no numbers")
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
    """Save a NIfTI image; after an error there is no incomplete file."""
    with whole(path) as partial:
        if partial.suffix != ".gz":
            nib.save(nifti, partial)
            return
        with partial.open("wb") as file, packed(file) as stream:
            nifti.to_stream(stream)


def packed(file: IO[bytes]) -> igzip.IGzipFile:
    """A stream that compresses into a file, without a time stamp: its bytes depend on the content alone.

    ISA-L packs in a quarter of the time of zlib, into some 2 % more bytes.
    """
    return igzip.IGzipFile("", "wb", PACKING, fileobj=file, mtime=0)


def as_dtype(data: np.ndarray, dtype: np.dtype | type) -> np.ndarray:
    """Values rounded and clipped to an integer type, or cast to a float type.

    >>> as_dtype(np.array([-1e6, 0.6, 1e6]), np.int16).tolist()
    [-32768, 1, 32767]
    """
    dtype = np.dtype(dtype)
    if dtype.kind not in "iu":
        return data.astype(dtype)
    limits = np.iinfo(dtype)
    if data.dtype.kind in "f":
        rounded = np.rint(data)
        return np.clip(rounded, limits.min, limits.max, out=rounded).astype(dtype)
    return np.clip(data, limits.min, limits.max).astype(dtype)


def _place(
    image: sitk.Image, affine: np.ndarray, direction: np.ndarray, spacing: np.ndarray
) -> None:
    image.SetSpacing(spacing.tolist())
    image.SetDirection(_orthonormal(direction).ravel().tolist())
    image.SetOrigin((LPS @ affine)[:3, 3].tolist())


def _orthonormal(direction: np.ndarray) -> np.ndarray:
    """The rotation closest to a direction matrix with float32 rounding errors."""
    u, _, vt = np.linalg.svd(direction)
    return u @ vt

"""One image of a release: what its header and values have to be, and the file that fits.

An output that fits becomes the file of the release as it is. Of one that does not, a copy is made.
"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import nibabel as nib
import numpy as np

from strokeprep.errors import StrokeprepError
from strokeprep.io import images, json_files
from strokeprep.io.whole import whole
from strokeprep.release.archive import Content
from strokeprep.series import timing
from strokeprep.study import naming

# The bytes of a NIfTI header that say where its voxels lie: size, spacing, qform and sform.
GEOMETRY = (slice(42, 48), slice(76, 92), slice(252, 328))
HEADER_BYTES = 348
INTERVAL_AT, UNITS_AT = 92, 123  # pixdim[4], xyzt_units
BLOCK = 1 << 24


def geometry(path: Path) -> bytes:
    """The bytes of a header that say where its voxels lie."""
    images.open_nifti(path)  # refuses what is no NIfTI image
    with images.opened(path) as file:
        header = file.read(HEADER_BYTES)
    return b"".join(header[part] for part in GEOMETRY)


def fitting(path: Path, content: Content, copy: Path) -> Path:
    """The output itself, or ``copy`` if it had to be written anew; what cannot be is refused."""
    nifti = images.open_nifti(path)
    if content == "series":
        return _timed(path, nifti, copy)
    if content == "map":
        return _single(path, nifti, copy)
    if content in ("mask", "labels"):
        _refuse_no_labels(path, nifti, largest=1 if content == "mask" else None)
    return path


def joined(first: Path, second: Path, copy: Path) -> Path:
    """Two volumes on one grid as one 4D file."""
    volumes = [images.voxels(images.open_nifti(path), path) for path in (first, second)]
    if geometry(first) != geometry(second):
        raise StrokeprepError(
            "Images of one scan do not share a grid", second, "Correct the raw files."
        )
    images.write_array(np.stack(volumes, axis=-1), nib.load(first).affine, copy, first)
    return copy


def interval(path: Path, nifti: nib.Nifti1Image) -> float:
    """Seconds from frame to frame: of the header, or the median of the times in the sidecar."""
    known = timing.header_interval(nifti)
    if known is not None:
        return known
    sidecar = json_files.read(naming.sidecar(str(path)))
    found = timing.resolve(sidecar, nifti.shape[3], nifti.shape[2], where=path)
    return round(float(np.median(np.diff(found.times))), 6)


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _timed(path: Path, nifti: nib.Nifti1Image, copy: Path) -> Path:
    if timing.header_interval(nifti) is not None:
        return path
    seconds = interval(path, nifti)
    with (
        images.opened(path) as source,
        whole(copy) as partial,
        partial.open("wb") as file,
        images.packed(file) as target,
    ):
        header = bytearray(source.read(HEADER_BYTES))
        struct.pack_into("<f", header, INTERVAL_AT, seconds)
        header[UNITS_AT] = nib.nifti1.unit_codes["mm"] | nib.nifti1.unit_codes["sec"]
        target.write(header)
        while block := source.read(BLOCK):
            target.write(block)
    return copy


def _single(path: Path, nifti: nib.Nifti1Image, copy: Path) -> Path:
    """A map in single precision. That its values are numbers was seen to when it was written."""
    if nifti.get_data_dtype() == np.float32:
        return path
    images.write_array(images.voxels(nifti, path).astype(np.float32), nifti.affine, copy, path)
    return copy


def _refuse_no_labels(path: Path, nifti: nib.Nifti1Image, largest: int | None) -> None:
    scaled = (nifti.dataobj.slope, nifti.dataobj.inter) != (1, 0)
    if scaled or nifti.get_data_dtype() != np.uint8:
        raise StrokeprepError("Mask is not of plain 8-bit numbers", path, "Make it again.")
    if largest is not None and images.voxels(nifti, path).max() > largest:
        raise StrokeprepError("Mask has values other than 0 and 1", path, "Correct the raw mask.")

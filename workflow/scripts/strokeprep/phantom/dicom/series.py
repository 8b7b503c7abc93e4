"""Volumes and series as DICOM files, one a slice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from strokeprep.phantom.dicom.headers import Series, dataset, fill

if TYPE_CHECKING:
    from pydicom import Dataset

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Plane:
    """One slice of one frame: its stored pixels, and where and when they were taken."""

    pixels: np.ndarray  # rows × columns, HU or signal
    position: np.ndarray  # of the first pixel (LPS, mm)
    rows: np.ndarray  # unit vector along a row
    columns: np.ndarray  # unit vector along a column
    spacing: tuple[float, float]  # between rows and between columns
    seconds: float = 0.0
    frame: int = 0


def planes(
    voxels: np.ndarray, affine: np.ndarray, times: Sequence[float] = (0.0,)
) -> list[list[Plane]]:
    """The slices of each frame of a NIfTI array (i, j, k[, t]), rows from front to back."""
    series = voxels if voxels.ndim == 4 else voxels[..., None]
    matrix = LPS @ affine
    sizes = np.linalg.norm(matrix[:3, :3], axis=0)
    across, down = matrix[:3, 0] / sizes[0], matrix[:3, 1] / sizes[1]
    origin, flipped = matrix[:3, 3], down[1] < 0
    if flipped:  # scanners write the front first
        origin, down = origin + (series.shape[1] - 1) * matrix[:3, 1], -down
    arrays = series[:, ::-1] if flipped else series
    return [
        [
            Plane(
                np.ascontiguousarray(arrays[:, :, k, t].T),
                origin + k * matrix[:3, 2],
                across,
                down,
                (float(sizes[1]), float(sizes[0])),
                float(times[t]),
                t,
            )
            for k in range(series.shape[2])
        ]
        for t in range(series.shape[3])
    ]


def tilted(frame: Sequence[Plane], air: float) -> list[Plane]:
    """The slices as a tilted gantry takes them: they follow one another along the table.

    The middle slice stays where it is. The content of each other slice is moved along its columns.
    """
    from scipy import ndimage

    middle, made = frame[len(frame) // 2], []
    normal = np.cross(middle.rows, middle.columns)
    for plane in frame:
        along = float((plane.position - middle.position) @ normal)
        moved = middle.position + along / normal[2] * np.array([0.0, 0.0, 1.0])
        shift = float((moved - plane.position) @ plane.columns) / plane.spacing[0]
        pixels = ndimage.shift(plane.pixels.astype(float), (-shift, 0), order=3, cval=air)
        pixels = np.clip(np.rint(pixels), plane.pixels.min(), plane.pixels.max())
        made.append(replace(plane, pixels=pixels.astype(plane.pixels.dtype), position=moved))
    return made


def write(folder: Path, series: Series, frames: Sequence[Sequence[Plane]], first: int = 1) -> None:
    """Write the files of a series, numbered from ``first`` in the order of its scanner."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (plane, own) in enumerate(_numbered(series, frames), first):
        made = dataset(own, number, plane.seconds)
        fill(made, AcquisitionNumber=plane.frame + 1)
        add_geometry(made, plane, abs(_step(frames[0])))
        add_pixels(made, plane.pixels, own)
        made.save_as(folder / f"IM{number:05d}", enforce_file_format=True)


def _numbered(series: Series, frames: Sequence[Sequence[Plane]]) -> Iterator[tuple[Plane, Series]]:
    """All slices in the order of their instance numbers, each with the series it belongs to."""
    vendor = series.study.vendor
    several = vendor.one_series_per_frame and len(frames) > 1
    for plane in in_order(frames, vendor.order if len(frames) > 1 else "frames"):
        uid = series.study.uid("series", series.number, plane.frame) if several else series.uid
        yield plane, replace(series, uid=uid)


def in_order(frames: Sequence[Sequence[Plane]], order: str) -> Iterable[Plane]:
    """The slices of all frames, one after the other as scanners number them."""
    if order == "slices":
        return [frame[k] for k in range(len(frames[0])) for frame in frames]
    turned = order == "to-and-fro"
    return [
        plane
        for index, frame in enumerate(frames)
        for plane in (reversed(frame) if turned and index % 2 else frame)
    ]


def _step(frame: Sequence[Plane]) -> float:
    """The distance of the first two slices along their normal."""
    if len(frame) < 2:
        return 1.0
    normal = np.cross(frame[0].rows, frame[0].columns)
    return float((frame[1].position - frame[0].position) @ normal)


def add_geometry(made: Dataset, plane: Plane, thickness: float) -> None:
    """Position, orientation and sizes, in decimal strings of at most 16 characters."""
    fill(
        made,
        ImagePositionPatient=[decimal(each) for each in plane.position],
        ImageOrientationPatient=[decimal(each) for each in (*plane.rows, *plane.columns)],
        PixelSpacing=[decimal(each) for each in plane.spacing],
        SliceThickness=f"{thickness:.4g}",
    )


def decimal(value: float) -> str:
    """As many digits as a decimal string of DICOM may have.

    >>> decimal(-123.4567890123456)
    '-123.45678901235'
    """
    for digits in range(14, 0, -1):
        text = f"{value:.{digits}f}"
        if len(text) <= 16:
            return text
    return f"{value:.9e}"


def add_pixels(made: Dataset, pixels: np.ndarray, series: Series) -> None:
    """Stored values: HU by the vendor's intercept, MR as it is."""
    vendor, is_ct = series.study.vendor, series.study.modality == "CT"
    stored = pixels.astype(np.int32)
    if is_ct:
        stored = stored - vendor.intercept
        fill(made, RescaleIntercept=str(vendor.intercept), RescaleSlope="1", RescaleType="HU")
    if is_ct and vendor.padding is not None:
        rows, columns = np.indices(stored.shape)
        middle = (np.array(stored.shape) - 1) / 2
        outside = np.hypot(rows - middle[0], columns - middle[1]) > max(stored.shape) / 2
        stored[outside & (pixels <= -1024)] = vendor.padding
    signed = is_ct and vendor.signed
    bits = 16 if signed or not is_ct or stored.max() >= 1 << 12 else 12
    fill(
        made,
        Rows=stored.shape[0],
        Columns=stored.shape[1],
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2",
        BitsAllocated=16,
        BitsStored=bits,
        HighBit=bits - 1,
        PixelRepresentation=int(signed),
        PixelData=stored.astype("<i2" if signed else "<u2").tobytes(),
    )
    if is_ct and vendor.padding is not None:
        fill(made, PixelPaddingValue=vendor.padding)

"""Small DICOM exports, written in a fraction of a second, for tests of the intake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from strokeprep.intake.reading import files, headers
from strokeprep.intake.reading.stacks import Stack, stacks
from strokeprep.phantom.dicom import series as slices
from strokeprep.phantom.dicom.headers import Series, Study
from strokeprep.phantom.dicom.series import Plane
from strokeprep.phantom.dicom.vendors import VENDORS, Vendor

SHAPE, SPACING = (28, 32, 16), (7.0, 7.0, 7.0)
NOON = datetime(2001, 2, 3, 12, 0, 0)
MAKERS = list(VENDORS)
__all__ = ["timedelta", "replace"]


def affine(spacing: Sequence[float] = SPACING) -> np.ndarray:
    """Rows to the left, columns to the front, slices to the top, as an axial scan is written."""
    made = np.diag([-spacing[0], spacing[1], spacing[2], 1.0])
    made[:3, 3] = (97.123456, -118.654321, -63.2109)
    return made


def head(shape: Sequence[int] = SHAPE, brain: float = 35.0, seed: int = 0) -> np.ndarray:
    """A ball of brain in a shell of bone, in air with noise: HU (i, j, k)."""
    places = np.indices(shape).astype(float)
    middle = (np.array(shape) - 1) / 2
    away = np.sqrt(
        sum(((at - m) / (0.42 * n)) ** 2 for at, m, n in zip(places, middle, shape, strict=True))
    )
    noise = np.random.default_rng(seed).normal(0, 6, shape)
    values = np.where(away < 0.9, brain, np.where(away < 1, 900.0, -1000.0)) + noise
    return np.clip(np.rint(values), -1024, 3000).astype(np.int16)


def study(maker: str | Vendor = "siemens", modality: str = "CT", **changes: Any) -> Study:
    """A study of a patient who does not exist."""
    vendor = VENDORS[maker] if isinstance(maker, str) else maker
    about: dict[str, Any] = {
        "patient": "P-1",
        "name": "Planted^Name",
        "begins": NOON,
        "private": False,
    }
    return Study(vendor=vendor, modality=modality, **(about | changes))


def series(of: Study | None = None, description: str = "Head without", **changes: Any) -> Series:
    """A series of original images with a soft kernel, or with what ``tags`` say."""
    made = of or study()
    tags = {"KVP": "120", "ConvolutionKernel": made.vendor.soft} if made.modality == "CT" else {}
    about: dict[str, Any] = {"number": 2, "image_type": made.vendor.ct_type}
    about |= changes | {"tags": tags | changes.get("tags", {})}
    return Series(study=made, description=description, **about)


def frames(voxels: np.ndarray | None = None, times: Sequence[float] = (0.0,)) -> list[list[Plane]]:
    """The slices of a head, or of a series of it that grows brighter by 1 HU a frame."""
    one = head() if voxels is None else voxels
    if len(times) > 1 and one.ndim == 3:
        one = np.stack([one + index for index in range(len(times))], axis=3)
    return slices.planes(one, affine(), times)


def write(folder: Path, made: Series, planes: Sequence[Sequence[Plane]] | None = None) -> Path:
    """Write a series; returns the folder."""
    slices.write(folder, made, frames() if planes is None else planes)
    return folder


def edit(folder: Path, change: Callable[[pydicom.Dataset], object]) -> None:
    """Change every file of a folder."""
    for path in sorted(folder.iterdir()):
        dataset = pydicom.dcmread(path)
        if change(dataset) is not False:
            dataset.save_as(path)


def read(folder: Path) -> list[Stack]:
    """The stacks of everything in a folder."""
    found = [each for each in files.found(folder) if isinstance(each, files.Source)]
    return stacks(
        [one for _, made in headers.each(found) if not isinstance(made, str) for one in made]
    )


def tilted(
    degrees: float, shape: Sequence[int], spacing: Sequence[float], field: Callable
) -> list[Plane]:
    """Slices of a tilted gantry through a field of points (LPS): each pixel is the field's value there."""
    angle = np.radians(degrees)
    across, down = np.array([1.0, 0.0, 0.0]), np.array([0.0, np.cos(angle), -np.sin(angle)])
    columns, rows, count = shape
    made = []
    for k in range(count):
        position = np.array([0.0, 0.0, spacing[2] * (k - count / 2)])
        position = position - (across * spacing[0] * columns + down * spacing[1] * rows) / 2
        grid = (
            position[:, None, None]
            + down[:, None, None] * spacing[1] * np.arange(rows)[None, :, None]
            + across[:, None, None] * spacing[0] * np.arange(columns)[None, None, :]
        )
        made.append(
            Plane(
                np.rint(field(grid)).astype(np.int16),
                position,
                across,
                down,
                (spacing[1], spacing[0]),
            )
        )
    return made


def without(
    planes: Sequence[Sequence[Plane]], lost: Sequence[tuple[int, int]]
) -> list[list[Plane]]:
    """The same without some slices, by frame and index."""
    return [
        [plane for k, plane in enumerate(frame) if (t, k) not in lost]
        for t, frame in enumerate(planes)
    ]


def habits(maker: str, **changes: Any) -> Vendor:
    """A maker with another habit."""
    return replace(VENDORS[maker], **changes)


def edit_all(folder: Path, **values: Any) -> None:
    """Set tags of every file below a folder."""
    for each in sorted({path.parent for path in folder.rglob("IM*")}):
        edit(
            each, lambda dataset: [setattr(dataset, name, value) for name, value in values.items()]
        )


def enhanced(path: Path, made: Series, planes: Sequence[Sequence[Plane]]) -> None:
    """Write all slices into one file, each with a functional group of its own."""
    every = [plane for frame in planes for plane in frame]
    dataset = headers_of(made, every[0])
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2.1"
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.NumberOfFrames = len(every)
    dataset.PixelData = b"".join((plane.pixels + 1024).astype("<u2").tobytes() for plane in every)
    shared = pydicom.Dataset()
    shared.PlaneOrientationSequence = [
        group(ImageOrientationPatient=dataset.ImageOrientationPatient)
    ]
    shared.PixelMeasuresSequence = [group(PixelSpacing=dataset.PixelSpacing)]
    shared.PixelValueTransformationSequence = [group(RescaleSlope="1", RescaleIntercept="-1024")]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = [_of_frame(plane) for plane in every]
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        delattr(dataset, name)
    for name in ("RescaleSlope", "RescaleIntercept", "AcquisitionTime", "AcquisitionDateTime"):
        if name in dataset:
            delattr(dataset, name)
    dataset.save_as(path, enforce_file_format=True)


def headers_of(made: Series, plane: Plane) -> pydicom.Dataset:
    """The header and pixels of one slice."""
    dataset = slices.dataset(made, 1, 0.0)
    slices.add_geometry(dataset, plane, 1.0)
    slices.add_pixels(dataset, plane.pixels, made)
    return dataset


def group(**values: Any) -> pydicom.Dataset:
    """A dataset with these tags."""
    made = pydicom.Dataset()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def _of_frame(plane: Plane) -> pydicom.Dataset:
    taken = NOON + timedelta(seconds=plane.seconds)
    return group(
        PlanePositionSequence=[
            group(ImagePositionPatient=[slices.decimal(each) for each in plane.position])
        ],
        FrameContentSequence=[
            group(FrameAcquisitionDateTime=f"{taken:%Y%m%d%H%M%S.%f}", InStackPositionNumber=1)
        ],
    )


def studies(folder: Path, count: int, **about: Any) -> Path:
    """A small NCCT of each of several patients, in one export."""
    planes = frames(head((12, 14, 16)))
    for index in range(1, count + 1):
        of = study(patient=f"P-{index}", begins=NOON + timedelta(hours=index), **about)
        write(folder / f"{index:03d}", series(of), planes)
    return folder

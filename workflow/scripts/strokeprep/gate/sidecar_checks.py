"""Check a sidecar against its image, the name of its file, and the subject's other sidecars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeGuard

import nibabel as nib
import numpy as np

from strokeprep.errors import StrokeprepError
from strokeprep.gate.checks import Finding
from strokeprep.kinds import Kind
from strokeprep.series import timing
from strokeprep.settings.gate import GateSettings

TIMES = (*timing.START_KEYS, timing.INTERVAL_KEY)
# Slice positions under the keys of several converters: millimetres along the stack, or points.
POSITION_KEYS = ("SlicePositions", "SliceLocations", "SliceLocation", "ImagePositionPatient")
SMALL_TILT_DEG = 0.2  # shears a head by less than a voxel
SPACING_TOLERANCE = 0.02  # as a share: some converters write two digits
# Keys that differ between patients. Their values are never shown.
IDENTITY_KEYS = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex")


def of_image(
    nifti: nib.Nifti1Image,
    kind: Kind,
    sidecar: Mapping[str, Any],
    path: Path,
    settings: GateSettings,
) -> Iterator[Finding]:
    """Contradictions between a sidecar and its image."""
    yield from _modality(kind, sidecar, path)
    yield from _slices(nifti, sidecar, path, settings)
    yield from _tilt(nifti, sidecar, path)
    if kind.scan.has_perfusion:
        yield from _times(nifti, sidecar, path, settings)
    elif kind.ndim == 4:
        yield from _own_times(nifti, sidecar, path)


def two_patients(sidecars: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """Whether the sidecars of one subject, by path, name two patients."""
    for key in IDENTITY_KEYS:
        named = {
            path: _normalised(sidecar[key])
            for path, sidecar in sidecars.items()
            if sidecar.get(key)
        }
        first = next(iter(named), "")
        other = next((path for path in named if named[path] != named[first]), None)
        if other:
            yield Finding.of(
                "two_patients",
                f"{key} is not that of {first}",
                other,
                "Move the scan to the subject it belongs to, or correct the sidecar.",
            )
            return


def _normalised(value: Any) -> str:
    """A value without the differences that converters make: case, spaces and empty name parts."""
    return str(value).casefold().replace(" ", "").rstrip("^")


def _modality(kind: Kind, sidecar: Mapping[str, Any], path: Path) -> Iterator[Finding]:
    """Whether modality and unit agree with the kind of scan."""
    modality = kind.modality
    stated = sidecar.get("Modality")
    if isinstance(stated, str) and stated.upper() in {"CT", "MR", "PT"} - {modality.upper()}:
        yield Finding.of(
            "modality",
            f"The sidecar says {stated.upper()}, the file is named as {modality.upper()}",
            path,
            "Rename the file, or correct the sidecar.",
        )
    unit = sidecar.get("Units")
    if modality == "ct" and isinstance(unit, str) and unit.casefold() not in ("hu", "hounsfield"):
        what = "The sidecar gives another unit than HU"
        yield Finding.of("units_hu", what, path, "Correct it if the values are HU.")


def _slices(
    nifti: nib.Nifti1Image, sidecar: Mapping[str, Any], path: Path, settings: GateSettings
) -> Iterator[Finding]:
    """Whether slice spacing and positions agree with the affine, which has evenly spaced slices."""
    spacing = float(np.linalg.norm(nifti.affine[:3, 2]))
    stated = sidecar.get("SpacingBetweenSlices")
    if _is_number(stated) and abs(abs(stated) / spacing - 1) > SPACING_TOLERANCE:
        what = f"Slices are {spacing:.4g} mm apart, {abs(stated):.4g} mm by the sidecar"
        yield Finding.of("slice_spacing", what, path, "Check the proportions of the head.")
    steps = _steps(sidecar)
    if steps is None:
        return
    if len(steps) + 1 != nifti.shape[2]:
        what = f"The sidecar lists {len(steps) + 1} slices, the image has {nifti.shape[2]}"
        yield Finding.of("slice_spacing", what, path, "Check that no slice is missing.")
    elif np.abs(steps - np.median(steps)).max() > max(
        settings.uneven_mm, settings.uneven_share * float(np.median(steps))
    ):
        yield Finding.of(
            "slice_positions",
            f"By the sidecar, slices are {steps.min():.4g} to {steps.max():.4g} mm apart",
            path,
            "Resample the scan to even slices first (dcm2niix does, and marks the file _Eq).",
        )


def _steps(sidecar: Mapping[str, Any]) -> np.ndarray | None:
    """Distances (mm) between neighbouring slices; None if the sidecar lists no positions."""
    for key in POSITION_KEYS:
        try:
            positions = np.array(sidecar.get(key), float)
        except (TypeError, ValueError):
            continue
        if positions.ndim == 1 and positions.size > 2 and np.isfinite(positions).all():
            return np.abs(np.diff(positions))
        if positions.ndim == 2 and positions.shape[1] == 3 and np.isfinite(positions).all():
            return np.linalg.norm(np.diff(positions, axis=0), axis=1)
    return None


def _tilt(nifti: nib.Nifti1Image, sidecar: Mapping[str, Any], path: Path) -> Iterator[Finding]:
    """Whether a gantry tilt is missing in the affine (the header checks refuse a sheared one)."""
    tilt = sidecar.get("GantryDetectorTilt")
    if _is_number(tilt) and abs(tilt) > SMALL_TILT_DEG:
        what = f"The gantry was tilted by {tilt:g} degrees, and the affine is not sheared"
        remedy = "Check that the converter removed the tilt: the head must not lean."
        yield Finding.of("tilt", what, path, remedy)


def _times(
    nifti: nib.Nifti1Image, sidecar: Mapping[str, Any], path: Path, settings: GateSettings
) -> Iterator[Finding]:
    """Whether the frame times of a series are known and plausible."""
    frames, given = nifti.shape[3], settings.frame_times
    header_s = timing.header_interval(nifti)
    known = given is not None or any(key in sidecar for key in TIMES)
    try:
        times = timing.resolve(sidecar, frames, nifti.shape[2], header_s, given, path)
    except StrokeprepError as error:
        yield Finding.of("timing" if known else "timing_missing", error.what, path, error.remedy)
    else:
        yield from _doubtful(times, path)
    if frames < settings.fewest_frames:
        what = f"The series has {frames} frames"
        yield Finding.of("series_short", what, path, "Give the whole series if there is more.")


def _own_times(nifti: nib.Nifti1Image, sidecar: Mapping[str, Any], path: Path) -> Iterator[Finding]:
    """Whether a series that is only carried along says when its frames were taken."""
    if timing.header_interval(nifti) is None and not any(key in sidecar for key in TIMES):
        what = "Neither sidecar nor header says when the frames were taken"
        yield Finding.of("timing_unknown", what, path, "Add RepetitionTime to the sidecar.")


def _doubtful(times: timing.Timing, path: Path) -> Iterator[Finding]:
    """Oddities of frame times that can be used."""
    if times.header_agrees is False:
        what = f"Frames are {times.interval_s:g} s apart, {times.header_s:g} s by the header"
        yield Finding.of("timing_header", what, path, "Check which is right.")
    for start, end in times.gaps:
        what = f"No frame was taken between {start:g} and {end:g} s"
        yield Finding.of("timing_gap", what, path, "Give the frames if they exist.")


def _is_number(value: Any) -> TypeGuard[float]:
    """Whether a value is a plausible length or angle, and not NaN."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e6

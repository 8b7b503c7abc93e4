"""What a sidecar says of a series: the physics of the acquisition, by the allow-list of the release."""

from __future__ import annotations

from typing import Any

from strokeprep.intake.plan import Row
from strokeprep.kinds import KINDS
from strokeprep.privacy.allowed import releasable

# Sidecar keys by the DICOM keyword that they are made from, and what makes BIDS units of its value.
_SAME = {
    "Manufacturer": "Manufacturer",
    "ManufacturersModelName": "ManufacturerModelName",
    "ConvolutionKernel": "ConvolutionKernel",
    "KVP": "KVP",
    "XRayTubeCurrent": "XRayTubeCurrent",
    "XRayExposure": "Exposure",
    "ExposureTime": "ExposureTime",
    "SpiralPitchFactor": "SpiralPitchFactor",
    "SliceThickness": "SliceThickness",
    "MRAcquisitionType": "MRAcquisitionType",
    "MagneticFieldStrength": "MagneticFieldStrength",
    "FlipAngle": "FlipAngle",
}
_MILLISECONDS = ("EchoTime", "RepetitionTime", "InversionTime")


def of_row(row: Row) -> dict[str, Any]:
    """The sidecar of a series."""
    facts, kind = row.stack.facts, KINDS[row.kind]
    made: dict[str, Any] = {"Modality": kind.modality.upper()}
    made |= {key: facts[keyword] for key, keyword in _SAME.items() if keyword in facts}
    made |= {key: facts[key] / 1000 for key in _MILLISECONDS if key in facts}
    if isinstance(made.get("ConvolutionKernel"), str):
        made["ConvolutionKernel"] = made["ConvolutionKernel"].split("\\")[0].strip()
    if kind.unit:
        made["Units"] = kind.unit
    if row.stack.b_value is not None and row.kind != "adc":
        made["DiffusionBValue"] = row.stack.b_value
    if kind.ndim == 4:
        made.pop("RepetitionTime", None)
        made |= _timing(row)
    return releasable(made)


def _timing(row: Row) -> dict[str, Any]:
    """Frame times, and those of slices where a table moved to and fro."""
    frames, clock = len(row.stack.frames), row.stack.clock
    given = row.said.get("times")
    if isinstance(given, int | float):
        return {"FrameTimesStart": [round(index * float(given), 6) for index in range(frames)]}
    if given is not None:
        return {"FrameTimesStart": [float(each) for each in given]}
    if clock is None or clock.starts is None:
        raise ValueError("a series without times is never converted")
    timing: dict[str, Any] = {"FrameTimesStart": clock.starts.tolist()}
    if clock.offsets is not None:
        timing["SliceTiming"] = clock.offsets.tolist()
    return timing

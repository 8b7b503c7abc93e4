"""How scanners of four makers fill in DICOM headers: what differs between them in stroke imaging."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# How the files of a series are numbered: frame by frame, slice by slice, or frame by frame with every
# second frame from the other end, as a table that moves to and fro takes them.
Order = Literal["frames", "slices", "to-and-fro"]


@dataclass(frozen=True)
class Vendor:
    """The habits of one maker."""

    name: str
    manufacturer: str
    ct: str  # models
    mr: str
    soft: str  # kernels
    bone: str
    ct_type: tuple[str, ...]  # ImageType of an original CT slice
    trace_type: tuple[str, ...]
    adc_type: tuple[str, ...]
    b_value: str  # where MR says it: "standard", or the private tag of the maker
    signed: bool = False
    intercept: int = -1024
    padding: int | None = None  # the stored value outside of the field of view, if CT has one
    order: Order = "frames"
    clocks: tuple[str, ...] = ("AcquisitionTime", "ContentTime")  # tags that differ by frame
    whole_seconds: tuple[str, ...] = ()  # those of them without fractions
    one_series_per_frame: bool = False


VENDORS: dict[str, Vendor] = {
    "siemens": Vendor(
        name="siemens",
        manufacturer="SIEMENS",
        ct="SOMATOM Force",
        mr="Skyra",
        soft="Hr38f",
        bone="Hr68f",
        ct_type=("ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI"),
        trace_type=("DERIVED", "PRIMARY", "DIFFUSION", "TRACEW", "NORM"),
        adc_type=("DERIVED", "PRIMARY", "DIFFUSION", "ADC", "NORM"),
        b_value="siemens",
        clocks=("AcquisitionDateTime", "AcquisitionTime", "ContentTime"),
    ),
    "ge": Vendor(
        name="ge",
        manufacturer="GE MEDICAL SYSTEMS",
        ct="Revolution CT",
        mr="Signa HDxt",
        soft="STANDARD",
        bone="BONEPLUS",
        ct_type=("ORIGINAL", "PRIMARY", "AXIAL"),
        trace_type=("ORIGINAL", "PRIMARY", "OTHER"),
        adc_type=("DERIVED", "SECONDARY", "COMBINED", "ADC"),
        b_value="ge",
        signed=True,
        padding=-2000,
        order="slices",
        whole_seconds=("ContentTime",),
    ),
    "philips": Vendor(
        name="philips",
        manufacturer="Philips",
        ct="iCT 256",
        mr="Ingenia",
        soft="UB",
        bone="YD",
        ct_type=("ORIGINAL", "PRIMARY", "AXIAL", "HELIX"),
        trace_type=("ORIGINAL", "PRIMARY", "M_SE", "M", "SE"),
        adc_type=("ORIGINAL", "PRIMARY", "ADC_UNSPECIFIED", "ADC", "UNSPECIFIED"),
        b_value="philips",
        order="to-and-fro",
        clocks=("ContentTime",),
    ),
    "canon": Vendor(
        name="canon",
        manufacturer="TOSHIBA",
        ct="Aquilion ONE",
        mr="Titan",
        soft="FC26",
        bone="FC30",
        ct_type=("ORIGINAL", "PRIMARY", "AXIAL"),
        trace_type=("DERIVED", "PRIMARY", "DIFFUSION", "TRACEW"),
        adc_type=("DERIVED", "PRIMARY", "DIFFUSION", "ADC"),
        b_value="standard",
        signed=True,
        intercept=0,
        one_series_per_frame=True,
    ),
}

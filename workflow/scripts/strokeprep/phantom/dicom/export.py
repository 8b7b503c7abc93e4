"""A simulated patient as a PACS export: what a hospital sends when it is asked for a stroke patient."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from strokeprep.io.whole import whole
from strokeprep.phantom.dicom import series as slices
from strokeprep.phantom.dicom.headers import (
    PLANTED,
    SECONDARY_CAPTURE,
    Series,
    Study,
    dataset,
    fill,
)
from strokeprep.phantom.dicom.series import Plane
from strokeprep.phantom.dicom.vendors import VENDORS, Vendor
from strokeprep.phantom.names import image_stem
from strokeprep.phantom.scan.contrast import B_VALUE

FIRST_DAY = datetime(2001, 2, 3, 23, 58, 57, 250000)  # the perfusion series runs over midnight
AIR = -1024


def vendor_of(subject: str) -> Vendor:
    """The makers in turn: Siemens for patient 01, GE for 02, and so on."""
    return list(VENDORS.values())[(int(subject) - 1) % len(VENDORS)]


def patient_id(subject: str) -> str:
    """The hospital's number of a patient."""
    return f"{PLANTED}-{7919 * int(subject) % 9973:04d}"


def write_patient(subject: str, raw: Path, folder: Path, *, tilted: bool = False) -> None:
    """Write the export of one patient whose raw BIDS files were simulated.

    With ``tilted``, the gantry was tilted for the thick slices of the NCCT.
    """
    vendor = vendor_of(subject)
    name = f"{PLANTED}^Patient {subject}"
    begins = FIRST_DAY + timedelta(days=int(subject))
    about = (patient_id(subject), name, vendor)
    _Ct(subject, raw, folder / "CT", Study(*about, "CT", begins)).write(tilted)
    later = begins + timedelta(days=2, hours=9)
    _Mr(subject, raw, folder / "MR", Study(*about, "MR", later)).write()


def write_code(subject: str, table: Path) -> None:
    """Write the table by which a lab would know the patient's code."""
    with whole(table) as partial:
        partial.touch(mode=0o600)
        partial.write_text(f"patient\tissuer\tsubject\n{patient_id(subject)}\t\t{subject}\n")


class _Scans:
    """The simulated images of one patient, and the study that they are written to."""

    def __init__(self, subject: str, raw: Path, folder: Path, study: Study) -> None:
        self.subject, self.raw, self.folder, self.study = subject, raw, folder, study
        self.number = 0

    def frames(self, image: str) -> list[list[Plane]]:
        """An image's slices, frame by frame."""
        stem = self.raw / image_stem(image, self.subject)
        nifti = nib.load(f"{stem}.nii.gz")
        times = json.loads(Path(f"{stem}.json").read_text()).get("VolumeTiming", (0.0,))
        return slices.planes(np.asarray(nifti.dataobj), nifti.affine, times)

    def series(self, description: str, image_type: Sequence[str], **tags: Any) -> Series:
        """The next series of the study, twelve seconds after the last."""
        self.number += 1
        starts_s = 12.0 * self.number
        return Series(self.study, self.number, description, tuple(image_type), starts_s, tags)

    def again(self, first: Series, description: str, **tags: Any) -> Series:
        """The next series, another reconstruction of what the first was made from."""
        made = self.series(description, first.image_type, **{**first.tags, **tags})
        return replace(made, starts_s=first.starts_s)

    def put(self, series: Series, frames: Sequence[Sequence[Plane]], first: int = 1) -> None:
        """Write a series, or a later part of it, into a folder of its own."""
        slices.write(self.folder / f"S{series.number:03d}", series, frames, first)

    def picture(self, description: str, image_type: Sequence[str]) -> None:
        """A page in colour with text burned in, such as a dose report or a vendor's map."""
        made = self.series(description, image_type)
        page = dataset(replace(made, tags={"ConversionType": "WSD"}), 1, 0.0, SECONDARY_CAPTURE)
        fill(
            page,
            Modality=self.study.modality,
            Rows=48,
            Columns=64,
            SamplesPerPixel=3,
            PhotometricInterpretation="RGB",
            PlanarConfiguration=0,
            BitsAllocated=8,
            BitsStored=8,
            HighBit=7,
            PixelRepresentation=0,
            BurnedInAnnotation="YES",
            PixelData=np.full((48, 64, 3), 90, np.uint8).tobytes(),
        )
        target = self.folder / f"S{made.number:03d}"
        target.mkdir(parents=True, exist_ok=True)
        page.save_as(target / "page", enforce_file_format=True)


class _Ct(_Scans):
    """Stroke CT: localiser, NCCT thin, sharp and thick, CTA, CTP, vendor maps, dose page."""

    def write(self, tilted: bool = False) -> None:
        """Write all series of the study."""
        vendor = self.study.vendor
        ncct, cta = self.frames("ncct"), self.frames("cta")
        physics = {"KVP": "120", "XRayTubeCurrent": "280", "Exposure": "250"}
        soft = physics | {"ConvolutionKernel": vendor.soft}
        contrast = soft | {"ContrastBolusAgent": "Omnipaque"}
        scout = (*vendor.ct_type[:2], "LOCALIZER")
        self.put(self.series("Topogram", scout, **physics), [localiser(ncct[0])])
        if tilted:
            ncct = [slices.tilted(ncct[0], AIR)]
            soft |= {"GantryDetectorTilt": "11"}
        plain = self.series("Head without", vendor.ct_type, **soft)
        self.put(plain, ncct)
        self.put(self.again(plain, "Head without bone", ConvolutionKernel=vendor.bone), ncct)
        self.put(self.again(plain, "Head without 5mm"), [thick(ncct[0])])
        self.put(self.series("CTA head", vendor.ct_type, **contrast), cta)
        mips = ("DERIVED", "SECONDARY", "AXIAL", "MIP")
        self.put(self.series("CTA MIP", mips, **contrast), [thick(cta[0])])
        self.put(self.series("CTP", vendor.ct_type, **contrast), self.frames("ctp"))
        self.picture("CBF map", ("DERIVED", "SECONDARY", "OTHER"))
        self.picture("Dose report", ("DERIVED", "SECONDARY", "SCREEN SAVE"))


class _Mr(_Scans):
    """Follow-up MR: b = 0 and trace in one series, the vendor's ADC, and a T1w."""

    def write(self) -> None:
        """Write all series of the study."""
        vendor = self.study.vendor
        echo = {"MagneticFieldStrength": "3", "ScanningSequence": "EP", "SequenceVariant": "SK"}
        echo |= {"EchoTime": "80", "RepetitionTime": "5000", "MRAcquisitionType": "2D"}
        weighted = self.series("DWI trace", vendor.trace_type, **echo)
        b0, trace = self.frames("b0"), self.frames("trace")
        self.put(with_b_value(weighted, 0), b0)
        self.put(with_b_value(weighted, int(B_VALUE)), trace, first=len(b0[0]) + 1)
        adc = self.series(
            "DWI ADC", vendor.adc_type, **echo, RescaleSlope="1", RescaleIntercept="0"
        )
        self.put(adc, self.frames("adc"))
        gradient = {"ScanningSequence": "GR", "SequenceVariant": "SP", "MRAcquisitionType": "3D"}
        gradient |= {"EchoTime": "3", "RepetitionTime": "2300", "InversionTime": "900"}
        gradient |= {"FlipAngle": "9", "MagneticFieldStrength": "3"}
        t1w = self.series("T1 MPRAGE", ("ORIGINAL", "PRIMARY", "M", "ND"), **gradient)
        self.put(t1w, self.frames("t1w"))


def with_b_value(series: Series, b_value: int) -> Series:
    """A series of diffusion with its b-value where the maker writes it, and UIDs of its own."""
    tags = dict(series.tags)
    private: dict[tuple[int, int], tuple[str, Any]] = {}
    match series.study.vendor.b_value:
        case "siemens":
            private = {(0x0019, 0x0010): ("LO", "SIEMENS MR HEADER")}
            private[(0x0019, 0x100C)] = ("IS", str(b_value))
        case "ge":
            private = {(0x0043, 0x0010): ("LO", "GEMS_PARM_01")}
            private[(0x0043, 0x1039)] = ("IS", [str(10**9 + b_value), "8", "0", "0"])
        case "philips":
            private = {(0x2001, 0x0010): ("LO", "Philips Imaging DD 001")}
            private[(0x2001, 0x1003)] = ("FL", float(b_value))
        case _:
            tags["DiffusionBValue"] = float(b_value)
    tags["DiffusionDirectionality"] = "ISOTROPIC" if b_value else "NONE"
    return replace(series, tags=tags, private_tags=private)


def thick(frame: Sequence[Plane], times: int = 2) -> list[Plane]:
    """Slices averaged in groups, as thick reconstructions are."""
    groups = [frame[k : k + times] for k in range(0, len(frame) - times + 1, times)]
    return [
        replace(
            group[0],
            pixels=np.rint(np.mean([each.pixels for each in group], axis=0)).astype(np.int16),
            position=np.mean([each.position for each in group], axis=0),
        )
        for group in groups
    ]


def localiser(frame: Sequence[Plane]) -> list[Plane]:
    """A view from the side: the mean across the head."""
    volume = np.stack([plane.pixels for plane in frame])
    first, last = frame[0], frame[-1]
    step = np.linalg.norm(last.position - first.position) / max(len(frame) - 1, 1)
    up = (last.position - first.position) / np.linalg.norm(last.position - first.position)
    side = volume.mean(axis=2)[::-1]
    return [
        Plane(
            np.rint(side).astype(np.int16),
            last.position,
            first.columns,
            -up,
            (float(step), first.spacing[0]),
        )
    ]

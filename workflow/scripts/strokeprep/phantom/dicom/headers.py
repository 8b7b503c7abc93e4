"""The header of each file: the scanner, the series, and invented private data that must not get out."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from strokeprep.phantom.dicom.vendors import Vendor

if TYPE_CHECKING:  # loaded when files are written
    from pydicom import Dataset

# A word that nothing but the planted data holds.
PLANTED = "Planted"
BORN = "19310203"
CT_STORAGE, MR_STORAGE = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
EXPLICIT = "1.2.840.10008.1.2.1"

# Where a hospital's systems write what tells who, where and when. None of it is about anyone.
_PRIVATE = {
    "PatientBirthDate": BORN,
    "PatientSex": "O",
    "OtherPatientIDs": f"{PLANTED}OtherId",
    "PatientAddress": f"{PLANTED} Street 1, {PLANTED}town",
    "PatientTelephoneNumbers": f"{PLANTED}Phone",
    "PatientComments": f"{PLANTED} comment on the patient",
    "PatientMotherBirthName": f"{PLANTED}^Mother",
    "AdditionalPatientHistory": f"{PLANTED} history",
    "EthnicGroup": f"{PLANTED}Group",
    "Occupation": f"{PLANTED}Work",
    "InstitutionName": f"{PLANTED} General Hospital",
    "InstitutionAddress": f"{PLANTED} Avenue 2",
    "InstitutionalDepartmentName": f"{PLANTED} Department",
    "ReferringPhysicianName": f"{PLANTED}^Referrer",
    "PerformingPhysicianName": f"{PLANTED}^Performer",
    "PhysiciansOfRecord": f"{PLANTED}^Record",
    "OperatorsName": f"{PLANTED}^Operator",
    "RequestingPhysician": f"{PLANTED}^Requester",
    "StationName": f"{PLANTED}STATION",
    "DeviceSerialNumber": f"{PLANTED}Serial",
    "SoftwareVersions": f"{PLANTED} 1.0",
    "AccessionNumber": f"{PLANTED}ACC",
    "StudyID": f"{PLANTED}Study",
    "StudyDescription": f"Stroke {PLANTED}",
    "RequestedProcedureDescription": f"{PLANTED} procedure",
    "PerformedProcedureStepDescription": f"{PLANTED} step",
    "PerformedProcedureStepID": f"{PLANTED}Step",
    "ImageComments": f"{PLANTED} comment on the image",
    "IssuerOfPatientID": f"{PLANTED}Issuer",
    "CurrentPatientLocation": f"{PLANTED} Ward",
    "RouteOfAdmissions": f"{PLANTED} route",
}


@dataclass(frozen=True)
class Study:
    """One visit of a patient to one scanner."""

    patient: str  # the hospital's number of the patient
    name: str
    vendor: Vendor
    modality: str  # CT or MR
    begins: datetime
    private: bool = True  # whether names, dates and places are planted

    def uid(self, *parts: object) -> str:
        """A UID that is always the same for the same study and parts."""
        from pydicom.uid import generate_uid

        entropy = [self.patient, self.modality, self.begins.isoformat(), *map(str, parts)]
        return str(generate_uid(entropy_srcs=entropy))


@dataclass(frozen=True)
class Series:
    """What the files of one series share."""

    study: Study
    number: int
    description: str
    image_type: tuple[str, ...]
    starts_s: float = 0.0  # after the study began
    tags: dict[str, Any] = field(default_factory=dict)
    private_tags: dict[tuple[int, int], tuple[str, Any]] = field(default_factory=dict)
    uid: str = ""

    @property
    def instance_uid(self) -> str:
        """Its SeriesInstanceUID."""
        return self.uid or self.study.uid("series", self.number)


def dataset(series: Series, number: int, seconds: float, storage: str = "") -> Dataset:
    """A header without pixels: the file's ``number`` in the series, and when its frame was taken."""
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset

    study, vendor = series.study, series.study.vendor
    made = Dataset()
    fill(
        made,
        SOPClassUID=storage or (CT_STORAGE if study.modality == "CT" else MR_STORAGE),
        SOPInstanceUID=study.uid("image", series.instance_uid, number),
        StudyInstanceUID=study.uid("study"),
        SeriesInstanceUID=series.instance_uid,
        FrameOfReferenceUID=study.uid("frame of reference"),
        Modality=study.modality,
        ImageType=list(series.image_type),
        Manufacturer=vendor.manufacturer,
        ManufacturerModelName=vendor.ct if study.modality == "CT" else vendor.mr,
        SeriesNumber=series.number,
        InstanceNumber=number,
        SeriesDescription=series.description,
        PatientPosition="HFS",
        PatientID=study.patient,
        PatientName=study.name,
        SpecificCharacterSet="ISO_IR 192",
        BodyPartExamined="HEAD",
    )
    _add_times(made, series, seconds)
    if study.private:
        _plant(made, study)
    fill(made, **series.tags)
    for tag, (representation, value) in series.private_tags.items():
        made.add_new(tag, representation, value)
    made.file_meta = FileMetaDataset()
    fill(
        made.file_meta,
        MediaStorageSOPClassUID=made.SOPClassUID,
        MediaStorageSOPInstanceUID=made.SOPInstanceUID,
        TransferSyntaxUID=EXPLICIT,
    )
    return made


def fill(made: Dataset, **values: Any) -> None:
    """Set tags by their keywords."""
    for keyword, value in values.items():
        setattr(made, keyword, value)


def _add_times(made: Dataset, series: Series, seconds: float) -> None:
    """Dates and times; only the vendor's clocks differ from frame to frame."""
    vendor, begins = series.study.vendor, series.study.begins
    first = begins + timedelta(seconds=series.starts_s)
    taken = first + timedelta(seconds=seconds)
    fill(
        made,
        StudyDate=f"{begins:%Y%m%d}",
        StudyTime=f"{begins:%H%M%S}",
        SeriesDate=f"{first:%Y%m%d}",
        SeriesTime=f"{first:%H%M%S.%f}",
    )
    for clock in ("AcquisitionTime", "ContentTime", "AcquisitionDateTime"):
        at = taken if clock in vendor.clocks else first
        if clock in vendor.whole_seconds:
            at = at.replace(microsecond=0)
        if clock != "AcquisitionDateTime":
            day = {clock.replace("Time", "Date"): f"{at:%Y%m%d}"}
            fill(made, **{clock: f"{at:%H%M%S.%f}"}, **day)
        elif clock in vendor.clocks:
            fill(made, AcquisitionDateTime=f"{at:%Y%m%d%H%M%S.%f}")


def _plant(made: Dataset, study: Study) -> None:
    """Private data in 31 public tags and in a private one."""
    own = f"{PLANTED}{zlib.crc32(study.patient.encode()) % 10**6:06d}"
    fill(made, **_PRIVATE | {"AccessionNumber": own})
    made.add_new((0x0009, 0x0010), "LO", f"{PLANTED.upper()} PRIVATE")
    made.add_new((0x0009, 0x1001), "LO", f"{PLANTED}^InPrivateTag")

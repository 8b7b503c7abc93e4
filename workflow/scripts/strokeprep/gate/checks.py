"""The checks of the gate: what each finds in raw files, what follows, and why.

``docs/gate.md`` shows them as a table; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from strokeprep.errors import StrokeprepError

REFUSE, WARN = "refuse", "warn"


@dataclass(frozen=True)
class Check:
    """A check of the gate. If it is ``tolerable``, the config can turn a refusal into a warning."""

    verdict: str
    finds: str
    why: str
    tolerable: bool = False


CHECKS: dict[str, Check] = {
    # --- the file
    "missing": Check(REFUSE, "a file that is not there", "nothing can be computed from it"),
    "unreadable": Check(
        REFUSE, "no NIfTI image, or a header that contradicts itself", "none of it can be relied on"
    ),
    "damaged": Check(
        REFUSE,
        "a gzip that is cut short or fails its checksum; fewer or more voxels than the header says",
        "the voxels that are there may be the wrong ones",
    ),
    "datatype": Check(
        REFUSE,
        "colour, complex or other voxels that are not real numbers",
        "the file is not a scan",
    ),
    # --- geometry
    "dimensions": Check(
        REFUSE,
        "a series instead of a volume or the reverse, a flat image, an impossible matrix",
        "picking a volume, or inventing a time axis, would be a guess",
    ),
    "no_position": Check(
        REFUSE,
        "qform and sform code 0, or a matrix that is no usable affine",
        "left and right cannot be told apart, and a guess could be wrong",
    ),
    "spacing": Check(
        REFUSE,
        "zero, negative or infinite voxel sizes in the header",
        "programs repair them silently, and differently",
    ),
    "voxel_size": Check(
        REFUSE,
        "a voxel size or field of view that no head scan has, or a position metres from the scanner",
        "the header is damaged, or its unit is not millimetres",
        tolerable=True,
    ),
    "units": Check(
        REFUSE,
        "a header in metres or micrometres",
        "not all programs convert it, so sizes could be wrong by a factor of 1000",
    ),
    "units_missing": Check(
        WARN, "no unit of length", "common in converted CT; the voxel size is plausible in mm"
    ),
    "shear": Check(
        REFUSE,
        "a sheared affine, as after a gantry tilt",
        "ITK images have no shear, and without it anatomy moves by centimetres",
    ),
    "tilt": Check(
        WARN,
        "a gantry tilt in the sidecar and none in the affine",
        "right if the converter corrected it, wrong if it ignored it; the audit shows which",
    ),
    "forms": Check(
        REFUSE,
        "qform and sform, or voxel size and affine, that disagree, or one of them mirrored",
        "viewers use one or the other, so a mask may have been drawn on either",
        tolerable=True,
    ),
    "forms_rounding": Check(
        WARN,
        "qform and sform that differ by less than a millimetre",
        "rounding of quaternions; the sform is used throughout",
    ),
    "slice_positions": Check(
        REFUSE,
        "uneven distances between slices according to the sidecar",
        "an affine has a single distance, so sizes and positions are wrong in parts of the image",
        tolerable=True,
    ),
    "slice_spacing": Check(
        WARN,
        "a slice spacing or number of slices that differs between sidecar and header",
        "usual after a tilt was corrected or slices were resampled",
    ),
    "grid": Check(
        REFUSE,
        "images of one scan, or a mask and its image, on different grids",
        "an overlay would be off by the difference; whether to resample is for a person to decide",
    ),
    "grid_rounding": Check(
        WARN,
        "the same, with a difference of a small fraction of a voxel",
        "headers written by two programs differ in their last digits",
    ),
    # --- voxels
    "not_finite": Check(
        REFUSE, "NaN or infinite voxels", "interpolation spreads them to their neighbours"
    ),
    "constant": Check(REFUSE, "the same value everywhere", "the image is empty"),
    "mask_as_image": Check(
        REFUSE,
        "an image with only a few different values",
        "it is a mask that is named as a scan",
    ),
    "empty_slices": Check(
        WARN,
        "many slices with a single value",
        "they may be padding, or missing after an incomplete transfer",
    ),
    "empty_frames": Check(
        WARN, "frames with a single value in a series", "the perfusion stage leaves them out"
    ),
    "hu_offset": Check(
        REFUSE,
        "CT with air near 0 and tissue near 1024",
        "windows, masks and registration expect HU",
    ),
    "hu_range": Check(
        REFUSE,
        "CT with values that are no HU, or with a range that no head has",
        "an integer overflowed, or values were normalised",
    ),
    "hu_scale": Check(
        REFUSE,
        "CT whose air is far from -1000 HU or whose soft tissue is far from 0 to 100 HU",
        "a rescale slope or intercept was lost",
        tolerable=True,
    ),
    "inverted": Check(
        REFUSE,
        "an image that is brighter at its border than inside",
        "grey levels were inverted for display",
        tolerable=True,
    ),
    "saturated": Check(
        REFUSE,
        "CT with many voxels at its largest value",
        "a display window was burnt in, and values outside of it are lost",
        tolerable=True,
    ),
    "mr_saturated": Check(
        WARN,
        "MR with many voxels at its largest value",
        "bright fat or fluid may be clipped; shapes are still usable",
    ),
    "mr_negative": Check(
        WARN,
        "many negative voxels in a magnitude image",
        "a filter may cause them, but so may a 16-bit overflow",
    ),
    "adc_scale": Check(
        WARN,
        "ADC that is not in 1e-6 mm2/s",
        "the workflow uses only its contrast, but users of its values have to know",
    ),
    "swapped": Check(
        REFUSE,
        "a b0 that looks like the DWI beside it, and the reverse",
        "an ADC computed from them would be negative, and masks of one would be shown on the other",
        tolerable=True,
    ),
    # --- time
    "timing": Check(
        REFUSE,
        "frame times in sidecar or config that do not fit the series",
        "with wrong times a perfusion map looks right, but all its values are wrong",
    ),
    "timing_missing": Check(
        REFUSE,
        "a series without frame times in sidecar or config",
        "with guessed times a map looks right but is wrong; the config may allow the header's",
    ),
    "timing_unknown": Check(
        WARN,
        "the same of an MR perfusion series",
        "it is released as it is, and its users will need the times",
    ),
    "timing_header": Check(
        WARN,
        "a header with another interval than the frame times",
        "headers often hold a converter's default; the frame times are used",
    ),
    "timing_gap": Check(
        WARN,
        "a gap between frames much longer than usual",
        "the bolus is interpolated across it",
    ),
    "series_short": Check(
        WARN, "a series too short to follow a bolus", "all outputs but perfusion maps can be made"
    ),
    # --- labels
    "label_values": Check(
        REFUSE,
        "a label with values other than whole numbers from 0 to 65535",
        "a threshold has to be chosen by the person who drew the label",
    ),
    "label_empty": Check(
        WARN, "a label without a marked voxel", "a patient may have no visible infarct"
    ),
    "label_large": Check(
        WARN, "a label that fills most of its image", "it may be inverted, or a brain mask"
    ),
    "label_unknown": Check(
        WARN,
        "values besides 0 and 1 in a lesion or occlusion mask",
        "all of them are kept; the reader must know what they mean",
    ),
    # --- the subject
    "sidecar": Check(
        REFUSE, "a sidecar that is not a JSON object in UTF-8", "the frame times in it are lost"
    ),
    "modality": Check(
        REFUSE,
        "a CT whose sidecar says MR, or an MR whose sidecar says CT",
        "the file has the name of another scan",
    ),
    "units_hu": Check(
        WARN, "a CT sidecar with a unit other than HU", "the voxels are checked for HU anyway"
    ),
    "duplicate": Check(
        REFUSE,
        "two images of a subject with the same voxels",
        "one of them has the wrong name",
        tolerable=True,
    ),
    "named_person": Check(
        REFUSE,
        "a `sub-`, `ses-` or `acq-` label that holds a person's or a place's name of the sidecars",
        "the release bears these labels",
    ),
    "named_date": Check(
        REFUSE,
        "a label that is a date of the patient's, or looks like a date",
        "the release bears these labels",
        tolerable=True,
    ),
    "named_number": Check(
        REFUSE,
        "a label that is an identifier of the sidecars, or holds a number of seven digits or more",
        "a hospital's number leads to the patient; a pseudonym that looks like one may be listed",
        tolerable=True,
    ),
    "named_pseudonym": Check(
        REFUSE,
        "a subject that the study's table of pseudonyms does not list, or lists elsewhere",
        "the name of the subject is not the one that was chosen for the release",
    ),
    "two_patients": Check(
        REFUSE,
        "sidecars of one subject that name two patients",
        "two people's scans must never be joined",
        tolerable=True,
    ),
}


@dataclass(frozen=True)
class Finding:
    """A fault that a check found in a file."""

    check: str
    what: str
    where: str
    remedy: str
    verdict: str = field(default="")

    @classmethod
    def of(cls, check: str, what: str, where: Any, remedy: str) -> Finding:
        """A finding with the verdict of its check."""
        return cls(check, what, str(where), remedy, CHECKS[check].verdict)

    @property
    def refused(self) -> bool:
        """Whether it excludes the subject."""
        return self.verdict == REFUSE

    def error(self) -> StrokeprepError:
        """The finding as an error message."""
        return StrokeprepError(self.what, self.where, self.remedy)

    def judged(self, tolerate: Iterable[str]) -> Finding:
        """The finding, turned into a warning if the study tolerates its check."""
        if self.refused and self.check in tolerate and CHECKS[self.check].tolerable:
            return Finding(self.check, self.what, self.where, self.remedy, WARN)
        return self


def tolerable() -> list[str]:
    """The names of the checks that a config can turn into warnings."""
    return [name for name, check in CHECKS.items() if check.tolerable]


def table() -> str:
    """The checks as rows of a Markdown table."""
    rows = ["| check | finds | then | because |", "|---|---|---|---|"]
    for name, check in CHECKS.items():
        then = f"{check.verdict} (or warn)" if check.tolerable else check.verdict
        rows.append(f"| `{name}` | {check.finds} | {then} | {check.why} |")
    return "\n".join(rows) + "\n"

"""What the gate looks for in raw files, what follows when it finds it, and why.

``docs/gate.md`` shows this table to users; a test keeps the two alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from strokeprep.errors import StrokeprepError

REFUSE, WARN = "refuse", "warn"


@dataclass(frozen=True)
class Check:
    """One thing the gate looks for; ``tolerable`` if the config may turn refusing into warning."""

    verdict: str
    finds: str
    why: str
    tolerable: bool = False


CHECKS: dict[str, Check] = {
    # --- the file
    "missing": Check(REFUSE, "a file that is not there", "nothing can be computed from it"),
    "unreadable": Check(
        REFUSE, "no NIfTI image, or a header that contradicts itself", "nothing in it is certain"
    ),
    "damaged": Check(
        REFUSE,
        "a gzip that is cut short or fails its checksum; fewer or more voxels than the header says",
        "the voxels that are there may be the wrong ones",
    ),
    "datatype": Check(
        REFUSE, "colour, complex or other voxels that are no plain numbers", "they are no scan"
    ),
    # --- geometry
    "dimensions": Check(
        REFUSE,
        "a series where a volume belongs or the reverse, a flat image, an impossible matrix",
        "picking a volume, or inventing a time axis, would be a guess",
    ),
    "no_position": Check(
        REFUSE,
        "qform and sform code 0, or a matrix that holds no usable affine",
        "left and right cannot be told apart and must not be guessed",
    ),
    "spacing": Check(
        REFUSE,
        "zero, negative or infinite voxel sizes in the header",
        "readers repair them silently, each in its own way",
    ),
    "voxel_size": Check(
        REFUSE,
        "voxels or a field of view no head scan has, or a position metres off the scanner",
        "the header is damaged, or its unit is not the millimetre",
        tolerable=True,
    ),
    "units": Check(
        REFUSE,
        "a header that says metre or micrometre",
        "readers disagree on whether to convert, so sizes would be off by a thousand",
    ),
    "units_missing": Check(
        WARN, "no unit of length", "common in converted CT; the voxel size is plausible in mm"
    ),
    "shear": Check(
        REFUSE,
        "a sheared affine, as a gantry tilt leaves it",
        "ITK images cannot hold it, and dropping it moves anatomy by centimetres",
    ),
    "tilt": Check(
        WARN,
        "a gantry tilt in the sidecar and none in the affine",
        "right if the converter removed it, wrong if it ignored it; the audit shows which",
    ),
    "forms": Check(
        REFUSE,
        "qform and sform, or voxel size and affine, that disagree, or one of them mirrored",
        "viewers take one or the other, so masks may have been drawn on either",
        tolerable=True,
    ),
    "forms_rounding": Check(
        WARN,
        "qform and sform apart by less than a millimetre",
        "rounding of quaternions; the sform is used throughout",
    ),
    "slice_positions": Check(
        REFUSE,
        "slices the sidecar puts at uneven distances",
        "an affine can hold one distance only, so sizes and positions are wrong in part of it",
        tolerable=True,
    ),
    "slice_spacing": Check(
        WARN,
        "a slice spacing, or number of slices, in the sidecar that is not the header's",
        "usual after a tilt was removed or slices were evened out",
    ),
    "grid": Check(
        REFUSE,
        "images of one scan, or a mask and its image, on different grids",
        "an overlay would be off by the difference; resampling one is for a person to decide",
    ),
    "grid_rounding": Check(
        WARN,
        "such grids apart by a small part of a voxel",
        "headers written by two programs differ in their last digits",
    ),
    # --- voxels
    "not_finite": Check(
        REFUSE, "NaN or infinite voxels", "one of them spoils every interpolation it takes part in"
    ),
    "constant": Check(REFUSE, "the same value everywhere", "the image is empty"),
    "mask_as_image": Check(
        REFUSE,
        "a handful of values where a scan belongs",
        "it is a mask under a scan's name",
    ),
    "empty_slices": Check(
        WARN,
        "many slices of one value",
        "they may be padding, or what a broken transfer left out",
    ),
    "empty_frames": Check(
        WARN, "frames of one value in a series", "the perfusion stage leaves such frames out"
    ),
    "hu_offset": Check(
        REFUSE,
        "CT with air near 0 and tissue near 1024",
        "windows, masks and registration all take values for HU",
    ),
    "hu_range": Check(
        REFUSE,
        "CT beyond any HU, or with a range no head has",
        "values have wrapped round, or were normalised",
    ),
    "hu_scale": Check(
        REFUSE,
        "CT whose air is far from -1000 HU or whose soft tissue is far from 0 to 100 HU",
        "a slope or an offset was lost",
        tolerable=True,
    ),
    "inverted": Check(
        REFUSE,
        "an image whose border is brighter than what it surrounds",
        "grey levels were inverted for display",
        tolerable=True,
    ),
    "saturated": Check(
        REFUSE,
        "CT with many voxels at its largest value",
        "a display window was burnt in, and what it cut off is lost",
        tolerable=True,
    ),
    "mr_saturated": Check(
        WARN,
        "MR with many voxels at its largest value",
        "bright fat or fluid may clip; shapes stay usable",
    ),
    "mr_negative": Check(
        WARN,
        "many negative voxels in a magnitude image",
        "a filter may leave them, and so does a 16-bit overflow",
    ),
    "adc_scale": Check(
        WARN,
        "ADC that is not in 1e-6 mm2/s",
        "only its contrast is used here, but whoever takes its numbers must know",
    ),
    # --- time
    "timing": Check(
        REFUSE,
        "frame times in sidecar or config that do not fit the series",
        "a perfusion map from wrong times looks right and is wrong in every number",
    ),
    "timing_missing": Check(
        REFUSE,
        "a series without frame times in sidecar or config",
        "a guess looks right and is wrong; the header counts where the config says so",
    ),
    "timing_header": Check(
        WARN,
        "a header whose interval is not that of the frame times",
        "headers are often left at a converter's default; the frame times are used",
    ),
    "timing_gap": Check(
        WARN,
        "a gap between frames much longer than usual",
        "what the bolus did in it is interpolated",
    ),
    "series_short": Check(
        WARN, "a series too short to follow a bolus", "everything but perfusion maps can be made"
    ),
    # --- labels
    "label_values": Check(
        REFUSE,
        "a label that is not whole numbers from 0 to 65535",
        "a threshold is for the person who drew it to choose",
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
        REFUSE, "a sidecar that is not a JSON object in UTF-8", "what it says about time is lost"
    ),
    "modality": Check(
        REFUSE,
        "a sidecar that says MR beside a CT, or CT beside an MR",
        "the file has another scan's name",
    ),
    "units_hu": Check(
        WARN, "a CT sidecar whose unit is not HU", "the voxels themselves are checked to be HU"
    ),
    "duplicate": Check(
        REFUSE,
        "two images of a subject with the same voxels",
        "one of them has a name it should not have",
        tolerable=True,
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
    """One thing that was found in one file."""

    check: str
    what: str
    where: str
    remedy: str
    verdict: str = field(default="")

    @classmethod
    def of(cls, check: str, what: str, where: Any, remedy: str) -> Finding:
        """A finding with the verdict the table gives it."""
        return cls(check, what, str(where), remedy, CHECKS[check].verdict)

    @property
    def refused(self) -> bool:
        """Whether it keeps its subject out."""
        return self.verdict == REFUSE

    def error(self) -> StrokeprepError:
        """The finding as the error a person reads."""
        return StrokeprepError(self.what, self.where, self.remedy)

    def judged(self, tolerate: Iterable[str]) -> Finding:
        """The finding, let through with a warning where the study tolerates it."""
        if self.refused and self.check in tolerate and CHECKS[self.check].tolerable:
            return Finding(self.check, self.what, self.where, self.remedy, WARN)
        return self


def tolerable() -> list[str]:
    """The checks a config may turn into warnings."""
    return [name for name, check in CHECKS.items() if check.tolerable]


def table() -> str:
    """The checks as rows of a Markdown table."""
    rows = ["| check | finds | then | because |", "|---|---|---|---|"]
    for name, check in CHECKS.items():
        then = f"{check.verdict} (or warn)" if check.tolerable else check.verdict
        rows.append(f"| `{name}` | {check.finds} | {then} | {check.why} |")
    return "\n".join(rows) + "\n"

"""Bad inputs, each made from a simulated patient by one fault, and the finding that must follow."""

from __future__ import annotations

import gzip
import json
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from strokeprep.gate import inspection
from strokeprep.settings import config
from strokeprep.settings.gate import GateSettings
from strokeprep.study import raw_files, table
from strokeprep.study.layouts import designs

CT = "sub-01/ses-01/ct/sub-01_ses-01_acq-"
NCCT, CTA, CTP = (f"{CT}{name}_ct.nii.gz" for name in ("ncct", "cta", "ctp"))
DWI = "sub-01/ses-02/dwi/sub-01_ses-02_"
B0, TRACE, ADC = (f"{DWI}{name}.nii.gz" for name in ("S0map", "trace", "ADC"))
PWI = "sub-01/ses-02/perf/sub-01_ses-02_dsc.nii.gz"
T1W = "sub-01/ses-02/anat/sub-01_ses-02_T1w.nii.gz"
MANUAL = "derivatives/manual/"
LESION = f"{MANUAL}{DWI}space-orig_label-L_desc-infarct_mask.nii.gz"
LVO = f"{MANUAL}sub-01/ses-01/anat/sub-01_ses-01_acq-cta_space-orig_label-LVO_mask.nii.gz"
COW = f"{MANUAL}sub-01/ses-01/anat/sub-01_ses-01_acq-cta_space-orig_seg-CoW_dseg.nii.gz"

# Bytes of a NIfTI-1 header.
DIM, DATATYPE, BITPIX, PIXDIM, OFFSET, SLOPE, INTER = 40, 70, 72, 76, 108, 112, 116
UNITS, DESCRIP, QCODE, SCODE, QUATERN, SROW, MAGIC = 123, 148, 252, 254, 256, 280, 344


@dataclass(frozen=True)
class Case:
    """One fault: the file, how it is made, and the check and the words that must report it."""

    file: str
    check: str
    says: str
    make: Callable[[Path], None]


def inspected(root: Path, settings: GateSettings | None = None) -> inspection.Report:
    """The gate's report on the only subject of a study."""
    complete = config.load({"study": {"layout": "bids", "root": str(root)}})
    built = table.build(designs.read(complete), complete.reference)
    return inspection.inspect_files(
        raw_files.of_subject(built.subjects[0]), settings or GateSettings()
    )


# --- Ways to spoil a file ---------------------------------------------------------------------


def bytes_of(path: Path) -> bytes:
    """A file's content, unpacked."""
    return gzip.decompress(path.read_bytes())


def put(path: Path, content: bytes, packed: bool = True) -> None:
    """Replace a file; other hard links to it keep the old content."""
    path.unlink(missing_ok=True)
    path.write_bytes(gzip.compress(content, 1, mtime=0) if packed else content)


def header(offset: int, form: str, *values) -> Callable[[Path], None]:
    """Overwrite bytes of the header."""

    def make(path: Path) -> None:
        content = bytearray(bytes_of(path))
        struct.pack_into(f"<{form}", content, offset, *values)
        put(path, bytes(content))

    return make


def voxels(change: Callable[[np.ndarray], np.ndarray], dtype=None) -> Callable[[Path], None]:
    """Replace the voxels; the grid stays."""

    def make(path: Path) -> None:
        nifti = nib.load(path)
        data = change(np.asarray(nifti.dataobj))
        save(path, data if dtype is None else data.astype(dtype), nifti)

    return make


def save(path: Path, data: np.ndarray, like: nib.Nifti1Image, affine=None, codes=(2, 1)) -> None:
    """Write voxels under the header of another image."""
    affine = like.affine if affine is None else affine
    nifti = nib.Nifti1Image(data, affine)
    nifti.set_qform(affine, codes[0])
    nifti.set_sform(affine, codes[1])
    nifti.header.set_xyzt_units("mm", "sec")
    if data.ndim == 4 and len(like.shape) == 4:
        nifti.header["pixdim"][4] = like.header["pixdim"][4]
    path.unlink(missing_ok=True)
    nib.save(nifti, path)


def placed(change: Callable[[np.ndarray], np.ndarray], codes=(2, 1)) -> Callable[[Path], None]:
    """Replace the affine; the voxels stay."""

    def make(path: Path) -> None:
        nifti = nib.load(path)
        save(path, np.asarray(nifti.dataobj), nifti, change(nifti.affine.copy()), codes)

    return make


def sform_alone(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    """Replace the sform; the qform stays."""

    def make(path: Path) -> None:
        rows = change(nib.load(path).affine.copy())[:3].ravel().tolist()
        header(SROW, "12f", *rows)(path)

    return make


def sidecar(**keys) -> Callable[[Path], None]:
    """Set keys of the JSON beside an image; None removes one."""

    def make(path: Path) -> None:
        beside = beside_of(path)
        content = json.loads(beside.read_text()) | keys
        text = json.dumps({key: value for key, value in content.items() if value is not None})
        put(beside, text.encode(), packed=False)

    return make


def beside_of(path: Path) -> Path:
    """The sidecar of an image."""
    return Path(str(path).removesuffix(".nii.gz") + ".json")


def both(*steps: Callable[[Path], None]) -> Callable[[Path], None]:
    """One change after another."""

    def make(path: Path) -> None:
        for step in steps:
            step(path)

    return make


def cut(share: float) -> Callable[[Path], None]:
    """Keep only the first part of the packed file."""

    def make(path: Path) -> None:
        content = path.read_bytes()
        put(path, content[: int(len(content) * share)], packed=False)

    return make


def raw(content: bytes) -> Callable[[Path], None]:
    """Replace the content of the file."""
    return lambda path: put(path, content, packed=False)


def unpacked(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Change the unpacked bytes."""
    return lambda path: put(path, change(bytes_of(path)))


def flipped_bit(path: Path) -> None:
    """One wrong bit in the middle, as from a bad disk: only the checksum shows it."""
    content = bytes_of(path)
    stored = bytearray(gzip.compress(content, 0, mtime=0))
    stored[len(stored) // 2] ^= 1
    put(path, bytes(stored), packed=False)


def copied_from(name: str) -> Callable[[Path], None]:
    """A copy of another file in place of this one."""

    def make(path: Path) -> None:
        source = next(parent / name for parent in path.parents if (parent / name).exists())
        path.unlink()
        shutil.copy(source, path)

    return make


def in_the_place_of(name: str) -> Callable[[Path], None]:
    """This file under the name of another, and that one under the name of this."""

    def make(path: Path) -> None:
        other = next(parent / name for parent in path.parents if (parent / name).exists())
        own, its = bytes_of(path), bytes_of(other)
        put(path, its)
        put(other, own)

    return make


def without(path: Path) -> None:
    """A dangling link: the file is listed but missing."""
    path.unlink()
    path.symlink_to(path.with_name("gone.nii.gz"))


def one_voxel(value: float) -> Callable[[np.ndarray], np.ndarray]:
    """Set one voxel to a value."""

    def change(data: np.ndarray) -> np.ndarray:
        data = data.astype(np.float32)
        data[tuple(n // 2 for n in data.shape)] = value
        return data

    return change


def sheared(affine: np.ndarray) -> np.ndarray:
    """The affine of a gantry tilt of 15 degrees."""
    affine[1, 2] += np.tan(np.radians(15)) * affine[2, 2]
    return affine


def moved(mm: float) -> Callable[[np.ndarray], np.ndarray]:
    """Shift the grid to the right."""

    def change(affine: np.ndarray) -> np.ndarray:
        affine[0, 3] += mm
        return affine

    return change


def scaled(factor: float) -> Callable[[np.ndarray], np.ndarray]:
    """Scale the grid, as in another unit."""
    return lambda affine: affine @ np.diag([factor, factor, factor, 1.0])


def mirrored(affine: np.ndarray) -> np.ndarray:
    """Left and right exchanged."""
    return np.diag([-1.0, 1, 1, 1]) @ affine


def complex_voxels(path: Path) -> None:
    nifti = nib.load(path)
    save(path, np.asarray(nifti.dataobj).astype(np.complex64), nifti)


def coloured(path: Path) -> None:
    nifti = nib.load(path)
    grey = np.clip(np.asarray(nifti.dataobj), 0, 255).astype(np.uint8)
    colour = np.zeros(grey.shape, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    colour["R"] = grey
    save(path, colour, nifti)


def positions(path: Path, jump: float) -> list[float]:
    """Slice positions; in the upper half the spacing is larger by ``jump`` mm."""
    nifti = nib.load(path)
    steps = np.full(nifti.shape[2] - 1, float(np.linalg.norm(nifti.affine[:3, 2])))
    steps[len(steps) // 2 :] += jump
    return [0.0, *np.cumsum(steps).round(2).tolist()]


def uneven(key: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        along = positions(path, 1.0)
        points = [[0, 0, z] for z in along] if key == "ImagePositionPatient" else along
        sidecar(**{key: points})(path)

    return make


def noise_as_series(path: Path) -> None:
    """Two frames, too few for a bolus, with a sidecar that fits them."""
    nifti = nib.load(path)
    save(path, np.asarray(nifti.dataobj)[..., :2], nifti)
    sidecar(VolumeTiming=[0.0, 2.0])(path)


def no_time(path: Path) -> None:
    header(PIXDIM + 16, "f", 0.0)(path)
    sidecar(VolumeTiming=None)(path)


def mr_series_without_times(path: Path) -> None:
    """An MR perfusion series beside the diffusion images, whose values it takes."""
    nifti = nib.load(str(path.parents[3] / B0))
    path.parent.mkdir()
    frames = np.stack([np.asarray(nifti.dataobj)] * 3, axis=3)
    save(path, frames, nifti)
    header(PIXDIM + 16, "f", 0.0)(path)


# The times of the series without those of twenty seconds.
BROKEN_OFF = [*np.arange(0.0, 27.0, 2.0).tolist(), *np.arange(46.0, 61.0, 3.5).tolist()]


def frame(index: int, value: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(data: np.ndarray) -> np.ndarray:
        data[..., index] = value
        return data

    return change


def half_gone(data: np.ndarray) -> np.ndarray:
    """Empty the upper half of the slices, as in an incomplete transfer."""
    data[:, :, data.shape[2] // 2 :] = 0
    return data


def flat(data: np.ndarray) -> np.ndarray:
    return data[:, :, :1]


def clipped(low: float, high: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda data: np.clip(data, low, high)


# --- The corpus -------------------------------------------------------------------------------

DAMAGED = "cut short or damaged"
CASES: dict[str, Case] = {
    # the file
    "a link to nowhere": Case(NCCT, "missing", "File is missing", without),
    "an empty file": Case(NCCT, "unreadable", "Not a readable NIfTI", raw(b"")),
    "a Word document": Case(CTA, "unreadable", "Not a readable NIfTI", raw(b"PK\3\4 broken")),
    "an error page of a web server": Case(T1W, "unreadable", "Not a readable NIfTI", raw(b"<html>404")),
    "zeros only": Case(B0, "unreadable", "Not a readable NIfTI", raw(bytes(4096))),
    "an unpacked file called gz": Case(
        ADC, "unreadable", "Not a readable NIfTI", lambda path: raw(bytes_of(path))(path)
    ),
    "a gzip of a gzip": Case(
        TRACE, "unreadable", "Not a readable NIfTI", lambda path: put(path, path.read_bytes())
    ),
    "a gzip of nothing": Case(CTP, "unreadable", "Not a readable NIfTI", raw(gzip.compress(b""))),
    "a gzip cut within the header": Case(
        NCCT, "unreadable", "Not a readable NIfTI", unpacked(lambda content: content[:200])
    ),
    "a DICOM file": Case(
        NCCT, "unreadable", "Not a readable NIfTI", raw(bytes(128) + b"DICM" + bytes(400))
    ),
    "a wrong magic": Case(NCCT, "unreadable", "Not a readable NIfTI", header(MAGIC, "4s", b"nope")),
    "a voxel offset of infinity": Case(
        NCCT, "unreadable", "Not a readable NIfTI", header(OFFSET, "f", np.inf)
    ),
    "a voxel offset beyond the end of the file": Case(T1W, "damaged", DAMAGED, header(OFFSET, "f", 1e27)),
    "a header of the wrong length": Case(
        NCCT, "unreadable", "1234 bytes", header(0, "i", 1234)
    ),
    "an unknown data type": Case(
        NCCT, "unreadable", "Not a readable NIfTI", header(DATATYPE, "h", 999)
    ),
    "a gzip cut at a third": Case(NCCT, "damaged", DAMAGED, cut(0.33)),
    "a gzip without its last bytes": Case(CTA, "damaged", DAMAGED, cut(0.999)),
    "a series cut short": Case(CTP, "damaged", DAMAGED, cut(0.8)),
    "a wrong bit": Case(T1W, "damaged", DAMAGED, flipped_bit),
    "fewer voxels than the header says": Case(
        NCCT, "damaged", DAMAGED, unpacked(lambda content: content[:-1000])
    ),
    "more voxels than the header says": Case(
        NCCT, "damaged", "more data than its header says", header(DIM + 6, "h", 5)
    ),
    "a header that asks for gigabytes": Case(
        NCCT, "damaged", DAMAGED,
        both(placed(scaled(0.2)), header(DIM, "4h", 3, 2000, 2000, 900)),
    ),
    "a label cut short": Case(COW, "damaged", DAMAGED, cut(0.5)),
    "complex voxels": Case(T1W, "datatype", "not plain numbers", complex_voxels),
    "a colour image": Case(B0, "datatype", "colours, not plain numbers", coloured),
    # geometry
    "a series instead of a volume": Case(
        NCCT, "dimensions", "4 dimensions", voxels(lambda data: np.stack([data, data + 1], -1))
    ),
    "a volume instead of a series": Case(
        CTP, "dimensions", "3 dimensions", voxels(lambda data: data[..., 0])
    ),
    "a single slice": Case(NCCT, "dimensions", "is flat", voxels(flat)),
    "a series of one frame": Case(CTP, "dimensions", "is flat", voxels(lambda d: d[..., :1])),
    "an impossible matrix": Case(
        NCCT, "dimensions", "the header is damaged", header(DIM + 2, "h", 30_000)
    ),
    "no position": Case(NCCT, "no_position", "both qform and sform", header(QCODE, "2h", 0, 0)),
    "an affine of zeros": Case(NCCT, "no_position", "no usable affine", header(SROW, "12f", *12 * [0])),
    "an affine of NaN": Case(
        NCCT, "no_position", "no usable affine", header(SROW, "12f", *12 * [np.nan])
    ),
    "an affine with coplanar axes": Case(
        NCCT, "no_position", "no usable affine",
        header(SROW, "12f", 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0),
    ),
    "zero spacing": Case(NCCT, "spacing", "voxel sizes of", header(PIXDIM + 12, "f", 0.0)),
    "negative spacing": Case(T1W, "spacing", "voxel sizes of", header(PIXDIM + 4, "f", -1.5)),
    "spacing that is no number": Case(
        CTA, "spacing", "voxel sizes of nan", header(PIXDIM + 4, "f", np.nan)
    ),
    "voxels of micrometres": Case(NCCT, "voxel_size", "are possible", placed(scaled(0.001))),
    "voxels of a metre": Case(T1W, "voxel_size", "are possible", placed(scaled(1000))),
    "a field of view of a few millimetres": Case(T1W, "voxel_size", "field of view", placed(scaled(0.15))),
    "a position 40 m from the scanner": Case(NCCT, "voxel_size", "m from", placed(moved(40_000))),
    "metres": Case(NCCT, "units", "unit of length as metre", header(UNITS, "b", 1)),
    "micrometres": Case(T1W, "units", "unit of length as micrometre", header(UNITS, "b", 3)),
    "no unit": Case(NCCT, "units_missing", "millimetres are assumed", header(UNITS, "b", 0)),
    "a gantry tilt": Case(NCCT, "shear", "sheared", placed(sheared, codes=(0, 1))),
    "a tilt in the sidecar only": Case(NCCT, "tilt", "tilted by 18.5", sidecar(GantryDetectorTilt=18.5)),
    "a qform 37 mm from the sform": Case(T1W, "forms", "corners 37 mm apart", sform_alone(moved(37))),
    "a mirrored sform": Case(T1W, "forms", "mirror image", sform_alone(mirrored)),
    "a qform that is no rotation": Case(
        T1W, "forms", "no rotation", header(QUATERN, "3f", np.nan, 0, 0)
    ),
    "a qform 0.4 mm from the sform": Case(T1W, "forms_rounding", "the sform is used", sform_alone(moved(0.4))),
    "another voxel size in the header than in the affine": Case(
        NCCT, "forms", "by its affine",
        both(header(QCODE, "h", 0), header(PIXDIM + 12, "f", 5.0)),
    ),
    "uneven slices": Case(NCCT, "slice_positions", "mm apart", uneven("SliceLocation")),
    "uneven slice points": Case(CTA, "slice_positions", "mm apart", uneven("ImagePositionPatient")),
    "a slice less in the sidecar": Case(
        NCCT, "slice_spacing", "the image has",
        lambda path: sidecar(SliceLocation=positions(path, 0)[:-1])(path),
    ),
    "another slice spacing": Case(
        NCCT, "slice_spacing", "by the sidecar", sidecar(SpacingBetweenSlices=1.25)
    ),
    "an ADC of another shape": Case(
        ADC, "grid", "voxels, not", voxels(lambda data: data[:-2])
    ),
    "a shifted ADC": Case(ADC, "grid", "corners are 2 mm apart", placed(moved(2))),
    "an ADC with two axes reversed": Case(ADC, "grid", "corners are", placed(lambda a: a @ np.diag([-1.0, -1, 1, 1]))),
    "an ADC with a rounded affine": Case(ADC, "grid_rounding", "corners are", placed(moved(0.02))),
    "a mask of another image": Case(LVO, "grid", "voxels, not", copied_from(LESION)),
    "a shifted mask": Case(LESION, "grid", "corners are", placed(moved(-3))),
    # voxels
    "a NaN voxel": Case(NCCT, "not_finite", "NaN or infinite", voxels(one_voxel(np.nan))),
    "an infinite voxel": Case(T1W, "not_finite", "NaN or infinite", voxels(one_voxel(np.inf))),
    "a NaN voxel in a series": Case(CTP, "not_finite", "NaN or infinite", voxels(one_voxel(np.nan))),
    "an empty image": Case(NCCT, "constant", "Every voxel is 0", voxels(np.zeros_like)),
    "an empty series": Case(CTP, "constant", "Every voxel is", voxels(lambda d: d * 0 - 1024)),
    "a mask named as a scan": Case(
        T1W, "mask_as_image", "2 values only", voxels(lambda data: (data > 100).astype(np.uint8))
    ),
    "an incomplete transfer": Case(T1W, "empty_slices", "hold one value only", voxels(half_gone)),
    "a lost frame": Case(CTP, "empty_frames", "1 frames hold one value", voxels(frame(3, -1024))),
    "HU with 1024 added": Case(NCCT, "hu_offset", "near 1024", voxels(lambda data: data + 1024)),
    "HU with 1024 added, a series": Case(CTP, "hu_offset", "near 1024", voxels(lambda d: d + 1024)),
    "HU with 1024 subtracted twice": Case(
        NCCT, "hu_scale", "Only", voxels(lambda data: data - 1024)
    ),
    "negative values stored as unsigned": Case(
        CTA, "hu_range", "no Hounsfield", voxels(lambda d: d.astype(np.uint16), np.uint16)
    ),
    "CT from 0 to 1": Case(
        NCCT, "hu_range", "no Hounsfield",
        voxels(lambda data: ((data + 1024) / 4095).astype(np.float32)),
    ),
    "half the slope": Case(NCCT, "hu_scale", "Air lies near", voxels(lambda data: data // 2)),
    "twice the slope": Case(CTA, "hu_scale", "Air lies near", voxels(lambda data: data * 2)),
    "a slope in the header": Case(NCCT, "hu_scale", "Air lies near", header(SLOPE, "2f", 0.25, 0)),
    "an MR named as a CT": Case(
        NCCT, "hu_scale", "as in MR", both(copied_from(T1W), voxels(lambda data: data + 1))
    ),
    "inverted CT": Case(NCCT, "inverted", "brighter at its border", voxels(lambda data: -data)),
    "inverted MR": Case(T1W, "inverted", "brighter at its border", voxels(lambda d: d.max() - d)),
    "a brain window burnt in": Case(NCCT, "saturated", "largest value", voxels(clipped(-1024, 80))),
    "saturated MR": Case(T1W, "mr_saturated", "largest value", voxels(clipped(0, 500))),
    "MR with an overflow": Case(
        TRACE, "mr_negative", "below zero", voxels(lambda d: np.where(d > 90, -d, d))
    ),
    "b0 and DWI in each other's place": Case(
        B0, "swapped", "looks like the weighted one", in_the_place_of(TRACE)
    ),
    "ADC in mm2/s": Case(
        ADC, "adc_scale", "median ADC", voxels(lambda d: (d * 1e-6).astype(np.float32))
    ),
    # time
    "an MR series without times": Case(
        PWI, "timing_unknown", "Neither sidecar nor header", mr_series_without_times
    ),
    "no time axis": Case(CTP, "timing_missing", "Nothing says when", no_time),
    "times of another series": Case(
        CTP, "timing", "times for", sidecar(VolumeTiming=[0.0, 1.5, 3.0])
    ),
    "milliseconds": Case(
        CTP, "timing", "apart", sidecar(VolumeTiming=None, RepetitionTime=1500)
    ),
    "a negative interval": Case(
        CTP, "timing", "does not rise", sidecar(VolumeTiming=None, RepetitionTime=-1.5)
    ),
    "an interval that is a text": Case(
        CTP, "timing", "not a number of seconds", sidecar(VolumeTiming=None, RepetitionTime="1.5")
    ),
    "a header left at a converter's default": Case(
        CTP, "timing_header", "1 s by the header", header(PIXDIM + 16, "f", 1.0)
    ),
    "a break in the series": Case(
        CTP, "timing_gap", "between 26 and 46 s", sidecar(VolumeTiming=BROKEN_OFF)
    ),
    "two frames": Case(CTP, "series_short", "2 frames", noise_as_series),
    # labels
    "a probability map": Case(
        LESION, "label_values", "whole, non-negative", voxels(lambda d: (d * 0.7).astype(np.float32))
    ),
    "a negative label": Case(
        COW, "label_values", "whole, non-negative", voxels(lambda d: -d.astype(np.int16))
    ),
    "a label with a NaN voxel": Case(LVO, "label_values", "whole, non-negative", voxels(one_voxel(np.nan))),
    "a label too large": Case(
        COW, "label_values", "up to 65535", voxels(lambda d: d.astype(np.int32) * 100_000)
    ),
    "an empty mask": Case(LESION, "label_empty", "Nothing is marked", voxels(np.zeros_like)),
    "an inverted mask": Case(LESION, "label_large", "is marked", voxels(lambda d: 1 - d)),
    "a mask of 255": Case(
        LESION, "label_unknown", "255 besides", voxels(lambda d: d * 255, np.uint8)
    ),
    # the subject
    "a sidecar cut short": Case(
        NCCT, "sidecar", "not valid JSON", lambda path: raw(b'{"KVP": 1')(beside_of(path))
    ),
    "a sidecar in Latin-1": Case(
        NCCT, "sidecar", "not valid JSON",
        lambda path: raw('{"PatientName": "Müller"}'.encode("latin-1"))(beside_of(path)),
    ),
    "a sidecar that is a list": Case(
        CTP, "sidecar", "holds no keys", lambda path: raw(b"[1, 2]")(beside_of(path))
    ),
    "a deeply nested sidecar": Case(
        NCCT, "sidecar", "not valid JSON", lambda path: raw(b"[" * 100_000)(beside_of(path))
    ),
    "a sidecar of one long number": Case(
        CTP, "sidecar", "not valid JSON",
        lambda path: raw(b'{"RepetitionTime": 1' + b"0" * 5000 + b"}")(beside_of(path)),
    ),
    "a CT that says MR": Case(CTA, "modality", "says MR", sidecar(Modality="MR")),
    "an MR that says CT": Case(T1W, "modality", "says CT", sidecar(Modality="CT")),
    "CT in other units": Case(NCCT, "units_hu", "another unit", sidecar(Units="1/cm")),
    "one scan twice": Case(TRACE, "duplicate", "same voxels as", copied_from(B0)),
    "another patient's scan": Case(
        T1W, "two_patients", "PatientID is not", sidecar(PatientID="PHANTOM-02")
    ),
    "another patient's name": Case(
        CTP, "two_patients", "PatientName is not", sidecar(PatientName="Other^Person")
    ),
}  # fmt: skip


# --- Unusual files from clinics that must be admitted ----------------------------------------


def oblique(path: Path) -> None:
    """The grid of a scan whose tilt was corrected: rotated by 11 degrees about x."""
    turn = np.eye(4)
    turn[:3, :3] = nib.eulerangles.euler2mat(x=np.radians(11))
    placed(lambda affine: turn @ affine)(path)


def reoriented(axes: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        nifti = nib.load(path)
        now, wanted = (
            nib.orientations.axcodes2ornt(codes) for codes in (nib.aff2axcodes(nifti.affine), axes)
        )
        turned = nifti.as_reoriented(nib.orientations.ornt_transform(now, wanted))
        save(path, np.asarray(turned.dataobj), turned)

    return make


def padded(value: int) -> Callable[[Path], None]:
    """Replace the value outside the round field of view."""

    def change(data: np.ndarray) -> np.ndarray:
        data = data.copy()
        data[data == data.min()] = value
        return data

    return voxels(change)


def float_hu(path: Path) -> None:
    jitter = np.random.default_rng(0)
    voxels(lambda d: (d + jitter.normal(0, 1e-3, d.shape)).astype(np.float32))(path)


def thick(path: Path) -> None:
    """Slices of 5 mm and more, by leaving some out."""
    nifti = nib.load(path)
    save(path, np.asarray(nifti.dataobj)[:, :, ::2], nifti, nifti.affine @ np.diag([1.0, 1, 2, 1]))


def fine_matrix(path: Path) -> None:
    """512 x 512."""
    nifti = nib.load(path)
    data = np.asarray(nifti.dataobj)
    times = -(-512 // data.shape[0])
    data = data.repeat(times, 0).repeat(times, 1)[:512, :512, 10:18]
    save(path, data, nifti, nifti.affine @ np.diag([1 / times, 1 / times, 1, 1]))


def stripped(path: Path) -> None:
    """A brain on a background of 0, as in some public datasets."""
    voxels(lambda d: np.where((d > 0) & (d < 100), d, 0))(path)


def almost_ones(path: Path) -> None:
    """A mask as in a public dataset: uint16 with a slope, so that ones are read as 0.9999999998."""
    header_of = nib.load(path)
    data = (np.asarray(header_of.dataobj) > 0).astype(np.uint16) * 65535
    save(path, data, header_of)
    header(SLOPE, "2f", 1 / 65535, 0.0)(path)


def big_endian(path: Path) -> None:
    nifti = nib.load(path)
    data = np.asarray(nifti.dataobj)
    swapped = nib.Nifti1Image(data.astype(data.dtype.newbyteorder(">")), nifti.affine,
                              nifti.header.as_byteswapped(">"))  # fmt: skip
    path.unlink()
    nib.save(swapped, path)


def second_version(path: Path) -> None:
    nifti = nib.load(path)
    newer = nib.Nifti2Image(np.asarray(nifti.dataobj), nifti.affine)
    newer.set_qform(nifti.affine, 2)
    newer.set_sform(nifti.affine, 1)
    newer.header.set_xyzt_units("mm", "sec")
    path.unlink()
    nib.save(newer, path)


def one_frame(path: Path) -> None:
    voxels(lambda data: data[..., None])(path)


# Each with the warnings that it causes.
QUIRKS: dict[str, tuple[str, Callable[[Path], None], set[str]]] = {
    "as it is": (NCCT, lambda path: None, set()),
    "axes L-A-S": (T1W, reoriented("LAS"), set()),
    "axes L-P-S": (T1W, reoriented("LPS"), set()),
    "sagittal slices": (T1W, reoriented("PSR"), set()),
    "a grid after tilt correction": (NCCT, oblique, set()),
    "a 512 matrix": (NCCT, fine_matrix, set()),
    "slices of 5 mm and more": (NCCT, thick, set()),
    "HU in floats": (NCCT, float_hu, set()),
    "padding of -2048": (NCCT, padded(-2048), set()),
    "padding of -3024": (NCCT, padded(-3024), set()),
    "padding of -3024 in a series": (CTP, padded(-3024), set()),
    "a skull-stripped image on a background of 0": (CTA, stripped, set()),
    "a mask whose ones are 0.9999999998": (LESION, almost_ones, set()),
    "a volume with a fourth axis of one": (NCCT, one_frame, set()),
    "big-endian": (NCCT, big_endian, set()),
    "NIfTI-2": (T1W, second_version, set()),
    "a qform alone": (T1W, header(SCODE, "h", 0), set()),
    "an sform alone": (T1W, header(QCODE, "h", 0), set()),
    "no unit": (CTA, header(UNITS, "b", 0), {"units_missing"}),
    "a tilt that was corrected": (NCCT, sidecar(GantryDetectorTilt=-12.0), {"tilt"}),
    "even slices": (NCCT, lambda p: sidecar(SliceLocation=positions(p, 0))(p), set()),
    "a byte order mark in the sidecar": (
        NCCT, lambda p: raw(b"\xef\xbb\xbf" + beside_of(p).read_bytes())(beside_of(p)), set()
    ),
    "a name in another case": (T1W, sidecar(PatientName="PHANTOM^patient^"), set()),
}  # fmt: skip

"""A small head to draw on, and masks of it as the three editors save them."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from strokeprep.corrections import targets
from strokeprep.corrections.targets import Target
from strokeprep.io import images
from strokeprep.kinds import NATIVE
from strokeprep.study import table
from strokeprep.study.naming import Space
from strokeprep.study.scans import Row, Study

TEMPLATE = Space("MNI152NLin2009aSym", "2")
SHAPE = (40, 48, 36)
TURN = nib.eulerangles.euler2mat(0.05, -0.1, 0.2)
AFFINE = nib.affines.from_matvec(TURN @ np.diag([-4.0, 4.0, 4.5]), [70.0, -90.0, -60.0])
CENTRE = np.array([24.0, 20.0, 15.0])  # beside the middle of the image, as heads lie


def radius(shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """The distance from the centre of the head, 1 at the surface of the brain."""
    axes = np.indices(shape).T - CENTRE
    return np.linalg.norm(axes / [12.0, 15.0, 12.0], axis=-1).T


def brain() -> np.ndarray:
    return (radius() < 1).astype(np.uint8)


def head() -> np.ndarray:
    """HU of air, skin, skull and a brain that is denser in front."""
    r = radius()
    hu = np.full(SHAPE, -1000, np.int16)
    hu[r < 1.3], hu[r < 1.2], hu[r < 1.0] = 20, 1200, 35
    hu[(r < 0.9) & (np.indices(SHAPE)[1] > 26)] = 60
    hu[(r < 0.5) & (np.indices(SHAPE)[0] > 27)] = 10
    return hu


def write_head(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    images.write_array(head(), AFFINE, path)
    return path


def study(folder: Path) -> Study:
    """One patient with an NCCT, a CTA, a perfusion series and an infarct on DWI."""
    found = [
        ("ncct", "ct", ("acq-ncct",), ""),
        ("cta", "ct", ("acq-cta",), ""),
        ("ctp", "ct", ("acq-ctp",), ""),
        ("trace", "dwi", (), ""),
        ("lesion", "dwi", (), "dwi"),
    ]
    rows = [
        Row(subject, None, role, folder / f"{subject}_{role}.nii.gz", on, NATIVE, False, None, own)
        for subject in ("01", "02")
        for role, _, own, on in found
    ]
    return table.build(rows, ["ncct"])


def target(folder: Path, word: str, scan: str = "ncct") -> Target:
    """What a patient's output is called that a word stands for."""
    found = targets.of_subject(study(folder).by_name["01"], TEMPLATE)
    return next(each for each in found.values() if (each.word, each.scan.name) == (word, scan))


def as_image(mask: np.ndarray, affine: np.ndarray = AFFINE) -> sitk.Image:
    return images.from_array(mask, affine)


def by_itksnap(mask: np.ndarray, path: Path) -> Path:
    """ITK's image of 16 bits on the axes of the image."""
    sitk.WriteImage(as_image(mask.astype(np.uint16)), str(path), True)
    return path


def by_mricrogl(mask: np.ndarray, path: Path) -> Path:
    """8 bits on the axes of the image; ``.voi`` is compressed NIfTI, and NRRD is written in RAS."""
    if path.suffix == ".nrrd":
        path.write_bytes(_nrrd_of_mricrogl(mask))
        return path
    image = nib.Nifti1Image(mask, AFFINE)
    image.header.set_slope_inter(1, 0)
    image.header["dim"][4:] = 1
    # Former versions announce an extension of the header and write none.
    flag = b"\4\0\0\0" if path.suffix == ".voi" else bytes(4)
    image.header["vox_offset"] = 352
    raw = image.header.binaryblock + flag + mask.tobytes(order="F")
    path.write_bytes(raw if path.suffix == ".nii" else gzip.compress(raw))
    return path


def _nrrd_of_mricrogl(mask: np.ndarray) -> bytes:
    axes = " ".join("({:g},{:g},{:g})".format(*AFFINE[:3, axis]) for axis in range(3))
    lines = [
        "NRRD0005",
        "type: unsigned char",
        "dimension: 3",
        "sizes: {} {} {} ".format(*mask.shape),
        "endian: little",
        "space: right-anterior-superior",
        'space units: "mm" "mm" "mm"',
        "centerings: cell cell cell",
        f"space directions: {axes}",
        "kinds: space space space",
        "space origin: ({:g},{:g},{:g})".format(*AFFINE[:3, 3]),
        "encoding: raw",
    ]
    return ("\n".join(lines) + "\n\n").encode() + mask.tobytes(order="F")


def by_slicer(mask: np.ndarray, path: Path, names: tuple[str, ...] = ("Segment_1",)) -> Path:
    """A segmentation in one layer, cut to the box around what is marked."""
    marked = np.argwhere(mask)
    low, high = marked.min(0), marked.max(0) + 1
    box = mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    moved = AFFINE.copy()
    moved[:3, 3] += AFFINE[:3, :3] @ low
    image = as_image(box, moved)
    about = {
        "Segmentation_ContainedRepresentationNames": "Binary labelmap|",
        "Segmentation_MasterRepresentation": "Binary labelmap",
        "Segmentation_ReferenceImageExtentOffset": " ".join(map(str, low)),
    }
    for number, name in enumerate(names):
        about |= {
            f"Segment{number}_Color": "0.42 0.79 0.48",
            f"Segment{number}_Extent": " ".join(f"0 {n - 1}" for n in box.shape),
            f"Segment{number}_ID": f"Segment_{number + 1}",
            f"Segment{number}_LabelValue": str(number + 1),
            f"Segment{number}_Layer": "0",
            f"Segment{number}_Name": name,
            f"Segment{number}_Tags": "TerminologyEntry:Segmentation category~SCT^85756007^Tissue~^^|",
        }
    for key, value in about.items():
        image.SetMetaData(key, value)
    sitk.WriteImage(image, str(path), True)
    return path


def in_layers(masks: list[np.ndarray], path: Path) -> Path:
    """A segmentation of 3D Slicer whose segments have a layer each, as its NRRD says it."""
    lps = np.diag([-1.0, -1, 1, 1]) @ AFFINE
    axes = " ".join("(" + ",".join(f"{x:.9f}" for x in lps[:3, axis]) + ")" for axis in range(3))
    origin = ",".join(f"{x:.9f}" for x in lps[:3, 3])
    lines = [
        "NRRD0004",
        "type: uint8",
        "dimension: 4",
        "space: left-posterior-superior",
        f"sizes: {len(masks)} " + " ".join(map(str, SHAPE)),
        f"space directions: none {axes}",
        "kinds: list domain domain domain",
        "encoding: gzip",
        f"space origin: ({origin})",
        *(f"Segment{n}_Name:=part {n + 1}" for n in range(len(masks))),
        *(f"Segment{n}_LabelValue:=1" for n in range(len(masks))),
        *(f"Segment{n}_Layer:={n}" for n in range(len(masks))),
    ]
    voxels = np.stack(masks).tobytes(order="F")
    path.write_bytes(("\n".join(lines) + "\n\n").encode() + gzip.compress(voxels))
    return path

"""Names of all files of the phantom. Standard library only, as Snakemake reads it at parse time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

COW_LABELS: dict[int, str] = {
    1: "ICA-L",
    2: "ICA-R",
    3: "A1-L",
    4: "A1-R",
    5: "ACom",
    6: "M1-L",
    7: "M1-R",
    8: "PCom-L",
    9: "PCom-R",
    10: "P1-L",
    11: "P1-R",
    12: "BA",
}

# image name -> path below raw/ without extension
_IMAGES = {
    "ncct": "sub-{s}/ses-01/ct/sub-{s}_ses-01_acq-ncct_ct",
    "cta": "sub-{s}/ses-01/ct/sub-{s}_ses-01_acq-cta_ct",
    "ctp": "sub-{s}/ses-01/ct/sub-{s}_ses-01_acq-ctp_ct",
    "b0": "sub-{s}/ses-02/dwi/sub-{s}_ses-02_S0map",
    "trace": "sub-{s}/ses-02/dwi/sub-{s}_ses-02_trace",
    "adc": "sub-{s}/ses-02/dwi/sub-{s}_ses-02_ADC",
    "t1w": "sub-{s}/ses-02/anat/sub-{s}_ses-02_T1w",
}
# the same for scans that a study may ask for beside these
_FURTHER = {
    name: f"sub-{{s}}/ses-02/anat/sub-{{s}}_ses-02_{ending}"
    for name, ending in {
        "t1wce": "ce-gadolinium_T1w",
        "t2w": "T2w",
        "flair": "FLAIR",
        "swi": "swi",
        "t2star": "T2starw",
        "tof": "angio",
    }.items()
}
_MANUAL = "derivatives/manual"
_MASKS = {
    "lvo": f"{_MANUAL}/sub-{{s}}/ses-01/anat/sub-{{s}}_ses-01_acq-cta_space-orig_label-LVO_mask",
    "cow": f"{_MANUAL}/sub-{{s}}/ses-01/anat/sub-{{s}}_ses-01_acq-cta_space-orig_seg-CoW_dseg",
    "lesion": (
        f"{_MANUAL}/sub-{{s}}/ses-02/dwi/sub-{{s}}_ses-02_space-orig_label-L_desc-infarct_mask"
    ),
}
_MASKS_ON_T1W = {
    "lesion": (
        f"{_MANUAL}/sub-{{s}}/ses-02/anat/sub-{{s}}_ses-02_space-orig_label-L_desc-infarct_mask"
    ),
}
GRIDS = ("ncct", "cta", "ctp", "dwi", "t1w")  # b0, trace and ADC share the dwi grid
PERFUSION = ("cbf", "cbv", "mtt", "tmax")
MNI = "MNI152NLin2009aSym"
USUAL = "isles24"
ATLAS = "atlas/regions_dseg.nii.gz"  # below the study's folder, of studies that place lesions by it


class Design(NamedTuple):
    """What the patients of a kind of study have: images, masks drawn by hand, and clinical tables."""

    images: tuple[str, ...]
    masks: dict[str, str]  # paths as in _IMAGES
    grids: tuple[str, ...]
    true: tuple[str, ...]  # what is true of them beside poses, brains and faces
    tables: tuple[str, ...]
    is_usual: bool = False  # CT and MRI of two sessions, else MRI of one


def _true(grid: str, *what: str) -> tuple[str, ...]:
    return tuple(f"{grid}_{each}.nii.gz" for each in what)


DESIGNS = {
    USUAL: Design(
        tuple(_IMAGES),
        _MASKS,
        GRIDS,
        (
            *(f"ncct_{label}.nii.gz" for label in ("lesion", "lvo", "cow", "tissue")),
            *(f"ctp_{quantity}.nii.gz" for quantity in (*PERFUSION, "artery")),
            "ctp_motion.tsv",
            "ctp_aif.tsv",
        ),
        ("participants", "phenotype/demographic_baseline", "phenotype/outcome"),
        is_usual=True,
    ),
    "jhu": Design(
        ("b0", "trace", "adc"),
        {"lesion": _MASKS["lesion"]},
        ("dwi",),
        _true("dwi", "lesion", "tissue", "healthy", "b0", "adc"),
        ("participants", "phenotype/clinical"),
    ),
    "atlas": Design(
        ("t1w",),
        _MASKS_ON_T1W,
        ("t1w",),
        _true("t1w", "lesion", "tissue", "healthy", "bias", "signal"),
        ("participants", "phenotype/metadata"),
    ),
}


def subject_ids(n: int) -> list[str]:
    """The ids of the first n subjects: "01", "02", …"""
    return [f"{index:02d}" for index in range(1, n + 1)]


def image_stem(image: str, subject: str, study: str = USUAL) -> str:
    """Path below raw/ of an image or mask, without extension."""
    design = DESIGNS[study]
    stem = (_IMAGES | _FURTHER | design.masks)[image].format(s=subject)
    return stem if design.is_usual else stem.replace("ses-02", "ses-01")


def raw_stems(subject: str, scans: Sequence[str] = (), study: str = USUAL) -> list[str]:
    """The path below raw/, without extension, of every image and mask of a subject.

    `scans` are those beside the usual ones.
    """
    design = DESIGNS[study]
    return [image_stem(image, subject, study) for image in (*design.images, *scans, *design.masks)]


def image_files(subject: str) -> list[str]:
    """The images that a scanner makes and their sidecars, below raw/; masks are drawn by hand."""
    stems = [image_stem(image, subject) for image in _IMAGES]
    return [stem + extension for stem in stems for extension in (".nii.gz", ".json")]


def raw_files(subject: str, scans: Sequence[str] = (), study: str = USUAL) -> list[str]:
    """Every path below raw/ that `write_subject` writes."""
    stems = raw_stems(subject, scans, study)
    return [stem + extension for stem in stems for extension in (".nii.gz", ".json")]


def dataset_files(study: str = USUAL) -> list[str]:
    """Every path below raw/ that `write_dataset` writes."""
    design = DESIGNS[study]
    return [
        "dataset_description.json",
        "README",
        *[table + extension for table in design.tables for extension in (".tsv", ".json")],
        f"{_MANUAL}/dataset_description.json",
        *([f"{_MANUAL}/seg-CoW_dseg.tsv"] if "cow" in design.masks else []),
    ]


def truth_files(subject: str, scans: Sequence[str] = (), study: str = USUAL) -> list[str]:
    """Every path below truth/ that `write_subject` writes."""
    design = DESIGNS[study]
    grids = (*design.grids, *scans)
    names = [f"from-head_to-{target}.tfm" for target in (*grids, MNI)]
    names += [f"{grid}_{mask}.nii.gz" for grid in grids for mask in ("brain", "face")]
    return [f"sub-{subject}/{name}" for name in (*names, *design.true, "truth.json")]


def truth_dataset_files() -> list[str]:
    """Every path below truth/ that `write_dataset` writes."""
    return ["README.md"]

"""Trees of empty files that are named as in the studies of users.

Each function writes into a folder and returns the root of the study.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def make(root: Path, files: Iterable[str]) -> Path:
    """Make empty files and their folders."""
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def bids(root: Path) -> Path:
    """sub-01 is complete over two sessions; sub-02 has no sessions, CTA or DWI; some stray files.

    sub-01 has a sidecar of its NCCT, and masks in derivatives/manual: the infarct natively and
    on the NCCT, the occlusion on the CTA, the Circle of Willis on the NCCT. sub-02 has only T1w
    (run-1) with an infarct drawn on it, FLAIR and an .nii NCCT.
    """
    return make(
        root,
        [
            "dataset_description.json",
            "README",
            "participants.tsv",
            "sub-01/ses-01/ct/sub-01_ses-01_acq-ncct_ct.nii.gz",
            "sub-01/ses-01/ct/sub-01_ses-01_acq-ncct_ct.json",
            "sub-01/ses-01/ct/sub-01_ses-01_acq-cta_ce-iohexol_ct.nii.gz",
            "sub-01/ses-01/ct/sub-01_ses-01_acq-ctp_ct.nii.gz",
            "sub-01/ses-02/dwi/sub-01_ses-02_S0map.nii.gz",
            "sub-01/ses-02/dwi/sub-01_ses-02_trace.nii.gz",
            "sub-01/ses-02/dwi/sub-01_ses-02_ADC.nii.gz",
            "sub-02/ct/sub-02_acq-ncct_ct.nii",
            "sub-02/anat/sub-02_run-1_T1w.nii.gz",
            "sub-02/anat/sub-02_FLAIR.nii.gz",
            # no part of the study
            "sub-01/ses-01/ct/sub-01_ses-01_acq-NCCT_ct.nii.gz",
            "sub-01/ses-01/ct/sub-01_ses-01_acq-bone_ct.nii.gz",
            "sub-01/ses-01/ct/._sub-01_ses-01_acq-ncct_ct.nii.gz",
            "sub-01/ses-01/ct/sub-02_acq-ncct_ct.nii.gz",
            "sub-01/ses-02/dwi/sub-01_ses-02_dwi.nii.gz",
            "sub-01/ses-02/dwi/sub-01_ses-02_dwi.bval",
            "sub-02/pet/sub-02_pet.nii.gz",
            "sub-02/anat/sub-02_T1w.nii.gz.part",
            "sub-02/.git/annex/sub-02_acq-cta_ct.nii.gz",
            "sourcedata/sub-03/ct/sub-03_acq-ncct_ct.nii.gz",
            # masks
            f"{MANUAL}/sub-01/ses-01/anat/sub-01_ses-01_acq-cta_label-LVO_mask.nii.gz",
            f"{MANUAL}/sub-01/ses-01/anat/sub-01_ses-01_acq-cta_space-ncct_seg-CoW_dseg.nii.gz",
            f"{MANUAL}/sub-01/ses-02/dwi/sub-01_ses-02_space-orig_label-L_desc-infarct_mask.nii.gz",
            f"{MANUAL}/sub-01/ses-02/dwi/sub-01_ses-02_space-ncct_label-L_desc-infarct_mask.nii.gz",
            f"{MANUAL}/sub-01/ses-02/dwi/sub-01_ses-02_space-MNI152NLin6Asym_label-L_mask.nii.gz",
            f"{MANUAL}/sub-02/anat/sub-02_run-1_label-L_mask.nii.gz",
            "derivatives/fmriprep/sub-02/anat/sub-02_run-1_desc-preproc_T1w.nii.gz",
            "derivatives/fmriprep/sub-02/anat/sub-02_run-1_desc-brain_mask.nii.gz",
            "derivatives/fmriprep/dataset_description.json",
        ],
    )


MANUAL = "derivatives/manual"


def bids_protocol(root: Path) -> Path:
    """sub-01 has all MR of a stroke protocol, two T1w, infarcts drawn on DWI and FLAIR, and phase
    images that are no part of the study; sub-02 has CTA and CTP without an NCCT.
    """
    anat, name = "sub-01/ses-1/anat/sub-01_ses-1", "sub-01/ses-1/{0}/sub-01_ses-1_{1}"
    return make(
        root,
        [
            *(f"{anat}_{each}.nii.gz" for each in STRUCTURAL),
            *(name.format("dwi", each) + ".nii.gz" for each in ("S0map", "trace", "ADC")),
            name.format("perf", "dsc") + ".nii.gz",
            f"{MANUAL}/{name.format('dwi', 'label-L_mask')}.nii.gz",
            f"{MANUAL}/{name.format('anat', 'acq-FLAIR_label-L_mask')}.nii.gz",
            "sub-02/ct/sub-02_acq-cta_ct.nii.gz",
            "sub-02/ct/sub-02_acq-ctp_ct.nii.gz",
            # no part of the study
            f"{anat}_part-phase_swi.nii.gz",
            f"{anat}_acq-gre_part-phase_T2starw.nii.gz",
        ],
    )


def isles22(root: Path) -> Path:
    """strokecase0001 with its mask, and strokecase0002 without FLAIR."""
    name = "sub-strokecase{0}/ses-0001/{1}sub-strokecase{0}_ses-0001_{2}.nii.gz"
    files = [
        ("0001", "anat/", "FLAIR"),
        *((number, "dwi/", kind) for number in ("0001", "0002") for kind in ("dwi", "adc")),
    ]
    masks = [("0001", "", "msk"), ("0002", "", "msk")]
    return make(
        root,
        [
            *(name.format(*file) for file in files),
            *(f"derivatives/{name.format(*mask)}" for mask in masks),
        ],
    )


STRUCTURAL = (
    "T1w",
    "acq-mprage_T1w",
    "ce-gadolinium_T1w",
    "T2w",
    "FLAIR",
    "part-mag_swi",
    "acq-gre_T2starw",
    "angio",
)


def isles24(root: Path) -> Path:
    """The released layout, with DWI on the grid of the NCCT.

    stroke0001 is complete; stroke0003 has no CTP and no masks; stroke0142 has a stray native mask
    beside its DWI; stroke0143 has a stray mask and no DWI.
    """
    files = ["train/readme.txt"]
    for subject, kinds in (
        ("sub-stroke0001", ("ncct", "cta", "ctp")),
        ("sub-stroke0003", ("ncct", "cta")),
        ("sub-stroke0142", ("ncct",)),
        ("sub-stroke0143", ("ncct",)),
    ):
        folder, name = f"{subject}/ses-01", f"{subject}_ses-01"
        files += [f"train/raw_data/{folder}/{name}_{kind}.nii.gz" for kind in kinds]
        files += [
            f"train/phenotype/{folder}/{name}_demographic_baseline.csv",
            f"train/raw_data/{folder}/perfusion-maps/{name}_tmax.nii.gz",
            f"train/derivatives/{folder}/perfusion-maps/{name}_space-ncct_tmax.nii.gz",
            *(
                f"train/derivatives/{folder}/{name}_space-ncct_{kind}.nii.gz"
                for kind in kinds
                if kind != "ncct"
            ),
        ]
    one, last = "train/derivatives/sub-stroke0001", "train/derivatives/sub-stroke0142"
    files += [f"{one}/ses-01/sub-stroke0001_ses-01_space-ncct_{m}-msk.nii.gz" for m in MASKS]
    for folder in (one, last):
        name = folder.rpartition("/")[2]
        files += [
            f"{folder}/ses-02/{name}_ses-02_space-ncct_{kind}.nii.gz"
            for kind in ("dwi", "adc", "lesion-msk")
        ]
    files += [
        "train/derivatives/sub-stroke0003/ses-02/sub-stroke0003_ses-02_space-ncct_dwi.nii.gz",
        f"{last}/ses-02/sub-stroke0142_ses-02_lesion-msk.nii",
        "train/derivatives/sub-stroke0143/ses-02/sub-stroke0143_ses-02_lesion-msk.nii",
    ]
    return make(root, files)


MASKS = ("lvo", "cow")


def isles24_as_described(root: Path) -> Path:
    """The layout of the description: no train/, rawdata/, strokecase, ses-0001, no space- in names.

    strokecase0001 also has native DWI and ADC; strokecase0002 has a native DWI without ADC;
    strokecase0003 a CTA only among the derivatives.
    """
    raw, derived = "rawdata/sub-strokecase{0}/ses-{1}", "derivatives/sub-strokecase{0}/ses-{1}"
    name = "/sub-strokecase{0}_ses-{1}_{2}.nii.gz"
    wanted = [
        *((raw, "0001", "0001", kind) for kind in ("ncct", "cta", "ctp")),
        *((raw, "0001", "0002", kind) for kind in ("dwi", "adc")),
        *((derived, "0001", "0002", kind) for kind in ("dwi", "adc", "lesion-msk")),
        (raw, "0002", "0001", "ncct"),
        (raw, "0002", "0002", "dwi"),
        *((derived, "0002", "0002", kind) for kind in ("dwi", "adc")),
        (raw, "0003", "0001", "ncct"),
        (derived, "0003", "0001", "cta"),
    ]
    return make(
        root,
        [(folder + name).format(subject, session, x) for folder, subject, session, x in wanted],
    )


def jhu(root: Path) -> Path:
    """0ab4fbd5 has all scans of the release, with copies that must not be used; 10000002 (only digits) has a session
    and names without space-; 0ab4fbd7 has only an ADC.
    """
    return make(
        root,
        [
            "documentation/participants.tsv",
            "phenotype/phenotype.tsv",
            "templates/sub-0ab4fbd5_DWI_space-orig.nii.gz",
            "raw-data/DWI/sub-0ab4fbd5/sub-0ab4fbd5_DWI_space-orig.nii.gz",
            "raw-data/DWI/sub-0ab4fbd5/sub-0ab4fbd5_DWI_space-orig.json",
            "raw-data/DWI/sub-0ab4fbd5/sub-0ab4fbd5_DWI.nii.gz",
            "raw-data/DWI/sub-0ab4fbd5/sub-0ab4fbd5_ADC_space-orig.nii.gz",
            "raw-data/DWI/sub-0ab4fbd5/sub-0ab4fbd5_B0_space-orig.nii.gz",
            "raw-data/DWI/sub-0ab4fbd5/sub-0ab4fbd5_DWI_space-orig_skull-stripped.nii.gz",
            "raw-data/DWI/sub-0ab4fbd5/sub-0ab4fbd5_ADC_space-orig_skull-stripped.nii.gz",
            "raw-data/DWI/sub-0ab4fbd5/sub-0ab4fbd5_DWI_space-JHUMNI.nii.gz",
            "raw-data/anat/sub-0ab4fbd5/sub-0ab4fbd5_T1w.nii.gz",
            *(
                f"raw-data/anat/sub-0ab4fbd5/sub-0ab4fbd5_{each}_space-orig.nii.gz"
                for each in ("MPRAGE", "T2w", "FLAIR", "SWI", "PWI")
            ),
            "DWI-mask/sub-0ab4fbd5/sub-0ab4fbd5_DWI_space-orig_desc-brain_mask.nii.gz",
            "DWI-mask/sub-0ab4fbd5/sub-0ab4fbd5_DWI_space-orig_desc-stroke_mask.nii.gz",
            "DWI-MNI-IntensityNormalized/sub-0ab4fbd5/sub-0ab4fbd5_DWI.nii.gz",
            "DWI-MNI-IntensityNormalized/sub-0ab4fbd5/sub-0ab4fbd5_desc-stroke_mask.nii.gz",
            "raw-data/DWI/sub-10000002_ses-1_DWI.nii",
            "raw-data/DWI/sub-10000002_ses-1_b0.nii",
            "raw-data/DWI/sub-10000002_ses-1_desc-stroke_mask.nii",
            "raw-data/DWI/sub-0ab4fbd7_ADC_space-orig.nii.gz",
            "raw-data/DWI/sub-nothexid_DWI_space-orig.nii.gz",
            "raw-data/DWI/sub-0AB4_DWI_space-orig.nii.gz",
        ],
    )


MNI = "space-MNI152NLin2009aSym"


def atlas(root: Path) -> Path:
    """R2.0: r001s001 with its mask, r001s002 (Testing) without one, and files of other kinds."""
    training = "ATLAS_2/Training/R001/sub-r001s001/ses-1/anat/sub-r001s001_ses-1"
    testing = "ATLAS_2/Testing/R001/sub-r001s002/ses-1/anat/sub-r001s002_ses-1"
    return make(
        root,
        [
            f"{training}_{MNI}_T1w.nii.gz",
            f"{training}_{MNI}_T1w.json",
            f"{training}_{MNI}_label-L_desc-T1lesion_mask.nii.gz",
            f"{testing}_{MNI}_T1w.nii.gz",
            "ATLAS_2/20220425_ATLAS_2.0_MetaData.xlsx",
            "ATLAS_2/Training/dataset_description.json",
            f"{training}_{MNI}_T1w.mnc",
            f"{testing}_space-MNI152NLin6Asym_T1w.nii.gz",
            f"{testing}_{MNI}_desc-brain_mask.nii.gz",
        ],
    )


def atlas_native(root: Path) -> Path:
    """R2.1 and R2.0 together.

    r001s001 is native and in MNI, both with masks; r001s003 is native, with its mask and a copy of
    its T1w in MNI only; r002s001 has a plain T1w without a session; r002s002 is native, with the
    whole head and with the brain only.
    """
    native = "Training_Raw/R001/sub-{0}/ses-1/anat/sub-{0}_ses-1"
    mni = "derivatives/ATLAS/sub-{0}/ses-1/anat/sub-{0}_ses-1_" + MNI
    return make(
        root,
        [
            native.format("r001s001") + "_space-orig_desc-brain_T1w.nii.gz",
            native.format("r001s001") + "_space-orig_label-lesion_desc-T1lesion_mask.nii.gz",
            mni.format("r001s001") + "_T1w.nii.gz",
            mni.format("r001s001") + "_label-L_desc-T1lesion_mask.nii.gz",
            native.format("r001s003") + "_space-orig_T1w.nii.gz",
            mni.format("r001s003") + "_T1w.nii.gz",
            mni.format("r001s003") + "_label-L_desc-T1lesion_mask.nii.gz",
            "Training_Raw/R002/sub-r002s001/anat/sub-r002s001_T1w.nii",
            "Training_Raw/R002/sub-r002s002/anat/sub-r002s002_space-orig_T1w.nii.gz",
            "Training_Raw/R002/sub-r002s002/anat/sub-r002s002_space-orig_desc-brain_T1w.nii.gz",
            "Training_Raw/R001/sub-r001s001/ses-1/sub-r001s001_ses-1_metadata.csv",
        ],
    )

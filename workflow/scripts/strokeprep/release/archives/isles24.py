"""The archive of ISLES'24: as it lies on Zenodo since 2025, and as the challenge had it in 2024."""

from __future__ import annotations

from dataclasses import replace

from strokeprep import kinds
from strokeprep.kinds import STRIPPED
from strokeprep.release.archive import (
    Archive,
    Image,
    Table,
    defaced,
    label,
    native,
    on_reference,
    perfusion_map,
)

MAPS = ("cbf", "cbv", "mtt", "tmax")
ACUTE, FOLLOW_UP = "{case}/ses-01/", "{case}/ses-02/"
RAW = f"raw_data/{ACUTE}{{case}}_ses-01_"
DERIVED = f"derivatives/{ACUTE}{{case}}_ses-01_space-ncct_"
FOLLOWED = f"derivatives/{FOLLOW_UP}{{case}}_ses-02_"


def _maps(folder: str, mark: str, *, moved: bool) -> list[Image]:
    path = f"{folder}/{ACUTE}perfusion-maps/{{case}}_ses-01_{mark}"
    return [Image(path + name, "map", perfusion_map(name, moved=moved), moved) for name in MAPS]


IMAGES = (
    Image(f"{RAW}ncct", "image", defaced("ncct")),
    Image(f"{RAW}cta", "image", defaced("cta")),
    Image(f"{RAW}ctp", "series", defaced("ctp")),
    *_maps("raw_data", "", moved=False),
    Image(f"{DERIVED}cta", "image", on_reference("cta"), True),
    Image(f"{DERIVED}ctp", "series", on_reference("ctp", "preproc"), True),
    Image(f"{DERIVED}cow-msk", "labels", label("cow"), True),
    Image(f"{DERIVED}lvo-msk", "mask", label("lvo"), True),
    *_maps("derivatives", "space-ncct_", moved=True),
    Image(f"{FOLLOWED}space-ncct_adc", "image", on_reference("adc", STRIPPED), True),
    Image(f"{FOLLOWED}space-ncct_dwi", "image", on_reference("trace", STRIPPED), True),
    Image(f"{FOLLOWED}space-ncct_lesion-msk", "mask", label("lesion"), True),
)

BASELINE = Table(
    f"phenotype/{ACUTE}{{case}}_ses-01_demographic_baseline",
    "demographic_baseline",
    "Admission",
    (
        *("center", "sex", "age"),
        *("atrial_fibrillation", "hypertension", "diabetes", "hyperlipidemia"),
        *("anticoagulation", "lipid_lowering_drugs", "platelet_inhibitors"),
        *("glucose", "leucocytes", "crp", "inr"),
        *("wake_up", "in_house", "referral", "onset_to_door", "alert_to_door"),
        *("nihss_admission", "mrs_admission", "mrs_premorbid"),
        *("door_to_imaging", "door_to_groin", "door_to_first_series"),
        *("time_of_intervention", "door_to_recanalization"),
    ),
)
OUTCOME = Table(
    f"phenotype/{FOLLOW_UP}{{case}}_ses-02_outcome",
    "outcome",
    "Follow-up",
    ("tici", "nihss_24h", "mrs_24h", "nihss_discharge", "mrs_discharge", "mrs_90d"),
)

HOLDS = """\
## What is here

- `{root}/raw_data/`: images on their own grids, without the face and with identifying header fields
  cleared, else as they came from the scanner; perfusion maps on the grid of their series
- `{root}/derivatives/`: images, masks and follow-up MRI on the grid of the case's NCCT; the geometry in
  their headers is that of the NCCT, byte by byte
- `{root}/phenotype/`: the clinical tables of each case ({formats})
- `phenotype/`: the same for all cases, as BIDS has it, with units and levels
- `demographics.tsv`: the table below
- `manifest-sha256.txt`: digests of all files (`sha256sum -c manifest-sha256.txt`)

`ses-01` is the admission, `ses-02` the follow-up MRI. `lesion-msk` is the infarct as it was drawn on the
follow-up, `lvo-msk` the occluded artery, `cow-msk` the Circle of Willis. DWI and ADC are those of the
scanner, in its units, without the skull.

Masks are 0 and 1 in 8-bit integers; the Circle of Willis has a number for each artery ({arteries}).
Outside the head CT is {air} HU, and maps and MRI are 0. Every series says the seconds between its
frames in its header. Tmax is below 0 where tissue fills before the artery that was taken as input.

| map | unit |
|---|---|
""" + "".join(f"| {name} | {kinds.MAPS[name].unit} |\n" for name in MAPS)

CURRENT = Archive(
    name="isles24",
    root="train",
    case="sub-stroke{number:04}",
    numbers=9999,
    images=IMAGES,
    tables=(BASELINE, OUTCOME),
    holds=HOLDS,
    dictionary="clinical_data-description",
    has_preview=True,
)

# The follow-up scans on their own grid, a lesion mask that does not name its space, CSV alone.
FOLLOW_UP_RAW = f"raw_data/{FOLLOW_UP}{{case}}_ses-02_"
CHALLENGE = replace(
    CURRENT,
    name="isles24-challenge",
    root="batch_1",
    images=(
        *(image for image in IMAGES if not image.path.startswith(FOLLOWED)),
        Image(f"{FOLLOW_UP_RAW}adc", "image", native("adc", STRIPPED)),
        Image(f"{FOLLOW_UP_RAW}dwi", "image", native("trace", STRIPPED)),
        Image(f"{FOLLOWED}lesion-msk", "mask", label("lesion"), True),
    ),
    tables=(BASELINE, replace(OUTCOME, path=OUTCOME.path.replace("_ses-02_", "_ses-01_"))),
    dictionary="",
    formats=("csv",),
)

"""The dataset-level files of a synthetic study: descriptions and tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from strokeprep.phantom import mr_dataset
from strokeprep.phantom.files import write_json, write_table
from strokeprep.phantom.names import COW_LABELS, USUAL

# How many patients have it.
HISTORY = {
    "atrial_fibrillation": 0.3,
    "hypertension": 0.7,
    "diabetes": 0.25,
    "hyperlipidemia": 0.4,
    "anticoagulation": 0.2,
    "lipid_lowering_drugs": 0.3,
    "platelet_inhibitors": 0.35,
    "wake_up": 0.2,
    "in_house": 0.05,
    "referral": 0.3,
}
# Mean, standard deviation, decimals and unit.
LABORATORY = {
    "glucose": (125, 25, 0, "mg/dL"),
    "leucocytes": (9, 2, 1, "10^9/L"),
    "crp": (1.5, 0.4, 2, "mg/dL"),
    "inr": (1.1, 0.1, 2, "1"),
}
TICI = ("0", "1", "2a", "2b", "2c", "3")

TABLES: dict[str, dict] = {
    "participants": {
        "age": {"Description": "Age at stroke (synthetic)", "Units": "year"},
        "sex": {"Description": "Sex (synthetic)", "Levels": {"F": "female", "M": "male"}},
    },
    "phenotype/demographic_baseline": {
        "age": {"Description": "Age at stroke (synthetic)", "Units": "year"},
        "sex": {"Description": "Sex (synthetic)", "Levels": {"F": "female", "M": "male"}},
        "nihss_admission": {"Description": "NIH Stroke Scale at admission (synthetic)"},
        "onset_to_ct_min": {"Description": "Onset to CT (synthetic)", "Units": "min"},
        "center": {"Description": "Number of the hospital (synthetic)"},
        "onset_to_door": {"Description": "Onset to the hospital (synthetic)", "Units": "min"},
        **{name: {"Description": f"{name} (synthetic), 1 is yes"} for name in HISTORY},
        **{
            name: {"Description": f"{name} (synthetic)", "Units": unit}
            for name, (_, _, _, unit) in LABORATORY.items()
        },
    },
    "phenotype/outcome": {
        "nihss_24h": {"Description": "NIH Stroke Scale after 24 hours (synthetic)"},
        "mrs_90d": {"Description": "Modified Rankin Scale after 90 days (synthetic)"},
        "tici": {"Description": "Flow after thrombectomy (synthetic)"},
    },
}

RAW_README = """\
Synthetic acute-stroke study, made by strokeprep's phantom around the MNI152 template.
No image shows a person; names, dates and identifiers in the headers and sidecars are invented
so that their removal can be checked.
CT follows the draft ct/ datatype. Labels drawn on native grids are in derivatives/manual.
"""

TRUTH_README = """\
# The truth of the synthetic study

One folder per subject. Images are on the native grids of the raw images.

Transforms (ITK text files; points in LPS millimetres)
: `from-head_to-X.tfm` maps a head point to its position in the world of image X:
  `SimpleITK.ReadTransform(f).TransformPoint(head_point)`. X is ncct, cta, ctp (reference pose),
  dwi (b0, trace, ADC share it) or t1w; all rigid. `from-head_to-MNI152NLin2009aSym.tfm` maps a
  head point to the template: affine for an undeformed subject, otherwise a B-spline in head
  space followed by an affine. To resample CTA onto NCCT, use
  NCCT point -> head -> CTA point: `CompositeTransform([to_cta, to_ncct.GetInverse()])`.

`ctp_motion.tsv`
: per frame, the rigid motion from a point in the reference pose to its position in that frame
  (LPS; Euler angles in SimpleITK's default order about centre c; m00..m23 is the same as a
  3 x 4 matrix). Each parameter's mean over the frames is zero.

`X_brain`, `X_face`
: filled brain (grey, white, CSF inside the pia), and the soft tissue and eyes that defacing must
  remove. A voxel is inside if at least half of the line through its centre, along the thickness of
  the slice, is; voxels that a CT does not reconstruct are outside.

`ncct_lesion`, `ncct_lvo`, `ncct_cow`, `ncct_tissue`
: the labels drawn directly on the NCCT grid; `truth.json` names the tissue numbers.

`dwi_lesion`, `t1w_lesion`, `X_tissue`, `t1w_bias` (studies of MRI alone)
: what is drawn by hand, tissue numbers, and the field that the T1-weighted signal was multiplied by.
  `truth.json` lists each lesion with its region, side and size, and the tissues' T1-weighted and b0
  signals and ADC (10^-6 mm^2/s).

`ctp_cbf`, `ctp_cbv`, `ctp_mtt`, `ctp_tmax`
: ml/100 g/min, ml/100 g, s, s at the reference pose. Flow and volume are voxel means, MTT is
  60 CBV / CBF; "tmax" is the flow-weighted delay of arrival after the arterial input only (without
  half of the transit time). Zero where there is no tissue.

`ctp_aif.tsv`, `ctp_artery`
: enhancement of a pure artery and of the venous outflow at the frame times; 1 marks voxels that
  are at least 40 % artery, 2 at least 40 % vein. Arteries that are drawn are thinner than that: their
  voxels hold tissue, too.

`truth.json` on perfusion
: `perfusion` lists flow, volume, delay, transit time and residue function of each tissue, `regions` what ails
  the circulation beside the stroke: ellipsoids in head space (RAS mm), or a rounded box behind a narrow
  carotid, whose `dispersion_s` is part of its tissues' delay. `bolus` that is drawn has the
  artery's peak as measured, its width at half height, when it peaks, its tail (the last five seconds over the
  peak), the share of its area in the vein's, how much later the vein peaks, the seconds scanned, the interval
  of frames in the first 35 s (which doubles then), and the noise.
"""


def write_dataset(
    subjects: Sequence[str], raw: Path, truth: Path, *, seed: int, study: str = USUAL
) -> None:
    """Write the dataset-level files of the raw dataset and of the truth."""
    raw, truth = Path(raw), Path(truth)
    description = {"BIDSVersion": "1.11.1", "License": "CC0"}
    write_json(
        raw / "dataset_description.json",
        {"Name": "Synthetic acute stroke", "DatasetType": "raw"} | description,
    )
    write_json(
        raw / "derivatives/manual/dataset_description.json",
        {"Name": "Labels of the synthetic strokes", "DatasetType": "derivative"}
        | description
        | {"GeneratedBy": [{"Name": "manual"}]},
    )
    (raw / "README").write_text(RAW_README, encoding="utf-8")
    truth.mkdir(parents=True, exist_ok=True)
    (truth / "README.md").write_text(TRUTH_README, encoding="utf-8")
    if study != USUAL:
        for name, columns, people in mr_dataset.tables(study, subjects, seed):
            _write_people_table(raw / name, columns, people)
        return
    table = [(str(number), name) for number, name in COW_LABELS.items()]
    write_table(raw / "derivatives/manual/seg-CoW_dseg.tsv", ("index", "name"), table)
    _write_people(subjects, raw, seed)


def _write_people(subjects: Sequence[str], raw: Path, seed: int) -> None:
    """Write participants and phenotype tables; a row depends only on its own subject."""
    tables: dict[str, list] = {name: [] for name in TABLES}
    for subject in subjects:
        random = np.random.default_rng(np.random.SeedSequence([seed, int(subject), 99]))
        age, nihss = int(random.integers(45, 90)), int(random.integers(4, 22))
        sex = str(random.choice(["F", "M"]))
        onset = int(random.integers(40, 600))
        mrs = int(np.clip(round(nihss / 5 + random.normal(0, 0.8)), 0, 6))
        who = f"sub-{subject}"
        tables["participants"].append([who, age, sex])
        more: list[int | str] = [
            int(random.integers(1, 3)),
            max(onset - int(random.integers(5, 40)), 1),
        ]
        more += [int(random.random() < share) for share in HISTORY.values()]
        more += [
            f"{max(random.normal(mean, sd), mean / 2):.{decimals}f}"
            for mean, sd, decimals, _ in LABORATORY.values()
        ]
        tables["phenotype/demographic_baseline"].append([who, age, sex, nihss, onset, *more])
        tables["phenotype/outcome"].append([who, max(nihss - 5, 0), mrs, str(random.choice(TICI))])
    for name, columns in TABLES.items():
        _write_people_table(raw / name, columns, tables[name])


def _write_people_table(stem: Path, columns: dict, rows: Sequence[Sequence]) -> None:
    """A table of patients with its JSON."""
    write_table(stem.with_suffix(".tsv"), ("participant_id", *columns), rows)
    write_json(stem.with_suffix(".json"), columns)

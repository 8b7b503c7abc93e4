"""Simulated scans of synthetic acute-stroke patients: whole heads around the MNI152 brain.

`write_subject` writes the raw BIDS files of one subject and, outside the dataset, their truth.
`write_dataset` writes the dataset-level files. The lists of names need only the standard library, so
that a workflow can read them while it is parsed.

True transforms are ITK files in LPS millimetres. `from-head_to-<image>` maps head points to
points in that image's world; `from-head_to-MNI152NLin2009aSym` maps head points to the
template. Head space is the frame in which the patient is built; no image is in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from strokeprep.phantom.names import (
    ATLAS,
    COW_LABELS,
    USUAL,
    dataset_files,
    image_files,
    raw_files,
    raw_stems,
    subject_ids,
    truth_dataset_files,
    truth_files,
)
from strokeprep.phantom.patient import Patient

__all__ = [
    "ATLAS",
    "COW_LABELS",
    "USUAL",
    "Patient",
    "dataset_files",
    "image_files",
    "raw_files",
    "raw_stems",
    "subject_ids",
    "truth_dataset_files",
    "truth_files",
    "write_atlas",
    "write_dataset",
    "write_subject",
]


def write_subject(patient: Patient, raw: Path, truth: Path) -> None:
    """Write the images of one patient below ``raw`` and their truth below ``truth``."""
    if patient.study == USUAL:
        from strokeprep.phantom import study  # imports heavy libraries

        study.write_subject(patient, raw, truth)
    else:
        from strokeprep.phantom import mr_study  # likewise

        mr_study.write_subject(patient, raw, truth)


def write_dataset(
    subjects: Sequence[str], raw: Path, truth: Path, *, seed: int, study: str = USUAL
) -> None:
    """Write the dataset-level files: descriptions, tables, READMEs."""
    from strokeprep.phantom.dataset import write_dataset as write

    write(subjects, raw, truth, seed=seed, study=study)


def write_atlas(path: Path) -> None:
    """Write the atlas by which a simulated study places its lesions, and its table of names."""
    from strokeprep.phantom import regions

    regions.write(path)

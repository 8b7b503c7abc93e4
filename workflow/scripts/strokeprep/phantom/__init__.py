"""Synthetic acute-stroke patients: whole heads around the MNI152NLin2009aSym brain, scanned.

`write_subject` writes one subject's raw BIDS files and, beside the dataset, the truth about
them; `write_dataset` writes what belongs to all. The lists of names need only the standard
library, so a workflow can read them while it is being parsed.

Truth transforms are ITK files in LPS millimetres. `from-head_to-<image>` maps head points to
points in that image's world; `from-head_to-MNI152NLin2009aSym` maps head points to the
template. Head space is the frame the patient was built in; no image lies in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from strokeprep.phantom.names import (
    COW_LABELS,
    dataset_files,
    raw_files,
    raw_stems,
    subject_ids,
    truth_dataset_files,
    truth_files,
)

__all__ = [
    "COW_LABELS",
    "dataset_files",
    "raw_files",
    "raw_stems",
    "subject_ids",
    "truth_dataset_files",
    "truth_files",
    "write_dataset",
    "write_subject",
]


def write_subject(
    subject: str,
    raw: Path,
    truth: Path,
    *,
    seed: int,
    size: str,
    deformation_mm: float | None = None,
    motion_mm: float = 1.0,
) -> None:
    """Write one subject ("01", "02", …) of a size ("small" or "clinical").

    `deformation_mm` is the largest displacement of the warp to MNI: None gives 0 for subject
    "01" and 3 mm for the others. `motion_mm` bounds the head motion during CT perfusion.
    """
    from strokeprep.phantom.study import (
        write_subject as write,  # heavy libraries only where images are made
    )

    write(
        subject,
        raw,
        truth,
        seed=seed,
        size=size,
        deformation_mm=deformation_mm,
        motion_mm=motion_mm,
    )


def write_dataset(subjects: Sequence[str], raw: Path, truth: Path, *, seed: int) -> None:
    """Write the dataset-level files: descriptions, tables, READMEs. No subject's images."""
    from strokeprep.phantom.dataset import write_dataset as write

    write(subjects, raw, truth, seed=seed)

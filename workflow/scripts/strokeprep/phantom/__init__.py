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

__all__ = [
    "ATLAS",
    "COW_LABELS",
    "USUAL",
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


def write_subject(
    subject: str,
    raw: Path,
    truth: Path,
    *,
    seed: int,
    size: str,
    deformation_mm: float | None = None,
    motion_mm: float = 1.0,
    pathologies: Sequence[str] = (),
    scans: Sequence[str] = (),
    axes: str | None = None,
    study: str = USUAL,
) -> None:
    """Write one subject ("01", "02", …) of a size ("tiny", "small" or "clinical").

    `deformation_mm` is the largest displacement of the warp to MNI: None gives 0 for subject
    "01" and 3 mm for the others. `motion_mm` bounds the head motion during CT perfusion. Of
    `pathologies`, each subject has one, in turn. `scans` are made beside the usual ones.
    `axes` is the storage order of all images; without it they differ, as those of scanners do.
    Other kinds of `study` than isles24 have no perfusion, no `pathologies` and no `axes`.
    """
    if study != USUAL:
        from strokeprep.phantom import mr_study  # imports heavy libraries

        mr_study.write_subject(
            subject,
            raw,
            truth,
            study=study,
            seed=seed,
            size=size,
            deformation_mm=deformation_mm,
            scans=scans,
        )
        return
    from strokeprep.phantom import study as usual  # likewise

    usual.write_subject(
        subject,
        raw,
        truth,
        seed=seed,
        size=size,
        deformation_mm=deformation_mm,
        motion_mm=motion_mm,
        pathologies=pathologies,
        scans=scans,
        axes=axes,
    )


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

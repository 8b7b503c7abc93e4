"""A row says all there is to know of a kind, and no two kinds share a name on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from strokeprep.kinds import (
    AT_RISK,
    BRAIN,
    COVERAGE,
    FACE,
    KINDS,
    LABELS,
    SCANS,
    STRIPPED,
    Kind,
    ScanKind,
)
from strokeprep.study import naming, table
from strokeprep.study.scans import Image, Row, Scan

FLAIR = Kind(
    name="flair",
    called="FLAIR image",
    suffix="FLAIR",
    scan=ScanKind(
        name="flair",
        title="FLAIR",
        modality="mr",
        datatype="anat",
        mask_datatype="anat",
        views=(STRIPPED,),
        mask_acq="flair",
    ),
)


def scan(kind: Kind, *entities: str) -> Scan:
    """A scan with one image."""
    image = Image(kind, Path(f"{kind.name}.nii.gz"), None, defaced=False)
    return Scan("1", "01", kind.scan.name, (image,), entities)


def names(of: Scan) -> set[str]:
    """Names that every scan may have: its image, masks and transform."""
    return {
        naming.defaced(of, of.pilot.kind.suffix),
        naming.brain_mask(of, naming.ORIG),
        naming.face_mask(of),
        naming.to_reference(of, of.name, "ncct"),
        naming.label(of, naming.ORIG, LABELS["lesion"]),
    }


def test_all_kinds_of_scans_may_share_a_session():
    rows = [
        Row("1", "01", name, Path(f"{name}.nii"), entities=acq)
        for name, kind in KINDS.items()
        for acq in [(f"acq-{kind.scan.acq}",) if kind.scan.acq else ()]
    ]
    [subject] = table.build(rows, ["ncct"]).subjects
    assert [each.name for each in subject.scans] == list(SCANS)


@pytest.mark.parametrize("entities", [(), ("acq-3d", "run-1")])
def test_the_names_of_two_scans_that_differ_by_suffix_differ(entities):
    t1w, flair = scan(KINDS["t1w"], *entities), scan(FLAIR, *entities)
    assert len(names(t1w) | names(flair)) == len(names(t1w)) + len(names(flair))


def test_a_mask_says_which_scan_of_its_folder_it_belongs_to_and_keeps_the_other_entities():
    flair = scan(FLAIR, "acq-3d", "run-1")
    folder = "sub-1/ses-01/anat/sub-1_ses-01"
    assert naming.defaced(flair, "FLAIR") == f"{folder}_acq-3d_run-1_desc-defaced_FLAIR.nii.gz"
    assert naming.brain_mask(flair, naming.ORIG) == (
        f"{folder}_acq-3dflair_run-1_space-orig_desc-brain_mask.nii.gz"
    )


def test_labels_of_a_scan_are_told_apart_by_their_names():
    t1w = scan(KINDS["t1w"])
    labels = [*LABELS.values(), *AT_RISK.values(), BRAIN, COVERAGE, FACE]
    assert len({naming.label(t1w, naming.ORIG, label) for label in labels}) == len(labels)

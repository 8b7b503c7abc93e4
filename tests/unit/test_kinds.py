"""A row says all there is to know of a kind, and no two kinds share a name on disk."""

from __future__ import annotations

import re
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
    Kind,
    scan_kind,
)
from strokeprep.settings import config
from strokeprep.study import naming, table
from strokeprep.study.scans import Image, Row, Scan

FLAIR = KINDS["flair"]
GUIDE = Path(__file__).parents[2] / "docs/scans.md"


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


def own_entities(kind: Kind) -> tuple[str, ...]:
    """The entities that every image of a kind has."""
    given = {"acq": kind.scan.acq, "ce": kind.scan.ce}
    return tuple(f"{key}-{value}" for key, value in given.items() if value)


def test_all_kinds_of_scans_may_share_a_session():
    rows = [
        Row("1", "01", name, Path(f"{name}.nii"), entities=own_entities(kind))
        for name, kind in KINDS.items()
    ]
    [subject] = table.build(rows, ["ncct"]).subjects
    assert [each.name for each in subject.scans] == list(SCANS)


@pytest.mark.parametrize("entities", [(), ("acq-3d", "run-1")])
def test_the_names_of_two_scans_that_differ_by_suffix_differ(entities):
    every = [scan(kind, *entities) for kind in KINDS.values() if kind.scan.may_repeat]
    plain = [each for each in every if not each.kind.ce]
    assert len({name for each in plain for name in names(each)}) == 5 * len(plain)


def test_the_kind_of_a_scan_is_known_from_its_name():
    for name, kind in SCANS.items():
        assert scan_kind(name) is kind
        assert scan_kind(f"{name}Run2") is kind
    assert scan_kind("MNI152NLin2009aSym") is None


def test_a_mask_says_which_scan_of_its_folder_it_belongs_to_and_keeps_the_other_entities():
    flair = scan(FLAIR, "acq-3d", "run-1")
    folder = "sub-1/ses-01/anat/sub-1_ses-01"
    assert naming.defaced(flair, "FLAIR") == f"{folder}_acq-3d_run-1_desc-defaced_FLAIR.nii.gz"
    assert naming.brain_mask(flair, naming.ORIG) == (
        f"{folder}_acq-3dflair_run-1_space-orig_desc-brain_mask.nii.gz"
    )


def test_the_guide_has_a_row_of_every_scan_in_the_order_of_references():
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", GUIDE.read_text(), re.MULTILINE)
    assert {name for name, _ in rows} == set(SCANS)
    order = [name for name, place in rows if place != "no"]
    assert tuple(order) == config.load({"study": {"layout": "phantom"}}).reference


def test_labels_of_a_scan_are_told_apart_by_their_names():
    t1w = scan(KINDS["t1w"])
    labels = [*LABELS.values(), *AT_RISK.values(), BRAIN, COVERAGE, FACE]
    assert len({naming.label(t1w, naming.ORIG, label) for label in labels}) == len(labels)

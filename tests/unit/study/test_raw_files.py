"""A raw file is spoken of by a name that BIDS would give it, never by its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from strokeprep.kinds import NATIVE
from strokeprep.study import raw_files, table
from strokeprep.study.scans import Row, Subject

NCCT = Row("1", "01", "ncct", Path("raw/Quillfeather CT.nii"), entities=("acq-ncct",))
CTA = Row("1", "01", "cta", Path("raw/Quillfeather angio.nii"), entities=("acq-cta",))
COW = Row("1", "01", "cow", Path("raw/Quillfeather vessels.nii"), on="cta")


def subject(*rows: Row) -> Subject:
    """The one patient of some rows."""
    return table.build(rows, ["ncct"]).subjects[0]


@pytest.mark.parametrize(("space", "entity"), [(NATIVE, "orig"), ("ncct", "ncct")])
def test_a_label_is_named_by_the_grid_it_lies_on(space, entity):
    given = subject(NCCT, CTA, Row(**vars(COW) | {"space": space}))
    named = f"sub-1/ses-01/anat/sub-1_ses-01_acq-cta_space-{entity}_seg-CoW_dseg.nii.gz"
    assert raw_files.public_names(given)[str(COW.path)] == f"bids:raw:{named}"
    assert raw_files.label_uri(given.labels[0], given) == f"bids:raw:{named}"
    assert Path(named).name.partition(".")[0] in raw_files.open_names(given)


def test_no_public_name_holds_anything_of_the_path():
    given = subject(NCCT, CTA, COW)
    names = raw_files.public_names(given)
    assert set(names) == set(raw_files.paths(given))
    assert not any("Quillfeather" in name or "raw/" in name for name in names.values())

"""``snakemake intake`` takes the studies of an export in, each in a job of its own."""

from __future__ import annotations

import exports
import pytest
from strokeprep.io import tables
from strokeprep.phantom.dicom.headers import PLANTED
from workflow_tools import snakemake

CONFIG = {
    "study": {"layout": "bids", "root": "raw"},
    "output": "out/set",
    "work": "work",
    "intake": {"exports": ["export"], "people": "private/people.tsv", "draw": True},
}


@pytest.fixture(scope="module")
def taken_in(tmp_path_factory):
    """Two studies, of which the second is no CT of a head by its values."""
    folder = tmp_path_factory.mktemp("intake")
    exports.studies(folder / "export", 2, private=True)
    exports.edit_all(folder / "export/002", RescaleIntercept="0")
    return folder, snakemake(folder, CONFIG, "intake", "--quiet", "rules")


def test_each_study_ends_by_itself(taken_in):
    folder, process = taken_in
    assert process.returncode == 0, process.stderr[-3000:]
    (image,) = (folder / "raw").rglob("*.nii.gz")
    assert image.name.endswith("_ses-01_acq-ncct_ct.nii.gz")
    (patient,) = tables.read(folder / "raw/participants.tsv")
    assert image.name.startswith(patient["participant_id"]) and patient["sex"] == "O"
    said = "".join(path.read_text() for path in (folder / "work/logs/intake_study").glob("*.log"))
    assert said.count(": written") == 1 and said.count(": refused") == 1


def test_no_log_or_page_says_who_it_was(taken_in):
    folder, process = taken_in
    shown = [
        path for path in (folder / "work").rglob("*") if path.suffix in (".log", ".html", ".tsv")
    ]
    assert len(shown) >= 6
    told = "".join([process.stdout, process.stderr, *(path.read_text() for path in shown)])
    assert PLANTED.lower() not in told.lower() and "P-1" not in told


def test_the_chain_finds_what_was_taken_in(taken_in):
    folder, _ = taken_in
    planned = snakemake(folder, CONFIG, "--dry-run", "--quiet", "rules")
    assert planned.returncode == 0, planned.stderr[-3000:]

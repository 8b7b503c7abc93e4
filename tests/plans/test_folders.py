"""A thousand patients make no folder that a file system groans under."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from workflow_tools import snakemake

FEW, MORE = 2, 4
IMAGES = (
    "{0}/ct/{0}_acq-ncct_ct.nii.gz",
    "{0}/ct/{0}_acq-ctp_ct.nii.gz",
    "{0}/dwi/{0}_trace.nii.gz",
)


def planned(folder: Path, subjects: int):
    """The dry run of a study of that many subjects, every job with its files."""
    folder.mkdir()
    for number in range(1, subjects + 1):
        for name in IMAGES:
            path = folder / "raw" / name.format(f"sub-{number:02d}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    config = {"study": {"layout": "bids", "root": "raw"}}
    return snakemake(folder, config, "--dry-run")


@pytest.fixture(scope="module")
def per_folder(tmp_path_factory) -> list[Counter]:
    """How many files a small and a larger study write into each folder, logs and timings too."""
    counts = []
    for subjects in (FEW, MORE):
        shown = planned(tmp_path_factory.mktemp("study") / "s", subjects).stdout
        lines = re.findall(r"^    (?:output|log|benchmark): (.+)$", shown, re.MULTILINE)
        files = {file for line in lines for file in line.split(", ")}
        counts.append(Counter(str(Path(file).parent) for file in files))
    return counts


def test_no_folder_grows_by_more_than_two_files_a_patient(per_folder):
    few, more = per_folder
    assert sum(more.values()) > 150 * MORE
    growth = {folder: (more[folder] - few[folder]) / (MORE - FEW) for folder in few}
    assert max(growth.values()) <= 2, Counter(growth).most_common(3)
    assert max(growth.values()) > 0  # such folders were looked at


def test_a_folder_that_is_one_patients_holds_no_hundred_files(per_folder):
    assert max(per_folder[1].values()) < 100

"""A manual label says which raw file it comes from, whether it is copied or moved at once."""

from __future__ import annotations

import json
import shutil

import nibabel as nib
import numpy as np
import pytest
from strokeprep import phantom
from workflow_tools import snakemake

FOLDER, NAME = "sub-01/ses-01/anat", "sub-01_ses-01_acq-cta"
LVO = f"{FOLDER}/{NAME}_space-orig_label-LVO_mask"
COW = f"{FOLDER}/{NAME}_space-ncct_seg-CoW_dseg"
NCCT = "sub-01/ses-01/ct/sub-01_ses-01_acq-ncct"


@pytest.fixture(scope="module")
def sidecars(tmp_path_factory):
    """By label, what a run says of it: an occlusion on the CTA, vessels that came on the NCCT."""
    folder = tmp_path_factory.mktemp("quillfeather")
    raw = folder / "raw"
    phantom.write_subject(phantom.Patient("01", seed=1, size="tiny"), raw, folder / "truth")
    manual = raw / "derivatives/manual"
    shutil.rmtree(manual / "sub-01/ses-02")
    for path in (manual / FOLDER).glob("*CoW*"):
        path.unlink()
    ncct = nib.load(raw / f"{NCCT}_ct.nii.gz")
    vessels = np.zeros(ncct.shape, np.uint8)
    vessels[10:14, 10:14, 4:8] = 3
    nib.save(nib.Nifti1Image(vessels, ncct.affine), manual / f"{COW}.nii.gz")
    config = {
        "study": {"layout": "bids", "root": str(raw), "defaced": True},
        "output": str(folder / "out"),
        "work": str(folder / "work"),
    }
    files = [str(folder / f"work/dataset/{label}.json") for label in (LVO, COW)]
    process = snakemake(folder, config, *files)
    assert process.returncode == 0, process.stdout + process.stderr
    return {
        label: json.loads((folder / f"work/dataset/{label}.json").read_text())
        for label in (LVO, COW)
    }


def test_a_label_is_made_from_the_raw_file_and_what_lent_its_grid(sidecars):
    assert sidecars[LVO]["Sources"] == [f"bids:raw:{LVO}.nii.gz"]
    assert sidecars[COW]["Sources"] == [
        f"bids:raw:{COW}.nii.gz",
        f"bids::{NCCT}_desc-defaced_ct.nii.gz",
    ]


def test_no_sidecar_tells_where_a_label_lay(sidecars):
    assert "quillfeather" not in json.dumps(sidecars)

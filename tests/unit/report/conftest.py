"""A head that is bright on one side, and the provenance of a subject with one transform."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from strokeprep.io import images
from strokeprep.report import lineage
from strokeprep.study import naming


@pytest.fixture
def marked_head() -> sitk.Image:
    """A box that is bright at the patient's right, front and top, stored with flipped axes."""
    data = np.zeros((20, 24, 16), np.float32)
    data[15:18, 19:22, 12:14] = 100  # RAS: right, front, top
    affine = np.diag([-2.0, -2.0, 2.0, 1.0])
    affine[:3, 3] = (19, 23, -16)
    return images.from_array(data[::-1, ::-1], affine)


@pytest.fixture
def made():
    """A function that makes a subject and its provenance in a folder."""
    return provenance_of


def provenance_of(root, admitted=None) -> lineage.Lineage:
    """A subject with one transform, made from a raw image and an image of its own."""
    name = "sub-1/ct/sub-1_from-ncct_to-MNI152NLin2009aSym_mode-image_xfm.h5"
    source = "sub-1/ct/sub-1_desc-defaced_ct.nii.gz"
    (root / "sub-1/ct").mkdir(parents=True)
    (root / name).write_bytes(b"transform")
    (root / source).write_bytes(b"image")
    about = {
        "Description": "where",
        "Sources": ["bids:raw:x", f"bids::{source}"],
        "Software": {"SimpleITK": "2.5.7"},
        "Type": "affine",
        "Seed": 1,
        "KVP": 120,
    }
    Path(naming.sidecar(str(root / name))).write_text(json.dumps(about))
    return lineage.Lineage(root, [name, source, "docs/qc/sub-1_x.png"], admitted)

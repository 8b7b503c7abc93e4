"""A pose that is off, and a scan of the wrong size, are told by what the registration does not use."""

from __future__ import annotations

import heads
import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation
from strokeprep.io import images
from strokeprep.registration import linear, second_opinion
from strokeprep.settings.limits import LIMITS, PASS

SMALL = {"shape": (72, 84, 44), "spacing": (3.0, 3.0, 4.5)}
STRAIGHT = np.eye(4)


@pytest.fixture(scope="module")
def ct() -> heads.Head:
    return heads.head("ct", seed=1, **SMALL)


@pytest.fixture(scope="module")
def brain(ct) -> sitk.Image:
    return images.like(ct.brain.astype(np.uint8), ct.image)


@pytest.fixture(scope="module")
def reference(ct, brain) -> second_opinion.Reference:
    return second_opinion.Reference.of((ct.image, "ct"), brain)


@pytest.fixture(scope="module")
def t1() -> sitk.Image:
    return heads.head("t1", seed=1, **SMALL).image


def shifted(*mm: float) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, 3] = mm
    return pose


def turned(axis: str, degrees: float) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler(axis, degrees, degrees=True).as_matrix()
    return pose


@pytest.mark.parametrize(
    ("pose", "off_mm"),
    [
        (STRAIGHT, 0.0),
        (shifted(8, 0, 0), 8.0),
        (shifted(0, 0, -8), 8.0),
        (turned("x", 10), 7.0),
    ],
    ids=["right", "sideways", "down", "nodding"],
)
def test_edges_tell_how_far_a_pose_is_off(reference, t1, pose, off_mm):
    found = reference.off_mm((t1, "mr"), pose)
    assert found == pytest.approx(off_mm, abs=2.5)
    assert (LIMITS["edges_off_mm"].verdict(found) == PASS) == (off_mm == 0)


@pytest.mark.parametrize("factor", [1.0, 1.1, 0.9])
def test_a_wrong_size_of_voxels_is_told(ct, brain, t1, factor):
    scan = sitk.Image(t1)
    scan.SetSpacing([factor * mm for mm in t1.GetSpacing()])
    scan.SetOrigin([factor * mm for mm in t1.GetOrigin()])
    size = linear.size(linear.Reference.of(ct.image, brain), scan, STRAIGHT)
    assert size == pytest.approx(factor, abs=0.02)
    assert (LIMITS["scan_size"].verdict(size) == PASS) == (factor == 1)

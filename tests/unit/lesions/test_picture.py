"""The picture of lesions shows them on the side that its letters say."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from strokeprep.io import images
from strokeprep.lesions import picture
from strokeprep.registration.template import Template

AFFINE = np.array([[4.0, 0, 0, -40], [0, 4, 0, -28], [0, 0, 4, -28], [0, 0, 0, 1]])


@pytest.mark.parametrize(("part", "shown_left"), [(np.s_[13:17], True), (np.s_[4:8], False)])
def test_the_right_of_the_patient_is_on_the_left_of_the_picture(part, shown_left):
    brain, lesion = np.ones((21, 15, 15), np.uint8), np.zeros((21, 15, 15), np.uint8)
    lesion[part] = 1  # x > 0 is the patient's right
    grid = images.from_array(brain, AFFINE)
    template = Template("box", sitk.Cast(grid, sitk.sitkFloat32), grid)
    scan = images.from_array(np.random.default_rng(1).uniform(10, 20, brain.shape), AFFINE)
    drawn = np.array(picture.drawn(scan, images.from_array(lesion, AFFINE), template)).astype(int)
    axial = drawn[-60:, :40]  # the first axial slice, which the legend follows below
    columns = np.flatnonzero((axial[..., 0] > axial[..., 1] + 60).sum(axis=0) > 8)
    assert (columns.mean() < 16) == shown_left

"""The bias field of an MR image."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage
from strokeprep.errors import StrokeprepError
from strokeprep.intensity import bias
from strokeprep.io import images


@pytest.fixture(scope="module")
def shaded():
    """A ball of two tissues and a dark cavity, times a known field: image, brain, cavity, log field."""
    random = np.random.default_rng(8)
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, n) for n in (44, 48, 40)], indexing="ij")
    brain = x**2 + y**2 + z**2 < 0.8
    folds = ndimage.gaussian_filter(random.normal(size=x.shape), 1.5) > 0
    cavity = (x - 0.4) ** 2 + y**2 + z**2 < 0.06
    grey = np.where(folds, 800.0, 560.0)
    grey[cavity] = 150
    log_field = 0.15 * x + 0.12 * np.sin(2 * y + 0.5) + 0.08 * z
    noisy = (grey * np.exp(log_field) + random.normal(0, 12, x.shape)) * brain
    image = sitk.GetImageFromArray(noisy.T.astype(np.float32))
    image.SetSpacing((4.0, 4.0, 4.0))
    return image, brain, cavity, log_field


@pytest.fixture(scope="module")
def found(shaded) -> bias.Corrected:
    """The correction in brain without the cavity."""
    image, brain, cavity, _ = shaded
    return bias.corrected(image, brain & ~cavity)


def left(found: bias.Corrected, log_field: np.ndarray, where: np.ndarray) -> float:
    """The SD of what remains of a field."""
    return float((np.log(images.array(found.field)) - log_field)[where].std())


def test_what_remains_of_the_field_is_less_than_a_twentieth(shaded, found):
    _, brain, _, log_field = shaded
    assert log_field[brain].std() > 0.09
    assert left(found, log_field, brain) < 0.05


def test_a_lesion_left_in_the_mask_would_pull_the_field(shaded, found):
    image, brain, _, log_field = shaded
    pulled = bias.corrected(image, brain)
    assert left(found, log_field, brain) < left(pulled, log_field, brain)


def test_grey_levels_stay_what_they_were(shaded, found):
    image, brain, cavity, _ = shaded
    field = images.array(found.field)[brain & ~cavity]
    assert np.log(field).mean() == pytest.approx(0, abs=1e-3)
    product = images.array(found.image) * images.array(found.field)
    assert product[brain] == pytest.approx(images.array(image)[brain], rel=1e-4)


def test_thick_slices_are_not_shrunk():
    thick = sitk.Image(200, 200, 24, sitk.sitkFloat32)
    thick.SetSpacing((1.0, 1.0, 6.5))
    assert bias.shrink_factors(thick) == (8, 8, 1)


def test_an_image_without_brain_is_refused(shaded):
    image, brain, *_ = shaded
    with pytest.raises(StrokeprepError, match="too little brain"):
        bias.corrected(image, np.zeros_like(brain), "sub-01_T1w.nii.gz")

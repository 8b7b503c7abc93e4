"""What networks let pass in silence is refused before or after they run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from strokeprep.errors import StrokeprepError
from strokeprep.io import images
from strokeprep.segmentation import proposals
from strokeprep.settings.backends import NetworkSettings

SHAPE = (10, 12, 8)
INSIDE = np.zeros(SHAPE, np.uint8)
INSIDE[2:8, 2:10, 1:7] = 1


class Fake:
    """A backend that answers with given voxels."""

    name = "fake"

    def __init__(self, answer: np.ndarray, grid: sitk.Image | None = None):
        self.answer, self.grid = answer, grid

    def run(self, request):
        return images.like(self.answer, self.grid or request.trace), {"Model": {"Package": "fake"}}


def image(data: np.ndarray, shift: float = 0) -> sitk.Image:
    affine = np.diag([2.0, 2, 3, 1])
    affine[0, 3] = shift
    return images.from_array(data, affine)


@pytest.fixture
def request_():
    noise = np.random.default_rng(1).uniform(50, 100, SHAPE).astype(np.float32) * INSIDE
    return proposals.Diffusion(image(noise), image(noise + INSIDE), "dwi", NetworkSettings())


def test_a_proposal_is_a_mask_on_the_grid_of_the_images_and_inside_the_brain(request_):
    answer = np.zeros(SHAPE, np.uint8)
    answer[7:9, 4, 4] = 1  # the second voxel lies outside
    mask, facts = proposals.found(request_, image(INSIDE), Fake(answer))
    assert np.argwhere(images.array(mask)).tolist() == [[7, 4, 4]]
    assert facts == {
        "VolumeMl": 0.01,
        "VoxelsOutsideBrain": 1,
        "Model": {"Package": "fake"},
    }


def test_a_proposal_may_be_empty(request_):
    _, facts = proposals.found(request_, image(INSIDE), Fake(np.zeros(SHAPE, np.uint8)))
    assert facts["VolumeMl"] == 0


@pytest.mark.parametrize("changed", ["adc", "brain"])
def test_images_on_two_grids_are_refused(request_, changed):
    brain = image(INSIDE, shift=5.0 if changed == "brain" else 0)
    if changed == "adc":
        request_ = replace(request_, adc=image(images.array(request_.adc), shift=5.0))
    with pytest.raises(StrokeprepError, match="lies on another grid"):
        proposals.found(request_, brain, Fake(INSIDE))


def test_a_whole_head_is_refused(request_):
    whole = replace(request_, trace=image(images.array(request_.trace) + 1))
    with pytest.raises(StrokeprepError, match="trace image is not skull-stripped: 0 %"):
        proposals.found(whole, image(INSIDE), Fake(INSIDE))


@pytest.mark.parametrize("value", [np.nan, np.inf, 7.0])
def test_an_image_without_contrast_or_numbers_is_refused(request_, value):
    bad = images.array(request_.adc).copy()
    bad[INSIDE > 0] = value
    with pytest.raises(StrokeprepError, match="ADC map has no contrast"):
        proposals.found(replace(request_, adc=image(bad)), image(INSIDE), Fake(INSIDE))


def test_an_answer_that_is_no_mask_is_a_bug_of_the_backend(request_):
    with pytest.raises(ValueError, match="other than 0 and 1"):
        proposals.found(request_, image(INSIDE), Fake(INSIDE * 2))
    with pytest.raises(ValueError, match="left the grid"):
        elsewhere = Fake(INSIDE, image(INSIDE, shift=9.0))
        proposals.found(request_, image(INSIDE), elsewhere)

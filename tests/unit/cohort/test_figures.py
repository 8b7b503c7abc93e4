"""Maps are drawn over the template, and a map without contrast is drawn as well."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from strokeprep.cohort import figures

AFFINE = np.diag([4.0, 4.0, 4.0, 1.0])
AFFINE[:3, 3] = -96, -132, -70
OVER = figures.Background(np.full((49, 58, 47), 100, np.float32), AFFINE)


def pixels(picture: figures.Picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.png)).convert("RGB")).astype(int)


@pytest.fixture(scope="module")
def share() -> np.ndarray:
    """Half of the patients have a lesion on the left."""
    share = np.zeros(OVER.voxels.shape, np.float32)
    share[5:20, 20:40, :40] = 0.5
    return share


@pytest.mark.slow
def test_a_lesion_on_the_left_is_drawn_left_of_the_middle(share):
    drawn = pixels(figures.shares(share, 2, AFFINE, OVER))
    first = drawn[:, : drawn.shape[1] // (len(figures.SLICES) + 1)]
    columns = np.flatnonzero((np.ptp(first, axis=2) > 60).any(axis=0))
    assert columns.size and columns.max() < first.shape[1] * 0.6
    assert pixels(figures.glass(share, 2, AFFINE)).std() > 0


@pytest.mark.slow
def test_an_image_without_contrast_is_drawn():
    assert figures.grey(np.full(OVER.voxels.shape, 7, np.float32), AFFINE).width > 500


def test_volumes_of_one_size_and_of_none_are_drawn():
    drawn = figures.volumes({"all": [2.0, 2.0, 0.0]})
    assert pixels(drawn).std() > 0


def test_bars_name_each_side_once():
    counts = {"a": {"left": 2.0, "right": 0.0}, "b": {"right": 1.0}}
    assert pixels(figures.bars(counts, "patients")).std() > 0

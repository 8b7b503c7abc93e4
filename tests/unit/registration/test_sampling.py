"""What is compared of a brain keeps its place at every resolution."""

from __future__ import annotations

import numpy as np
import pytest
from strokeprep.io import images
from strokeprep.registration import sampling

CENTRE, RADIUS = np.array([31.0, 29.5, 30.25]), 20.0


def ball() -> np.ndarray:
    """A round brain of noise, 0 outside, on voxels of 1 mm."""
    index = np.stack(np.indices((62, 61, 60)), axis=-1)
    inside = np.linalg.norm(index - CENTRE, axis=-1) < RADIUS
    return inside * np.random.default_rng(0).normal(100, 10, inside.shape).astype(np.float32)


@pytest.mark.parametrize("mm", [1.0, 2.0, 3.0])
def test_the_outline_of_a_brain_moves_by_less_than_a_tenth_of_a_millimetre(mm):
    image = images.from_array(ball(), np.eye(4))
    side, _ = sampling.brain_sides(image, image, None, mm)
    shown = images.array(side.image) - sampling.OUTSIDE
    affine = images.affine(side.image)
    index = np.stack(np.indices(shown.shape), axis=-1).reshape(-1, 3)
    found = np.average(index, axis=0, weights=shown.ravel()) @ affine[:3, :3].T + affine[:3, 3]
    assert np.abs(found - CENTRE).max() < 0.1

"""The patches of a surface: each voxel has some, and uncertain ones follow their neighbours."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from strokeprep.segmentation import surface
from strokeprep.segmentation.surface import Surface

SPACING = 2.0


@cache
def ball() -> Surface:
    """The surface of a ball of 30 mm."""
    shape = (56, 56, 56)
    away = np.linalg.norm((np.indices(shape).T - 27.5).T * SPACING, axis=0)
    return surface.around((30.0 - away).astype(np.float32), SPACING)


def test_a_common_move_is_the_move_of_every_voxel_near_the_surface():
    moved = ball().at_voxels(np.full(len(ball().region), 3.0))
    assert moved[np.abs(ball().depth) < 8] == pytest.approx(3.0)


def test_patches_without_evidence_follow_their_neighbours():
    count = len(ball().region)
    certainty = np.ones(count)
    certainty[count // 2] = 0
    moves = ball().smooth(np.full(count, 4.0), certainty)
    assert moves[count // 2] == pytest.approx(4.0, abs=0.3)


def test_without_any_evidence_nothing_moves():
    count = len(ball().region)
    assert ball().smooth(np.full(count, 4.0), np.zeros(count)) == pytest.approx(0.0)


def test_a_region_has_most_in_common_with_itself():
    kinship = ball().kinship
    assert (kinship.argmax(axis=1) == np.arange(len(kinship))).all()

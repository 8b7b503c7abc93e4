"""Where skull begins in profiles of grey levels across the contour of a brain mask."""

from __future__ import annotations

import numpy as np
import pytest
from strokeprep.quality.masks import profiles

#                    7    5    3    1   -1   -3   -5   -7   -9 mm deep
DIP = np.array([[1.0, 1.0, 1.0, 1.0, 0.6, 0.6, 0.9, 1.5, 0.1]])
STEP = np.array([[1.0, 1.0, 1.0, 1.0, 0.7, 0.5, 0.5, 0.4, 0.1]])
FALL = np.array([[1.0, 1.0, 1.0, 0.8, 0.6, 0.4, 0.2, 0.1, 0.0]])


def begins(profile: np.ndarray, edge: float, has_steps: bool) -> float:
    """Where skull begins in one profile."""
    return float(profiles.skulls(profile, np.array([edge]), has_steps)[0])


def test_skull_begins_halfway_to_a_dip_before_the_scalp():
    assert begins(DIP, -7.0, has_steps=False) == pytest.approx(0.0)


def test_what_dips_beyond_the_edge_is_no_skull():
    assert np.isnan(begins(DIP, 2.0, has_steps=False))


def test_where_no_edge_is_seen_no_thin_skull_is():
    assert np.isnan(begins(DIP, np.nan, has_steps=False))
    assert np.isnan(begins(STEP, np.nan, has_steps=True))


def test_a_step_is_a_skull_where_it_is_looked_for():
    assert np.isnan(begins(STEP, -7.0, has_steps=False))
    assert begins(STEP, -7.0, has_steps=True) == pytest.approx(-1 / 3 - 1 / 3)


def test_a_profile_that_falls_all_the_way_has_no_step():
    assert np.isnan(begins(FALL, -2.0, has_steps=True))


def test_brain_ends_where_it_is_too_dark_for_it():
    assert profiles.ends(STEP, -10.0)[0] == pytest.approx(1 - 2 * 0.2 / 0.3)
    assert profiles.ends(np.ones((1, 9)), -10.0)[0] == -10.0
    assert profiles.ends(np.zeros((1, 9)), -10.0)[0] > profiles.DEPTHS_MM[0]


def test_dark_fluid_darkens_the_darkest_quarter_towards_the_surface():
    depth = np.repeat([7.0, 5.0], 100)
    sulci = np.tile(np.arange(100) < 40, 2) & (depth < 6)
    assert profiles.darkens(np.where(sulci, 0.4, 1.0), depth)
    assert not profiles.darkens(np.where(sulci, 1.6, 1.0), depth)
    assert not profiles.darkens(np.ones(200), depth)
    assert not profiles.darkens(np.ones(3), np.zeros(3))


def test_a_profile_is_not_a_number_where_there_is_no_voxel():
    found = profiles.of(np.ones(4), np.array([7.0, 7.0, 5.0, 5.0]), np.array([0, 0, 1, 1]), 2)
    assert found.shape == (2, len(profiles.DEPTHS_MM))
    assert found[0, 0] == found[1, 1] == 1
    assert np.isnan(found[:, 2:]).all()

"""Regions are told apart by side, compared with their mirror image, and told as what they hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from strokeprep.perfusion import regions
from strokeprep.perfusion.regions import Labels, Tissue
from strokeprep.settings.perfusion import PerfusionSettings

SETTINGS = PerfusionSettings()
# A template of 20 × 6 × 6 voxels of 2 mm, its mid-plane between two of them.
AFFINE = np.diag([2.0, 2, 2, 1]) + np.array([[0, 0, 0, -19], *[[0] * 4] * 3])
SHAPE = (20, 6, 6)
X = AFFINE[0, 0] * np.arange(SHAPE[0]) + AFFINE[0, 3]


def tissue(**maps: float | np.ndarray) -> Tissue:
    """A voxel of 8 µl at each voxel of the template; maps are alike everywhere, or given by x."""
    index = np.argwhere(np.ones(SHAPE))
    usual = {"cbf": 40, "cbv": 3, "mtt": 4.5, "tmax": 3, "delay": 1}
    given = dict.fromkeys(regions.USED, 0) | usual | maps
    values = {
        name: np.broadcast_to(np.asarray(each, np.float32), SHAPE[0])[index[:, 0]]
        for name, each in given.items()
    }
    everywhere = np.ones(SHAPE, bool)
    return Tissue(values, index @ AFFINE[:3, :3].T + AFFINE[:3, 3], everywhere, 0.008)


def table(voxels: Tissue, labels: np.ndarray | None = None, **names: int) -> dict[tuple, dict]:
    """The rows by region and side; ``labels`` are given by x."""
    atlases = {}
    if labels is not None:
        numbers = np.broadcast_to(labels[:, None, None], SHAPE)
        atlases["atlas"] = Labels(numbers, AFFINE, {n: name for name, n in names.items()})
    rows = list(regions.rows(voxels, atlases, 40.0, SETTINGS))
    assert all(list(row) == list(regions.columns(SETTINGS)) for row in rows)
    return {(row["region"], row["side"]): row for row in rows}


def test_hemispheres_need_no_atlas_and_are_compared_with_each_other():
    found = table(tissue(cbf=np.where(X < 0, 20, 40), delay=np.where(X < 0, 4, 1)))
    left, right = found["brain", "left"], found["brain", "right"]
    assert (left["cbf_median"], right["cbf_median"]) == (20, 40)
    assert (left["cbf_ratio"], right["cbf_ratio"]) == (0.5, 2)
    assert (left["delay_difference"], right["delay_difference"]) == (3, -3)
    assert left["volume_ml"] == right["volume_ml"] == pytest.approx(360 * 0.008)
    assert found["brain", "both"]["volume_ml"] == pytest.approx(720 * 0.008)
    assert found["brain", "both"]["cbf_ratio"] is None


def test_a_region_over_the_mid_plane_has_a_row_for_each_side():
    found = table(tissue(cbf=np.where(X < 0, 10, 40)), (abs(X) < 8).astype(int), middle=1)
    assert found["middle", "left"]["cbf_median"] == 10
    assert found["middle", "right"]["cbf_median"] == 40
    assert found["middle", "left"]["volume_ml"] == pytest.approx(4 * 36 * 0.008)


def test_a_region_of_one_side_keeps_the_voxels_that_cross_the_mid_plane():
    found = table(tissue(), (X < 2).astype(int), side=1)
    assert ("side", "right") not in found
    assert found["side", "left"]["volume_ml"] == pytest.approx(11 * 36 * 0.008)


def test_a_region_is_compared_with_its_mirror_image_whatever_lies_there():
    flow = np.select([(X > -12) & (X < -6), (X > 6) & (X < 12)], [10, 50], 40)
    found = table(tissue(cbf=flow), ((X > -12) & (X < -6)).astype(int), alone=1)
    assert found["alone", "left"]["cbf_ratio"] == pytest.approx(0.2)


def test_shares_count_what_is_beyond_the_thresholds():
    flow = np.where(X < -9, 11, 40)  # half of the left side, below 0.3 times 40
    found = table(tissue(cbf=flow, tmax=np.where(X < -9, 7, 3), delay=np.where(X < -9, 5, 1)))
    left = found["brain", "left"]
    for name in ("late_tmax", "late_delay", "low_cbf", "low_cbf_mirrored"):
        assert left[name] == pytest.approx(0.5)
        assert found["brain", "right"][name] == 0


def test_low_flow_is_told_against_healthy_tissue_and_against_the_other_side():
    found = table(tissue(cbf=np.where(X < 0, 11, 30)))
    assert (found["brain", "left"]["low_cbf"], found["brain", "left"]["low_cbf_mirrored"]) == (1, 0)


def test_core_is_what_is_likely_beside_what_is_to_be_expected():
    found = table(tissue(core_probability=np.where(X < -9, 0.8, 0.1)))
    left = found["brain", "left"]
    assert left["core_ml"] == pytest.approx(180 * 0.008)
    assert left["core_expected_ml"] == pytest.approx((180 * 0.8 + 180 * 0.1) * 0.008)
    assert found["brain", "right"]["core_ml"] == left["penumbra_ml"] == 0


def test_a_region_that_the_series_does_not_show_has_a_row_without_medians():
    voxels = tissue()
    seen = voxels.place[:, 0] < 12
    part = replace(
        voxels, maps={n: v[seen] for n, v in voxels.maps.items()}, place=voxels.place[seen]
    )
    row = table(part, (X > 12).astype(int), temporal=1)["temporal", "right"]
    assert row["volume_ml"] == row["core_ml"] == 0
    assert row["cbf_median"] is None and row["cbf_ratio"] is None and row["low_cbf"] is None


def test_the_side_of_a_region_follows_the_header_of_its_atlas():
    numbers = np.broadcast_to((X < 0).astype(int)[:, None, None], SHAPE)
    assert Labels(numbers, AFFINE, {1: "one"}).sides() == {1: ("left",)}
    assert Labels(numbers, np.diag([-1.0, 1, 1, 1]) @ AFFINE, {1: "one"}).sides() == {1: ("right",)}


def test_tissue_is_what_maps_know_without_vessels():
    volumes = {name: np.ones((4, 1, 1)) for name in (*regions.RATIOS, *regions.DIFFERENCES)}
    for volume in volumes.values():
        volume[0] = 0
    volumes["cbf"][1] = 0  # tissue without flow is known by its times
    volumes["cbv"][3] = 9
    assert regions.tissue_of(volumes, SETTINGS).ravel().tolist() == [False, True, True, False]

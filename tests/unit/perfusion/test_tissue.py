"""Core and penumbra of a brain made of blocks, whose volumes are known."""

from __future__ import annotations

import numpy as np
import pytest
from strokeprep.perfusion.deconvolution import NotComputable
from strokeprep.perfusion.tissue import assess, smoothed_curves, solid_mask, without_vessels
from strokeprep.settings.field import typed
from strokeprep.settings.perfusion import TissueSettings

SHAPE, SPACING = (40, 40, 8), np.array([2.0, 2.0, 5.0])  # 0.02 ml a voxel
ML = 0.02
BRAIN = np.zeros(SHAPE, bool)
BRAIN[4:36, 4:36] = True
RIGHT_MM = np.broadcast_to((np.arange(40) - 19.5)[:, None, None] * 2, SHAPE)
LATE = (slice(26, 34), slice(10, 30), slice(1, 7))  # 960 voxels, 19.2 ml, on the right
DEAD = (slice(28, 32), slice(14, 24), slice(2, 6))  # 160 voxels, 3.2 ml, within
VERY_LATE = (slice(28, 32), slice(10, 28), slice(2, 6))  # 288 voxels, 5.76 ml


@pytest.fixture
def maps():
    cbf, tmax = np.full(SHAPE, 50.0), np.full(SHAPE, 2.0)
    tmax[LATE], cbf[LATE] = 7, 25
    tmax[VERY_LATE] = 11
    cbf[DEAD] = 10
    return cbf, tmax


def judged(cbf, tmax, tissue=BRAIN, **values):
    return assess(cbf, tmax, tissue, RIGHT_MM, SPACING, TissueSettings(**values))


def test_volumes_are_those_of_the_blocks(maps):
    row = judged(*maps).row
    assert row["hypoperfused_ml"] == pytest.approx(19.2)
    assert row["tmax_over_10s_ml"] == pytest.approx(5.76)
    assert row["core_ml"] == row["rcbf_under_30_ml"] == pytest.approx(3.2)
    assert row["mismatch_ml"] == pytest.approx(16.0)
    assert row["mismatch_ratio"] == pytest.approx(6.0)
    assert row["hypoperfusion_index"] == pytest.approx(0.3)
    assert (row["side"], row["reference_cbf"]) == ("R", 50)


def test_the_table_tells_the_sides_apart(maps):
    row = judged(*maps).row
    assert row["hypoperfused_right_ml"] == pytest.approx(19.2) and row["hypoperfused_left_ml"] == 0
    assert row["core_right_ml"] == pytest.approx(3.2) and row["core_left_ml"] == 0
    assert row["tissue_left_ml"] == row["tissue_right_ml"] == pytest.approx(row["tissue_ml"] / 2)
    cbf, tmax = maps
    cbf[20:] *= 0.6
    weak = judged(cbf, tmax).row
    assert (weak["median_cbf_left"], weak["median_cbf_right"]) == pytest.approx((50, 30))
    assert weak["flow_asymmetry"] == pytest.approx(0.6)


def test_core_and_penumbra_share_no_voxel_and_make_up_the_late_tissue(maps):
    found = judged(*maps)
    assert not (found.core & found.penumbra).any()
    assert np.array_equal(found.core | found.penumbra, found.hypoperfused)
    assert found.tmax_level[DEAD].max() == 4 and found.tmax_level[0, 0, 0] == 0


def test_flow_is_compared_with_the_other_side_only(maps):
    cbf, tmax = maps
    cbf[20:26] = 500  # the right side outside of the lesion
    assert judged(cbf, tmax).row["reference_cbf"] == 50
    mirrored = assess(cbf[::-1], tmax[::-1], BRAIN, RIGHT_MM, SPACING)
    assert (mirrored.row["side"], mirrored.row["reference_cbf"]) == ("L", 50)


def test_late_tissue_of_the_other_side_does_not_lower_the_reference(maps):
    cbf, tmax = maps
    tmax[5:8, 5:20], cbf[5:8, 5:20] = 9, 1
    assert judged(cbf, tmax).row["reference_cbf"] == 50


def test_low_flow_without_delay_is_core_only_if_the_settings_say_so(maps):
    cbf, tmax = maps
    cbf[5:10, 5:20] = 5
    assert judged(cbf, tmax).row["core_ml"] == pytest.approx(3.2)
    everywhere = judged(cbf, tmax, core_is_late=False)
    assert everywhere.row["core_ml"] > 10
    assert everywhere.row["mismatch_ml"] >= 0


def test_clusters_below_a_millilitre_are_dropped(maps):
    cbf, tmax = maps
    tmax[6:9, 6:9, 2:7] = 20  # 45 voxels, 0.9 ml
    assert judged(cbf, tmax).row["hypoperfused_ml"] == pytest.approx(19.2)
    assert judged(cbf, tmax, least_cluster_ml=0.5).row["hypoperfused_ml"] == pytest.approx(20.1)


def test_segmentations_hold_the_volumes_of_the_table(maps):
    cbf, tmax = maps
    tmax[6:9, 6:9, 2:7] = 20  # 0.9 ml each: no cluster
    tmax[26:28, 26:30, 1:7], cbf[26:28, 26:30, 1:7] = 12, 8
    found, settings = judged(cbf, tmax), TissueSettings()
    ml = np.prod(SPACING) / 1000
    for level, seconds in enumerate(sorted(settings.tmax_s), 1):
        volume = np.count_nonzero(found.tmax_level >= level) * ml
        assert volume == pytest.approx(found.row[f"tmax_over_{seconds:g}s_ml"])
    for level, share in enumerate(sorted(settings.rcbf, reverse=True), 1):
        volume = np.count_nonzero(found.rcbf_level >= level) * ml
        assert volume == pytest.approx(found.row[f"rcbf_under_{share * 100:g}_ml"])


def test_a_healthy_brain_has_no_side_no_core_and_no_ratios():
    row = judged(np.full(SHAPE, 50.0), np.full(SHAPE, 2.0)).row
    assert row["side"] is None and row["mismatch_ratio"] is None
    assert row["hypoperfusion_index"] is None and row["core_ml"] == 0


def test_a_slab_without_the_healthy_side_is_refused(maps):
    with pytest.raises(NotComputable, match="healthy tissue"):
        judged(*maps, tissue=BRAIN & (RIGHT_MM > 0))


def test_fluid_bone_and_vessels_are_not_tissue():
    base, cbv = np.full(SHAPE, 35.0), np.full(SHAPE, 3.0)
    base[10, 10, 3], base[11, 11, 3], cbv[12, 12, 3] = 6, 400, 8
    settings = TissueSettings()
    tissue = without_vessels(solid_mask(BRAIN, base, settings), cbv, settings)
    assert not tissue[[10, 11, 12], [10, 11, 12], 3].any()
    assert tissue.sum() == BRAIN.sum() - 3
    with pytest.raises(NotComputable):
        solid_mask(BRAIN, base - 100, settings)


def test_smoothing_does_not_reach_across_the_mask_nor_across_slices():
    values = np.where(BRAIN, 40.0, 1000.0)
    values[20, 20, 4] += 100
    out = values.copy()
    out[BRAIN] = smoothed_curves(values[..., None], BRAIN, SPACING, 5.0)[:, 0]
    assert out[4:8, 4:8] == pytest.approx(40, abs=1e-3)  # no skull bleeds in
    assert out[20, 20, [3, 5]] == pytest.approx(40, abs=1e-3)


def test_smoothing_has_the_stated_width_in_millimetres():
    values = np.zeros((81, 81, 1))
    values[40, 40] = 1
    spacing = np.array([0.5, 1.0, 5.0])
    whole = np.ones(values.shape, bool)
    out = smoothed_curves(values[..., None], whole, spacing, 8.0).reshape(81, 81)
    half = out >= out.max() / 2
    assert half[:, 40].sum() * 0.5 == pytest.approx(8, abs=0.6)
    assert half[40].sum() * 1.0 == pytest.approx(8, abs=1.1)


def test_a_series_is_smoothed_frame_by_frame():
    series = np.random.default_rng(0).normal(size=(*SHAPE, 3))
    whole = smoothed_curves(series, BRAIN, SPACING, 4.0)
    alone = smoothed_curves(series[..., 1:2], BRAIN, SPACING, 4.0)
    assert whole[:, 1] == pytest.approx(alone[:, 0], abs=1e-6)  # but for rounding


def test_settings_come_by_name_and_unknown_names_are_refused():
    assert typed(TissueSettings, {"tmax_s": [4, 6]}).tmax_s == (4, 6)
    with pytest.raises(ValueError, match="tmax_seconds"):
        typed(TissueSettings, {"tmax_seconds": 6})

"""Artery and vein are found in a small head with known vessels, and bad scans are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from perfused_heads import AFFINE, ARTERY, BOLUS, FRAMES, NOISE_HU, SHAPE, VEIN, head
from strokeprep.errors import StrokeprepError
from strokeprep.perfusion.curves import Series, over_baseline
from strokeprep.perfusion.deconvolution import NotComputable, perfusion_maps
from strokeprep.perfusion.inputs import vessels
from strokeprep.phantom.scan.bolus import arterial_curve, venous_curve
from strokeprep.settings.ctp.vessels import VesselSettings
from strokeprep.settings.limits import LIMITS


def find_vessels(series: Series, *given, **options) -> vessels.Vessels:
    return vessels.search(series, *given, **options).vessels


@pytest.fixture(scope="module")
def series() -> Series:
    return head()


@pytest.fixture(scope="module")
def found(series):
    return find_vessels(series)


def labelled(box) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[box] = True
    return mask


def test_the_artery_is_found_and_nothing_else(found):
    assert labelled(ARTERY)[tuple(found.aif_voxels.T)].all()
    truth = arterial_curve(np.arange(60.0), BOLUS)
    assert np.corrcoef(found.aif, truth)[0, 1] > 0.998
    assert found.aif.sum() == pytest.approx(truth.sum(), rel=0.05)


def test_the_vein_is_found_and_nothing_else(found):
    assert labelled(VEIN)[tuple(found.vof_voxels.T)].all()
    assert found.vof.argmax() - found.aif.argmax() >= 3


def test_the_baseline_ends_as_contrast_arrives(found):
    assert found.baseline_frames in (8, 9, 10)  # it arrives at 9.5 s
    assert found.noise_hu == pytest.approx(NOISE_HU, rel=0.1)
    assert found.warnings == ()


def test_a_baseline_that_the_highest_curves_make_too_long_ends_where_the_artery_enhances(series):
    """As where arteries are thin, and all of the highest curves are veins."""
    before = vessels._passage(series, VesselSettings()).before._replace(frames=16)
    found = vessels._before_artery(series, np.argwhere(labelled(ARTERY)), before, VesselSettings())
    assert found.frames in (8, 9, 10)  # contrast arrives at 9.5 s


def test_a_diluted_artery_is_scaled_to_the_vein():
    found = find_vessels(head(artery=0.6))
    assert found.scale == pytest.approx(1 / 0.6, rel=0.05)
    unscaled = find_vessels(head(artery=0.6), scaled=False)
    assert unscaled.scale == 1 and unscaled.aif.max() < 0.7 * found.aif.max()


def test_the_scale_of_a_diluted_artery_is_as_uncertain_as_noise_makes_the_area_of_the_vein():
    usual, noisy = (
        find_vessels(head(artery=0.6, noise=noise), vof_at=labelled(VEIN)).scale_sd
        for noise in (NOISE_HU, 5 * NOISE_HU)
    )
    assert noisy > usual + 0.01


def test_the_area_of_an_input_that_needs_no_scale_is_as_uncertain_as_its_noise_makes_it(found):
    diluted = find_vessels(head(artery=0.6))
    assert (found.scale, diluted.scale > 1) == (1, True)
    assert found.scale_sd > diluted.scale_sd


def test_an_artery_whose_course_is_off_explains_less_and_makes_the_scale_less_certain(
    series, found
):
    """Contrast that none of the brain gets, as noise and moving edges show it."""
    hu, t = series.hu.copy(), np.arange(FRAMES, dtype=float)
    hu[ARTERY] += np.rint(150 * np.exp(-(((t - 8) / 2) ** 2))).astype(hu.dtype)
    early = find_vessels(replace(series, hu=hu), aif_at=labelled(ARTERY))
    assert early.likeness < LIMITS["aif_likeness"].warn[0] < found.likeness
    assert early.course_likeness < LIMITS["aif_course_likeness"].warn[0] < found.course_likeness
    assert early.scale_sd > 2 * found.scale_sd


def test_a_head_that_moves_makes_the_scale_less_certain(series):
    """Half of the frames lie half a voxel off, and are moved back by linear interpolation."""
    hu = series.hu.astype(float)
    hu[..., 1::2] = (np.roll(hu, 1, 0) + 2 * hu + np.roll(hu, -1, 0))[..., 1::2] / 4
    still, moving = (
        find_vessels(replace(series, hu=np.rint(each)), vof_at=labelled(VEIN))
        for each in (series.hu, hu)
    )
    assert moving.scale_sd > still.scale_sd + 0.01


def test_a_diluted_vein_is_not_chosen_for_a_drift_that_makes_it_highest(series):
    hu, t = series.hu.copy(), np.arange(FRAMES, dtype=float)
    diluted = (slice(26, 28), slice(5, 7), slice(1, 5))
    hu[diluted] = np.rint(40 + 0.9 * venous_curve(t, BOLUS) + 1.8 * t)
    assert hu[diluted].max() > hu[VEIN].max()
    found = find_vessels(replace(series, hu=hu))
    assert labelled(VEIN)[tuple(found.vof_voxels.T)].all()


def test_a_high_curve_with_another_shape_is_not_taken_for_a_vein(series):
    """An edge that moves as the head nods changes the curve by a tenth: tissue differs far more."""
    hu, t = series.hu.copy(), np.arange(FRAMES, dtype=float)
    bent = (slice(26, 27), slice(5, 6), slice(1, 5))
    hu[bent] = np.rint(40 + 1.1 * venous_curve(t, BOLUS) + 12 * np.sin(t / 3))
    found = find_vessels(replace(series, hu=hu))
    assert labelled(VEIN)[tuple(found.vof_voxels.T)].all()
    assert found.scale == find_vessels(series).scale


def test_the_sinus_is_found_among_more_voxels_of_lower_veins_with_another_transit_time(series):
    hu, t = head(artery=0.6).hu.copy(), np.arange(FRAMES, dtype=float)
    noise = hu[VEIN] - (40 + venous_curve(t, BOLUS))
    hu[VEIN] = 40
    sinus, lower = (slice(21, 22), slice(5, 7), slice(1, 3)), (slice(26, 30), slice(5, 7))
    hu[sinus] = np.rint(40 + venous_curve(t, BOLUS) + noise[:1, :, :2])
    for k in (1, 3):
        hu[lower][:, :, k : k + 2] = np.rint(
            40 + 0.6 * venous_curve(t, BOLUS, 4.5) + noise[:1, :, :2]
        )
    found = find_vessels(replace(series, hu=hu))
    assert labelled(sinus)[tuple(found.vof_voxels.T)].all()
    assert found.scale == pytest.approx(1 / 0.6, rel=0.05)


def test_the_drift_of_a_sinus_among_other_veins_moves_the_input_by_a_third_of_it(series):
    """The sinus is one of three references; the others are the arteries and all veins, by slice."""
    hu, t = series.hu.astype(float), np.arange(FRAMES, dtype=float)
    hu[18:26, 9:14, 1:5] = 40 + 0.75 * venous_curve(t, BOLUS)
    line = -0.2 * t
    drifts = []
    for moved in (0, line):
        there = hu.copy()
        there[VEIN] += moved
        found = find_vessels(replace(series, hu=np.rint(there)))
        assert labelled(VEIN)[tuple(found.vof_voxels.T)].all()
        drifts.append(np.mean(found.drift))
    lower = over_baseline(line[None], found.baseline_frames).mean()
    assert 0.3 < (drifts[0] - drifts[1]) / lower < 0.42


def test_a_slice_of_a_given_vein_that_does_not_enhance_is_no_reference(series):
    hu = series.hu.copy()
    flat = (slice(21, 25), slice(5, 9), slice(5, 6))
    hu[flat] = 40
    found = find_vessels(replace(series, hu=hu), vof_at=labelled(VEIN) | labelled(flat))
    assert np.isfinite(found.aif).all() and np.isfinite(found.scale)


def test_on_finer_grids_more_voxels_are_averaged(series):
    two = VesselSettings(most_voxels=2, arterial_ml=0.0, venous_ml=0.0)
    few = find_vessels(series, two)
    more = find_vessels(series, replace(two, venous_ml=6.4 * series.voxel_ml))
    assert (len(few.vof_voxels), len(more.vof_voxels)) == (2, 6)
    assert len(more.aif_voxels) == len(few.aif_voxels) == 2


@pytest.mark.slow
def test_maps_from_the_found_input_agree_with_maps_from_the_true_one(series, found):
    curves = over_baseline(series.hu[series.brain].astype(np.float32), found.baseline_frames)
    auto = perfusion_maps(curves, found.aif, 1.0)
    true = perfusion_maps(curves, arterial_curve(np.arange(60.0), BOLUS), 1.0)
    assert np.mean(auto.cbv) == pytest.approx(np.mean(true.cbv), rel=0.05)
    late = [np.mean(maps.tmax > 6) for maps in (auto, true)]
    assert late[0] == pytest.approx(late[1], rel=0.1)


def test_the_same_artery_can_be_given_as_a_mask_or_as_points(series):
    by_mask = find_vessels(series, aif_at=labelled(ARTERY), vof_at=labelled(VEIN))
    voxels = np.argwhere(labelled(ARTERY))
    points = voxels @ AFFINE[:3, :3].T + AFFINE[:3, 3]
    by_points = find_vessels(series, aif_at=points, vof_at=labelled(VEIN))
    assert np.array_equal(by_mask.aif_voxels, voxels)
    assert np.array_equal(by_mask.aif, by_points.aif)


def test_points_are_world_coordinates_in_ras_and_may_lie_anywhere_in_their_voxel(series):
    """AFFINE runs from right to left, 3 mm a voxel, from x = 60: voxel 21 is x = -3."""
    near = np.array([[-3.0 + 1.4, 15.0 - 1.4, 12.0 + 2.9], [-6.0, 18.0, 18.0]])
    found = find_vessels(series, aif_at=labelled(ARTERY), vof_at=near)
    assert found.vof_voxels.tolist() == [[21, 5, 2], [22, 6, 3]]


def test_an_artery_can_be_given_as_a_single_point(series):
    found = find_vessels(series, aif_at=np.array([60.0 - 3 * 14, 3.0 * 20, 6.0 * 2]))
    assert found.aif_voxels.tolist() == [[14, 20, 2]]


@pytest.mark.parametrize("at", [np.array([[900.0, 0, 0]]), np.zeros(SHAPE, bool)])
def test_an_artery_given_outside_the_scan_is_an_error(series, at):
    with pytest.raises(StrokeprepError, match="arterial input names no voxel"):
        find_vessels(series, aif_at=at)


def refusal(series: Series, **options) -> str:
    with pytest.raises(NotComputable) as error:
        find_vessels(series, **options)
    return error.value.reason


def test_a_scan_without_contrast_is_refused(series):
    still = np.repeat(series.hu[..., :1], FRAMES, axis=3)
    noise = np.random.default_rng(1).normal(0, NOISE_HU, still.shape)
    assert refusal(replace(series, hu=(still + noise).astype(np.int16))) == "no-bolus"


def test_a_scan_that_starts_late_is_refused(series):
    assert refusal(replace(series, hu=series.hu[..., 9:])) == "few-baseline"


def test_a_scan_that_ends_before_the_bolus_has_passed_is_refused(series):
    assert refusal(replace(series, hu=series.hu[..., :20])) == "truncated-bolus"
    assert refusal(replace(series, hu=series.hu[..., :8])) == "truncated-bolus"


def test_a_scan_that_ends_early_is_warned_about(series):
    found = find_vessels(replace(series, hu=series.hu[..., :30]))
    assert any("underestimated" in warning for warning in found.warnings)


def test_a_head_without_a_visible_artery_is_refused(series):
    hidden = series.hu.copy()
    for box in (ARTERY, VEIN):
        hidden[box] = 35
    assert refusal(replace(series, hu=hidden)) == "no-aif"


def test_a_given_artery_that_does_not_enhance_is_refused(series):
    hu = series.hu.copy()
    hu[ARTERY] = 40
    assert refusal(replace(series, hu=hu), aif_at=labelled(ARTERY)) == "no-aif"


def test_an_artery_cut_off_at_the_largest_value_is_refused(series):
    """As in files with too few bits, or with a display window burnt in."""
    cut = replace(series, hu=np.minimum(series.hu, 200))
    assert refusal(cut) == "saturated"
    assert refusal(cut, aif_at=labelled(ARTERY)) == "saturated"
    assert find_vessels(replace(series, hu=np.minimum(series.hu, 400))).scale >= 1


def test_the_input_is_not_scaled_to_a_vein_that_is_cut_off():
    weak = head(artery=0.45)
    whole, cut = (
        find_vessels(replace(weak, hu=np.minimum(weak.hu, top)), aif_at=labelled(ARTERY))
        for top in (999, 195)
    )
    assert whole.scale > 1.8
    assert cut.scale == 1
    assert any("cut off" in warning for warning in cut.warnings)


def test_a_slab_with_hardly_any_brain_is_refused_and_one_with_little_is_warned_about(series):
    brain = series.brain.copy()
    brain[..., 3:] = False
    warned = find_vessels(replace(series, brain=brain))
    assert any("only" in warning and "brain" in warning for warning in warned.warnings)
    brain[20:] = False
    brain[:, :, 1:] = False
    assert refusal(replace(series, brain=brain)) == "little-brain"


def test_metal_is_warned_about_and_not_taken_for_an_artery(series):
    hu = series.hu.copy()
    hu[25:27, 25:27, 2:4] = 3071
    found = find_vessels(replace(series, hu=hu))
    assert any("metal" in warning for warning in found.warnings)
    assert labelled(ARTERY)[tuple(found.aif_voxels.T)].all()


def test_a_moving_edge_is_not_taken_for_an_artery(series):
    hu = series.hu.astype(float)
    nod = 150 * np.sin(np.arange(FRAMES) / 9.0) ** 2
    hu[10:12, 25:30, 2:5] += nod
    found = find_vessels(replace(series, hu=hu.astype(np.int16)))
    assert labelled(ARTERY)[tuple(found.aif_voxels.T)].all()


@pytest.mark.slow
def test_an_edge_that_nods_in_time_with_the_bolus_is_not_taken_for_an_artery(series):
    hu, t = series.hu.astype(float), np.arange(FRAMES)
    edge = (slice(24, 26), slice(26, 28), slice(2, 5))
    hu[edge] = 40 + 1.1 * arterial_curve(t, BOLUS) + 45 * np.exp(-(((t - 24) / 11) ** 2))
    nodding = replace(series, hu=hu.astype(np.int16))
    misled = find_vessels(nodding, VesselSettings(likeness_slack=1.0))
    assert labelled(edge)[tuple(misled.aif_voxels.T)].all()
    assert labelled(ARTERY)[tuple(find_vessels(nodding).aif_voxels.T)].all()


def test_a_moving_edge_that_is_higher_than_the_vein_is_not_taken_for_one(series):
    """What lies beside it is denser than what it shows before contrast, and no transit explains its course."""
    hu, t = series.hu.copy(), np.arange(FRAMES, dtype=float)
    edge = (slice(16, 17), slice(24, 26), slice(2, 4))
    shoulder = 60 * np.exp(-(((t - 38) / 8) ** 2))
    hu[edge] = np.rint(40 + 1.3 * venous_curve(t, BOLUS) + shoulder)
    hu[15:18:2, 24:26, 2:4] = 140
    nodding = replace(series, hu=hu)
    misled = find_vessels(nodding, VesselSettings(venous_error=1.0, venous_slack=1.0))
    assert labelled(edge)[tuple(misled.vof_voxels.T)].all()
    for each in ({}, {"venous_error": 1.0}, {"venous_slack": 1.0}):  # either tells
        found = find_vessels(nodding, VesselSettings(**each))
        assert labelled(VEIN)[tuple(found.vof_voxels.T)].all()
        assert found.scale < 1.1 < misled.scale


def test_scattered_edges_that_are_higher_do_not_hide_the_vein(series):
    """They are more than the voxels of the vein, and each has a course of its own."""
    hu, t = series.hu.copy(), np.arange(FRAMES, dtype=float)
    at = np.random.default_rng(2).permutation(np.argwhere(series.brain)[::40])[:30]
    for i, j, k in at[(at[:, 2] > 0) & (at[:, 2] < SHAPE[2] - 1)]:
        hu[i - 1 : i + 2 : 2, j, k] = 140
        hu[i, j, k] = np.rint(40 + 1.2 * venous_curve(t, BOLUS, 3 + 0.1 * i) + (j - 20) * t / 40)
    found = find_vessels(replace(series, hu=hu))
    assert labelled(VEIN)[tuple(found.vof_voxels.T)].all()
    assert found.scale < 1.1


def test_a_voxel_next_to_bone_is_not_taken_for_a_vein(series):
    """Bone of the next slice moves in and out of a voxel as the head nods."""
    hu = series.hu.copy()
    hu[30:32, 30:32, 2] = 40 + 1.6 * venous_curve(np.arange(60.0), BOLUS)
    hu[30:32, 30:32, 3] = 900
    beside = replace(series, hu=hu)
    misled = find_vessels(beside, VesselSettings(from_bone_mm=0.0, venous_error=10.0))
    assert not labelled(VEIN)[tuple(misled.vof_voxels.T)].any()
    found = find_vessels(beside)
    assert labelled(VEIN)[tuple(found.vof_voxels.T)].all()
    assert found.scale < 1.1 < misled.scale


@pytest.mark.parametrize(("at", "beside", "hu_beside"), [(4, 5, 140), (5, 4, 12)])
def test_an_interpolation_error_is_not_taken_for_a_vein(series, at, beside, hu_beside):
    """Beside too little bone to be recognised, and in the outermost slice, which is repeated."""
    hu = series.hu.copy()
    blurred = (slice(26, 28), slice(8, 10), slice(at, at + 1))
    hu[blurred] = hu[VEIN][:, :, 1:2] + np.rint(0.05 * venous_curve(np.arange(60.0), BOLUS))
    hu[26:28, 8:10, beside] = hu_beside
    there = replace(series, hu=hu)
    misled = find_vessels(there, VesselSettings(venous_error=1.0))
    assert labelled(blurred)[tuple(misled.vof_voxels.T)].any()
    assert not labelled(blurred)[tuple(find_vessels(there).vof_voxels.T)].any()


@pytest.mark.slow
def test_voxels_of_a_vein_on_a_fine_grid_are_not_chosen_by_their_noise(series):
    """Voxels with noise in a low baseline look highest, and their whole curve is too high."""
    t = np.arange(FRAMES, dtype=float)
    hu = series.hu.astype(float)
    vein = (slice(14, 30), slice(8, 16), slice(1, 5))
    noise = np.random.default_rng(8).normal(0, 10, hu[vein].shape)
    hu[VEIN], hu[vein] = 40, 40 + venous_curve(t, BOLUS) + noise
    fine = AFFINE * [[1 / 6], [1 / 6], [1], [1]]
    there = replace(series, hu=np.rint(hu), affine=fine)
    areas = []
    for mm in (0.0, VesselSettings().around_mm):
        found = find_vessels(there, VesselSettings(least_brain_ml=1.0, around_mm=mm))
        assert labelled(vein)[tuple(found.vof_voxels.T)].all()
        areas.append(found.vof.sum() / venous_curve(t, BOLUS).sum())
    assert areas[0] > 1.03
    assert areas[1] == pytest.approx(1, abs=0.01)

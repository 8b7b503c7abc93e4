"""Deconvolution and maps: against the closed form, against a plain SVD, and on the phantom.

The settings were chosen with the phantom's default input function. What is accepted here is
measured on another input function and on fresh noise.
"""

from __future__ import annotations

import numpy as np
import pytest
import time_weights
from scipy.linalg import circulant
from strokeprep.perfusion import deconvolution
from strokeprep.perfusion.deconvolution import METHODS, NotComputable, perfusion_maps
from strokeprep.phantom.scan import bolus, kudo
from strokeprep.series import timing
from strokeprep.settings.perfusion import MapSettings

FRESH = bolus.Arterial(peak_hu=220, arrival_s=9.3, shape=2.6, scale_s=1.9, recirculation_share=0.12)
# Negative delays show whether a method can find early tissue.
EARLY_AND_LATE_S = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
COPIES = 48  # voxels per tile
SEED = 20251


@pytest.fixture(scope="module")
def tiles() -> kudo.Tiles:
    return kudo.tiles(kudo.Design(FRESH))


@pytest.fixture(scope="module")
def clean(tiles):
    return perfusion_maps(tiles.curves, tiles.aif, 1.0)


@pytest.fixture(scope="module")
def noisy(tiles):
    """Tile means of maps made from curves with 1 HU of noise, as smoothing leaves."""
    maps = perfusion_maps(kudo.noisy(tiles.curves, COPIES, 1.0, SEED), tiles.aif, 1.0)
    return {name: kudo.per_tile(getattr(maps, name), COPIES) for name in vars(maps)}


def r(a, b):
    return np.corrcoef(a, b)[0, 1]


def slope(truth, estimate):
    return np.polyfit(truth, estimate, 1)[0]


def test_phantom_and_maps_share_their_constants():
    assert (MapSettings().rho, MapSettings().kh) == (bolus.RHO, bolus.KH)


def test_noise_free_maps_follow_the_truth(tiles, clean):
    assert r(clean.cbv, tiles.cbv) > 0.985 and 0.95 < slope(tiles.cbv, clean.cbv) < 1.03
    assert r(clean.cbf, tiles.cbf) > 0.93 and 0.85 < slope(tiles.cbf, clean.cbf) < 1.1
    assert r(clean.mtt, tiles.mtt) > 0.97


@pytest.mark.slow
def test_maps_follow_the_truth_at_the_noise_left_by_smoothing(tiles, noisy):
    assert r(noisy["cbv"], tiles.cbv) > 0.99 and 0.97 < slope(tiles.cbv, noisy["cbv"]) < 1.03
    assert r(noisy["cbf"], tiles.cbf) > 0.92
    assert r(noisy["mtt"], tiles.mtt) > 0.92


def test_no_transit_time_is_negative_or_longer_than_the_series(tiles):
    seconds = np.arange(len(tiles.aif), dtype=np.float32)
    noise = np.random.default_rng(SEED).normal(0, 1, (500, len(seconds))).astype(np.float32)
    drifts = np.concatenate([noise, noise + 0.5 * seconds])  # no flow, and next to none
    maps = perfusion_maps(drifts, tiles.aif, 1.0)
    assert (60 * maps.cbv > len(seconds) * maps.cbf)[maps.valid].any()  # the bare ratio would be
    assert maps.mtt.min() == 0 and maps.mtt.max() == len(seconds)


@pytest.mark.parametrize("method", METHODS)
def test_flow_does_not_depend_on_delays_of_either_sign(method):
    tiles = kudo.tiles(kudo.Design(FRESH, delays_s=(-3.0, 0.0, 3.0)))
    flow = perfusion_maps(tiles.curves, tiles.aif, 1.0, method).cbf
    early, none, late = (flow[tiles.delay == delay].mean() for delay in (-3, 0, 3))
    assert early / none == pytest.approx(1, abs=0.05)
    assert late / none == pytest.approx(1, abs=0.05)


@pytest.fixture(scope="module")
def by_noise_and_interval():
    """Tiles, and means of their maps, by noise (HU) and interval (s) of frames brought to 1 s."""
    found = {}
    for interval in (1, 2):
        frames = 60 // interval
        design = kudo.Design(FRESH, frames, float(interval), EARLY_AND_LATE_S)
        tiles = kudo.tiles(design)
        times = timing.resolve({"RepetitionTime": interval}, frames, slices=1)
        weights = time_weights.weights(times, slices=1)
        aif = weights.apply(tiles.aif[None, None])[0, 0]
        for noise in (0, 0.5, 1, 2, 5):
            curves = kudo.noisy(tiles.curves, COPIES // 3, noise, SEED)
            maps = perfusion_maps(weights.apply(curves[:, None])[:, 0], aif, 1.0)
            means = {k: kudo.per_tile(getattr(maps, k), COPIES // 3) for k in vars(maps)}
            found[noise, interval] = tiles, means
    return found


@pytest.mark.slow
@pytest.mark.parametrize("interval", [1, 2])
@pytest.mark.parametrize("noise", [0, 0.5, 1, 2, 5])
def test_flow_does_not_depend_on_delay_at_any_noise(by_noise_and_interval, noise, interval):
    tiles, maps = by_noise_and_interval[noise, interval]
    flow = [maps["cbf"][tiles.delay == delay].mean() for delay in EARLY_AND_LATE_S]
    assert np.array(flow) / flow[3] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("interval", [1, 2])
@pytest.mark.parametrize("noise", [0, 0.5, 1])
def test_maps_follow_the_truth_over_all_delays(by_noise_and_interval, noise, interval):
    tiles, maps = by_noise_and_interval[noise, interval]
    assert r(maps["cbv"], tiles.cbv) > 0.99
    assert slope(tiles.cbv, maps["cbv"]) == pytest.approx(1, abs=0.03)
    assert r(maps["cbf"], tiles.cbf) > (0.92 if interval == 1 else 0.91)
    assert r(maps["mtt"], tiles.mtt) > 0.90


@pytest.mark.parametrize(("noise", "bias"), [(0, 2.0), (0.5, 3.3), (1, 3.8), (2, 4.4)])
def test_tmax_follows_the_delay_with_a_known_bias(by_noise_and_interval, noise, bias):
    """The bias comes from regularisation, and grows with the noise."""
    tiles, maps = by_noise_and_interval[noise, 1]
    sharp = tiles.kind != "box"  # a box has no single maximum
    found = slope(tiles.delay[sharp], maps["tmax"][sharp])
    assert found == pytest.approx(1, abs=0.05 if noise == 0 else 0.1)
    assert np.mean((maps["tmax"] - tiles.delay)[sharp]) == pytest.approx(bias, abs=0.3)


def test_a_delayed_copy_of_the_input_has_tmax_of_that_delay():
    t = np.arange(60.0)
    aif = bolus.arterial_curve(t, FRESH)
    copies = np.array([bolus.arterial_curve(t, FRESH, delay) for delay in (-2, -0.6, 0, 0.4, 7)])
    maps = perfusion_maps(0.05 * copies, aif, 1.0, "csvd")
    assert maps.tmax == pytest.approx([-2, -0.6, 0, 0.4, 7], abs=0.1)
    assert maps.cbv == pytest.approx(5 * MapSettings().kh / MapSettings().rho, rel=0.01)


def test_csvd_is_the_singular_value_decomposition_of_the_circulant_matrix(tiles):
    settings = MapSettings(csvd_threshold=0.1)
    size = 2 * len(tiles.aif)
    padded = np.zeros(size)
    padded[: len(tiles.aif)] = tiles.aif
    matrix = circulant((np.roll(padded, 1) + 4 * padded + np.roll(padded, -1)) / 6)
    u, s, vt = np.linalg.svd(matrix)
    inverse = vt.T @ np.diag(np.where(s >= 0.1 * s.max(), 1 / s, 0)) @ u.T
    k = tiles.curves @ inverse[:, : len(tiles.aif)].T
    window = np.hstack([k[:, -3:], k[:, :21]])
    expected = 6000 * settings.kh / settings.rho * window.max(1)
    maps = perfusion_maps(tiles.curves, tiles.aif, 1.0, "csvd", settings)
    assert maps.cbf == pytest.approx(expected, rel=1e-4)


def test_osvd_takes_the_lowest_threshold_whose_oscillation_is_below_the_limit(tiles):
    curves = kudo.noisy(tiles.curves[::35], 1, 1.0, SEED)
    settings, size = MapSettings(), 2 * len(tiles.aif)
    values = deconvolution.spectrum(tiles.aif, 1.0)
    spectra = np.fft.rfft(curves, size)
    expected = np.full(len(curves), np.nan)
    for threshold in np.arange(0.01, 0.955, 0.01):
        kept = np.abs(values) >= threshold * np.abs(values).max()
        k = np.fft.irfft(np.where(kept, spectra / values, 0), size)
        peak = np.hstack([k[:, -3:], k[:, :21]]).max(1)
        bends = np.abs(k - 2 * np.roll(k, 1, 1) + np.roll(k, 2, 1)).sum(1)
        calm = bends / (size * peak) < settings.osvd_oscillation
        expected = np.where(np.isnan(expected) & calm & (peak > 0), peak, expected)
    expected *= 6000 * settings.kh / settings.rho
    assert perfusion_maps(curves, tiles.aif, 1.0).cbf == pytest.approx(expected, rel=1e-3)


def test_frames_two_seconds_apart_give_the_same_volume_and_ranking():
    tiles = kudo.tiles(kudo.Design(FRESH, frames=30, dt=2.0))
    maps = perfusion_maps(tiles.curves, tiles.aif, 2.0)
    assert slope(tiles.cbv, maps.cbv) == pytest.approx(1, abs=0.06)
    assert r(maps.cbf, tiles.cbf) > 0.9


def flow_slope(dt: float, step_s: float) -> float:
    """Slope of flow at 1 HU of noise, oscillation measured over lags ``step_s`` apart."""
    tiles = kudo.tiles(kudo.Design(FRESH, frames=int(60 / dt), dt=dt))
    curves = kudo.noisy(tiles.curves, COPIES // 2, 1.0, SEED)
    maps = perfusion_maps(curves, tiles.aif, dt, settings=MapSettings(osvd_step_s=step_s))
    return slope(tiles.cbf, kudo.per_tile(maps.cbf, COPIES // 2))


@pytest.mark.slow
def test_oscillation_is_regularised_alike_at_any_frame_interval():
    """If lags were one frame apart, as is usual, long intervals would be over-smoothed."""
    usual = flow_slope(1.0, 1.0)
    assert flow_slope(1.5, 1.0) == pytest.approx(usual, rel=0.1)
    assert flow_slope(2.0, 1.0) == pytest.approx(usual, rel=0.1)
    assert flow_slope(2.0, 2.0) < 0.7 * usual


def test_voxels_without_flow_are_zero_and_not_valid(tiles):
    curves = np.zeros((4, 60), np.float32)
    curves[1, 5] = np.inf
    curves[2, 5] = np.nan
    curves[3] = 0.05 * tiles.aif
    for method in METHODS:
        maps = perfusion_maps(curves, tiles.aif, 1.0, method)
        assert maps.valid.tolist() == [False, False, False, True]
        for name in ("cbf", "mtt", "tmax", "cbv"):
            assert np.all(getattr(maps, name)[:3] == 0)


@pytest.mark.slow
def test_a_voxels_result_does_not_depend_on_order_or_on_other_voxels(tiles):
    curves = kudo.noisy(tiles.curves, 4, 1.0, SEED)
    whole = perfusion_maps(curves, tiles.aif, 1.0)
    turned = perfusion_maps(curves[::-1], tiles.aif, 1.0)
    assert whole.cbf == pytest.approx(turned.cbf[::-1], rel=1e-4)


@pytest.mark.parametrize("aif", [np.zeros(60), -np.ones(60), np.full(60, np.nan)])
def test_an_input_that_does_not_enhance_is_refused(tiles, aif):
    with pytest.raises(NotComputable) as refusal:
        perfusion_maps(tiles.curves, aif, 1.0)
    assert refusal.value.reason == "no-aif"


def test_an_unknown_method_and_shapes_that_disagree_raise_an_error(tiles):
    with pytest.raises(ValueError, match="none of csvd, osvd, tikhonov"):
        perfusion_maps(tiles.curves, tiles.aif, 1.0, "ssvd")
    with pytest.raises(ValueError, match="disagree"):
        perfusion_maps(tiles.curves, tiles.aif[:-1], 1.0)

"""The tile phantom has a consistent truth, and does not use the method that it scores."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import gammaincc
from strokeprep.perfusion.curves import Series
from strokeprep.perfusion.deconvolution import perfusion_maps
from strokeprep.perfusion.inputs.vessels import search
from strokeprep.phantom.scan import kudo
from strokeprep.phantom.scan.bolus import FINE, KH, RHO, Arterial, arterial_curve, venous_curve

# The reference object of the OSIPI code collection (Mouridsen 2006, Chakwizira 2022): grey and
# white matter with gamma-distributed transit times, without delay, frames 1.243 s apart.
OSIPI_SHAPE = 3.0
OSIPI_FLOWS = {4.0: tuple(range(10, 71, 10)), 2.0: tuple(range(5, 36, 5))}  # by volume
OSIPI_INPUT = Arterial(peak_hu=300, arrival_s=21, shape=3.0, scale_s=1.5, recirculation_share=0)
OSIPI_DT, OSIPI_FRAMES = 1.243, 161


def osipi_tiles() -> kudo.Tiles:
    """Curves with the published parameters of the OSIPI reference object."""
    times = np.arange(OSIPI_FRAMES) * OSIPI_DT
    pairs = [(cbv, float(flow)) for cbv, flows in OSIPI_FLOWS.items() for flow in flows]
    cbv, cbf = (np.array(column) for column in zip(*pairs, strict=True))
    mtt = 60 * cbv / cbf
    curves = [v * gamma_transit(times, m, OSIPI_INPUT) for v, m in zip(cbv, mtt, strict=True)]
    return kudo.Tiles(
        kind=np.full(len(cbf), "gamma"),
        cbf=cbf,
        cbv=cbv,
        mtt=mtt,
        delay=np.zeros(len(cbf)),
        curves=np.array(curves, np.float32),
        aif=arterial_curve(times, OSIPI_INPUT),
        vof=venous_curve(times, OSIPI_INPUT),
    )


def gamma_transit(times: np.ndarray, mtt_s: float, arterial: Arterial) -> np.ndarray:
    """Enhancement per ml/100 g of tissue whose transit times are gamma-distributed."""
    fine = np.arange(0, times[-1] + 1, FINE)
    left = gammaincc(OSIPI_SHAPE, fine * OSIPI_SHAPE / mtt_s) / mtt_s
    size = 2 * len(fine)
    spectrum = np.fft.rfft(arterial_curve(fine, arterial), size) * np.fft.rfft(left, size)
    curve = RHO / KH / 100 * np.fft.irfft(spectrum, size)[: len(fine)] * FINE
    return np.interp(times, fine, curve)


@pytest.fixture(scope="module")
def tiles() -> kudo.Tiles:
    return kudo.tiles(kudo.Design())


def test_the_tiles_span_the_published_ranges(tiles):
    assert (tiles.cbf.min(), tiles.cbf.max()) == pytest.approx((2.5, 87.5))
    assert (tiles.mtt.min(), tiles.mtt.max()) == pytest.approx((24 / 7, 24))
    assert sorted(set(tiles.cbv)) == [1, 2, 3, 4, 5]
    assert (tiles.delay.min(), tiles.delay.max()) == (0, 3)
    assert len(tiles.cbf) == 15 * 49
    assert tiles.mtt == pytest.approx(60 * tiles.cbv / tiles.cbf)


def test_curves_of_every_shape_have_the_area_of_their_volume():
    tiles = kudo.tiles(kudo.Design(Arterial(recirculation_share=0), frames=400))
    area = tiles.curves.sum(1) / tiles.aif.sum()
    assert 100 * KH / RHO * area == pytest.approx(tiles.cbv, rel=0.005)


def test_delayed_tiles_are_late_copies(tiles):
    at = {d: (tiles.kind == "linear") & (tiles.cbv == 3) & (tiles.delay == d) for d in (0, 2)}
    assert tiles.curves[at[2]][:, 2:] == pytest.approx(tiles.curves[at[0]][:, :-2], abs=0.01)


def test_noise_has_the_given_size_and_depends_on_the_seed(tiles):
    noise = kudo.noisy(tiles.curves, 4, 2.0, 1) - np.repeat(tiles.curves, 4, axis=0)
    assert noise.std() == pytest.approx(2, rel=0.01)
    assert np.array_equal(kudo.noisy(tiles.curves, 4, 2.0, 1), kudo.noisy(tiles.curves, 4, 2.0, 1))
    assert not np.array_equal(
        kudo.noisy(tiles.curves, 4, 2.0, 1), kudo.noisy(tiles.curves, 4, 2.0, 2)
    )


def test_frames_at_any_interval_are_samples_of_one_curve(tiles):
    coarse = kudo.tiles(kudo.Design(frames=30, dt=2.0))
    assert coarse.curves == pytest.approx(tiles.curves[:, ::2], abs=0.02)


def test_maps_of_the_osipi_object_are_well_within_its_tolerances():
    """The tolerances are 1 ml/100 g of volume and 15 ml/100 g/min of flow."""
    tiles = osipi_tiles()
    maps = perfusion_maps(tiles.curves, tiles.aif, OSIPI_DT)
    assert maps.cbv == pytest.approx(tiles.cbv, rel=0.03)
    assert maps.cbf == pytest.approx(tiles.cbf, rel=0.1, abs=10)
    assert np.corrcoef(maps.cbf, tiles.cbf)[0, 1] > 0.95


def test_the_image_shows_tiles_vessels_fluid_and_skull():
    image = kudo.phantom(kudo.Design(), 0.0, 0, tile=4)
    truth = kudo.tiles(kudo.Design())
    assert image.hu.shape == (32, 32, 16, 60)
    assert np.array_equal(np.unique(image.tile), np.arange(-1, len(truth.cbf)))
    i, j, k = np.argwhere(image.tile == 700)[0]
    assert image.hu[i, j, k] == pytest.approx(35 + truth.curves[700], abs=0.51)
    assert image.hu[0, -1, 3, 0] == 5 and image.hu[-1, 0, 3, 0] == 1000
    peaks = image.hu[..., :].max(3)
    assert peaks[image.artery == 1].min() == pytest.approx(45 + truth.aif.max(), abs=1)
    assert peaks[image.artery == kudo.PARTIAL].max() < 260


def test_an_image_has_room_for_seven_delays_only():
    with pytest.raises(ValueError, match="seven delays"):
        kudo.phantom(kudo.Design(delays_s=(0.0, 1.0)), 0.0, 0)


@pytest.mark.slow
def test_the_pure_artery_of_the_image_is_found():
    image = kudo.phantom(kudo.Design(), 2.0, 3, tile=8)
    affine = np.diag([1.0, 1.0, 5.0, 1.0])
    found = search(Series(image.hu, image.brain, affine, 1.0)).vessels
    assert np.all(image.artery[tuple(found.aif_voxels.T)] == 1)
    assert image.vein[tuple(found.vof_voxels.T)].all()

"""The forward pass of MeshNet: equal to a slow one that is plainly right, whatever the threads."""

from __future__ import annotations

import numpy as np
import pytest
from meshnets import drawn, reference, write
from strokeprep.errors import StrokeprepError
from strokeprep.segmentation import meshnet

# The reference in single precision is off by 5e-6 of the scores' spread, this forward pass by 6e-6.
ROUNDING = 2e-5


def volume() -> np.ndarray:
    """Grey values in a part of a cube, at the side, as in a scan."""
    made = np.zeros((32,) * 3, np.float32)
    part = made[3:-9, :16, 5:]
    part[...] = np.random.default_rng(1).random(part.shape)
    return made


def test_the_scores_are_those_of_the_reference_to_single_precision():
    wanted = reference(volume(), drawn())
    error = meshnet.scores(volume(), drawn()) - wanted
    assert np.sqrt(np.mean(error**2)) < ROUNDING * wanted.std()


def test_the_same_bytes_come_of_any_number_of_threads():
    one, three = (meshnet.scores(volume(), drawn(), threads) for threads in (1, 3))
    assert one.tobytes() == three.tobytes()


def test_gelu_is_exact_to_single_precision():
    from scipy.special import erf

    x = np.linspace(-30, 30, 200_001)[None, None].astype(np.float32)
    layer = meshnet._Layer(x[None], np.ones(1, np.float32), np.zeros(1, np.float32))
    made = np.empty_like(x)
    layer.activate((0,), x.shape, made)
    exact = x.astype(float) / 2 * (1 + erf(x.astype(float) / np.sqrt(2)))
    assert (np.abs(made - exact) / np.maximum(np.abs(exact), 1)).max() < 3e-7


def test_a_volume_that_is_no_cube_of_whole_blocks_is_refused():
    for shape in ((32, 32, 48), (40, 40, 40)):
        with pytest.raises(ValueError, match="cube"):
            meshnet.scores(np.zeros(shape, np.float32), drawn())


def test_weights_are_read_in_the_order_of_the_layers(tmp_path):
    found = meshnet.read(write(drawn(), tmp_path / "model.bin"))
    assert all(np.array_equal(*pair) for pair in zip(found.kernels, drawn().kernels, strict=True))
    assert np.array_equal(found.classes, drawn().classes)
    assert np.array_equal(found.bias, drawn().bias)


def test_a_file_that_holds_other_weights_is_refused(tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(bytes(4 * 1000))
    with pytest.raises(StrokeprepError, match="holds 1000 numbers, not the 146237 weights"):
        meshnet.read(path)

"""An image is refused that shows its slices one row, column or slice away, and no other."""

from __future__ import annotations

import itertools

import exports
import numpy as np
import pytest
from strokeprep.intake.reading import comparison

SHIFTS = list(itertools.product((0, 1, 2), (1, -1)))


def ball(noise):
    """A skull around a brain, with noise; smooth enough for shifts to be small."""

    def values(points):
        away = np.linalg.norm(points / [[[60]], [[75]], [[70]]], axis=0)
        shell = 900 / (1 + ((away - 1) / 0.12) ** 2)
        grain = np.random.default_rng(5).normal(0, noise, away.shape) if noise else 0
        return np.where(away < 1, 35, -1000) + shell + grain

    return values


def taken(folder, degrees, noise, uneven):
    """The stack of a tilted series of one distance between slices, or of two."""
    planes = exports.tilted(degrees, (40, 44, 34), (4.0, 4.0, 4.0), ball(noise))
    exports.write(folder, exports.series(), [planes[:16] + planes[17::2] if uneven else planes])
    (stack,) = exports.read(folder)
    assert stack.faults == ()
    return stack


@pytest.mark.parametrize("uneven", [False, True])
@pytest.mark.parametrize(("degrees", "noise"), [(0, 5), (18, 0), (18, 20), (-7, 5), (-25, 0)])
def test_a_shift_by_one_row_column_or_slice_is_refused(degrees, noise, uneven, tmp_path):
    stack = taken(tmp_path, degrees, noise, uneven)
    made = stack.volume()
    assert comparison.unlike(stack, made) == []
    for axis, by in SHIFTS:
        shifted = np.roll(made.array, by, axis)
        assert comparison.unlike(stack, made._replace(array=shifted)), (axis, by)


def test_a_single_slice_that_is_one_row_off_is_refused(tmp_path):
    stack = taken(tmp_path, 18, 0, uneven=False)
    made = stack.volume()
    made.array[:, :, 15] = np.roll(made.array[:, :, 15], 1, axis=1)
    assert comparison.unlike(stack, made)


def test_a_slice_that_was_left_out_is_refused(tmp_path):
    for degrees in (0, 18):
        stack = taken(tmp_path / str(degrees), degrees, 5, uneven=False)
        made = stack.volume()
        assert comparison.unlike(stack, made._replace(array=made.array[:, :, :-1]))


@pytest.mark.parametrize("degrees", [0, 15])
def test_positions_that_were_rounded_are_no_difference(degrees, tmp_path):
    planes = [
        exports.replace(plane, position=plane.position.round(2))
        for plane in exports.tilted(degrees, (40, 44, 30), (4.0, 4.0, 0.625), ball(5))
    ]
    exports.write(tmp_path, exports.series(), [planes])
    (stack,) = exports.read(tmp_path)
    assert comparison.unlike(stack, stack.volume()) == []


def test_signal_of_mr_in_fractions_is_compared_by_its_range(tmp_path):
    made = exports.series(
        exports.study(modality="MR"), "adc", tags={"RescaleSlope": "1e-6", "RescaleIntercept": "0"}
    )
    planes = exports.tilted(12, (40, 44, 24), (4.0, 4.0, 4.0), lambda at: ball(5)(at) + 1100)
    exports.write(tmp_path, made, [planes])
    (stack,) = exports.read(tmp_path)
    back = stack.volume()
    assert back.array.dtype == np.float32 and comparison.unlike(stack, back) == []
    assert comparison.unlike(stack, back._replace(array=np.roll(back.array, 1, 1)))

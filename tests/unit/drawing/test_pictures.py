"""Pictures: outlines, legends and colour maps show what they should."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from strokeprep.drawing import pictures
from strokeprep.drawing.palette import ORANGE, SKY
from strokeprep.drawing.pictures import AXIAL, Layer, Scale, Slice


def test_an_outline_follows_the_border_of_its_mask():
    mask = np.zeros((40, 40, 3), bool)
    mask[10:30, 10:30, 1] = True
    drawn = np.asarray(
        pictures.strip(np.zeros(mask.shape), [Slice(AXIAL, 1)], Scale(0, 1), [Layer(mask, ORANGE)])
    )
    orange = (drawn == ORANGE).all(axis=2)[: -pictures.FOOT]
    rows = np.flatnonzero(orange.any(axis=1)) / pictures.ZOOM
    assert rows[0] == pytest.approx(10, abs=1) and rows[-1] == pytest.approx(30, abs=1)
    assert not orange[int(20 * pictures.ZOOM), int(20 * pictures.ZOOM)]


def test_every_layer_is_named_however_small_the_picture():
    empty = np.zeros((30, 30, 2))
    layers = [
        Layer(empty > 0, colour, name=name)
        for colour, name in ((ORANGE, "artery: 12 voxels"), (SKY, "vein"))
    ]
    drawn = np.asarray(pictures.strip(empty, [Slice(AXIAL, 0)], Scale(0, 1), layers))
    foot = drawn[-pictures.FOOT :]
    for layer in layers:
        assert (foot == layer.colour).all(axis=2).sum() == 11 * 9


def test_a_colour_map_bears_its_unit_and_is_black_where_nothing_is_known():
    values = np.full((30, 30, 2), 5.0)
    known = np.zeros(values.shape, bool)
    known[:15] = True
    scale = Scale(0, 10, "viridis", "s")
    drawn = np.asarray(pictures.strip(values, [Slice(AXIAL, 0)], scale, shown=known))
    middle = drawn[10]
    assert middle[12].any() and not middle[30].any()
    assert drawn.shape[1] == round(30 * pictures.ZOOM) + pictures.BAR


def test_a_mosaic_holds_every_slice():
    volume = np.random.default_rng(0).random((7, 9, 10))
    shown, across = pictures.mosaic(volume, Scale(0, 1))
    pixels = np.asarray(Image.open(io.BytesIO(shown.png)))
    k = 7
    y, x = divmod(k, across)
    tile = pixels[y * 9 : y * 9 + 9, x * 7 : x * 7 + 7]
    assert np.array_equal(tile, (volume[:, :, k] * 255).astype(np.uint8).T)

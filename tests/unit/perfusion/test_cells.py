"""Coarse cells hold the means of their tissue, where it lies, and a fit that follows them."""

from __future__ import annotations

import numpy as np
import pytest
from perfused_heads import BOLUS, FRAMES, head
from strokeprep.perfusion import cells
from strokeprep.perfusion.inputs import vessel_voxels
from strokeprep.perfusion.inputs.vessels import Vessels
from strokeprep.phantom.scan.bolus import arterial_curve
from strokeprep.settings.perfusion import PerfusionSettings

AIF = arterial_curve(np.arange(FRAMES, dtype=float), BOLUS)
NOWHERE = vessel_voxels.NO_VOXELS
VESSELS = Vessels(AIF, AIF, None, 8, NOWHERE, NOWHERE, 1.0, 0.0)
SERIES = head()


@pytest.fixture(scope="module")
def found() -> cells.Cells:
    return cells.cells_of(SERIES, SERIES.brain, VESSELS, PerfusionSettings())


def test_a_cell_is_the_mean_of_its_tissue_over_the_baseline(found):
    # Voxels of 3 mm: three of them make the edge of a cell.
    n = len(found.index) // 2
    i, j, k = found.index[n]
    part = (slice(3 * i, 3 * i + 3), slice(3 * j, 3 * j + 3), slice(k, k + 1))
    mean = SERIES.hu[part][SERIES.brain[part]].mean(0)
    np.testing.assert_allclose(found.curves[n], mean - mean[:8].mean(), rtol=1e-4, atol=1e-3)


def test_a_cell_lies_where_its_voxels_do(found):
    centre = SERIES.affine @ [3 * 4 + 1, 3 * 5 + 1, 2, 1]
    np.testing.assert_allclose(found.affine @ [4, 5, 2, 1], centre)
    assert np.all(found.index < found.shape) and len(np.unique(found.index, axis=0)) > 300


def test_the_fit_follows_the_curve_to_its_noise(found):
    fit = found.offset[:, None] + found.amplitude[:, None] * found.shapes[found.entry]
    rest = (found.curves - fit).std(1)
    assert np.median(rest) == pytest.approx(4 / 3, rel=0.2)  # 4 HU, nine voxels a cell


def test_cells_of_the_late_side_are_late(found):
    right = (found.index @ found.affine[0, :3] + found.affine[0, 3]) > 0
    delay = found.maps["delay"]
    assert np.median(delay[right]) - np.median(delay[~right]) == pytest.approx(5, abs=1)

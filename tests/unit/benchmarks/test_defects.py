"""The benchmark of planted defects: what it plants, and what it counts."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from strokeprep.io import images
from strokeprep.quality.judgement import Judge

FOLDER = Path(__file__).parents[3] / "benchmarks"
SPACING = (1.0, 1.0, 1.0)
SHAPE = (120, 120, 150)
CENTRE = np.array([60.0, 60.0, 100.0])  # RAS mm, so that a neck finds room
RADIUS = 40.0


@pytest.fixture(scope="module")
def bench():
    """The script as a module, with its neighbour that it imports."""
    known = sys.modules.get("heads")
    for name in ("heads", "defects"):
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    yield sys.modules["defects"]
    sys.modules.pop("heads")
    if known:
        sys.modules["heads"] = known


@pytest.fixture
def head(bench):
    """A ball in a wide image."""
    points = np.indices(SHAPE).reshape(3, -1).T * SPACING
    ball = np.linalg.norm(points - CENTRE, axis=1).reshape(SHAPE) < RADIUS
    mask = images.from_array(ball.astype(np.uint8), np.diag([*SPACING, 1.0]))
    return bench.Masked("ball", mask, "mr", mask)


def planted(bench, head, defect, which=0):
    """The voxels of a defect."""
    return images.array(bench.DEFECTS[defect][which](head)) > 0


def centre(voxels):
    """The middle of a mask (RAS mm)."""
    return np.argwhere(voxels).mean(axis=0) * SPACING


@pytest.mark.parametrize(("defect", "radius"), [("grown by 3 mm", 43), ("shrunk by 3 mm", 37)])
def test_a_mask_is_grown_and_shrunk_by_as_much(bench, head, defect, radius):
    volume = np.count_nonzero(planted(bench, head, defect)) * np.prod(SPACING)
    assert np.cbrt(volume / (4 / 3 * np.pi)) == pytest.approx(radius, abs=0.5)


def test_shifts_go_to_five_sides_by_5_mm(bench, head):
    moves = {
        tuple(np.rint(centre(planted(bench, head, "shifted by 5 mm", which)) - CENTRE))
        for which in range(5)
    }
    assert moves == {(-5, 0, 0), (0, 5, 0), (0, -5, 0), (0, 0, 5), (0, 0, -5)}


@pytest.mark.parametrize(
    ("defect", "side", "share"),
    [
        ("18 % cut off in front", (1, -1), 0.18),
        ("12 % cut off behind", (1, 1), 0.12),
        ("12 % cut off at the side", (0, -1), 0.12),
    ],
)
def test_a_share_is_cut_off_at_the_side_named(bench, head, defect, side, share):
    whole, cut = images.array(head.mask) > 0, planted(bench, head, defect)
    assert 1 - cut.sum() / whole.sum() == pytest.approx(share, abs=0.03)
    axis, sign = side
    assert np.sign(centre(cut) - centre(whole))[axis] == sign


def test_a_mask_ends_8_mm_below_the_vertex(bench, head):
    tops = [
        np.argwhere(voxels)[:, 2].max() * SPACING[2]
        for voxels in (
            images.array(head.mask) > 0,
            planted(bench, head, "8 mm cut off at the vertex"),
        )
    ]
    assert tops[0] - tops[1] == 8


def test_a_neck_is_planted_only_where_the_image_shows_one(bench, head):
    neck = planted(bench, head, "neck included") & ~(images.array(head.mask) > 0)
    assert neck.sum() * np.prod(SPACING) / 1000 > 30
    assert np.argwhere(neck)[:, 2].max() * SPACING[2] < CENTRE[2] - RADIUS + 10
    low = head.image[:, :, 55:]
    assert bench.with_neck(head._replace(image=low, mask=low)) is None


def test_the_table_counts_defects_that_turn_a_figure(bench):
    judge = Judge("")
    rows = [
        bench.Row("a", "right", (judge("", "contour_halves_mm", 0.5),)),
        bench.Row("a", "turned by 8°", (judge("", "contour_halves_mm", 4.0),)),
        bench.Row("b", "turned by 8°", (judge("", "contour_halves_mm", 1.0),)),
    ]
    cells = {row[0]: row[1:] for row in bench.table(rows)}
    assert cells["right"] == ["1", "0", "0"]
    assert cells["turned by 8°"] == ["2", "1", "1"]
    assert "neck included" not in cells

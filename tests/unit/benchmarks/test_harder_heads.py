"""The benchmark of heads made harder: image and mask are changed alike, and what passes though wrong is counted."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from strokeprep.io import images, labels
from strokeprep.quality.judgement import Judge

FOLDER = Path(__file__).parents[3] / "benchmarks"
NAMES = ("heads", "defects", "harder_heads")
SHAPE, RADIUS = (64, 60, 56), 22.0


@pytest.fixture(scope="module")
def bench():
    """The script as a module, with the neighbours that it imports."""
    known = {name: sys.modules.get(name) for name in NAMES}
    for name in NAMES:
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    yield sys.modules["harder_heads"]
    for name, module in known.items():
        sys.modules.pop(name)
        if module:
            sys.modules[name] = module


@pytest.fixture
def head(bench):
    """A bright ball with its mask, in voxels of 2 mm."""
    middle = np.reshape(SHAPE, (3, 1, 1, 1)) / 2
    inside = np.linalg.norm(np.indices(SHAPE) - middle, axis=0) < RADIUS
    mask = images.from_array(inside.astype(np.uint8), np.diag([2.0, 2.0, 2.0, 1.0]))
    image = images.from_array(100 * inside.astype(np.float32) + 5, np.diag([2.0, 2.0, 2.0, 1.0]))
    return bench.Masked("ball", image, "mr", mask)


def litres(mask):
    """The volume of a mask."""
    return np.count_nonzero(images.array(mask)) * np.prod(mask.GetSpacing()) / 1e6


@pytest.mark.parametrize(
    "variant",
    ["6 mm sagittal", "6 mm coronal", "6 mm axial", "nodded by 20°", "tilted by 20°, straight grid"]
    + ["padded", "noisy"],
)
def test_the_mask_goes_where_the_image_goes(bench, head, variant):
    made = bench.VARIANTS[variant](head)
    assert labels.dice(images.array(made.image) > 55, images.array(made.mask) > 0) > 0.9
    assert litres(made.mask) == pytest.approx(litres(head.mask), rel=0.05)


@pytest.mark.parametrize("change", ["stretched", "obliquely", "an end cut off", "slices", "voxels"])
def test_drawn_changes_move_the_mask_with_the_image(bench, head, change):
    made = bench.DRAWN[change](head, np.random.default_rng(3))
    assert labels.dice(images.array(made.image) > 55, images.array(made.mask) > 0) > 0.9


def test_a_seed_draws_the_same_changes_again_and_others_for_another_head(bench, head):
    first, again = (bench.drawn(head, 5) for _ in range(2))
    assert first[1] == again[1]
    assert np.array_equal(images.array(first[0].image), images.array(again[0].image))
    names = {bench.drawn(head._replace(name=name), 5)[1] for name in "abcdef"}
    assert len(names) > 1


def test_no_contrast_is_drawn_for_ct(bench, head):
    drawn = [bench.drawn(head._replace(modality="ct"), seed)[1] for seed in range(20)]
    assert not any("contrast" in each or "shaded" in each for each in drawn)


@pytest.mark.parametrize("axis", range(3))
def test_slices_are_thick_across_the_axis_asked_for(bench, head, axis):
    made = bench.thick(head, axis)
    assert np.argmax(made.image.GetSpacing()) == axis
    assert made.image.GetSpacing()[axis] == 6.0


@pytest.mark.parametrize("at_top", [True, False])
def test_a_cropped_head_lacks_a_share_of_its_brain_at_one_end(bench, head, at_top):
    made = bench.cropped(head, at_top=at_top)
    height = head.image.GetSize()[2] - made.image.GetSize()[2]
    assert height >= 0.3 * 2 * RADIUS - 1
    top, bottom = images.array(made.mask)[:, :, -1].any(), images.array(made.mask)[:, :, 0].any()
    assert (top, bottom) == (at_top, not at_top)


def test_a_wrong_mask_that_no_figure_tells_is_wrong_in_silence(bench, head, monkeypatch):
    wrong = bench.Masked(*head)._replace(mask=head.image > 1e6)
    monkeypatch.setattr(bench.brains, "found", lambda *_: wrong)
    measured = (Judge("")("", "contour_edge_mm", 0.0),)
    monkeypatch.setattr(bench, "figures", lambda *_: measured)
    assert bench.row(head, "as it is")[1] == "wrong in silence"
    monkeypatch.setattr(bench, "figures", lambda *_: (Judge("")("", "contour_edge_mm", 5.0),))
    assert bench.row(head, "as it is")[1] == "wrong and told"
    monkeypatch.setattr(bench.brains, "found", lambda *_: head)
    assert bench.row(head, "as it is")[1] == "right"

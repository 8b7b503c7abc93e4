"""The benchmark on folders of heads: what it reads, compares and prints."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from strokeprep.errors import StrokeprepError
from strokeprep.io import images

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "heads.py"
SPACING = (1.0, 2.0, 3.0)


@pytest.fixture(scope="module")
def bench():
    """The script as a module; tests/heads.py bears the same name."""
    spec = importlib.util.spec_from_file_location("bench_heads", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # a dataclass looks its module up
    spec.loader.exec_module(module)
    return module


def block(first: int, end: int):
    """A block of ones across the second and third axis, from one index of the first to another."""
    mask = np.zeros((24, 20, 16), np.uint8)
    mask[first:end, 5:15, 4:12] = 1
    return images.from_array(mask, np.diag([*SPACING, 1.0]))


def head_folder(parent: Path, name: str, **texts: str) -> Path:
    folder = parent / name
    folder.mkdir(parents=True)
    images.write(block(5, 15), folder / "image.nii.gz")
    for file, text in texts.items():
        (folder / file.replace("_", ".")).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("texts", "modality"),
    [({"image_json": '{"Modality": "MR"}'}, "mr"), ({"modality_txt": "CT\n"}, "ct")],
)
def test_the_modality_comes_from_a_sidecar_or_a_text_file(bench, tmp_path, texts, modality):
    head_folder(tmp_path, "one", **texts)
    assert bench.heads_in(tmp_path)[0].modality == modality


def test_a_head_without_a_modality_is_refused(bench, tmp_path):
    head_folder(tmp_path, "one")
    with pytest.raises(StrokeprepError, match="modality is not given"):
        bench.heads_in(tmp_path)


def test_a_folder_without_heads_is_refused(bench, tmp_path):
    with pytest.raises(StrokeprepError, match="No head"):
        bench.heads_in(tmp_path)


def test_heads_can_be_chosen_by_name(bench, tmp_path):
    for name in ("b", "a", "c"):
        head_folder(tmp_path, name, modality_txt="mr")
    assert [head.name for head in bench.heads_in(tmp_path)] == ["a", "b", "c"]
    assert [head.name for head in bench.heads_in(tmp_path, ["c"])] == ["c"]


def test_backends_without_their_weights_are_left_out(bench, tmp_path):
    assert bench.runnable("mr", tmp_path) == ["template"]


def test_contours_of_equal_masks_are_nowhere_apart(bench):
    assert bench.apart_mm(block(5, 15), block(5, 15)) == (0.0, 0.0)


def test_the_distance_of_contours_is_in_mm(bench):
    # The blocks share four faces; one end of 80 voxels lies 4 voxels of 1 mm beyond the other's.
    mean, far = bench.apart_mm(block(5, 15), block(5, 19))
    assert far == 4.0
    assert 0.3 < mean < 1.5


def test_an_empty_mask_has_no_distance(bench):
    assert np.isnan(bench.apart_mm(block(5, 15), block(5, 5))).all()


def test_each_backend_stands_beside_the_judge_and_beside_the_others(bench, tmp_path):
    head = bench.Head("one", tmp_path, "mr")
    outcomes = {name: bench.Outcome(1000.0, 5.0, 0.5) for name in ("template", "mindgrab")}
    masks = {"judge": block(5, 15), "template": block(5, 15), "mindgrab": block(5, 10)}
    rows = bench.rows_of(head, outcomes, masks, {})
    pairs = {(row["brain"], row["against"]): row["Dice"] for row in rows}
    assert pairs == {
        ("template", "judge"): "1.000",
        ("mindgrab", "judge"): "0.667",
        ("template", "mindgrab"): "0.667",
    }


def ball(radius_mm: float):
    """A ball of 2 mm voxels."""
    place = (np.indices((60, 60, 60)) - 29.5) * 2
    inside = np.linalg.norm(place, axis=0) < radius_mm
    return images.from_array(inside.astype(np.uint8), np.diag([2.0, 2.0, 2.0, 1.0]))


def test_the_verdict_names_the_figures_that_do_not_pass(bench):
    brain = ball(45.0)
    assert bench.verdict(brain, brain, "mr") == "pass"
    assert "contour_edge_mm" in bench.verdict(brain, ball(37.0), "mr")


def test_a_refusal_is_told_and_counted(bench, tmp_path):
    head = bench.Head("one", tmp_path, "mr")
    outcomes = {"template": bench.Outcome(seconds=3.0, message="No head was found")}
    rows = bench.rows_of(head, outcomes, {"judge": block(5, 15)}, {})
    assert "No head was found" in bench.aligned(bench.as_cells(rows))
    assert bench.summary(rows) == ["template: 1 heads, 1 without a mask"]


def test_the_summary_names_the_worst_head(bench, tmp_path):
    rows = []
    for end in (15, 11):
        masks = {"judge": block(5, 15), "template": block(5, end)}
        head = bench.Head("one", tmp_path, "mr")
        rows += bench.rows_of(head, {"template": bench.Outcome(1000.0, 5.0, 0.5)}, masks, {})
    assert bench.summary(rows) == [
        "template: 2 heads, 0 without a mask; Dice with the judge 0.875 on average, 0.750 at worst"
    ]


@pytest.mark.parametrize(("judged", "lost"), [(True, "0.96"), (False, "0.00")])
def test_brain_that_a_face_takes_is_that_of_the_judge_or_else_of_the_backend(
    bench, tmp_path, judged, lost
):
    head, outcomes = bench.Head("one", tmp_path, "mr"), {"template": bench.Outcome(1000.0)}
    masks = {"template": block(5, 13)} | ({"judge": block(5, 15)} if judged else {})
    (row,) = bench.rows_of(head, outcomes, masks, {"template": block(13, 20)})
    assert (row["face ml"], row["lost ml"]) == ("3", lost)


def test_a_head_is_drawn_before_and_after_defacing(bench, tmp_path):
    head_folder(tmp_path, "one", modality_txt="mr")
    target = tmp_path / "face.png"
    bench.surfaces(bench.heads_in(tmp_path)[0], block(10, 15), target)
    assert target.read_bytes().startswith(b"\x89PNG")


def test_a_picture_shows_all_contours(bench, tmp_path):
    folder = head_folder(tmp_path, "one", modality_txt="mr")
    target = tmp_path / "pictures" / "one.png"
    bench.overlay(bench.heads_in(tmp_path)[0], {"judge": block(5, 15), "a": block(6, 14)}, target)
    assert target.read_bytes().startswith(b"\x89PNG") and folder.exists()

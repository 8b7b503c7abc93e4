"""Several raters become one mask, and who decides where they are even is asked for."""

from __future__ import annotations

import corrected_heads as heads
import numpy as np
import pytest
from strokeprep.corrections import masks
from strokeprep.editing import consensus
from strokeprep.errors import StrokeprepError
from strokeprep.io import images, labels


@pytest.fixture
def raters(tmp_path):
    """Three raters of three editors, the second bolder and the third on the left alone."""
    left = np.indices(heads.SHAPE)[0] < 24
    masks = [heads.radius() < 0.5, heads.radius() < 0.6, (heads.radius() < 0.6) & left]
    drawn = [mask.astype(np.uint8) for mask in masks]
    paths = [
        heads.by_itksnap(drawn[0], tmp_path / "one.nii.gz"),
        heads.by_slicer(drawn[1], tmp_path / "two.seg.nrrd"),
        heads.by_mricrogl(drawn[2], tmp_path / "three.voi"),
    ]
    return paths, np.array(drawn)


def test_a_voxel_is_marked_if_most_raters_marked_it(raters, tmp_path, capsys):
    paths, drawn = raters
    to = tmp_path / "both.nii.gz"
    assert consensus.main([*map(str, paths), "--to", str(to)]) == 0
    assert (images.array(images.read(to)) == (drawn.sum(0) >= 2)).all()
    said = capsys.readouterr().out.splitlines()
    assert f"Dice {labels.dice(drawn[0], drawn[1]):.3f}" in said[0] and len(said) == 4


def test_a_third_decides_only_where_two_differ(raters):
    paths, drawn = raters
    mask, _ = consensus.of_files(paths[:2], third=paths[2])
    both, either = drawn[:2].all(0), drawn[:2].any(0)
    assert (images.array(mask) == (both | (either & (drawn[2] > 0)))).all()


def test_two_raters_without_a_third_are_refused(raters, tmp_path, capsys):
    paths, _ = raters
    with pytest.raises(StrokeprepError, match="even number.*--third"):
        consensus.of_files(paths[:2])
    command = [*map(str, paths[:2]), "--to", str(tmp_path / "x.nii.gz")]
    assert consensus.main(command) == 1 and "--third" in capsys.readouterr().err


def test_masks_that_editors_cut_to_different_boxes_are_joined_in_the_box_that_holds_all(tmp_path):
    drawn = [(heads.radius() < size).astype(np.uint8) for size in (0.5, 0.4, 0.6)]
    paths = [heads.by_slicer(mask, tmp_path / f"{n}.seg.nrrd") for n, mask in enumerate(drawn)]
    joined, _ = consensus.of_files(paths)
    images.write(joined, tmp_path / "joined.nii.gz")
    grid = heads.as_image(heads.head())
    found = masks.on_grid(joined, grid, tmp_path / "joined.nii.gz", "the image")
    assert (images.array(found) == drawn[0]).all()


def test_of_folders_each_case_is_joined_under_the_first_raters_name(raters, tmp_path, capsys):
    paths, drawn = raters
    for rater, path in zip("ABC", paths, strict=True):
        for case in ("sub-01", "sub-02"):
            ending = "".join(path.suffixes)
            name = tmp_path / rater / case / f"{case}_label-L_desc-infarct_mask{ending}"
            name.parent.mkdir(parents=True)
            name.write_bytes(path.read_bytes())
    command = [str(tmp_path / rater) for rater in "AB"]
    command += ["--third", str(tmp_path / "C"), "--to", str(tmp_path / "corrections")]
    assert consensus.main(command) == 0
    made = tmp_path / "corrections/sub-02/sub-02_label-L_desc-infarct_mask.nii.gz"
    both, either = drawn[:2].all(0), drawn[:2].any(0)
    assert (images.array(images.read(made)) == (both | (either & (drawn[2] > 0)))).all()
    assert capsys.readouterr().out.count("ml apart") == 2
    assert consensus.main(command) == 1 and "there already" in capsys.readouterr().err


def test_a_case_that_one_rater_lacks_is_refused(raters, tmp_path, capsys):
    paths, _ = raters
    for rater, case in (("A", "sub-01"), ("B", "sub-01"), ("C", "sub-02")):
        (tmp_path / rater).mkdir()
        (tmp_path / rater / f"{case}_mask.nii.gz").write_bytes(paths[0].read_bytes())
    command = [*(str(tmp_path / rater) for rater in "ABC"), "--to", str(tmp_path / "to")]
    assert consensus.main(command) == 1
    assert "no partner, sub-01 among them" in capsys.readouterr().err

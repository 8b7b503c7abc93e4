"""Several raters become one mask, and who decides where they are even is asked for."""

from __future__ import annotations

import corrected_heads as heads
import numpy as np
import pytest
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

"""Atlases given by path: what is read of them, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from strokeprep.errors import StrokeprepError
from strokeprep.io import grids, images
from strokeprep.lesions import atlas
from strokeprep.registration import template
from strokeprep.registration.template import Template

TABLE = "index\tname\n1\tMCA left\n2\tMCA right\n"


@pytest.fixture(scope="module")
def small() -> Template:
    """The built-in template at 4 mm."""
    t1 = grids.resampled(template.load().t1, 4.0)
    return Template("small", t1, t1 > 0)


@pytest.fixture
def halves(small, tmp_path):
    """An atlas of both halves of the brain: save it by ``header`` and table, and get its path."""

    def save(
        change=lambda affine: affine, table=TABLE, values=(1, 2), ending="tsv", dtype=np.uint8
    ):
        brain = images.array(small.brain) > 0
        x = images.affine(small.t1)[0] @ [1, 0, 0, 0] * np.arange(brain.shape[0])
        x = x + images.affine(small.t1)[0, 3]
        half = np.where(x[:, None, None] < 0, values[0], values[1])
        path = tmp_path / "halves.nii.gz"
        matrix = change(images.affine(small.t1))
        images.write_array((half * brain).astype(dtype), matrix, path)
        (tmp_path / f"halves.{ending}").write_text(table)
        return path

    return save


def test_an_atlas_comes_on_the_grid_of_the_template_with_its_names(halves, small):
    found = atlas.load(halves(), onto=small)
    assert grids.same_grid(found.labels, small.t1)
    assert found.names == {1: "MCA left", 2: "MCA right"}
    assert found.fit == 1
    assert found.mask("left").sum() + found.mask("RIGHT").sum() == images.array(small.brain).sum()


def test_a_mirrored_header_is_refused(halves, small):
    def mirrored(affine):
        return np.diag([-1.0, 1, 1, 1]) @ affine

    with pytest.raises(StrokeprepError, match="MCA left on the wrong side"):
        atlas.load(halves(mirrored), onto=small)


def test_names_in_the_wrong_order_are_refused(halves, small):
    with pytest.raises(StrokeprepError, match="wrong side"):
        atlas.load(halves(table="MCA_R\nMCA_L\n", ending="txt"), onto=small)


def test_a_header_that_puts_the_middle_of_the_volume_at_zero_is_refused(halves, small):
    def shifted(affine):
        shift = np.eye(4)
        shift[:3, 3] = -atlas.MIDDLE_OF_MNI
        return shift @ affine

    with pytest.raises(StrokeprepError, match="middle of the volume at zero"):
        atlas.load(halves(shifted), onto=small)


def test_an_atlas_beside_the_brain_is_refused(halves, small):
    def elsewhere(affine):
        shift = np.eye(4)
        shift[1, 3] = 60
        return shift @ affine

    with pytest.raises(StrokeprepError, match="lies within the template's brain"):
        atlas.load(halves(elsewhere), onto=small)


def test_probabilities_are_no_labels(halves, small):
    with pytest.raises(StrokeprepError, match="whole, non-negative numbers"):
        atlas.load(halves(values=(0.4, 1.7), dtype=np.float32), onto=small)


def test_each_region_needs_a_name_of_its_own(halves, small):
    with pytest.raises(StrokeprepError, match=r"without a name \(2\)"):
        atlas.load(halves(table="index\tname\n1\tMCA left\n"), onto=small)
    with pytest.raises(StrokeprepError, match="comes twice"):
        atlas.load(halves(table="index\tname\n1\tMCA\n2\tMCA\n"), onto=small)


def test_an_atlas_without_a_table_is_refused(small, tmp_path):
    path = tmp_path / "alone.nii.gz"
    images.write(small.brain, path)
    with pytest.raises(StrokeprepError, match=r"Put alone\.tsv beside it"):
        atlas.load(path, onto=small)


@pytest.mark.parametrize(
    "text",
    [
        "index,name\n7,CST left\n8,CST right\n",
        "index\tname\tcolour\n7\tCST left\tred\n8\tCST right\tblue\n0\tbackground\tblack\n",
        "7|CSTL|CST left\n8|CSTR|CST right\n",
        "7 CST left\n8 CST right\n",
    ],
)
def test_tables_are_read_as_labs_write_them(text, tmp_path):
    path = tmp_path / "names.txt"
    path.write_text(text)
    assert atlas.read_names(path) == {7: "CST left", 8: "CST right"}


def test_a_name_in_each_line_counts_from_one(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("ACA left\nACA right\n")
    assert atlas.read_names(path) == {1: "ACA left", 2: "ACA right"}


@pytest.mark.slow
def test_an_atlas_of_another_template_follows_its_own_brain(halves, small, tmp_path):
    """Its template is larger and lies elsewhere, and so do its regions."""
    other = np.array([[1.06, 0, 0, 0], [0, 1.04, 0, 9], [0, 0, 1.05, -12], [0, 0, 0, 1.0]])
    path = halves(lambda affine: other @ affine)
    brain = tmp_path / "other_T1w.nii.gz"
    images.write_array(images.array(small.t1), other @ images.affine(small.t1), brain)
    found = atlas.load(path, drawn_on=brain, onto=small)
    assert found.fit > 0.97
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(found.labels > 0, small.brain)
    assert overlap.GetDiceCoefficient() > 0.97


def test_a_saved_atlas_reads_back(halves, small, tmp_path):
    found = atlas.load(halves(), onto=small)
    image, table = tmp_path / "atlas_dseg.nii.gz", tmp_path / "atlas_dseg.tsv"
    atlas.write(found, image, table)
    again = atlas.load(image, onto=small)
    assert again.names == found.names
    assert np.array_equal(images.array(again.labels), images.array(found.labels))

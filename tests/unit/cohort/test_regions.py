"""A table of regions says what a direct count says."""

from __future__ import annotations

import numpy as np
import pytest
from strokeprep.cohort import regions
from strokeprep.cohort.regions import Regions
from strokeprep.errors import StrokeprepError
from strokeprep.io import images
from strokeprep.registration import template
from strokeprep.settings.study import AtlasSettings, TemplateSettings

NAMES = {1: "left", 2: "right", 7: "nowhere"}


@pytest.fixture(scope="module")
def atlas(study) -> Regions:
    """Two halves, and a region that no voxel has."""
    labels = np.ones(study.grid.brain.shape, np.uint8)
    labels[4:] = 2
    labels[:, 0] = 0
    return Regions.of(labels, NAMES, 1.0)


@pytest.fixture(scope="module")
def cohort(study, atlas):
    return study.gathered(atlases={"halves": atlas.labels})


def test_volumes_and_shares_are_those_of_a_direct_count(study, atlas, cohort):
    rows = list(regions.rows(cohort.members, {"halves": atlas}, study.grid))
    assert len(rows) == 3 * len(NAMES)  # of each patient with a lesion, each region
    for row in rows:
        lesion = study.masks[row["participant_id"].removeprefix("sub-")] > 0
        region = atlas.labels == row["index"]
        both = (lesion & region).sum()
        assert float(row["lesion_ml"]) == pytest.approx(both * 0.008)
        assert float(row["share_of_lesion"]) == pytest.approx(both / lesion.sum(), rel=1e-5)
        if region.any():
            assert float(row["share_of_region"]) == pytest.approx(both / region.sum(), rel=1e-5)
        else:
            assert row["share_of_region"] == "n/a"


def test_the_region_with_most_of_a_lesion_is_counted_once_for_each_patient(study, atlas, cohort):
    drawn = [each for each in cohort.members if each.mask]
    counted = regions.most_hit(drawn, "halves", atlas)
    inside = {name: mask * (atlas.labels > 0) for name, mask in study.masks.items()}
    left = sum(mask[:4].sum() >= mask[4:].sum() for mask in inside.values())
    assert counted.get("left", 0) == left and sum(counted.values()) == 3


@pytest.mark.slow
def test_an_atlas_is_put_on_the_grid_of_the_maps_and_a_mirrored_one_is_refused(tmp_path):
    onto = template.load()
    brain = images.array(onto.inside) > 0
    labels = np.where(brain, 1, 0).astype(np.uint8)
    labels[98:][brain[98:]] = 2
    path, names = tmp_path / "halves.nii.gz", tmp_path / "halves.txt"
    images.write_array(labels, images.affine(onto.t1), path)
    names.write_text("left half\nright half\n")
    grid = template.target_grid(None, TemplateSettings(resolution_mm=4, res="4"))
    (found,) = regions.load({"halves": AtlasSettings(str(path))}, onto, grid, 1).values()
    assert found.labels.shape == grid.GetSize() and found.fit > 0.95
    assert found.voxels[1] == pytest.approx(found.voxels[2], rel=0.1)
    names.write_text("right half\nleft half\n")
    with pytest.raises(StrokeprepError, match="wrong side"):
        regions.load({"halves": AtlasSettings(str(path))}, onto, grid, 1)

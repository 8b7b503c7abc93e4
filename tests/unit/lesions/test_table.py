"""Lesions are counted as they were drawn, and placed by stated rules."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from strokeprep.io import images
from strokeprep.lesions import columns, table
from strokeprep.lesions.atlas import Atlas
from strokeprep.registration.template import Template
from strokeprep.settings.finished.lesions import LesionSettings

SHAPE = (21, 15, 15)  # x from -40 to 40 mm
AFFINE = np.array([[4.0, 0, 0, -40], [0, 4, 0, -28], [0, 0, 4, -28], [0, 0, 0, 1]])


def image(data: np.ndarray) -> sitk.Image:
    return images.from_array(np.asarray(data, np.uint8), AFFINE)


def mask(*boxes: tuple[slice, ...]) -> np.ndarray:
    data = np.zeros(SHAPE, np.uint8)
    for box in boxes:
        data[box] = 1
    return data


@pytest.fixture(scope="module")
def template() -> Template:
    """A brain that leaves out the first and the last slice from left to right."""
    brain = image(mask(np.s_[1:-1, :, :]))
    return Template("box", sitk.Cast(brain, sitk.sitkFloat32), brain)


@pytest.fixture(scope="module")
def regions() -> Atlas:
    """Cortex at both sides, a cerebellum below, something deep between."""
    data = np.full(SHAPE, 2)
    data[:4], data[-4:] = 1, 1
    data[:, :, :4] = 3
    return Atlas(image(data), {1: "cortex", 2: "deep tissue", 3: "cerebellum"}, 1.0)


def lesions(data, template, regions=None, **settings):
    parts = table.numbered(image(data))
    return table.measured(parts, parts, template, regions, LesionSettings(**settings))


def test_parts_that_touch_by_a_corner_are_one_lesion_and_two_by_faces():
    data = mask(np.s_[2:4, 2:4, 2:4], np.s_[4:6, 4:6, 4:6])
    assert images.array(table.numbered(image(data))).max() == 1
    assert images.array(table.numbered(image(data), corners=False)).max() == 2


def test_the_largest_lesion_comes_first_with_its_volume_and_centre(template):
    found = lesions(mask(np.s_[2:3, 5:6, 5:6], np.s_[14:17, 6:9, 6:9]), template)
    assert [each.ml for each in found] == pytest.approx([27 * 0.064, 0.064])
    assert found[0].centre == pytest.approx((20, 0, 0))
    assert found[0].template_ml == found[0].ml


@pytest.mark.parametrize(
    ("box", "side"),
    [
        (np.s_[3:8, 5:8, 5:8], "left"),
        (np.s_[14:18, 5:8, 5:8], "right"),
        (np.s_[8:13, 5:8, 5:8], "bilateral"),
        (np.s_[4:12, 5:8, 5:8], "bilateral"),
        (np.s_[0:12, 5:8, 5:8], "left"),  # 1 of 11 voxels beyond the midline
        (np.s_[10:11, 5:8, 5:8], "n/a"),  # within the plane between the sides
    ],
)
def test_the_side_follows_voxels_on_either_side_of_the_midline(template, box, side):
    (found,) = lesions(mask(box), template)
    assert found.side == side


def test_a_patient_with_lesions_on_either_side_has_both(template):
    found = lesions(mask(np.s_[3:6, 5:8, 5:8], np.s_[15:18, 5:8, 5:8]), template)
    assert {each.side for each in found} == {"left", "right"}
    assert table.side_of_all(found) == "bilateral"
    assert table.side_of_all([]) == "n/a"


def test_a_small_lesion_across_the_middle_makes_nobody_bilateral(template):
    found = lesions(mask(np.s_[1:7, 3:9, 3:9], np.s_[9:12, 12:13, 12:13]), template)
    assert [each.side for each in found] == ["left", "bilateral"]
    assert table.side_of_all(found) == "left"
    assert table.side_of_all(found[1:]) == "bilateral"


@pytest.mark.parametrize(
    ("box", "kind"),
    [
        (np.s_[2:5, 5:8, 6:9], "cortical"),
        (np.s_[6:9, 5:8, 6:9], "subcortical"),
        (np.s_[6:9, 5:8, 1:4], "other"),
        (np.s_[6:9, 5:8, 3:6], "subcortical"),  # less than half in the cerebellum
        (np.s_[2:5, 5:8, 2:4], "other"),
    ],
)
def test_the_type_follows_the_regions_that_a_lesion_lies_in(template, regions, box, kind):
    (found,) = lesions(mask(box), template, regions)
    assert found.type == kind


def test_little_cortex_may_be_an_error_of_registration(template, regions):
    data = mask(np.s_[3:8, 5:6, 6:8])  # 2 of 10 voxels, 0.128 ml
    assert lesions(data, template, regions)[0].type == "cortical"
    assert lesions(data, template, regions, cortical_ml=0.2)[0].type == "subcortical"
    assert lesions(data, template, regions, cortical_share=0.3)[0].type == "subcortical"


def test_a_lesion_that_lies_mostly_outside_the_brain_has_no_type(template, regions):
    (beside,) = lesions(mask(np.s_[0:1, 5:8, 6:9]), template, regions)
    (within,) = lesions(mask(np.s_[0:3, 5:8, 6:9]), template, regions)
    assert (beside.type, within.type) == ("n/a", "cortical")


def test_without_an_atlas_lesions_have_no_type(template):
    assert lesions(mask(np.s_[2:5, 5:8, 6:9]), template)[0].type == "n/a"


def test_voxels_outside_the_templates_brain_are_counted(template):
    (found,) = lesions(mask(np.s_[0:3, 5:7, 5:7]), template)
    assert found.outside == 4


def test_a_lesion_that_is_lost_in_the_template_is_still_counted(template):
    parts = table.numbered(image(mask(np.s_[4:5, 5:6, 5:6])))
    (found,) = table.measured(parts, image(np.zeros(SHAPE)), template, None)
    assert (found.ml, found.template_ml) == (pytest.approx(0.064), 0)
    assert (found.side, found.centre) == ("n/a", None)


def test_the_row_of_a_patient_without_a_visible_lesion_counts_none(template):
    row = table.patient_row(lesions(mask(), template), 0)
    assert (row["lesions"], row["volume_ml"], row["side"]) == (0, "0.0000", "n/a")


def test_rows_have_the_columns_that_are_announced(template, regions):
    (row,) = table.lesion_rows(lesions(mask(np.s_[2:5, 5:8, 6:9]), template, regions))
    assert tuple(row) == tuple(columns.LESION)
    assert (row["side"], row["type"]) == ("left", "cortical")

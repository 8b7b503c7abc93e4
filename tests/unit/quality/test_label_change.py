"""What moving a label did to it."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from strokeprep.io import images
from strokeprep.quality.label_change import LabelChange


def labelled(*counts: int) -> sitk.Image:
    """An image of voxels of 1 ml, with so many of label 1, of label 2 and so on."""
    data = np.zeros(1000, np.uint8)
    data[: sum(counts)] = np.repeat(np.arange(1, len(counts) + 1), counts)
    return images.from_array(data.reshape(10, 10, 10), np.diag([10.0, 10, 10, 1]))


def test_a_label_that_stayed_as_it_was_did_not_change():
    assert LabelChange.between(labelled(20, 30), labelled(20, 30)) == LabelChange(0, 1.0, 0.0, 0.0)


def test_labels_that_vanish_and_that_come_up_both_count():
    gone, new = (
        LabelChange.between(labelled(*before), labelled(*after))
        for before, after in (((20, 30), (20,)), ((20,), (20, 30)))
    )
    assert (gone.labels_changed, gone.labels_kept) == (1, 0.5)
    assert (new.labels_changed, new.labels_kept) == (1, 1.0)


@pytest.mark.parametrize(("least_ml", "change"), [(0, 0.5), (10, 0.1)])
def test_a_small_label_is_judged_as_if_it_were_larger(least_ml, change):
    found = LabelChange.between(labelled(2), labelled(1), least_ml)
    assert found.volume_change == pytest.approx(change)


def test_an_empty_label_has_no_volume_that_could_change():
    found = LabelChange.between(labelled(), labelled())
    assert (found.volume_change, found.class_volume_change) == (None, None)

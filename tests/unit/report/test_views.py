"""Views are radiological whatever a file's axes are, and every picture of them says so."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from PIL import Image
from strokeprep.drawing import pictures
from strokeprep.drawing.pictures import AXIAL, CORONAL, SAGITTAL, Scale, Slice
from strokeprep.io import images
from strokeprep.report import views


def centre(image: Image.Image) -> tuple[float, float]:
    """Where the white lies in a picture: shares of its width and height."""
    pixels = np.asarray(image.convert("RGB"))[: -pictures.FOOT].astype(int)
    grey, yellow = pixels.mean(axis=2), np.ptp(pixels, axis=2) > 40  # yellow are the marks
    grey[yellow] = 0
    rows, columns = np.nonzero(grey > 200)
    return float(columns.mean() / grey.shape[1]), float(rows.mean() / grey.shape[0])


def test_the_patients_right_is_on_the_left_and_the_top_is_up(marked_head):
    view = views.whole(marked_head, 2.0)
    grey = views.seen(marked_head, view)
    i, j, k = views.middle(grey > 50)
    across, down = centre(pictures.strip(grey, [Slice(AXIAL, k)], Scale(0, 100)))
    assert across < 0.4 and down < 0.4  # right is left, front is up
    across, down = centre(pictures.strip(grey, [Slice(CORONAL, j)], Scale(0, 100)))
    assert across < 0.4 and down < 0.4
    across, down = centre(pictures.strip(grey, [Slice(SAGITTAL, i)], Scale(0, 100)))
    assert across < 0.4 and down < 0.4  # the front is on the left


def test_every_picture_says_how_it_is_turned(marked_head):
    view = views.whole(marked_head, 2.0)
    drawn = pictures.strip(views.seen(marked_head, view), [Slice(AXIAL, 0)], Scale(0, 100))
    foot = np.asarray(drawn)[-pictures.FOOT :]
    marks = np.ptp(np.asarray(drawn)[: -pictures.FOOT].astype(int), axis=2) > 100
    assert (foot > 150).any()
    assert marks[:, : drawn.width // 2].any() and marks[:, drawn.width // 2 :].any()


def test_one_voxel_tells_of_a_field_of_view_what_a_full_image_tells(marked_head):
    view = views.whole(marked_head, 1.7)
    view.SetOrigin([each - 9 for each in view.GetOrigin()])  # so that part of it lies outside
    turn = sitk.Euler3DTransform((0, 0, 0), 0.2, -0.1, 0.3, (5.0, 0.0, -3.0))
    full = images.like(np.ones(marked_head.GetSize(), np.uint8), marked_head)
    seen = views.marked(views.field_of(marked_head), view, turn)
    assert np.array_equal(seen, views.marked(full, view, turn))
    assert 0.2 < seen.mean() < 0.9

"""The face goes and the brain stays."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import SimpleITK as sitk
from heads import Head, head
from strokeprep.errors import StrokeprepError
from strokeprep.io import grids, images, transforms
from strokeprep.registration import linear, location, template
from strokeprep.registration.location import Location
from strokeprep.segmentation import faces
from strokeprep.segmentation.backends import total_segmentator
from strokeprep.segmentation.request import Request
from strokeprep.settings.backends import FACES, Backend

pytestmark = pytest.mark.slow  # all look at heads that are simulated or located first

MARGIN_MM = 4.0
FACTS = {"Model": {"Package": "it"}}


def region(
    image, to_template, backend=FACES["template"], margin_mm=MARGIN_MM, carried=(), brain=None
):
    """What a backend removes from a CT that lies where ``to_template`` says.

    The brain is the template's there, unless it is given.
    """
    request = Request(image, "ct", location=Location(to_template))
    brain = brain or (template.load().filled, to_template)
    depth = faces.depth_in(brain, image)
    return faces.region(request, backend, brain, depth, margin_mm, carried)


@cache
def located() -> tuple[Head, sitk.Transform]:
    """A whole head on CT and where it lies."""
    made = head("ct")
    return made, location.locate(made.image, "ct").to_template


@cache
def removed(margin_mm: float = MARGIN_MM) -> np.ndarray:
    """What is removed from the whole head."""
    made, to_template = located()
    mask, _ = region(made.image, to_template, margin_mm=margin_mm)
    assert grids.same_grid(mask, made.image) and mask.GetPixelID() == sitk.sitkUInt8
    return images.array(mask) > 0


def test_the_face_is_gone_and_the_brain_is_whole():
    made, _ = located()
    assert made.face.sum() > 1000
    assert (removed() & made.face).sum() >= 0.99 * made.face.sum()
    assert (removed() & made.brain).sum() == 0


def test_the_margin_around_the_brain_is_kept():
    made, _ = located()
    brain = images.like(made.brain.astype(np.uint8), made.image)
    distance = -images.array(grids.distance(brain))
    assert distance[removed(2.0)].min() > 0
    assert distance[removed(8.0)].min() > 6


def as_mask(marked: np.ndarray, made: Head) -> faces.Marked:
    """A brain mask on a head's own grid."""
    return images.like(marked.astype(np.uint8), made.image), sitk.Transform()


def test_the_margin_is_that_of_the_mask_wherever_the_template_has_its_brain():
    made, to_template = located()
    within = np.zeros_like(made.brain)
    within[tuple(np.argwhere(made.face).mean(axis=0).astype(int))] = True
    ball = grids.distance(images.like(within.astype(np.uint8), made.image))
    odd = made.brain | (images.array(ball) > -12)  # a ball of 12 mm in the midst of the face
    mask, _ = region(made.image, to_template, brain=as_mask(odd, made))
    gone = images.array(mask) > 0
    away = -images.array(grids.distance(images.like(odd.astype(np.uint8), made.image)))
    assert (gone & made.face).any() and away[gone].min() > MARGIN_MM - 0.5
    beyond = made.face & (away > MARGIN_MM + 3)
    assert gone[beyond].mean() > 0.97


def test_a_part_of_the_mask_too_thin_for_the_coarse_grid_stays_as_well():
    made, to_template = located()
    thin = np.argwhere(made.face).mean(axis=0).astype(int)
    odd = made.brain.copy()
    odd[thin[0], thin[1] - 5 : thin[1] + 5, thin[2]] = True
    mask, _ = region(made.image, to_template, brain=as_mask(odd, made), margin_mm=0.0)
    assert not (images.array(mask) > 0)[odd].any()


def test_the_brain_of_another_scan_is_kept_where_it_lies_in_this_one():
    made, to_template = located()
    moved = sitk.Image(made.image)
    shift = np.array([12.0, -20.0, 30.0])
    moved.SetOrigin((np.array(moved.GetOrigin()) + shift).tolist())
    back = sitk.TranslationTransform(3, (-shift).tolist())
    brain = as_mask(made.brain, made)[0], back
    mask, facts = region(moved, transforms.chain([back, to_template]), brain=brain)
    own, _ = region(made.image, to_template, brain=as_mask(made.brain, made))
    assert (images.array(mask) == images.array(own)).mean() > 0.9999
    assert facts["BrainShown"] > 0.98


def test_a_face_is_cleared_of_a_turned_brain_as_on_the_whole_grid():
    scan = sitk.Image(60, 50, 40, sitk.sitkUInt8) + 1
    scan.SetSpacing((1.0, 1.2, 2.0))
    data = np.zeros((30, 30, 20), np.uint8)
    data[8:25, 0:22, 5:16] = 1  # up to the border of its image
    mask = images.from_array(data, np.diag([-1.5, -1.5, 2.0, 1.0]))
    to_mask = sitk.Euler3DTransform((10.0, 20.0, 15.0), 0.2, -0.3, 0.4, (-5.0, -8.0, -9.0))
    share = sitk.Resample(sitk.Cast(mask, sitk.sitkFloat32), scan, to_mask, sitk.sitkLinear, 0.0)
    left = images.array(faces.clear_of((mask, to_mask), scan))
    assert 0 < np.count_nonzero(left == 0) < left.size / 2
    assert np.array_equal(left == 0, images.array(share) > 0)


def test_no_plane_of_the_face_is_left_in_the_air_before_it():
    made, _ = located()
    ahead = np.cumsum(made.face, axis=1) > 0  # this voxel or one further back is face
    assert removed()[ahead & ~made.brain].mean() > 0.99


def test_half_of_the_head_and_more_stays():
    made, _ = located()
    tissue = images.array(made.image) > -300
    assert 0.03 < (removed() & tissue).sum() / tissue.sum() < 0.4


def test_a_slab_is_found_through_the_whole_head():
    guide, to_template = located()
    slab = head("ct", shape=(96, 108, 14), centre=(0, 5, -30), tilt_degrees=0, seed=1)
    moved = sitk.Image(slab.image)
    moved.SetOrigin((np.array(moved.GetOrigin()) + [12, -20, 30]).tolist())
    approach = linear.rigid(guide.image, moved, resolution="coarse").inverse
    mask, _ = region(moved, transforms.chain([approach, to_template]))
    found = images.array(mask) > 0
    assert slab.face.any() and slab.brain.any()
    assert (found & slab.face).sum() >= 0.99 * slab.face.sum()
    assert (found & slab.brain).sum() == 0


def test_a_view_above_the_face_loses_nothing():
    _, to_template = located()
    top = head("ct", shape=(96, 108, 10), centre=(0, 0, 45), tilt_degrees=0)
    mask, metrics = region(top.image, to_template)
    assert not top.face.any()
    assert images.array(mask).sum() == 0 and metrics["RemovedVoxels"] == 0


def test_an_image_without_a_brain_is_refused():
    _, to_template = located()
    neck = head("ct", shape=(96, 108, 8), centre=(0, 0, -150), tilt_degrees=0)
    with pytest.raises(StrokeprepError, match="face cannot be located"):
        region(neck.image, to_template)


def test_the_numbers_count_what_the_mask_marks():
    made, to_template = located()
    _, metrics = region(made.image, to_template)
    volume = removed().sum() * np.prod(made.image.GetSpacing()) / 1000
    assert metrics["RemovedVoxels"] == removed().sum()
    assert metrics["RemovedMl"] == pytest.approx(volume, abs=0.01)


def everything(request: Request, grid: sitk.Image) -> faces.Answer:
    """A backend that takes all there is for a face."""
    return faces.Answer(sitk.Cast(grid, sitk.sitkFloat32) * 0 + 100, None, {})


def test_any_backend_has_the_brain_protected():
    made, to_template = located()
    mask, _ = region(made.image, to_template, Backend("everything", f"{__name__}:everything"))
    assert (images.array(mask) > 0)[made.brain].sum() == 0


def test_what_was_found_on_another_scan_goes_too_but_never_brain():
    made, to_template = located()
    found, _ = region(made.image, to_template)
    whole = sitk.Image(made.image.GetSize(), sitk.sitkUInt8) + 1
    whole.CopyInformation(made.image)
    union, _ = region(made.image, to_template, carried=[(whole, sitk.Transform())])
    more = images.array(union) > 0
    assert more[images.array(found) > 0].all() and more.sum() > (images.array(found) > 0).sum()
    assert more[made.brain].sum() == 0


@pytest.fixture
def segmented(monkeypatch):
    """TotalSegmentator's place taken by the truth."""

    def parts(request):
        made, _ = located()
        image = request.image
        first = round((image.GetOrigin()[2] - made.image.GetOrigin()[2]) / image.GetSpacing()[2])
        shown = {"brain": made.brain, "skull": images.array(made.image) > 600}
        return {
            name: images.like(mask[..., first:].astype(np.uint8), image)
            for name, mask in shown.items()
        }, {"Model": {"Package": "TotalSegmentator"}}

    monkeypatch.setattr(total_segmentator, "parts", parts)


def test_brain_and_skull_tell_where_the_face_is(segmented):
    made, to_template = located()
    mask, facts = region(made.image, to_template, FACES["totalsegmentator"])
    removed = images.array(mask) > 0
    assert (removed & made.face).sum() / made.face.sum() > 0.99
    assert (removed & made.brain).sum() == 0
    assert facts["Model"] == {"Package": "TotalSegmentator"}


@pytest.mark.parametrize("backend", ["totalsegmentator", "totalsegmentator-face"])
def test_a_slab_above_the_brow_shows_no_face_to_networks(segmented, monkeypatch, backend):
    made, to_template = located()
    monkeypatch.setattr(
        total_segmentator, "licensed_face", lambda _: pytest.fail("asked for a face")
    )
    slab = made.image[:, :, int(np.argwhere(made.face)[:, 2].max()) + 8 :]  # 3 cm
    mask, facts = region(slab, to_template, FACES[backend])
    assert facts["RemovedVoxels"] == 0


def test_the_face_networks_answer_goes_and_the_brain_stays(monkeypatch):
    made, to_template = located()
    answer = images.like((made.face | made.brain).astype(np.uint8), made.image)
    monkeypatch.setattr(total_segmentator, "licensed_face", lambda _: (answer, FACTS))
    mask, facts = region(made.image, to_template, FACES["totalsegmentator-face"])
    removed = images.array(mask) > 0
    assert (removed & made.face).sum() / made.face.sum() > 0.9
    assert (removed & made.brain).sum() == 0
    assert facts["Model"] == FACTS["Model"]
    ahead = np.cumsum(removed, axis=1) > 0  # the mask does not end at the skin
    assert removed[ahead & ~made.brain].mean() > 0.85

"""TotalSegmentator: its own code, with networks trained on simulated heads.

What is shown is that the code path is right, not how good a mask is on a patient.
"""

from __future__ import annotations

import json
import os
import socket
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import phantoms
import psutil
import pytest
import SimpleITK as sitk
import standins
from heads import dice
from strokeprep.errors import StrokeprepError
from strokeprep.io import grids, images
from strokeprep.registration import location
from strokeprep.segmentation import faces
from strokeprep.segmentation.backends import total_segmentator
from strokeprep.segmentation.request import Request
from strokeprep.settings import backends
from strokeprep.settings.backends import FACES

UNSEEN = 900  # networks were trained on other seeds
LEAST_BRAIN, LEAST_SKULL, LEAST_FACE = 0.94, 0.85, {"ct": 0.7, "mr": 0.75}
CASES = [
    ((1.0, 1.0, 1.0), "LAS"),
    ((1.0, 1.0, 5.0), "LPS"),
    ((1.5, 1.5, 3.0), "PSR"),
    ((1.2, 1.2, 2.0), "RPI"),
    ((2.0, 2.0, 4.0), "AIL"),
]


def image_of(scan: phantoms.Scan) -> sitk.Image:
    return images.from_array(np.asarray(scan.image.dataobj), scan.image.affine)


def overlap(mask: sitk.Image, truth: np.ndarray) -> float:
    return dice(images.array(mask) > 0, truth)


@pytest.fixture(scope="module")
def ct() -> phantoms.Scan:
    return phantoms.scan(UNSEEN, "ct", (2.0, 2.0, 3.0), "LPS")


@pytest.fixture(scope="module")
def mr() -> phantoms.Scan:
    return phantoms.scan(UNSEEN, "t1", (2.0, 2.0, 3.0), "LAS")


@pytest.fixture(scope="module")
def ct_parts(ct, models_folder) -> dict[str, sitk.Image]:
    """The parts that the fast network finds on the CT."""
    known = standins.digests(models_folder)
    settings = backends.NetworkSettings(str(models_folder), sha256=known, device="cpu", threads=1)
    return total_segmentator.parts(Request(image_of(ct), "ct", "ncct", settings))[0]


@pytest.mark.parametrize(("spacing", "axes"), CASES)
def test_brain_and_skull_are_found_for_any_axes_and_slice_thickness(settings, spacing, axes):
    scan = phantoms.scan(UNSEEN + int(spacing[2]), "ct", spacing, axes)
    image = image_of(scan)
    found, facts = total_segmentator.parts(Request(image, "ct", "ncct", settings))
    assert nib.aff2axcodes(scan.image.affine) == tuple(axes)
    assert all(grids.same_grid(mask, image) for mask in found.values())
    assert np.allclose(images.affine(found["brain"]), scan.image.affine, atol=1e-4)
    assert overlap(found["brain"], scan.brain) >= LEAST_BRAIN
    assert overlap(found["skull"], scan.skull) >= LEAST_SKULL
    assert facts["Model"]["Task"] == "total" and facts["Model"]["Fast"] is True


def test_the_full_networks_find_the_same_with_the_two_models_for_a_head(ct, settings):
    image = image_of(ct)
    found, facts = total_segmentator.parts(
        Request(image, "ct", "ncct", replace(settings, fast=False))
    )
    assert overlap(found["brain"], ct.brain) >= LEAST_BRAIN
    assert overlap(found["skull"], ct.skull) >= LEAST_SKULL
    assert (
        set(facts["Model"]["Weights"]) == {"total-crop", "total-head"}
        and facts["Model"]["Fast"] is False
    )


@pytest.mark.parametrize("fast", [True, False])
def test_the_brain_is_found_on_mr(mr, settings, fast):
    chosen = replace(settings, fast=fast)
    found, facts = total_segmentator.brain(Request(image_of(mr), "mr", "t1w", chosen))
    assert overlap(found, mr.brain) >= LEAST_BRAIN
    assert facts["Model"]["Task"] == "total_mr"


def test_the_ct_mask_is_the_inside_of_the_skull(ct, ct_parts, settings):
    mask, _ = total_segmentator.brain(Request(image_of(ct), "ct", "ncct", settings))
    inside = images.array(mask) > 0
    assert not (inside & (images.array(ct_parts["skull"]) > 0)).any()
    count = sitk.ConnectedComponentImageFilter()
    count.Execute(mask)
    assert count.GetObjectCount() == 1
    assert dice(inside, ct.brain) >= LEAST_BRAIN


def test_a_scan_with_values_below_one_is_not_cast_to_zero(mr, settings):
    whole, _ = total_segmentator.brain(Request(image_of(mr), "mr", "t1w", settings))
    data = np.asarray(mr.image.dataobj)
    share = images.from_array((data / data.max()).astype(np.float32), mr.image.affine)
    found, _ = total_segmentator.brain(Request(share, "mr", "t1w", settings))
    assert images.array(share).max() == 1
    assert dice(images.array(found) > 0, images.array(whole) > 0) > 0.99


def test_ct_in_other_units_is_refused(ct, settings):
    data = np.asarray(ct.image.dataobj)
    scaled = images.from_array((data + 1024) / 4095, ct.image.affine)
    with pytest.raises(StrokeprepError, match="not Hounsfield units"):
        total_segmentator.brain(Request(scaled, "ct", "ncct", settings))


@pytest.mark.parametrize("fast", [True, False])
def test_an_empty_result_is_refused(ct, settings, blind_folder, fast):
    # The full networks fail before they run: no head is found, so the crop is empty.
    known = standins.digests(blind_folder)
    blind = replace(settings, folder=str(blind_folder), sha256=known, fast=fast)
    part = image_of(ct)[20:70, 20:70, 20:50]  # of a head, with air, bone and brain
    with pytest.raises(StrokeprepError, match="found no brain"):
        total_segmentator.parts(Request(part, "ct", "ncct", blind))


def test_an_image_of_zeros_is_refused(settings):
    image = images.from_array(np.zeros((20, 20, 20), np.int16), np.diag([3.0, 3, 3, 1]))
    with pytest.raises(StrokeprepError, match="empty"):
        total_segmentator.brain(Request(image, "mr", "t1w", settings))


def test_no_data_are_sent_and_no_process_is_started(ct, settings, monkeypatch):
    asked = []
    monkeypatch.setattr(socket.socket, "connect", lambda self, where: asked.append(where))
    monkeypatch.setattr("multiprocessing.context.BaseContext.Pool", lambda *_, **__: 1 / 0)
    before = psutil.Process().children(recursive=True)  # other tests' server of workflow runs
    total_segmentator.parts(Request(image_of(ct), "ct", "ncct", settings))
    assert asked == [] and psutil.Process().children(recursive=True) == before


def test_a_run_has_its_own_home_without_usage_statistics(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with total_segmentator._alone(tmp_path, settings):
        from totalsegmentator.config import get_config, get_totalseg_dir, get_weights_dir

        assert get_totalseg_dir().is_relative_to(tmp_path)
        assert get_config()["send_usage_stats"] is False
        assert get_weights_dir() == Path(settings.folder) / "totalsegmentator"
    assert "TOTALSEG_HOME_DIR" not in os.environ
    assert not (tmp_path / ".totalsegmentator").exists()


def test_the_shared_weights_are_not_changed(ct, settings, models_folder):
    old = models_folder / "totalsegmentator" / "Dataset302_vertebrae_body_1559subj"
    old.mkdir()  # the package deletes this folder if it finds it
    before = sorted(models_folder.rglob("*"))
    total_segmentator.parts(Request(image_of(ct), "ct", "ncct", settings))
    assert sorted(models_folder.rglob("*")) == before
    old.rmdir()


def test_missing_weights_are_named_with_the_command_that_fetches_them(ct, settings, tmp_path):
    with pytest.raises(StrokeprepError, match=r"total-fast are missing.*make models") as raised:
        total_segmentator.parts(
            Request(image_of(ct), "ct", "ncct", replace(settings, folder=str(tmp_path)))
        )
    assert str(tmp_path) in str(raised.value)


def test_the_face_networks_need_a_licence(ct, settings, monkeypatch):
    unlicensed = replace(settings, license_number=None)
    with pytest.raises(StrokeprepError, match="licence"):
        total_segmentator.licensed_face(Request(image_of(ct), "ct", "ncct", unlicensed))
    monkeypatch.setenv("TOTALSEG_LICENSE", "aca_0123456789ABCD")
    assert backends.NetworkSettings(settings.folder).license_number == "aca_0123456789ABCD"
    assert "0123456789" not in repr(backends.NetworkSettings(settings.folder))


@pytest.mark.parametrize("modality", ["ct", "mr"])
def test_the_face_networks_find_the_face(ct, mr, settings, modality):
    scan = {"ct": ct, "mr": mr}[modality]
    licensed = replace(settings, license_number="aca_0123456789ABCD")
    found, facts = total_segmentator.licensed_face(
        Request(image_of(scan), modality, "scan", licensed)
    )
    assert overlap(found, scan.face) >= LEAST_FACE[modality]
    assert "0123456789" not in json.dumps(facts)


@pytest.mark.parametrize("modality", ["ct", "mr"])
def test_the_region_removed_by_brain_and_skull_contains_the_true_face_and_no_brain(
    ct, mr, settings, modality
):
    # As in a job: the brain of the network and that of the template are both protected.
    scan = {"ct": ct, "mr": mr}[modality]
    image = image_of(scan)
    located = location.locate(image, modality)
    request = Request(image, modality, settings=settings, location=located)
    brain, _ = total_segmentator.brain(request)
    protected = (brain, sitk.Transform())
    depth = faces.depth_in(protected, image)
    mask, _ = faces.region(request, FACES["totalsegmentator"], protected, depth, 3.0)
    removed = images.array(mask) > 0
    assert (removed & scan.face).sum() / scan.face.sum() > 0.95
    assert (removed & scan.brain).sum() == 0

"""Brain masks by the template: right on CT and both kinds of MR, on the image's own grid."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import SimpleITK as sitk
from heads import Head, dice, head
from strokeprep.errors import StrokeprepError
from strokeprep.io import grids, images
from strokeprep.registration import location
from strokeprep.registration.location import Location
from strokeprep.segmentation import brains
from strokeprep.segmentation.request import Request
from strokeprep.settings.backends import BACKENDS, BRAINS, Backend

pytestmark = pytest.mark.slow  # all look at heads that are simulated or located first

MODALITY = {"ct": "ct", "t1": "mr", "b0": "mr"}
LIMIT = 0.96
CALCIUM = 400


def speck(made: Head) -> tuple[int, ...]:
    """The voxel in the middle of the brain."""
    return tuple(np.argwhere(made.brain).mean(axis=0).astype(int))


def with_speck(made: Head) -> Head:
    data = images.array(made.image).copy()
    data[speck(made)] = CALCIUM
    return made._replace(image=images.like(data, made.image))


@cache
def masked(contrast: str) -> tuple[Head, np.ndarray, dict]:
    """A head with a bright speck deep in its brain, its mask and the numbers about it; made once."""
    made = with_speck(head(contrast))
    found, _, metrics = brains.found(Request(made.image, MODALITY[contrast]), BRAINS["template"])
    assert grids.same_grid(found, made.image) and found.GetPixelID() == sitk.sitkUInt8
    return made, images.array(found) > 0, metrics


@pytest.mark.parametrize("contrast", MODALITY)
def test_the_mask_is_the_brain(contrast):
    made, found, _ = masked(contrast)
    assert dice(found, made.brain) > LIMIT


def test_a_ct_mask_holds_no_bone_but_keeps_what_is_calcified():
    made, found, _ = masked("ct")
    assert (found & (images.array(made.image) > 600)).sum() == 0
    assert found[speck(made)]


def test_the_mask_is_one_piece():
    _, found, _ = masked("ct")
    parts = sitk.ConnectedComponent(sitk.GetImageFromArray(found.astype(np.uint8)))
    assert sitk.GetArrayFromImage(parts).max() == 1


def test_the_metrics_name_the_backend_and_the_volume():
    made, found, metrics = masked("ct")
    volume = found.sum() * np.prod(made.image.GetSpacing()) / 1000
    assert metrics["BrainBackend"] == "template"
    assert metrics["BrainVolumeMl"] == pytest.approx(volume, abs=0.1)


def blob(request: Request):
    """A backend that finds the brain without a location."""
    assert request.location is None
    return sitk.Cast(request.image > 0, sitk.sitkUInt8), {"Pieces": 1}


def by_place(request: Request):
    """A backend that finds the brain by the location of the head."""
    assert request.head().contrast == "found"
    return blob(replace(request, location=None))


@pytest.mark.parametrize(("way", "first"), [(blob, False), (by_place, True)])
def test_every_head_is_located_before_its_brain_is_found_or_by_it(monkeypatch, way, first):
    image = sitk.Image(20, 20, 20, sitk.sitkInt16) + 1
    image.SetSpacing([5.0] * 3)
    asked = []

    def locate(image, modality, where, limits, brain=None):
        asked.append(brain)
        return Location(sitk.Transform(), "found", {"PoseScale": 0.9})

    monkeypatch.setattr(location, "locate", locate)
    chosen = replace(backend(way), needs_location=first)
    made = brains.found(Request(image, "mr", "scan"), chosen)
    assert made.location.contrast == "found"
    assert {"PoseScale": 0.9, "Pieces": 1}.items() <= made.facts.items()
    [brain] = asked
    assert brain is None if first else grids.same_grid(brain, image)


@pytest.mark.parametrize("section", BACKENDS)
def test_the_code_of_every_backend_is_there(section):
    for backend in BACKENDS[section].values():
        assert backend.runs is None or callable(backend.code())


def small(value: int = 0) -> sitk.Image:
    return images.from_array(np.full((20, 20, 20), value, np.uint8), np.diag([4.0, 4.0, 4.0, 1.0]))


def astray(request: Request):
    """A backend that answers on another grid."""
    return request.image[:10], {}


def unmoved(request: Request):
    """A backend that takes the image itself for the mask."""
    return request.image, {}


def backend(answer) -> Backend:
    return Backend(answer.__name__, f"{__name__}:{answer.__name__}")


def test_any_backend_is_held_to_the_grid():
    with pytest.raises(ValueError, match="astray left the grid"):
        brains.mask(Request(small(), "ct"), backend(astray))


@pytest.mark.parametrize("value", [0, 1], ids=["nothing", "everything"])
def test_any_backend_is_held_to_the_size_of_a_brain(value):
    large = images.from_array(np.full((40, 40, 40), value, np.uint8), np.diag([5.0, 5, 5, 1.0]))
    with pytest.raises(StrokeprepError, match="mask holds"):
        brains.mask(Request(large, "ct", "scan.nii.gz"), backend(unmoved))

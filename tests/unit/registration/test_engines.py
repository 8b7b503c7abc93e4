"""Whichever engine the config names: transforms are found, refused and repeated in the same way."""

from __future__ import annotations

import tempfile
from functools import cache

import numpy as np
import pytest
import SimpleITK as sitk
from scanned_heads import (
    B0,
    STRETCHED,
    T1,
    TURNED,
    error_mm,
    in_lesion,
    pose,
    scan,
    stripped,
    world,
)
from strokeprep.errors import StrokeprepError
from strokeprep.io import grids, images
from strokeprep.registration import deformable, linear, template
from strokeprep.settings.registration import ENGINES, RegistrationSettings

NEAR = pose((6, -4, 8), (10, -6, 17))  # some degrees and millimetres off TURNED

pytestmark = pytest.mark.slow


@pytest.fixture(params=ENGINES)
def engine(request) -> str:
    return request.param


@cache
def ncct() -> sitk.Image:
    return scan(seed=1)[0]


def registered(moving: sitk.Image, engine: str, **options) -> linear.Registration:
    """A scan registered to the NCCT at 4 mm, from a start close by."""
    known = {"starts": [NEAR], "resolution": "coarse"}
    return linear.rigid(ncct(), moving, engine=engine, **known | options)


@cache
def standard() -> sitk.Image:
    """The template's brain on 4 mm voxels."""
    inside = grids.shrunk(sitk.Cast(template.load().inside, sitk.sitkFloat32), 4) > 0.5
    return sitk.Mask(grids.shrunk(sitk.Cast(template.load().t1, sitk.sitkFloat32), 4), inside)


def test_the_best_of_several_starts_is_taken(engine):
    true = pose(*TURNED)
    astray = pose((40, 0, 0), (0, 60, 90))
    found = registered(scan(at=true, seed=2)[0], engine, starts=[astray, NEAR])
    assert error_mm(found.transform, true) < 0.5


@pytest.mark.parametrize("tissue", [{}, B0])
def test_a_scan_of_any_contrast_is_registered_from_a_known_start(engine, tissue):
    true = pose(*TURNED)
    moving = scan(tissue, true, seed=2)[0] if tissue else scan(at=true, seed=2)[0]
    found = registered(moving, engine)
    assert error_mm(found.transform, true) < 0.5
    assert error_mm(found.inverse, true.GetInverse()) < 0.5
    assert found.metrics["Overlap"] > 0.9


def test_scale_and_shear_are_recovered_by_an_affine(engine):
    moving = scan(at=STRETCHED, seed=2)[0]
    found = registered(moving, engine, dof="affine", starts=[sitk.AffineTransform(3)])
    assert error_mm(found.transform, STRETCHED) < 0.5


def test_a_brain_is_registered_to_the_template_from_anywhere(engine):
    brain = stripped(scan(T1, STRETCHED, seed=2, shade=0.3))
    found = deformable.to_template(brain, standard(), settings=RegistrationSettings(engine=engine))
    assert error_mm(found.transform, STRETCHED) < 0.6


def test_images_with_nothing_in_common_are_refused(engine):
    noise = np.random.default_rng(5).normal(400, 100, ncct().GetSize()).astype(np.int16)
    with pytest.raises(StrokeprepError, match=r"(nothing in common|overlap).*scan\.nii"):
        registered(images.like(noise, ncct()), engine, where="scan.nii")


def test_a_head_of_another_size_is_refused(engine):
    half = sitk.AffineTransform(3)
    half.Scale(0.6)
    moving = scan(at=half, seed=2)[0]
    with pytest.raises(StrokeprepError, match=r"stretched.*scan\.nii"):
        registered(moving, engine, dof="affine", starts=[half], where="scan.nii")


def test_the_same_images_give_the_same_bytes_and_no_file_is_left(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    moving = scan(at=pose(*TURNED), seed=2)[0]
    first, second = (registered(moving, engine).transform for _ in range(2))
    assert first.GetParameters() == second.GetParameters()
    assert list(tmp_path.iterdir()) == []


def test_grey_levels_under_a_lesion_mask_have_no_effect(engine):
    found = []
    for grey in (T1["fluid"], T1["scalp"]):
        image, inside = scan(T1, seed=2, lesion=grey)
        covered = in_lesion(world(image)).reshape(image.GetSize()).astype(np.uint8)
        lesion = images.like(covered, image)
        settings = RegistrationSettings(engine=engine)
        brain = stripped((image, inside))
        ways = deformable.to_template(brain, standard(), lesion_mask=lesion, settings=settings)
        found.append(ways.transform.GetParameters())
    assert found[0] == found[1]

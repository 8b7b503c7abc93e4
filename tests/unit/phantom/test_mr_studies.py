"""Simulated studies of MRI alone have the lesions that their tables and their truth speak of."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage
from strokeprep import phantom
from strokeprep.io import images
from strokeprep.phantom import mr_dataset, mr_study, regions
from strokeprep.phantom.head import foci
from strokeprep.phantom.head.lesions import LONG

STUDIES = ("jhu", "atlas")
SUBJECTS = phantom.subject_ids(6)
TOUCHING = np.ones((3, 3, 3))


@pytest.mark.parametrize("seed", range(4))
def test_six_patients_have_every_type_of_lesion(seed):
    of = {study: [mr_study.foci_of(study, s, seed) for s in SUBJECTS] for study in STUDIES}
    types = {mr_study.type_of(each) for each in of["jhu"]}
    assert types == {"ischemic", "hemorrhagic", "none"}
    assert {focus.region for each in of["atlas"] for focus in each} == {
        "cortical",
        "subcortical",
        "other",
    }
    assert max(map(len, of["atlas"])) == 3


@pytest.mark.parametrize("study", STUDIES)
def test_a_patient_stays_as_it_is_when_others_are_asked_for(study):
    few, many = (
        {name: rows[0] for name, _, rows in mr_dataset.tables(study, subjects, 3)}
        for subjects in (["02"], ["02", "03", "04"])
    )
    assert few == many


def test_sides_are_those_of_all_lesions():
    left = foci.Focus("cavity", "other", "L", (-20.0, 0.0, 0.0), 1.0)
    right = foci.Focus("cavity", "other", "R", (20.0, 0.0, 0.0), 1.0)
    sides = [mr_study.side_of(each) for each in ((left, left), (right,), (right, left), ())]
    assert sides == ["left", "right", "bilateral", "none"]


@pytest.mark.slow
def test_lesions_of_each_site_lie_clearly_in_the_region_that_it_names():
    """The smallest and the largest, moved as far as they may be, on either side."""
    atlas = regions.regions()
    numbers, matrix = images.array(atlas), images.affine(atlas)
    one_in = 31  # voxels, which is enough for a share
    index = np.argwhere(numbers > 0)[::one_in]
    points, region = index @ matrix[:3, :3].T + matrix[:3, 3], numbers[tuple(index.T)]
    for site, ml, side, moved in product(
        foci.SITES.values(), (0, 1), (-1, 1), product((-1.5, 1.5), repeat=3)
    ):
        apart = (points - (np.add(site.centre, moved) * (side, 1, 1))) / LONG
        apart[points[:, 0] * side < 4] = np.inf
        voxels = int(site.ml[ml] * 1300 / one_in)  # a head is smaller than the template
        nearest = np.argpartition((apart**2).sum(axis=1), voxels)[:voxels]
        in_cortex = np.isin(region[nearest], (1, 2)).mean()
        in_other = region[nearest] > 4
        assert (in_other.mean() > 0.9) == (site.region == "other")
        assert in_cortex > 0.08 if site.region == "cortical" else in_cortex < 0.02, site


@pytest.fixture(scope="module", params=STUDIES)
def study(request, tmp_path_factory) -> tuple[str, str, Path]:
    """The patient of a tiny study who has most lesions."""
    name, folder = request.param, tmp_path_factory.mktemp(request.param)
    subject = max(SUBJECTS, key=lambda each: len(mr_study.foci_of(name, each, 1)))
    phantom.write_subject(
        phantom.Patient(subject, seed=1, size="tiny", study=name), folder / "raw", folder / "truth"
    )
    phantom.write_dataset([subject], folder / "raw", folder / "truth", seed=1, study=name)
    return name, subject, folder


@pytest.mark.slow
def test_exactly_the_announced_files_are_written(study):
    name, subject, folder = study
    found = {
        each: {p.relative_to(folder / each).as_posix() for p in (folder / each).rglob("*.*")}
        for each in ("raw", "truth")
    }
    raw = {*phantom.raw_files(subject, study=name), *phantom.dataset_files(name)} - {"README"}
    assert found["raw"] == raw
    assert found["truth"] == {*phantom.truth_files(subject, study=name), "README.md"}


@pytest.mark.slow
def test_the_mask_has_the_lesions_that_the_truth_lists(study):
    name, subject, folder = study
    truth = json.loads((folder / f"truth/sub-{subject}/truth.json").read_text())
    (path,) = (folder / "raw/derivatives/manual").rglob("*_mask.nii.gz")
    image = nib.load(path)
    mask = np.asarray(image.dataobj)
    assert ndimage.label(mask, TOUCHING)[1] == len(truth["lesions"]) > 1
    ml = mask.sum() * np.prod(image.header.get_zooms()) / 1000
    assert ml == pytest.approx(sum(each["ml"] for each in truth["lesions"]), rel=0.15)


@pytest.mark.slow
def test_an_old_infarct_is_as_dark_as_fluid_and_a_fresh_one_bright_on_diffusion(study):
    name, _, folder = study
    scan, looks = {"jhu": ("trace", "bright"), "atlas": ("T1w", "dark")}[name]
    (mask,) = (folder / "raw/derivatives/manual").rglob("*_mask.nii.gz")
    (image,) = (folder / "raw").rglob(f"*_{scan}.nii.gz")
    (brain,) = (folder / "truth").rglob("*_brain.nii.gz")
    lesion, inside = (np.asarray(nib.load(path).dataobj) > 0 for path in (mask, brain))
    seen = np.asarray(nib.load(image).dataobj).astype(float)
    ratio = np.median(seen[lesion]) / np.median(seen[inside & ~lesion])
    assert ratio > 1.4 if looks == "bright" else ratio < 0.5

"""stroke_segmentor: its own code, with a network that this test trains on drawn infarcts.

It shows that the code works, not how accurate proposals are in patients.
"""

from __future__ import annotations

import hashlib
import shutil
import socket
from pathlib import Path
from unittest import mock

import nibabel as nib
import numpy as np
import pytest
import torch
from heads import dice
from strokeprep.errors import StrokeprepError
from strokeprep.io import images
from strokeprep.segmentation import proposals
from strokeprep.segmentation.backends import stroke_segmentor
from strokeprep.segmentation.weights import fetching, store
from strokeprep.settings.backends import MODELS, PROPOSALS, NetworkSettings

NAME = stroke_segmentor.MODEL
BACKEND = PROPOSALS[NAME]
SHAPE, SPACING = (36, 44, 20), (2.0, 2.0, 3.5)
LEAST = 0.9


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Trace image, ADC map, brain and infarct: bright on the one, dark on the other."""
    random = np.random.default_rng(seed)
    places = np.indices(SHAPE) * np.reshape(SPACING, (3, 1, 1, 1))
    middle = np.reshape(np.array(SHAPE) * SPACING / 2, (3, 1, 1, 1))
    brain = (((places - middle) / np.reshape((28, 36, 28), (3, 1, 1, 1))) ** 2).sum(axis=0) < 1
    at = middle + np.reshape(random.uniform(-12, 12, 3), (3, 1, 1, 1))
    infarct = (((places - at) ** 2).sum(axis=0) < 11**2) & brain
    trace = brain * (100 + 120 * infarct + random.normal(0, 8, SHAPE))
    adc = brain * (800 - 380 * infarct + random.normal(0, 40, SHAPE))
    return trace.astype(np.float32), adc.astype(np.float32), brain, infarct


def scaled(data: np.ndarray) -> np.ndarray:
    """As the package scales a channel: by mean and deviation of what is not zero."""
    shown = data != 0
    return np.where(shown, (data - data[shown].mean()) / data[shown].std(), data)


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    """A network for each voxel by itself, trained on three drawn brains."""
    torch.manual_seed(1)
    made = torch.nn.Sequential(torch.nn.Conv3d(2, 8, 1), torch.nn.ReLU(), torch.nn.Conv3d(8, 2, 1))
    cases = [drawn(seed) for seed in range(3)]
    given = torch.tensor(np.stack([[scaled(adc), scaled(trace)] for trace, adc, *_ in cases]))
    wanted = torch.tensor(np.stack([case[3] for case in cases])).long()
    steps = torch.optim.Adam(made.parameters(), 0.05)
    for _ in range(200):
        steps.zero_grad()
        torch.nn.functional.cross_entropy(made(given.float()), wanted).backward()
        steps.step()
    return made.eval()


def fetched(network: torch.nn.Module, folder: Path) -> NetworkSettings:
    """The network in the place of the published ones, from an archive of an archive as Zenodo gives it."""
    inner, outer = folder / "inner", folder / "outer"
    inner.mkdir(parents=True)
    first = inner / "model0.ts"
    torch.jit.trace(network, torch.zeros(1, 2, 4, 4, 4)).save(str(first))
    for number in range(1, stroke_segmentor.NETWORKS):
        shutil.copy(first, inner / f"model{number}.ts")
    outer.mkdir()
    shutil.make_archive(str(outer / "weights"), "zip", inner)
    archive = folder / MODELS[NAME].archive
    shutil.make_archive(str(archive.with_suffix("")), "zip", outer)
    known = {NAME: hashlib.sha256(archive.read_bytes()).hexdigest()}
    fetching.fetch([NAME], folder / "models", offline=folder, known=known)
    return NetworkSettings(folder=str(folder / "models"), sha256=known, device="cpu", threads=1)


@pytest.fixture(scope="module")
def settings(network, tmp_path_factory) -> NetworkSettings:
    return fetched(network, tmp_path_factory.mktemp("segmentor"))


def case(settings: NetworkSettings, axes: str):
    """An infarct that was not trained on, in images with some order of axes."""
    trace, adc, brain, infarct = drawn(9)
    grid = np.diag([*SPACING, 1.0])
    turn = nib.orientations.axcodes2ornt(axes)

    def image(data):
        nifti = nib.Nifti1Image(data, grid).as_reoriented(
            nib.orientations.ornt_transform(nib.orientations.axcodes2ornt("RAS"), turn)
        )
        return images.from_array(np.asarray(nifti.dataobj), nifti.affine)

    request = proposals.Diffusion(image(trace), image(adc), "dwi", settings)
    return request, image(brain.astype(np.uint8)), images.array(image(infarct.astype(np.uint8)))


def test_the_proposal_is_the_infarct_whatever_the_order_of_axes_and_no_connection_is_opened(
    settings,
):
    request, brain, infarct = case(settings, "PIR")
    with mock.patch.object(socket, "socket", side_effect=AssertionError("a connection was opened")):
        mask, facts = proposals.found(request, brain, BACKEND)
    assert dice(images.array(mask) > 0, infarct > 0) > LEAST
    assert facts["Model"]["Networks"] == 15
    digest = store.digests([NAME], settings.folder)[NAME]
    assert facts["Model"]["Weights"] == {NAME: f"sha256:{digest}"}


def test_the_mask_is_that_of_the_package(settings, tmp_path):
    from stroke_segmentor import model_handler
    from stroke_segmentor.inferer import Inferer

    request, _, infarct = case(settings, "LAS")
    for name, image in (("adc", request.adc), ("dwi", request.trace)):
        images.write(image, tmp_path / f"{name}.nii.gz")
    folder = Path(settings.folder) / MODELS[NAME].folder
    with mock.patch.object(model_handler, "fetch_weights", lambda: folder):
        Inferer(force_cpu=True).infer(
            tmp_path / "adc.nii.gz", tmp_path / "dwi.nii.gz", tmp_path / "mask.nii.gz"
        )
    mask, _ = stroke_segmentor.infarct(request)
    assert np.array_equal(images.array(mask), images.array(images.read(tmp_path / "mask.nii.gz")))
    assert dice(images.array(mask) > 0, infarct > 0) > LEAST


def test_a_network_that_answers_with_no_numbers_is_refused(network, tmp_path):
    broken = torch.nn.Sequential(network, torch.nn.Threshold(1e9, float("nan")))
    request, brain, _ = case(fetched(broken, tmp_path), "LAS")
    with pytest.raises(StrokeprepError, match="no numbers"):
        proposals.found(request, brain, BACKEND)

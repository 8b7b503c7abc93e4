"""HD-BET: its own code and that of nnU-Net, with a network trained on simulated heads.

It shows that the code works, not how accurate masks are in patients.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import phantoms
import psutil
import pytest
import standins
import torch
from heads import dice
from strokeprep.errors import StrokeprepError
from strokeprep.io import grids, images
from strokeprep.segmentation import nnunet
from strokeprep.segmentation.backends import hd_bet
from strokeprep.segmentation.request import Request
from strokeprep.segmentation.weights import store

HERE = Path(__file__).parent
UNSEEN = 900  # networks were trained on other seeds
LEAST = 0.95
CASES = [
    ("t1", (1.0, 1.0, 1.0), "LAS"),
    ("t1", (1.4, 1.4, 3.0), "PSR"),
    ("t1", (1.2, 1.2, 5.0), "RPI"),
    ("b0", (1.8, 1.8, 2.5), "LPS"),
    ("b0", (1.5, 1.5, 5.0), "AIL"),
    ("b0", (2.0, 2.0, 2.0), "IRA"),
]


def stored(scan: phantoms.Scan, path: Path) -> Path:
    nib.save(scan.image, path)
    return path


def environment(**more: str) -> dict[str, str]:
    return os.environ | {"CUDA_VISIBLE_DEVICES": ""} | more


def worker(backend: str, modality: str, folder: Path, source: Path, target: Path, threads=1):
    command = [sys.executable, HERE / "worker.py", backend, modality, folder, source, target]
    return subprocess.Popen(
        [str(part) for part in (*command, threads)],
        stdout=subprocess.PIPE,
        env=environment(OMP_NUM_THREADS=str(threads)),
    )


@pytest.fixture(scope="module")
def one_scan(tmp_path_factory) -> Path:
    """An upright T1w scan on disk."""
    scan = phantoms.scan(UNSEEN, "t1", (2.0, 2.0, 2.0), "RAS")
    return stored(scan, tmp_path_factory.mktemp("scan") / "t1w.nii.gz")


@pytest.mark.parametrize(("contrast", "spacing", "axes"), CASES)
def test_the_mask_is_the_brain_for_any_axes_and_slice_thickness(
    tmp_path, settings, contrast, spacing, axes
):
    scan = phantoms.scan(UNSEEN + len(axes) + int(spacing[2]), contrast, spacing, axes)
    path = stored(scan, tmp_path / "scan.nii.gz")
    image = images.read(path)
    found, facts = hd_bet.brain(Request(image, "mr", str(path), settings))
    assert nib.aff2axcodes(nib.load(path).affine) == tuple(axes)
    assert grids.same_grid(found, image)
    assert dice(images.array(found) > 0, scan.brain) >= LEAST
    images.write(found, tmp_path / "mask.nii.gz", on=path)
    assert np.array_equal(nib.load(tmp_path / "mask.nii.gz").affine, nib.load(path).affine)


def test_the_mask_is_that_of_the_hd_bet_command_with_fewer_processes(
    tmp_path, settings, models_folder, one_scan
):
    home = tmp_path / "hd-bet_params"
    home.mkdir()
    (home / "release_2.0.0").symlink_to(models_folder / "hd-bet")
    command = Path(sys.executable).parent / "hd-bet"
    arguments = ["-i", one_scan, "-o", tmp_path / "theirs.nii.gz", "-device", "cpu"]
    arguments += ["--disable_tta", "--save_bet_mask", "--no_bet_image"]
    subprocess.run(
        [str(part) for part in (command, *arguments)],
        check=True,
        capture_output=True,
        env=environment(HOME=str(tmp_path)),
    )
    found, _ = hd_bet.brain(Request(images.read(one_scan), "mr", "t1w", settings))
    theirs = np.asarray(nib.load(tmp_path / "theirs_bet.nii.gz").dataobj)
    assert theirs.any()
    assert np.array_equal(images.array(found), theirs)
    assert psutil.Process().children(recursive=True) == []


def test_the_sidecar_names_package_version_and_weights(settings, one_scan, models_folder):
    _, facts = hd_bet.brain(Request(images.read(one_scan), "mr", "t1w", settings))
    _, digest = store.verified("hd-bet", models_folder)
    model = facts["Model"]
    assert model["Package"] == "HD-BET" and model["Version"] == "2.0.1"
    assert model["Weights"] == {"hd-bet": f"sha256:{digest}"}
    assert model["Device"] == "cpu" and model["Mirroring"] is False


def test_mirroring_changes_the_mask_a_little(settings, one_scan):
    image = images.read(one_scan)
    plain, _ = hd_bet.brain(Request(image, "mr", "t1w", settings))
    mirrored, facts = hd_bet.brain(Request(image, "mr", "t1w", replace(settings, mirroring=True)))
    overlap = dice(images.array(plain) > 0, images.array(mirrored) > 0)
    assert 0.9 < overlap < 1 and facts["Model"]["Mirroring"] is True


def test_ct_is_refused(settings, one_scan):
    with pytest.raises(StrokeprepError, match="trained on MR"):
        hd_bet.brain(Request(images.read(one_scan), "ct", "ncct", settings))


def test_an_empty_mask_is_refused(settings, one_scan, blind_folder):
    blind = replace(settings, folder=str(blind_folder), sha256=standins.digests(blind_folder))
    with pytest.raises(StrokeprepError, match="found no brain"):
        hd_bet.brain(Request(images.read(one_scan), "mr", "t1w", blind))


def test_modified_weights_are_not_loaded(tmp_path, settings, models_folder, one_scan):
    changed = shutil.copytree(models_folder, tmp_path / "models")
    checkpoint = changed / "hd-bet" / "fold_all" / "checkpoint_final.pth"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1] + b"x")
    with pytest.raises(StrokeprepError, match="not what was fetched"):
        hd_bet.brain(
            Request(images.read(one_scan), "mr", "t1w", replace(settings, folder=str(changed)))
        )


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("wanted", ["cuda", "cuda:0", "cuda:3"])
def test_a_gpu_that_is_named_must_exist(wanted):
    with pytest.raises(StrokeprepError, match="GPU that was asked for is not there"):
        nnunet.device(wanted)


def test_auto_uses_the_available_device_and_reports_it(capsys):
    expected = "cuda:0" if torch.cuda.is_available() else "cpu"
    assert nnunet.device("auto") == expected
    assert expected in capsys.readouterr().out
    with pytest.raises(StrokeprepError, match="No such device"):
        nnunet.device("gpu")


@pytest.mark.parametrize(
    ("backend", "threads"), [("hd-bet", 1), ("hd-bet", 2), ("totalsegmentator", 1)]
)
def test_a_job_uses_only_its_threads(tmp_path, models_folder, one_scan, backend, threads):
    job = worker(backend, "mr", models_folder, one_scan, tmp_path / "mask.nii.gz", threads)
    spent = json.loads(job.communicate()[0].splitlines()[-1])
    assert job.returncode == 0
    assert spent["cpu_s"] <= 1.1 * threads * spent["wall_s"]
    # On a busy machine the time says little, but the number of threads with work still does.
    assert sum(spent["by_thread"][threads:]) <= 0.1 * spent["cpu_s"]


def test_two_jobs_at_once_write_the_same_as_one(tmp_path, models_folder, one_scan):
    targets = [tmp_path / "out" / f"mask{number}.nii.gz" for number in range(2)]
    jobs = [worker("hd-bet", "mr", models_folder, one_scan, target) for target in targets]
    assert [job.wait() for job in jobs] == [0, 0]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "mask0.nii.gz",
        "mask1.nii.gz",
    ]
    assert targets[0].read_bytes() == targets[1].read_bytes()


@pytest.mark.parametrize("backend", ["hd-bet", "totalsegmentator"])
def test_a_job_that_is_killed_while_it_predicts_leaves_no_files(
    tmp_path, models_folder, one_scan, backend
):
    target, scratch = tmp_path / "out" / "mask.nii.gz", tmp_path / "scratch"
    target.parent.mkdir()
    scratch.mkdir()
    before = sorted(models_folder.rglob("*"))
    command = [sys.executable, HERE / "worker.py", backend, "mr", models_folder, one_scan, target]
    job = subprocess.Popen(
        [str(part) for part in command],
        env=environment(TMPDIR=str(scratch)),
        stdout=subprocess.PIPE,
    )
    while not list(scratch.rglob("*.nii.gz")):  # the image is written, so prediction is next
        assert job.poll() is None
        time.sleep(0.05)
    time.sleep(1.0)
    assert job.poll() is None, "the job was over before it could be killed"
    job.send_signal(signal.SIGKILL)
    job.wait()
    assert list(target.parent.iterdir()) == []
    assert sorted(models_folder.rglob("*")) == before

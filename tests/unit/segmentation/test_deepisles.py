"""The container of DeepISLES, played by a script: what it is given, and what is made of its answer."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from strokeprep.errors import StrokeprepError
from strokeprep.io import images
from strokeprep.segmentation import proposals
from strokeprep.segmentation.backends import deepisles
from strokeprep.segmentation.proposals import Diffusion
from strokeprep.settings.backends import PROPOSALS, NetworkSettings

DIGEST = f"isleschallenge/deepisles@sha256:{'a' * 64}"
# Marks bright voxels, those of the METHODS leave a mask in folders of theirs, as the published code has
# it, and goes on as BEHAVES says.
CONTAINER = f"""#!{sys.executable}
import os, sys, pathlib, nibabel as nib, numpy as np
folder = pathlib.Path(sys.argv[sys.argv.index("--bind") + 1].partition(":")[0])
(folder.parent / "call.txt").write_text(" ".join(sys.argv[1:]))
if os.environ.get("BEHAVES") == "fails":
    sys.exit(3)
if os.environ.get("BEHAVES") == "hangs":
    os.chdir(folder.parent)
    os.system("sleep 60 & echo $! > child.txt; wait")
dwi, adc = nib.load(folder / "dwi.nii.gz"), nib.load(folder / "adc.nii.gz")
assert np.array_equal(dwi.affine, adc.affine) and nib.aff2axcodes(dwi.affine) == tuple("LAS")
results = folder / "results"
results.mkdir()
affine = np.eye(4) if os.environ.get("BEHAVES") == "moves" else dwi.affine
values = (dwi.get_fdata() > 90).astype(np.uint8)
if os.environ.get("BEHAVES") == "halves":
    values = values * np.float32(0.5)
mask = nib.Nifti1Image(values, affine)
for name in os.environ["METHODS"].split():
    (results / "output_teams" / name).mkdir(parents=True)
    nib.save(mask, results / "output_teams" / name / "lesion_msk.nii.gz")
if os.environ.get("BEHAVES") != "leaves nothing":
    nib.save(mask, results / "lesion_msk.nii.gz")
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with Apptainer and a GPU of compute capability 8.6."""
    scripts = {"apptainer": CONTAINER, "nvidia-smi": "#!/bin/sh\necho ${GPU:-8.6}\n"}
    for name, text in scripts.items():
        (tmp_path / name).write_text(text)
        os.chmod(tmp_path / name, 0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setenv("METHODS", " ".join(deepisles.METHODS))
    monkeypatch.setattr(deepisles.tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def request_(tmp_path):
    data = np.random.default_rng(1).uniform(50, 100, (9, 8, 7)).astype(np.float32)
    grid = images.from_array(data, np.diag([2.0, -2, 5, 1]))
    flair = tmp_path / "flair.nii.gz"
    images.write(grid, flair)
    return Diffusion(grid, grid, "sub-1", NetworkSettings(), flair, DIGEST)


def test_the_container_is_named_by_digest_and_its_mask_comes_back(machine, request_):
    mask, facts = deepisles.infarct(request_)
    assert np.array_equal(images.array(mask), images.array(request_.trace) > 90)
    model = facts["Model"]
    assert (model["Container"], model["Engine"], model["Methods"]) == (
        *(DIGEST, "apptainer"),
        ["seals", "nvauto", "factorizer"],
    )
    call = (machine / "call.txt").read_text()
    assert f"docker://{DIGEST} --dwi_file_name dwi.nii.gz" in call
    assert "--flair_file_name flair.nii.gz" in call and "--skull_strip" not in call


def test_docker_gets_no_network(tmp_path):
    call = deepisles.command("docker", DIGEST, tmp_path, with_flair=False)
    assert call[call.index("--network") + 1] == "none"
    assert "--flair_file_name" not in call


def test_without_flair_one_method_is_told_of(machine, request_, monkeypatch):
    monkeypatch.setenv("METHODS", "seals")
    alone = Diffusion(request_.trace, request_.adc, "sub-1", NetworkSettings(), None, DIGEST)
    assert deepisles.infarct(alone)[1]["Model"]["Methods"] == ["seals"]
    monkeypatch.setenv("METHODS", "")
    with pytest.raises(StrokeprepError, match="went on without seals"):
        deepisles.infarct(alone)


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("METHODS", "seals nvauto", "went on without factorizer"),
        ("METHODS", "factorizer", "went on without seals and nvauto"),
        ("BEHAVES", "fails", "ended with status 3"),
        ("BEHAVES", "moves", "left the grid"),
        ("BEHAVES", "leaves nothing", "left no mask"),
        ("GPU", "9.0", "this one's compute capability is 9.0"),
        ("GPU", "none", "there is none"),
    ],
)
def test_what_the_container_passes_over_in_silence_is_refused(
    machine, request_, monkeypatch, variable, value, says
):
    monkeypatch.setenv(variable, value)
    with pytest.raises(StrokeprepError, match=says):
        deepisles.infarct(request_)


def is_running(number: int) -> bool:
    """Whether there is such a process; one that has ended and was not asked for is none."""
    state = Path(f"/proc/{number}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_container_that_takes_too_long_is_ended_with_all_it_started(
    machine, request_, monkeypatch
):
    monkeypatch.setenv("BEHAVES", "hangs")
    monkeypatch.setattr(deepisles, "LONGEST_S", 3)
    with pytest.raises(StrokeprepError, match="not done after 3 s"):
        deepisles.infarct(request_)
    assert not is_running(int((machine / "child.txt").read_text()))


def test_a_container_under_dockers_daemon_is_ended_by_its_name(machine, request_, monkeypatch):
    (machine / "docker").write_text(
        f'#!/bin/sh\necho "$@" >> {machine}/calls.txt\n[ "$1" = kill ] || exec sleep 60\n'
    )
    os.chmod(machine / "docker", 0o755)
    (machine / "apptainer").unlink()
    monkeypatch.setattr(deepisles, "LONGEST_S", 1)
    with pytest.raises(StrokeprepError, match="not done after 1 s"):
        deepisles.infarct(request_)
    started, ended = (machine / "calls.txt").read_text().splitlines()
    name = ended.removeprefix("kill ")
    assert f"--name {name} " in started and name.startswith("strokeprep-")


def test_values_that_are_no_mask_are_refused_and_not_cut_to_an_empty_one(
    machine, request_, monkeypatch
):
    monkeypatch.setenv("BEHAVES", "halves")
    inside = np.zeros(images.array(request_.trace).shape, np.uint8)
    inside[2:7, 2:6, 1:6] = 1
    stripped = images.like(images.array(request_.trace) * inside, request_.trace)
    brain = images.like(inside, request_.trace)
    with pytest.raises(ValueError, match="other than 0 and 1"):
        proposals.found(
            replace(request_, trace=stripped, adc=stripped), brain, PROPOSALS["deepisles"]
        )


def test_a_machine_without_containers_is_told(machine, request_, monkeypatch):
    (machine / "apptainer").unlink()
    monkeypatch.setattr(deepisles.shutil, "which", lambda name: None)
    with pytest.raises(StrokeprepError, match="neither Apptainer nor Docker"):
        deepisles.infarct(request_)

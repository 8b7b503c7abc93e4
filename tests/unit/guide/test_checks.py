"""Each check of an installation can fail, and then says what to do."""

from __future__ import annotations

import os
from collections import namedtuple

import pytest
from strokeprep.guide import checks
from strokeprep.guide.checks import FAULT, NOTE, OK
from strokeprep.segmentation.weights import store
from strokeprep.settings.backends import MODELS, NetworkSettings


@pytest.fixture
def envs(tmp_path):
    """Lists of packages, of which those of every run are as installed here."""
    import numpy

    lists = {
        "imaging": f"# a comment\nnumpy=={numpy.__version__}\n",
        "segmentation": "torch-of-nobody==1.0\n",
        "preview": "numpy==0.1\n",
        "slurm": "pluggable==1\n",
        "constraints": "",
        "segmentation-constraints": "scipy==0.2\n",
    }
    for name, text in lists.items():
        (tmp_path / f"{name}.txt").write_text(text)
    return tmp_path


def test_packages_are_compared_with_their_pins(envs):
    every_run, networks, preview, _, others = checks.packages(envs=envs)
    assert every_run == (OK, "packages for every run: 1 as pinned", "")
    assert (networks.state, "not installed" in networks.about) == (NOTE, True)
    assert preview.state == FAULT and preview.about.endswith("for 0.1")
    assert preview.remedy.endswith("preview.txt")
    assert others.state == NOTE and "scipy" in others.about


def test_packages_that_a_study_needs_may_not_be_missing(envs):
    _, networks, *_ = checks.packages(["segmentation"], envs)
    assert networks.state == FAULT and "torch-of-nobody missing" in networks.about


@pytest.mark.parametrize(("version", "state"), [((3, 10), FAULT), ((3, 11), OK), ((3, 14), FAULT)])
def test_a_python_without_builds_of_the_packages_is_a_fault(version, state, monkeypatch):
    monkeypatch.setattr(checks.sys, "version_info", (*version, 0))
    assert checks.python().state == state


def test_a_gpu_that_the_config_wants_may_not_be_missing(monkeypatch):
    monkeypatch.setattr(checks.util, "find_spec", lambda name: None)
    assert checks.gpu("auto").state == OK
    assert checks.gpu("cuda:1").state == FAULT


def mindgrab(folder):
    """A model of one file that is not the published one."""
    model = MODELS["mindgrab"]
    place = folder / model.folder
    place.mkdir()
    (place / "model.bin").write_bytes(b"weights")
    store.write_record(model, place, None)
    return NetworkSettings(folder=str(folder), sha256={"mindgrab": store.digest_of(place)})


def test_weights_are_read_and_compared_with_their_digest(tmp_path):
    settings = mindgrab(tmp_path)
    assert [found.state for found in checks.weights(None, settings)] == [OK]
    (tmp_path / "mindgrab/model.bin").write_bytes(b"weightz")
    [changed] = checks.weights(None, settings)
    assert changed.state == FAULT and "not what was fetched" in changed.about
    assert "make models MODELS='mindgrab'" in changed.remedy


def test_weights_that_a_study_needs_may_not_be_missing(tmp_path):
    [missing] = checks.weights(["hd-bet"], NetworkSettings(folder=str(tmp_path)))
    assert missing.state == FAULT and "make models MODELS='hd-bet'" in missing.remedy
    [none] = checks.weights(None, NetworkSettings(folder=str(tmp_path)))
    assert none.state == NOTE


def test_a_folder_needs_room_rights_and_locks(tmp_path, monkeypatch):
    places = [("output", str(tmp_path / "not/yet/there"))]
    assert [found.state for found in checks.disk(places)] == [OK]
    with monkeypatch.context() as patched:
        patched.setattr(checks.lock, "works", lambda folder: False)
        assert "without file locks" in next(checks.disk(places)).about
    with monkeypatch.context() as patched:
        usage = namedtuple("usage", "total used free")
        patched.setattr(checks.shutil, "disk_usage", lambda folder: usage(1, 1, 10**9))
        assert "make room" in next(checks.disk(places)).remedy
    monkeypatch.setattr(checks.os, "access", lambda *_: False)
    assert "cannot be written to" in next(checks.disk(places)).about


def test_little_memory_is_a_fault(monkeypatch):
    assert checks.memory().state == OK
    monkeypatch.setattr(checks.os, "sysconf", lambda name: 1000)
    assert checks.memory().state == FAULT


def test_a_cluster_that_does_not_answer_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "not on this machine" in checks.slurm().about
    for name, text in (("sbatch", "exit 0"), ("squeue", "echo it is down >&2; exit 1")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        os.chmod(tmp_path / name, 0o755)
    assert checks.slurm() == (
        NOTE,
        "SLURM: squeue says: it is down",
        "Ask those who run the cluster.",
    )
    (tmp_path / "squeue").write_text("#!/bin/sh\nexit 0\n")
    monkeypatch.setattr(checks, "_installed", lambda name: None)
    assert checks.slurm().remedy == "pip install -r envs/slurm.txt"

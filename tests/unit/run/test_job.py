"""A job ends with a complete sidecar, or with one message and nothing written."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from strokeprep.errors import StrokeprepError
from strokeprep.io.whole import write_json, write_text
from strokeprep.run import failures
from strokeprep.run.job import job, place, remove_old_files


class Named(list):
    """A list with named members, as Snakemake hands them to a script."""

    def __init__(self, **members):
        super().__init__(members.values())
        self.__dict__.update(members)

    def get(self, key, default=None):
        return self.__dict__.get(key, default)


@pytest.fixture
def snakemake(tmp_path):
    out = tmp_path / "work/dataset"
    return SimpleNamespace(
        rule="resample",
        log=[str(tmp_path / "work" / "job.log")],
        threads=2,
        config={"work": str(tmp_path / "work"), "template": {"resolution_mm": 1}},
        input=Named(
            image=str(out / "sub-1/ct/sub-1_desc-defaced_ct.nii.gz"),
            raw=str(tmp_path / "raw/SMITH_JOHN.nii.gz"),
            grid=str(out / "sub-1/ct/sub-1_acq-ncct_desc-defaced_ct.nii.gz"),
        ),
        output=Named(sidecar=str(out / "sub-1/ct/x.json")),
        params=Named(raw=["bids:raw:sub-1/ct/sub-1_ct.nii.gz"]),
        wildcards=Named(space="_space-ncct"),
    )


def sidecar_of(snakemake):
    with open(snakemake.output.sidecar) as file:
        return json.load(file)


def test_the_sidecar_says_where_an_output_comes_from(snakemake):
    with job(snakemake) as sidecar:
        sidecar["Description"] = "An image"
    written = sidecar_of(snakemake)
    assert written["Description"] == "An image"
    assert written["Sources"] == [
        "bids:raw:sub-1/ct/sub-1_ct.nii.gz",
        "bids::sub-1/ct/sub-1_desc-defaced_ct.nii.gz",
        "bids::sub-1/ct/sub-1_acq-ncct_desc-defaced_ct.nii.gz",
    ]
    assert written["Software"]["strokeprep"]


def test_no_path_or_name_of_a_raw_file_gets_into_the_sidecar(snakemake, tmp_path):
    with job(snakemake) as sidecar:
        sidecar.update(place(snakemake))
    text = json.dumps(sidecar_of(snakemake))
    assert "SMITH" not in text
    assert str(tmp_path) not in text


def test_the_grid_of_an_output_is_named_by_its_reference(snakemake):
    assert place(snakemake) == {
        "SpatialReference": "bids::sub-1/ct/sub-1_acq-ncct_desc-defaced_ct.nii.gz"
    }
    snakemake.wildcards, snakemake.input.grid = Named(space="_space-MNI"), []
    assert place(snakemake)["Resolution"] == "Cubic voxels of 1 mm"
    snakemake.wildcards = Named()
    assert place(snakemake) == {"SpatialReference": "orig"}


def test_a_fault_ends_in_its_message_and_no_sidecar(snakemake, tmp_path, capfd):
    with pytest.raises(SystemExit) as ended, job(snakemake):
        raise StrokeprepError("Grid differs", "adc.nii.gz", "Export it again.")
    assert ended.value.code == 1
    shown = capfd.readouterr().err
    assert "strokeprep: resample: Grid differs: adc.nii.gz. Export it again." in shown
    assert "Traceback" not in shown
    assert not os.path.exists(snakemake.output.sidecar)
    failure = json.loads((tmp_path / "work" / ("job.log" + failures.SUFFIX)).read_text())
    assert failure["message"] == "Grid differs: adc.nii.gz. Export it again."


def test_a_bug_points_to_its_traceback(snakemake, tmp_path, capfd):
    with pytest.raises(SystemExit), job(snakemake):
        raise KeyError("space")
    assert "this is a bug. See" in capfd.readouterr().err
    assert "Traceback" in (tmp_path / "work" / "job.log").read_text()


def test_a_later_success_clears_the_failure(snakemake, tmp_path):
    with pytest.raises(SystemExit), job(snakemake):
        raise KeyError("space")
    with job(snakemake):
        pass
    assert not (tmp_path / "work" / ("job.log" + failures.SUFFIX)).exists()


def test_what_a_job_prints_goes_to_its_log(snakemake, tmp_path, capfd):
    with job(snakemake):
        print("from Python")
        os.system("echo from a program")
    log = (tmp_path / "work" / "job.log").read_text()
    assert "from Python" in log and "from a program" in log
    assert "from" not in capfd.readouterr().out
    print("again", file=sys.stdout)
    assert "again" in capfd.readouterr().out


def test_a_job_leaves_its_processor_time(snakemake):
    began = time.process_time()
    with job(snakemake):
        while time.process_time() - began < 0.05:
            pass
    assert float(failures.spent_beside(Path(snakemake.log[0])).read_text()) >= 0.05


def test_libraries_are_told_how_many_threads_they_have(snakemake, monkeypatch):
    monkeypatch.setenv("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "64")
    with job(snakemake):
        assert os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] == "2"


def test_files_are_whole_or_absent(tmp_path):
    with pytest.raises(TypeError):
        write_json({"a": object()}, tmp_path / "x.json")
    assert list(tmp_path.iterdir()) == []
    write_text("done\n", tmp_path / "deep" / "x.txt")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["x.txt"]


def test_a_job_that_is_killed_has_said_so_before(snakemake, tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "42")
    failure = tmp_path / "work" / ("job.log" + failures.SUFFIX)
    with job(snakemake):
        told = json.loads(failure.read_text())
    assert told["message"].startswith("Killed before it could end")
    assert "logs/slurm/*/*/42.log" in told["message"]
    assert not failure.exists()


def test_a_full_disk_is_no_bug(snakemake, capfd):
    with pytest.raises(SystemExit), job(snakemake):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "out/image.nii.gz")
    shown = capfd.readouterr().err
    assert "The disk is full: out/image.nii.gz. Make room and run again." in shown


def test_temporary_files_lie_in_the_work_folder_and_go_when_a_killed_job_left_them(
    snakemake, tmp_path
):
    before = tempfile.gettempdir()
    with job(snakemake):
        left = Path(tempfile.mkdtemp(prefix="strokeprep-"))
    assert left.parent == tmp_path / "work/tmp"
    assert stat.S_IMODE(left.parent.stat().st_mode) == 0o700
    assert tempfile.gettempdir() == before
    remove_old_files(tmp_path / "work")
    assert left.exists()  # it may be of a job that goes on
    remove_old_files(tmp_path / "work", seconds=-1)
    assert not left.exists()

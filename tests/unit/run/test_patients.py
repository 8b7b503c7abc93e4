"""A patient made by a Snakemake of its own: alone, resumable, remembered apart from the others."""

from __future__ import annotations

import fcntl

import pytest
from strokeprep.errors import StrokeprepError
from strokeprep.run import patients
from workflow_tools import REPOSITORY

SNAKEFILE = """
rule copy:
    output: "out/{name}.txt"
    params: config["text"]
    shell: "test {wildcards.name} != bad && echo {params} > {output}"
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    return tmp_path


def run(place, *targets, text="first"):
    patients.run(
        targets,
        place / "Snakefile",
        REPOSITORY / "profiles/patient",
        place / "work/patients/sub-01",
        {"text": text},
        cores=1,
        mem_mb=1000,
    )


@pytest.mark.slow
def test_what_can_be_made_is_made_and_the_rest_ends_in_one_error(place):
    with pytest.raises(StrokeprepError, match="sub-01"):
        run(place, "out/bad.txt", "out/good.txt")
    assert (place / "out/good.txt").read_text() == "first\n"


@pytest.mark.slow
def test_a_change_of_the_config_is_seen_though_nothing_is_kept_in_snakemakes_folder(place):
    run(place, "out/good.txt")
    assert not list((place / ".snakemake/metadata").glob("*"))
    before = (place / "out/good.txt").stat().st_mtime_ns
    run(place, "out/good.txt")
    assert (place / "out/good.txt").stat().st_mtime_ns == before
    run(place, "out/good.txt", text="second")
    assert (place / "out/good.txt").read_text() == "second\n"


@pytest.mark.slow
def test_two_never_work_on_one_patient(place):
    folder = place / "work/patients/sub-01"
    folder.mkdir(parents=True)
    with (folder / "lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(StrokeprepError, match="Another job works on this patient: sub-01"):
            run(place, "out/good.txt")
    run(place, "out/good.txt")  # the lock went with its holder, the file stayed

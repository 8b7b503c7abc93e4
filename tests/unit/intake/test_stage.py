"""An export becomes raw BIDS that the chain reads, and nothing else of it gets out."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
from pathlib import Path

import exports
import nibabel as nib
import numpy as np
import pytest
from strokeprep.errors import StrokeprepError
from strokeprep.intake import command, sidecars, stage, writing
from strokeprep.intake.reading import voxels
from strokeprep.io import images
from strokeprep.phantom.dicom.headers import BORN, PLANTED
from strokeprep.settings import config
from strokeprep.study.layouts import designs

pytestmark = pytest.mark.slow

NCCT = "sub-07/ses-01/ct/sub-07_ses-01_acq-ncct_ct"
CTP = "sub-07/ses-01/ct/sub-07_ses-01_acq-ctp_ct"
TIMES = [1.5 * index for index in range(12)]
AGENT = {"ContrastBolusAgent": "Omnipaque"}


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """An NCCT and a perfusion series with private data wherever a header has room."""
    folder = tmp_path_factory.mktemp("export")
    of = exports.study("ge", private=True)
    exports.write(folder / f"{PLANTED}^Name" / "a", exports.series(of, f"Head without {PLANTED}"))
    bolus = exports.frames(exports.head((16, 18, 6)), TIMES)
    exports.write(folder / "b", exports.series(of, "CTP", number=3, tags=AGENT), bolus)
    (folder / "notes.txt").write_text(PLANTED)
    return folder


@pytest.fixture
def asked(export, tmp_path):
    source = shutil.copytree(export, tmp_path / "export")
    people = tmp_path / "people.tsv"
    people.write_text("patient\tissuer\tsubject\nP-1\t\t07\n")
    people.chmod(0o600)
    return stage.Request((source,), tmp_path / "raw", tmp_path / "work", people)


def run(request, *more):
    arguments = [
        *map(str, request.exports),
        "--output",
        str(request.raw),
        "--work",
        str(request.work),
    ]
    return command.main([*arguments, "--people", str(request.people), *more])


def take_in(request):
    stage.planned(request, stage.listed(request))
    (entry,) = stage.index(request)
    return list(stage.taken_in(request, entry["key"]))


def test_the_chain_finds_what_was_taken_in(asked):
    assert run(asked) == 0
    given = config.load({"study": {"layout": "bids", "root": str(asked.raw)}})
    assert {row.role for row in designs.read(given)} == {"ncct", "ctp"}
    sidecar = json.loads((asked.raw / f"{CTP}.json").read_text())
    assert np.allclose(sidecar["FrameTimesStart"], TIMES, atol=1e-3)
    assert nib.load(asked.raw / f"{CTP}.nii.gz").shape == (16, 18, 6, 12)
    sessions = (asked.raw / "sub-07/sub-07_sessions.tsv").read_text()
    assert sessions == "session_id\thours_since_first_scan\nses-01\t0\n"
    patients = (asked.raw / "participants.tsv").read_text()
    assert patients == "participant_id\tage\tsex\nsub-07\t70\tO\n"


def test_nothing_private_gets_out(asked, capfd):
    run(asked)
    said = "".join(capfd.readouterr()).encode()
    shown = [path for path in asked.work.rglob("*") if path != asked.index]
    written = [path.read_bytes() for path in (*asked.raw.rglob("*"), *shown) if path.is_file()]
    names = [path.name.encode() for path in (*asked.raw.rglob("*"), *asked.work.rglob("*"))]
    unpacked = [bytes(nib.load(path).header.binaryblock) for path in asked.raw.rglob("*.nii.gz")]
    everything = b"\n".join([said, *written, *names, *unpacked])
    assert len(written) > 8
    for secret in (PLANTED, BORN, "20010203", "120000", "P-1", "1.2.826"):
        assert secret.lower().encode() not in everything.lower(), secret
    assert asked.index.stat().st_mode & 0o077 == 0


def test_a_plan_writes_no_image_and_no_code(asked):
    assert run(asked, "--plan") == 0
    assert not asked.raw.exists()
    assert (asked.work / "plan.tsv").exists() and len(list(asked.work.glob("*.html"))) == 1


def test_the_plan_counts_every_file(asked):
    rows = stage.planned(asked, stage.listed(asked))
    files = [path for path in asked.exports[0].rglob("*") if path.is_file()]
    assert sum(int(row["files"]) for row in rows) == len(files)


def test_what_is_unchanged_is_not_written_again(asked):
    assert all("written" in line for line in take_in(asked))
    before = (asked.raw / f"{NCCT}.nii.gz").stat().st_mtime_ns
    assert all("unchanged" in line for line in take_in(asked))
    assert (asked.raw / f"{NCCT}.nii.gz").stat().st_mtime_ns == before


@pytest.mark.parametrize("at", ["read_back", "look_of"])
def test_a_run_that_is_killed_leaves_no_image_that_was_not_read_back(at, asked, monkeypatch):
    def killed():
        right, calls = getattr(writing, at), []

        def second_call_dies(*arguments):
            calls.append(1)
            if len(calls) == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            return right(*arguments)

        monkeypatch.setattr(writing, at, second_call_dies)
        take_in(asked)

    process = multiprocessing.get_context("fork").Process(target=killed)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    left = sorted(path.name for path in asked.raw.rglob("sub-*_ct.*"))
    whole = [NCCT, CTP] if at == "look_of" else [NCCT]
    assert left == sorted(
        f"{Path(stem).name}{end}" for stem in whole for end in (".json", ".nii.gz")
    )
    assert [line.partition(": ")[2] for line in take_in(asked)] == ["written", "written"]
    assert not list(asked.raw.rglob(".partial-*"))


def test_late_slices_open_their_series_alone(asked):
    folder = asked.exports[0] / f"{PLANTED}^Name" / "a"
    held = asked.exports[0].parent / "late"
    shutil.move(folder / "IM00016", held)
    take_in(asked)
    shutil.move(held, folder / "IM00016")
    assert [line.partition(": ")[2] for line in take_in(asked)] == ["written", "unchanged"]
    assert nib.load(asked.raw / f"{NCCT}.nii.gz").shape == exports.SHAPE


def test_a_damaged_output_is_written_again(asked):
    take_in(asked)
    (asked.raw / f"{NCCT}.nii.gz").write_bytes(b"broken")
    assert [line.partition(": ")[2] for line in take_in(asked)] == ["written", "unchanged"]


def test_an_image_that_the_plan_has_no_more_is_removed(asked):
    take_in(asked)
    shutil.rmtree(asked.exports[0] / "b")
    take_in(asked)
    assert not (asked.raw / f"{CTP}.nii.gz").exists() and (asked.raw / f"{NCCT}.nii.gz").exists()


def test_an_image_that_differs_from_its_slices_is_refused(asked, monkeypatch):
    right = voxels.volume

    def upside_down(frames, grid, **rest):
        made = right(frames, grid, **rest)
        return made._replace(array=made.array[:, :, ::-1])

    monkeypatch.setattr(voxels, "volume", upside_down)
    assert all(
        "refused; a slice of the image is not as in its file" in line for line in take_in(asked)
    )
    assert not list(asked.raw.rglob("*.nii.gz"))


def test_a_file_that_is_not_what_was_read_is_refused(asked, monkeypatch):
    right = images.write_array

    def one_voxel_off(data, *rest, **more):
        changed = data.copy()
        changed.flat[7] += 1
        right(changed, *rest, **more)

    monkeypatch.setattr(images, "write_array", one_voxel_off)
    assert all("what was written is not what was read" in line for line in take_in(asked))
    assert not list(asked.raw.rglob("*.nii.gz"))


@pytest.mark.parametrize(
    "private", ["Planted^Name", "Planted Name", "20010203", "Planted, born in"]
)
def test_an_image_whose_sidecar_says_who_or_when_is_refused(private, asked, monkeypatch):
    right = sidecars.of_row
    monkeypatch.setattr(sidecars, "of_row", lambda row: right(row) | {"ConvolutionKernel": private})
    assert all("refused; private content" in line for line in take_in(asked))
    assert not list(asked.raw.rglob("sub-*.*"))


def test_what_the_gate_refuses_is_not_left(asked):
    exports.edit(asked.exports[0] / f"{PLANTED}^Name" / "a",
                 lambda dataset: setattr(dataset, "RescaleIntercept", "0"))  # fmt: skip
    lines = {line.split(":")[0]: line for line in take_in(asked)}
    assert "hu_" in lines[NCCT] and not (asked.raw / f"{NCCT}.nii.gz").exists()
    assert "written" in lines[CTP]


def test_the_source_is_never_touched(asked):
    def state():
        return {path: path.stat().st_mtime_ns for path in asked.exports[0].rglob("*")}

    before = state()
    take_in(asked)
    assert state() == before


@pytest.mark.parametrize("place", ["raw", "."])
def test_writing_into_the_export_is_refused(place, asked):
    inside = stage.Request(asked.exports, asked.exports[0] / place, asked.work, asked.people)
    with pytest.raises(StrokeprepError, match="lie in one another"):
        stage.listed(inside)


def test_a_patient_who_is_not_in_the_table_waits_and_others_do_not(asked):
    other = exports.study(patient="P-2", begins=exports.NOON + exports.timedelta(days=1))
    exports.write(asked.exports[0] / "c", exports.series(other))
    assert run(asked) == 0
    table = (asked.work / "plan.tsv").read_text()
    assert "the patient has no code yet" in table
    assert [path.name for path in asked.raw.glob("sub-*")] == ["sub-07"]


def test_conversion_without_a_table_of_patients_is_refused(asked, capsys):
    arguments = [str(asked.exports[0]), "--output", str(asked.raw), "--work", str(asked.work)]
    assert command.main(arguments) == 1
    assert "--people" in capsys.readouterr().err


def test_a_study_that_fails_in_an_unforeseen_way_does_not_stop_the_next(asked, monkeypatch, capsys):
    other = exports.study(patient="P-2", begins=exports.NOON + exports.timedelta(days=1))
    exports.write(asked.exports[0] / "c", exports.series(other))
    asked.people.write_text("patient\tissuer\tsubject\nP-1\t\t07\nP-2\t\t08\n")
    right = voxels.volume
    calls = []

    def once_broken(frames, grid, **rest):
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("Planted")
        return right(frames, grid, **rest)

    monkeypatch.setattr(voxels, "volume", once_broken)
    assert run(asked) == 1
    said = capsys.readouterr().out
    assert "failed (RuntimeError)" in said and "Planted" not in said
    assert "sub-08_ses-01_acq-ncct_ct: written" in said

"""The exit status says whether there is something to mend, and each fault has one remedy."""

from __future__ import annotations

import pytest
import trees
import yaml
from strokeprep.guide import checks, doctor
from strokeprep.guide.checks import FAULT, NOTE, OK, Finding


@pytest.fixture
def quiet(monkeypatch):
    """Checks of the machine that find nothing, so that a test sees its own finding alone."""
    monkeypatch.setattr(checks, "slurm", lambda: Finding(OK, "SLURM"))
    monkeypatch.setattr(
        checks, "packages", lambda needed=(): [Finding(NOTE, "packages", "Install.")]
    )


def test_notes_are_no_faults(quiet, capsys):
    assert doctor.main([]) == 0
    out = capsys.readouterr().out
    assert "note  packages\n        Install.\n" in out
    assert out.endswith("Nothing to mend\n")


def test_a_fault_sets_the_exit_status(quiet, monkeypatch, capsys):
    monkeypatch.setattr(checks, "memory", lambda: Finding(FAULT, "memory: 1 MB", "Buy some."))
    assert doctor.main([]) == 1
    assert "FAULT memory: 1 MB\n        Buy some.\n" in capsys.readouterr().out


def test_a_study_is_asked_for_what_it_needs(quiet, tmp_path, capsys):
    path = tmp_path / "study.yaml"
    places = {"output": str(tmp_path / "out"), "work": str(tmp_path / "work")}
    root = str(trees.bids(tmp_path / "raw"))
    models = {"folder": str(tmp_path / "models")}
    given = {"study": {"layout": "bids", "root": root}, "brain": {"mr": "hd-bet"}, "models": models}
    path.write_text(yaml.safe_dump(given | places))
    assert doctor.main([str(path)]) == 1
    out = capsys.readouterr().out
    assert "FAULT The weights of hd-bet are missing" in out
    assert "total-fast" not in out  # this study does not use it
    assert "disk for output" in out and "disk for work" in out


def test_a_config_that_cannot_be_read_is_a_fault(quiet, tmp_path, capsys):
    assert doctor.main([str(tmp_path / "none.yaml")]) == 1
    assert "FAULT The config cannot be read" in capsys.readouterr().out

"""Where a study stands is told from what its runs have written down, without looking at images."""

from __future__ import annotations

import json

import pytest
import trees
import yaml
from strokeprep.guide import status
from strokeprep.run.failures import KILLED
from strokeprep.run.lock import locked


@pytest.fixture
def study(tmp_path):
    """A config on the tree of raw BIDS; sub-01 has a CT perfusion series."""
    path = tmp_path / "study.yaml"
    given = {
        "study": {"layout": "bids", "root": str(trees.bids(tmp_path / "raw"))},
        "output": str(tmp_path / "out"),
        "work": str(tmp_path / "work"),
    }
    path.write_text(yaml.safe_dump(given))
    return path


def released(path, part):
    file = path.parent / f"work/released/{part}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("{}")


def failed(path, log, message, rule=None):
    log = path.parent / "work/logs" / log
    log.parent.mkdir(parents=True, exist_ok=True)
    about = {"rule": rule or log.relative_to(path.parent / "work/logs").parts[0], "log": str(log)}
    failure = about | {"message": message, "reason": None}
    log.with_name(f"{log.name}.failure.json").write_text(json.dumps(failure))


def states(path):
    config = status.read(path)
    study, left_out = status.study_of(config)
    found = [*status.standings(study, config), *left_out]
    return {(each.subject, each.part): (each.state, each.why) for each in found}


def test_before_the_first_run_nothing_is_begun(study):
    assert {state for state, _ in states(study).values()} == {"not begun"}


def test_each_part_stands_for_itself(study):
    released(study, "sub-01")
    failed(study, "perfusion/sub-01/perf/sub-01_aif.log", "No bolus: x. Skip it.")
    assert states(study) == {
        ("01", "images"): ("done", ""),
        ("01", "perfusion"): ("stopped", "perfusion: No bolus: x. Skip it."),
        ("02", "images"): ("not begun", ""),
    }


def test_a_job_without_an_end_runs_while_a_run_holds_the_folder_and_was_killed_after(study):
    failed(study, "brain/sub-02/anat/sub-02_mask.log", KILLED)
    with locked(study.parent / "work", "", ""):
        assert states(study)["02", "images"] == ("running", "brain")
    assert states(study)["02", "images"][0] == "stopped"


def test_a_patient_that_a_run_has_looked_at_is_begun(study):
    log = study.parent / "work/logs/admit/sub-02.log"
    log.parent.mkdir(parents=True)
    log.touch()
    assert states(study)["02", "images"][0] == "begun"


def test_the_step_that_stopped_is_named_and_not_the_job_of_the_whole_patient(study):
    failed(study, "patient/sub-02.log", "Not all of this patient could be made: x.")
    failed(study, "register/sub-02/anat/sub-02_xfm.log", "Too far off: y. Look at it.")
    assert states(study)["02", "images"][1] == "register: Too far off: y. Look at it."


def test_patients_that_the_config_leaves_out_are_told(study):
    given = yaml.safe_load(study.read_text())
    given["study"]["subjects"] = ["01"]
    given["perfusion"] = {"skip": ["01"]}
    study.write_text(yaml.safe_dump(given))
    assert states(study)["02", "images"][0] == "left out"
    assert states(study)["01", "perfusion"][0] == "left out"


def test_the_text_counts_patients_and_names_those_that_stopped(study, capsys):
    released(study, "sub-01")
    released(study, "sub-01_perfusion")
    failed(study, "admit/sub-02.log", "No NIfTI: x. Mend it.")
    assert status.main([str(study)]) == 0
    out = capsys.readouterr().out
    assert "2 patients\n  done           1\n  stopped        1\n" in out
    assert "  sub-02 images stopped: admit: No NIfTI: x. Mend it.\n    log: /" in out
    assert "sub-01" not in out
    assert f"snakemake --cores all --configfile {study} --dry-run" in out
    status.main([str(study), "--all"])
    assert "  sub-01 perfusion done\n" in capsys.readouterr().out


def test_a_patient_with_one_part_done_is_begun(study, capsys):
    released(study, "sub-01")
    status.main([str(study)])
    assert "  begun          1\n  not begun      1\n" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["study: [", "study: {layout: bids, root: /none}"])
def test_a_config_that_a_run_would_refuse_is_told(text, tmp_path, capsys):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    assert status.main([str(path)]) == 1
    assert capsys.readouterr().err.startswith("strokeprep: ")

"""The cohort's page tells how each subject ended, repeats nothing of the input, and stays light."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from strokeprep.io import tables
from strokeprep.quality import judgement
from strokeprep.quality.judgement import Judge
from strokeprep.report import plan
from strokeprep.report.pages import cohort
from strokeprep.run import endings
from strokeprep.settings.limits import FAIL
from strokeprep.settings.study import TemplateSettings


def simulated(root, count: int) -> list[endings.Ending]:
    """A cohort's reports on disk; subject 7 is far off, subject 3 failed, 5 was skipped."""
    random, ended = np.random.default_rng(3), []
    for n in range(count):
        name = f"{n:04d}"
        names = plan.image_names(name)
        off = 4.0 if n == 7 else float(random.uniform(0.05, 0.4))
        found = [
            Judge("1")("cta to ncct", "off_mm", off),
            Judge("1")("brain ncct", "brain_ml", float(random.normal(1400, 90))),
            *(
                Judge("1")("deface ncct", metric, 0)
                for metric in ("face_voxels_left", "face_left_ml")
            ),
        ]
        log = str(root.resolve() / "work/logs/register/x.log")
        said = "The scan is cut short: /raw/x. Copy it again."
        failures = ({"rule": "register", "message": said, "log": log, "reason": None},)
        ended.append(endings.Ending(name, endings.IMAGES, 5, 5, failures if n == 3 else ()))
        ended.append(endings.Ending(name, endings.PERFUSION, 0 if n == 5 else 4, 4, ()))
        if n != 3:
            (root / names.table).parent.mkdir(parents=True)
            text = tables.render(
                [each.report_row() for each in found], list(judgement.REPORT_COLUMNS)
            )
            (root / names.table).write_text(text)
            (root / names.page).write_text("page")
            (root / names.thumbnail).write_bytes(b"")
    return ended


def test_a_cohort_tells_who_is_done_who_failed_and_where(tmp_path):
    cohort.write(simulated(tmp_path, 12), tmp_path, tmp_path / "work", tmp_path)
    html = (tmp_path / plan.COHORT).read_text()
    row = {name: html.split(f"sub-{name}</a>")[1][:900] for name in ("0001", "0005", "0007")}
    assert "done" in row["0001"] and "skipped because" in row["0005"]
    assert 'badge fail">fail' in row["0007"]
    assert 'failed at register<div class="why">The scan is cut short<br>log: logs/reg' in html
    assert "/raw/x" not in html  # a page that may be released holds no path of the input
    assert "far off: sub-0007" in html
    table = tables.read(tmp_path / plan.COHORT_TABLE)
    assert len(table) == 12
    assert {row["participant_id"]: row["verdict"] for row in table}["sub-0007"] == FAIL
    described = json.loads((tmp_path / plan.COHORT_TABLE).with_suffix(".json").read_text())
    assert set(described) == set(table[0])


@pytest.mark.parametrize(
    "said", ["The name Quackenbush is not allowed", "Run 20190412 twice", "No key Xylofax given"]
)
def test_a_message_with_a_word_of_the_input_is_not_on_the_cohorts_page(tmp_path, said):
    failure = {"rule": "admit", "message": said, "log": "logs/admit/sub-1.log", "reason": None}
    ended = [endings.Ending("1", endings.IMAGES, 3, 0, (failure,))]
    cohort.write(ended, tmp_path, tmp_path / "work", tmp_path)
    html = (tmp_path / plan.COHORT).read_text()
    assert "failed at admit" in html and "see the log" in html
    assert said not in html


def test_a_thousand_subjects_make_a_light_page(tmp_path):
    ended = simulated(tmp_path, 1000)
    start = time.process_time()
    cohort.write(ended, tmp_path, tmp_path / "work", tmp_path)
    assert time.process_time() - start < 10
    html = (tmp_path / plan.COHORT).read_text()
    assert len(html) < 4_000_000
    assert html.count('loading="lazy"') == 999
    assert "data:image" not in html


def test_the_cohorts_methods_are_those_of_all_its_members(tmp_path, made):
    path = tmp_path / plan.image_names("1").provenance
    path.parent.mkdir(parents=True)
    made(tmp_path).write(path, "1", TemplateSettings())
    cohort.write(
        [endings.Ending("1", endings.IMAGES, 1, 1, ())], tmp_path, tmp_path / "work", tmp_path
    )
    assert "[@fonov2011]" in (tmp_path / plan.METHODS).read_text()
    assert "@article{fonov2011," in (tmp_path / plan.REFERENCES).read_text()

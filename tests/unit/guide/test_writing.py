"""The config of a new study is the shipped one of its design, with its places; nothing is overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from strokeprep.errors import StrokeprepError
from strokeprep.guide import recognition, writing
from strokeprep.settings import config

HARD = Path('/data/raw "of" Zürich: #1')


@pytest.mark.parametrize("design", recognition.DESIGNS)
@pytest.mark.parametrize("links", [[], ["/store/a", "/store/b c"]])
def test_a_config_is_valid_and_says_where_everything_lies(design, links):
    text = writing.text(design, HARD, "stroke", links, networks=True)
    read = config.load(yaml.safe_load(text))
    assert (read.study.root, list(read.study.links)) == (str(HARD), links)
    assert (read.output, read.work) == ("derivatives/stroke", "work/stroke")
    shipped = recognition.example(design)
    assert read.brain == config.load(shipped).brain


@pytest.mark.parametrize("design", recognition.DESIGNS)
def test_without_networks_no_weights_are_needed(design):
    read = config.load(yaml.safe_load(writing.text(design, HARD, "x", [], networks=False)))
    assert {read.brain.ct, read.brain.mr} == {"template"}
    assert {read.deface.ct, read.deface.mr} <= {"template", "none"}


def test_a_config_keeps_the_comments_and_tells_what_is_often_changed():
    text = writing.text("bids", HARD, "x", [], networks=True)
    assert "# Raw BIDS. CT is not in BIDS yet" in text
    assert "#   template.resolution_mm: 1\n#       Voxel size (mm) of images in" in text


def test_a_file_that_is_there_stays_as_it_is(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("mine")
    with pytest.raises(StrokeprepError, match="stays as it is"):
        writing.write(writing.text("jhu", HARD, "x", [], networks=True), path)
    assert path.read_text() == "mine"


def test_a_config_that_a_run_would_refuse_is_not_written(tmp_path):
    path = tmp_path / "study.yaml"
    with pytest.raises(StrokeprepError):
        writing.write("study: {layout: bids}", path)
    assert not path.exists()

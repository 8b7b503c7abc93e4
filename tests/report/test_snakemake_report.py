"""Snakemake's own report and rule graph are made, and open, without a network."""

from __future__ import annotations

import pytest
from workflow_tools import snakemake

NOWHERE = "http://127.0.0.1:9"  # the port that discards: whoever asks for the network fails


@pytest.fixture(scope="module")
def report(finished):
    """The report on the finished run, made where no proxy answers."""
    page = finished.parent / "snakemake.html"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            patch.setenv(name, NOWHERE)
        process = snakemake(finished.parents[1], None, "--report", str(page))
    assert process.returncode == 0, process.stdout + process.stderr
    return page


def test_the_report_has_every_subjects_picture_and_the_graph_of_rules(report):
    text = report.read_text()
    assert "sub-01.png" in text and "sub-01_perfusion.png" in text
    assert "subject_report" in text
    assert 'src="http' not in text


def test_the_report_opens_and_draws_the_graph(chromium, report):
    chromium.open(report)
    chromium.until("return document.body.innerText.includes('Workflow')")
    chromium.run(
        "[...document.querySelectorAll('a,button,li')]"
        ".find(e=>e.innerText.includes('Workflow')).click()"
    )
    chromium.until("return document.body.innerText.includes('strokeprep turns raw')")
    drawn = chromium.until(
        "const c=document.querySelector('canvas.marks');if(!c||c.height<200)return 0;"
        "const d=c.getContext('2d').getImageData(0,0,c.width,c.height).data;"
        "return d.filter((v,i)=>i%4===3&&v>0).length"
    )
    assert drawn > 5000
    assert chromium.errors() == []

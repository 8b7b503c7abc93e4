"""Time and memory of the rules of a run."""

from __future__ import annotations

from strokeprep.report import resources
from strokeprep.report.render import render
from strokeprep.run.failures import SPENT


def test_the_slowest_and_the_largest_job_are_named(tmp_path):
    header = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time"
    for rule, name, seconds, memory in (
        ("brain", "sub-1/anat/sub-1_mask.nii.gz", "9.5", "800.0"),
        ("brain", "sub-2/anat/sub-2_mask.nii.gz", "1.5", "900.0"),
        ("label", "sub-1_x.nii.gz", "0.1", "-"),
    ):
        path = tmp_path / "benchmarks" / rule / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{header}\n{seconds}\t0\t{memory}\t0\t0\t0\t0\t0\t0\t{seconds}\n")
    taken = resources.by_rule(resources.jobs(tmp_path))
    rows = taken.rows
    assert [row["rule"] for row in rows] == ["brain", "label"]
    assert rows[0]["jobs"] == "2" and rows[0]["cpu_total_s"] == "11.0"
    assert (rows[0]["slowest"], rows[0]["largest"]) == ("sub-1_mask", "sub-2_mask")
    html = " ".join(render("resources.html", taken=taken).split())
    assert "slowest job is <b>brain</b> of sub-1_mask (9.5 s)" in html
    assert "largest <b>brain</b> of sub-2_mask (900 MB)" in html


def test_the_processor_time_that_a_job_tells_itself_is_taken(tmp_path):
    header = "s\tmax_rss\tcpu_time"
    for folder, ending, text in (
        ("benchmarks", ".tsv", f"{header}\n0.6\t80.0\t0.1\n"),
        ("logs", f".log{SPENT}", "1.52\n"),
    ):
        path = tmp_path / folder / "resample" / f"sub-1/ct/sub-1_ct.nii.gz{ending}"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    [job] = resources.jobs(tmp_path)
    assert (job.makes, job.wall_s, job.cpu_s) == ("sub-1_ct", 0.6, 1.52)

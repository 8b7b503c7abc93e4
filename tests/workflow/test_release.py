"""The finished built-in study as an archive, on request."""

from __future__ import annotations

import json

from strokeprep.io import tables
from workflow_tools import snakemake

SETTINGS = {"folder": "demo/release", "preview": True, "leave_out": {"02": "consent withdrawn"}}


def test_a_finished_study_is_released_and_who_is_left_out_is_named(demo):
    config = ("--config", 'phantom={"subjects": 2}', f"release={json.dumps(SETTINGS)}")
    process = snakemake(demo.folder, None, "release", "--quiet", "rules", *config)
    assert process.returncode == 0, (process.stdout + process.stderr)[-4000:]
    release = demo.folder / "demo/release"
    (case,) = (release / "train/raw_data").iterdir()
    images = list(release.rglob(f"{case.name}*.nii.gz"))
    assert len(images) == 18 and (release / "preview/data").is_dir()
    assert tables.read(demo.folder / "demo/work/release/left_out.tsv") == [
        {"participant_id": "sub-02", "cause": "review", "reason": "consent withdrawn"}
    ]
    again = snakemake(demo.folder, None, "release", "--dry-run", *config)
    assert "Nothing to be done" in again.stdout + again.stderr

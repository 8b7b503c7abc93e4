"""What a patient has decides what their page shows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from strokeprep.report import plan
from strokeprep.study import naming
from strokeprep.study import table as study

SCRIPTS = Path(__file__).parents[3] / "workflow/scripts"


def test_what_a_patient_has_decides_what_a_page_shows():
    def of(*roles: str) -> plan.Images:
        rows = [study.Row("1", None, role, Path(f"/raw/{role}")) for role in roles]
        built = study.build(rows, ["ncct", "dwi", "t1w"]).subjects[0]
        return plan.images(built, naming.Space("MNI152NLin2009aSym", "2"))

    diffusion = of("b0", "trace", "adc")
    assert (diffusion.reference, diffusion.moved, diffusion.series) == ("dwi", (), ())
    assert "_space-MNI152NLin2009aSym_res-2_desc-brain_S0map" in diffusion.s0_on_template
    t1w = of("t1w")
    assert (t1w.reference, t1w.modality, t1w.s0_on_template) == ("t1w", "mr", "")
    alone = of("swi")
    assert (alone.reference, [face.scan for face in alone.faces]) == ("", ["swi"])


def test_pages_tell_scans_and_masks_of_a_kind_apart():
    raw = Path("/raw")
    rows = [
        study.Row("1", None, "b0", raw / "b0"),
        study.Row("1", None, "t1w", raw / "t1w"),
        study.Row("1", None, "t1w", raw / "mprage", entities=("acq-mprage",)),
        study.Row("1", None, "flair", raw / "flair"),
        study.Row("1", None, "lesion", raw / "one", on="dwi"),
        study.Row("1", None, "lesion", raw / "two", on="flair"),
    ]
    shown = plan.images(study.build(rows, ["dwi"]).subjects[0], naming.Space("MNI", "2"))
    assert list(shown.titles.values()) == ["DWI", "T1w", "T1w Mprage", "FLAIR"]
    assert [face.title for face in shown.faces] == list(shown.titles.values())
    assert len({move.on_reference for move in shown.moved}) == 3
    assert [(each.title, each.step) for each in shown.labels] == [
        ("lesion of DWI", "lesion of dwi on dwi"),
        ("lesion of FLAIR", "lesion of flair on dwi"),
    ]


def test_the_cohort_page_and_the_plans_need_no_imaging_package():
    heavy = {"numpy", "SimpleITK", "PIL", "scipy", "nibabel", "matplotlib", "jinja2"}
    code = (
        "import sys; from strokeprep.report import plan; from strokeprep.report.pages import cohort; "
        f"print({heavy!r} & set(sys.modules))"
    )
    scripts = str(SCRIPTS)
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": scripts},
    )
    assert run.stdout.strip() == "set()"

"""A study of diffusion MRI alone, from one file of b0 and DWI to the archive of Johns Hopkins.

One patient of a few voxels has all that configs of Johns Hopkins and ATLAS ask for: grey levels that can be
compared, cubic voxels, a table of lesions, maps of the cohort, the archive.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import bids_tools
import nibabel as nib
import numpy as np
import pytest
from strokeprep import phantom
from strokeprep.bids import schema as bids_schema
from strokeprep.io import tables
from strokeprep.settings import config as settings
from strokeprep.study import table
from strokeprep.study.layouts import designs
from workflow_tools import snakemake

DWI = "sub-01/ses-01/dwi/sub-01_ses-01"
MNI = "space-MNI152NLin2009aSym_res-4"
CONFIG = {
    "reference": ["dwi"],
    "template": {"resolution_mm": 4},
    "intensity": {"dwi": "bimodal", "adc": True, "cubic": ["dwi"]},
    "brain": {"mr": "template"},
    "lesions": {"tables": True},
    "cohort": {"groups": "lesion_type"},
    "release": {"archive": "jhu", "smallest_group": 1},
}


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """The folder of a finished study (``raw``, ``out``), its cohort and its ``release``."""
    folder = tmp_path_factory.mktemp("mri")
    raw = folder / "raw"
    phantom.write_subject(
        phantom.Patient("01", seed=1, size="tiny", study="jhu"), raw, folder / "truth"
    )
    phantom.write_dataset(["01"], raw, folder / "truth", seed=1, study="jhu")
    phantom.write_atlas(folder / "atlas_dseg.nii.gz")
    _join(raw / DWI)
    places = {"output": str(folder / "out"), "work": str(folder / "work")}
    atlas = {"path": str(folder / "atlas_dseg.nii.gz")}
    given = CONFIG | places | {"study": {"layout": "bids", "root": str(raw), "license": "CC0"}}
    given["lesions"] = {"tables": True, "atlas": atlas["path"]}
    given["cohort"] = {"groups": "lesion_type", "atlases": {"regions": atlas}}
    given["release"] = {"archive": "jhu", "smallest_group": 1, "folder": str(folder / "release")}
    for targets in ([], ["cohort"], ["release"]):
        process = snakemake(folder, given, *targets, "--quiet", "rules")
        assert process.returncode == 0, (process.stdout + process.stderr)[-4000:]
    return folder


def _join(stem: Path) -> None:
    """b0 and DWI become one series, in an order that only its b-values tell; the DWI comes first."""
    parts = [nib.load(f"{stem}_{name}.nii.gz") for name in ("trace", "S0map")]
    voxels = np.stack([np.asarray(each.dataobj) for each in parts], axis=-1)
    series = nib.Nifti1Image(voxels, parts[0].affine)
    series.header.set_xyzt_units("mm", "sec")
    nib.save(series, f"{stem}_dwi.nii.gz")
    Path(f"{stem}_dwi.bval").write_text("1000 0\n")
    for name in ("trace", "S0map"):
        Path(f"{stem}_{name}.nii.gz").unlink()
    Path(f"{stem}_S0map.json").unlink()
    shutil.move(f"{stem}_trace.json", f"{stem}_dwi.json")


def test_everything_is_valid_bids_that_parsers_read(study):
    out = study / "out"
    schema = bids_schema.write(bids_schema.extended_schema(), study / "schema.json")
    assert bids_tools.validate(out).errors == []
    report = bids_tools.validate(out, schema)
    assert report.errors == []
    assert {each.code for each in report.warnings} <= {"TOO_FEW_AUTHORS", "NO_AUTHORS"}
    written = {path.relative_to(out).as_posix() for path in out.rglob("*.nii.gz")}
    read = bids_tools.parse_with_pybids(out)
    assert written <= read.keys()
    of_template = {name: read[name] for name in written if name.startswith("tpl-")}
    assert {each["template"] for each in of_template.values()} == {"MNI152NLin2009aSym"}
    assert {each.get("cohort") for each in of_template.values()} == {None, "ischemic"}


def test_grey_levels_that_can_be_compared_are_there_in_every_space(study):
    for kind, desc in (("trace", "normalised"), ("ADC", "recalculated")):
        for space in ("", f"{MNI}_", "space-orig_res-4_"):
            assert (study / f"out/{DWI}_{space}desc-{desc}_{kind}.nii.gz").is_file()


def test_each_lesion_has_a_row_and_their_patient_one_in_phenotype(study):
    lesions = tables.read(study / f"out/{DWI}_{MNI.replace('_res', '_seg-lesions_res')}_dseg.tsv")
    truth = json.loads((study / "truth/sub-01/truth.json").read_text())["lesions"]
    assert sorted(row["type"] for row in lesions) == sorted(each["region"] for each in truth)
    (row,) = tables.read(study / "out/phenotype/lesion_measures.tsv")
    assert (row["participant_id"], row["lesions"]) == ("sub-01", str(len(truth)))


def test_the_map_of_one_patient_is_the_mask(study):
    (share,) = (study / "out").glob("tpl-*/anat/*_label-L_probseg.nii.gz")
    (mask,) = (study / "out/docs/cohort/lesions.txt").read_text().split()
    own = nib.load(study / "out" / mask).get_fdata()
    assert np.array_equal(nib.load(share).get_fdata(), own) and own.any()


def test_the_page_shows_grey_levels_and_lesions(study):
    page = (study / "out/docs/qc/sub-01/sub-01.html").read_text()
    for section in ("grey", "lesions"):
        assert f'<section id="{section}"' in page


def test_the_archive_is_read_as_the_layout_whose_name_it_bears(study):
    given = {"study": {"layout": "jhu", "root": str(study / "release/JHU_stroke")}}
    read = settings.load(given | {"reference": ["dwi"], "output": str(study / "again")})
    (subject,) = table.build(designs.read(read), read.reference, (), ()).subjects
    images = {image.kind.name for scan in subject.scans for image in scan.images}
    assert images == {"b0", "trace", "adc"}
    assert [label.kind.name for label in subject.labels] == ["lesion"]

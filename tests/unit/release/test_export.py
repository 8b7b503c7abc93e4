"""A release is whole, reads like ISLES'24, and tells nothing but what it says it tells."""

from __future__ import annotations

import hashlib
import json
import stat
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from finished_study import Finished, finished
from openpyxl import load_workbook
from strokeprep.clinical import tables as clinical
from strokeprep.errors import StrokeprepError
from strokeprep.io import tables
from strokeprep.release import archive, files
from strokeprep.release.archives.isles24 import CHALLENGE, CURRENT
from strokeprep.settings import config
from strokeprep.study import naming, table
from strokeprep.study.layouts import designs
from strokeprep.study.naming import Space

MNI = Space("MNI152NLin2009aSym", "1")
MAPS = ("cbf", "cbv", "mtt", "tmax")
# Names of the current release, as loaders that others wrote ask for them.
PUBLISHED = [
    *(f"raw_data/X/ses-01/X_ses-01_{name}.nii.gz" for name in ("ncct", "cta", "ctp")),
    *(f"raw_data/X/ses-01/perfusion-maps/X_ses-01_{name}.nii.gz" for name in MAPS),
    *(f"derivatives/X/ses-01/X_ses-01_space-ncct_{name}.nii.gz"
      for name in ("cta", "ctp", "cow-msk", "lvo-msk")),
    *(f"derivatives/X/ses-01/perfusion-maps/X_ses-01_space-ncct_{name}.nii.gz" for name in MAPS),
    *(f"derivatives/X/ses-02/X_ses-02_space-ncct_{name}.nii.gz"
      for name in ("adc", "dwi", "lesion-msk")),
]  # fmt: skip
TABLES = [
    f"phenotype/X/{name}.{form}"
    for name in ("ses-01/X_ses-01_demographic_baseline", "ses-02/X_ses-02_outcome")
    for form in ("csv", "xlsx")
]


@pytest.fixture
def study(tmp_path) -> Finished:
    return finished(tmp_path)


@pytest.fixture(scope="module")
def released(tmp_path_factory) -> Finished:
    """A study that was released, for tests that only look."""
    done = finished(tmp_path_factory.mktemp("study"), subjects=3)
    done.export()
    return done


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def cases(release: Path, root: str = "train") -> list[str]:
    return sorted(path.name for path in (release / root / "raw_data").iterdir())


# --- The tree -------------------------------------------------------------------------------------


def test_the_tree_of_every_case_is_that_of_the_published_release(released):
    found = set(contents(released.release / "train"))
    wanted = {
        name.replace("X", case) for case in cases(released.release) for name in PUBLISHED + TABLES
    }
    assert (
        found == wanted | {"clinical_data-description.xlsx"} and len(cases(released.release)) == 3
    )


def test_the_names_of_the_challenge_are_written_instead_and_never_beside_them(tmp_path):
    release = finished(tmp_path, archive="isles24-challenge").export()
    first = cases(release, "batch_1")[0]
    names = {name.replace(first, "X") for name in contents(release / "batch_1") if first in name}
    assert {
        "raw_data/X/ses-02/X_ses-02_dwi.nii.gz",
        "raw_data/X/ses-02/X_ses-02_adc.nii.gz",
        "derivatives/X/ses-02/X_ses-02_lesion-msk.nii.gz",
        "phenotype/X/ses-02/X_ses-01_outcome.csv",
    } < names
    assert len(names) == 18 + 2 and not [name for name in names if "ses-02_space-ncct" in name]
    assert not (release / "train").exists()


def test_both_archives_have_eighteen_images_and_two_tables_a_case():
    for each in (CURRENT, CHALLENGE):
        assert (len(each.images), len(each.tables)) == (18, 2)
    assert [len(table.columns) for table in CURRENT.tables] == [27, 6]


def test_images_are_links_that_take_no_room(released):
    case = released.private.numbers
    assert case.exists()
    images = list(released.release.glob("train/**/*.nii.gz"))
    assert images and all(path.stat().st_nlink == 2 for path in images)


def test_the_manifest_has_the_digest_of_every_file(released):
    lines = (released.release / "manifest-sha256.txt").read_text().splitlines()
    told = {name: sha for sha, name in (line.split("  ") for line in lines)}
    found = contents(released.release)
    del found["manifest-sha256.txt"]
    assert told == found


def test_our_own_reader_finds_every_image_and_value_of_a_release(released):
    settings = config.load(
        {"study": {"layout": "isles24", "root": str(released.release), "defaced": True},
         "output": str(released.folder / "again"), "reference": ["ncct"]}
    )  # fmt: skip
    again = table.build(designs.read(settings), settings.reference, (), ())
    numbers = {
        row["participant_id"]: row["number"] for row in tables.read(released.private.numbers)
    }
    by_case = {each.name: each for each in again.subjects}
    assert len(by_case) == 3 and not again.remarks
    for subject in released.subjects:
        copy = by_case[f"stroke{int(numbers[f'sub-{subject.name}']):04}"]
        found = {image.kind.name: image.path for scan in copy.scans for image in scan.images}
        found |= {label.kind.name: label.path for label in copy.labels}
        for name, end in {"ncct": "_ncct", "cta": "1_cta", "ctp": "1_ctp", "trace": "dwi", "adc": "adc",
                          "lesion": "lesion-msk", "lvo": "lvo-msk", "cow": "cow-msk"}.items():  # fmt: skip
            one, other = nib.load(found[name]), nib.load(released.source(subject.name, end))
            assert np.array_equal(one.dataobj, other.dataobj), name
            assert np.array_equal(one.affine, other.affine), name
    told = clinical.phenotype(released.release, [f"sub-{name}" for name in by_case], settings.study)
    row = told["demographic_baseline"].rows[f"sub-stroke{int(numbers['sub-01']):04}"]
    assert (row["age"], row["sex"], row["onset_to_door"]) == ("89", "F", "80.5")


# --- Whole or not at all --------------------------------------------------------------------------


def test_the_same_study_gives_the_same_bytes_again(study):
    before = contents(study.export())
    assert contents(study.export()) == before


def test_a_release_that_is_interrupted_leaves_the_old_one_as_it_was(study):
    before = contents(study.export())

    def killed(folder, called):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study.export(preview=killed)
    assert contents(study.release) == before
    assert sorted(path.name for path in study.folder.iterdir()) == [
        "derivatives",
        "release",
        "work",
    ]


def test_a_kill_between_the_last_renames_loses_no_release(study):
    before = contents(study.export())
    study.release.rename(study.folder / "release.old")
    study.release.mkdir()  # as Snakemake does before the job

    def killed(folder, called):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study.export(preview=killed)
    assert contents(study.release) == before


def test_a_folder_with_other_files_is_not_replaced(study):
    study.release.mkdir()
    (study.release / "thesis.docx").touch()
    with pytest.raises(StrokeprepError, match="not of a release .thesis.docx."):
        study.export()
    assert [path.name for path in study.release.iterdir()] == ["thesis.docx"]


def test_a_case_with_an_unfit_image_is_left_out_whole_and_named(study):
    path = study.source("02", "lesion-msk")
    nifti = nib.load(path)
    values = np.asarray(nifti.dataobj).copy()
    values[0, 0, 0] = 2
    nib.save(nib.Nifti1Image(values, nifti.affine, nifti.header), path)
    release = study.export()
    assert len(cases(release)) == 1
    assert tables.read(study.private.left_out) == [
        {
            "participant_id": "sub-02",
            "cause": "unfit",
            "reason": f"Mask has values other than 0 and 1 ({path.name})",
        }
    ]
    text = (release / "README.md").read_text()
    assert "1 more patients" in text and "sub-02" not in text


def test_a_patient_who_was_left_out_before_is_named_with_the_reason(study):
    reason = {"participant_id": "sub-03", "cause": "review", "reason": "consent withdrawn"}
    release = study.export(left_out=(reason,))
    assert tables.read(study.private.left_out) == [reason]
    assert "1 left out by a review" in (release / "README.md").read_text()


def test_a_study_of_which_nothing_can_be_released_is_refused(study):
    for subject in ("01", "02"):
        study.source(subject, "lesion-msk").unlink()
    with pytest.raises(StrokeprepError, match="No patient can be released"):
        study.export()
    assert not study.release.exists()


def test_an_image_that_changed_since_it_was_checked_is_refused(study, monkeypatch):
    prepared = study.prepared()
    path = study.source("01", "lvo-msk")
    nib.save(nib.load(path), path)
    monkeypatch.setattr(Finished, "prepared", lambda self: prepared)
    with pytest.raises(StrokeprepError, match="changed after it was checked"):
        study.export()


def test_what_a_case_lacks_is_told_and_may_be_allowed(study):
    subject = study.subjects[0]
    without = replace(subject, labels=tuple(x for x in subject.labels if x.kind.name != "lvo"))
    assert archive.lacking(CURRENT, subject, (), MNI) == []
    assert archive.lacking(CURRENT, without, (), MNI) == ["lvo-msk"]
    assert archive.lacking(CURRENT, without, ("lvo-msk",), MNI) == []
    assert len(archive.members(CURRENT, without, MNI)) == 17


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("leave_out", {"1": "consent withdrawn"}),
        ("may_lack", ["lvo"]),
        ("withheld", ["Sex"]),
        ("grouped_by", ["sex", "ages"]),
        ("altered", ["sex"]),
    ],
)
def test_a_setting_that_names_what_is_not_there_is_refused(tmp_path, key, value):
    given = config.load({"study": {"layout": "phantom"}, "release": {key: value}}).release
    with pytest.raises(StrokeprepError, match=f"release.{key}. Known: "):
        archive.refuse_unknown(CURRENT, given, ["01", "02"])


def test_the_settings_of_a_release_are_sound_as_they_come():
    given = config.load({"study": {"layout": "phantom"}}).release
    for each in (CURRENT, CHALLENGE):
        archive.refuse_unknown(each, given, ["01"])


# --- Images ---------------------------------------------------------------------------------------


def test_all_images_on_the_ncct_have_the_geometry_of_its_header_byte_by_byte(released):
    for case in cases(released.release):
        reference = released.release / f"train/raw_data/{case}/ses-01/{case}_ses-01_ncct.nii.gz"
        moved = list(released.release.glob(f"train/derivatives/{case}/**/*.nii.gz"))
        assert len(moved) == 11
        assert {files.geometry(path) for path in moved} == {files.geometry(reference)}


def test_an_image_whose_header_differs_by_a_rounding_keeps_its_case_out(study):
    path = study.source("01", "space-ncct_cta")
    nifti = nib.load(path)
    nifti.header["srow_x"][3] += 1e-5
    nib.save(nib.Nifti1Image(nifti.dataobj, None, nifti.header), path)
    study.export()
    assert "header of its reference" in tables.read(study.private.left_out)[0]["reason"]


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("lesion-msk", lambda values: values * 7, "other than 0 and 1"),
        ("lesion-msk", lambda values: values.astype(np.uint16), "8-bit"),
        ("cow-msk", lambda values: values.astype(np.float32), "8-bit"),
    ],
)
def test_a_mask_of_other_values_keeps_its_case_out(study, name, change, reason):
    path = study.source("01", name)
    nifti = nib.load(path)
    changed = nib.Nifti1Image(change(np.asarray(nifti.dataobj)), nifti.affine, nifti.header)
    changed.set_data_dtype(changed.dataobj.dtype)
    nib.save(changed, path)
    study.export()
    assert reason in tables.read(study.private.left_out)[0]["reason"]


def test_a_map_in_double_precision_is_released_in_single(study):
    path = study.source("01", "ses-01_space-ncct_cbf")
    nifti = nib.load(path)
    double = nib.Nifti1Image(np.asarray(nifti.dataobj, float) + 0.1, nifti.affine, nifti.header)
    double.set_data_dtype(float)
    nib.save(double, path)
    release = study.export()
    copies = [nib.load(each) for each in release.glob("train/derivatives/**/*_cbf.nii.gz")]
    assert len(copies) == 2 and all(each.get_data_dtype() == np.float32 for each in copies)
    assert any(np.allclose(each.dataobj, double.dataobj) for each in copies)


def test_a_series_whose_header_tells_no_interval_gets_that_of_its_frame_times(study):
    path = study.source("01", "1_ctp")
    nifti = nib.load(path)
    nifti.header["pixdim"][4] = 0
    nifti.header.set_xyzt_units("mm", "unknown")
    nib.save(nifti, path)
    Path(str(path).replace(".nii.gz", ".json")).write_text('{"VolumeTiming": [0, 1.7, 3.4]}')
    copy = files.fitting(path, "series", study.folder / "copy.nii.gz")
    again = nib.load(copy)
    assert float(again.header["pixdim"][4]) == pytest.approx(1.7)
    assert again.header.get_xyzt_units() == ("mm", "sec")
    assert np.array_equal(again.dataobj, nifti.dataobj) and np.array_equal(
        again.affine, nifti.affine
    )
    assert files.geometry(copy) == files.geometry(path)


# --- What is private ------------------------------------------------------------------------------


def test_the_map_from_patients_to_cases_is_random_private_and_made_once(study):
    release = study.export()
    first = cases(release)
    path = study.private.numbers
    assert (
        stat.S_IMODE(path.stat().st_mode)
        == 0o600
        == stat.S_IMODE(study.private.secret.stat().st_mode)
    )
    study.export()
    assert cases(release) == first
    path.unlink()
    study.export()
    assert cases(release) != first


def test_nothing_of_a_release_tells_which_patient_a_case_is(released):
    secret = released.private.secret.read_text().encode()
    for path in released.release.rglob("*"):
        assert "sub-0" not in path.name
        if path.is_file() and not path.name.endswith((".gz", ".xlsx")):
            content = path.read_bytes()
            assert b"sub-0" not in content and secret not in content, path


def test_a_release_without_a_licence_is_refused(study):
    bare = replace(study.config, study=replace(study.config.study, license=""))
    with pytest.raises(StrokeprepError, match="no licence"):
        study._replace(config=bare).export()
    assert not study.release.exists()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("index\tname\n1\tICA-L\n12\tBA\n", "for each artery (1 ICA-L, 12 BA)."),
        ("", "for each artery (the study did not say which is which)."),
    ],
)
def test_the_readme_tells_which_number_is_which_artery(study, table, said):
    if table:
        (study.derivatives / naming.COW_TABLE).write_text(table)
    assert said in (study.export() / "README.md").read_text()


def test_the_workbook_explains_every_column_and_its_levels(released):
    book = load_workbook(released.release / "train/clinical_data-description.xlsx")
    rows = {row[1]: row for row in book.worksheets[0].iter_rows(min_row=4, values_only=True)}
    assert len(rows) == 27 + 6
    assert rows["Sex"][2:] == (None, "text", "Sex. F: female; M: male; O: other")
    assert rows["TICI postinterventional"][4].endswith("(modified TICI). 0; 1; 2a; 2b; 2c; 3")
    assert rows["Onset to door"][2:4] == ("h:min:s", "hh:mm:ss")


def test_the_description_is_made_from_the_data(released):
    text = (released.release / "README.md").read_text()
    for line in (
        "3 cases",
        "| Sex: female | 3 | 2 (67%) |",
        "| Age (year) | 3 | 81.3 ± 9.3 |",
        "| tmax | s |",
        "Maker Model",
        "CC-BY-NC-SA-4.0",
        "| raw_data/*/ses-01/*_ses-01_ncct | 3 | 1.1 × 1.1 × 2.5 | 6 × 5 × 4 | n/a | n/a |",
    ):
        assert line in text, line
    meanings = json.loads((released.release / "phenotype/demographic_baseline.json").read_text())
    assert meanings["glucose"]["Units"] == "mg/dL"
    assert "Altered at random by up to 5 %" in meanings["glucose"]["Description"]

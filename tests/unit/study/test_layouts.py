"""Every layout gives exactly the rows its tree holds, whatever else lies about."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trees
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strokeprep.errors import StrokeprepError
from strokeprep.kinds import KINDS, NATIVE
from strokeprep.settings import config
from strokeprep.settings.study import StudySettings
from strokeprep.study.layouts import designs

REFERENCES = {"isles24": ["ncct"], "jhu": ["dwi"], "atlas": ["t1w"]}


def read(layout: str, root: Path, **study) -> list:
    """The rows of a tree under the config a user would write."""
    given = {"study": {"layout": layout, "root": str(root), **study}}
    if layout in REFERENCES:
        given["reference"] = REFERENCES[layout]
    return designs.read(config.load(given))


def table(rows, root: Path) -> list[tuple]:
    """Rows as short tuples: subject, session, role, on, space, entities, path."""
    return [
        (
            row.subject,
            row.session,
            row.role,
            row.on,
            row.space,
            " ".join(row.entities),
            row.path.relative_to(root).as_posix(),
        )
        for row in rows
    ]


def test_bids_rows_are_exact(tmp_path):
    root = trees.bids(tmp_path)
    one, two = "sub-01/ses-01/ct/sub-01_ses-01_", "sub-01/ses-02/dwi/sub-01_ses-02_"
    masks = f"{trees.MANUAL}/sub-01/ses-01/anat/sub-01_ses-01_acq-cta_"
    assert table(read("bids", root), root) == [
        ("01", "01", "cow", "cta", "ncct", "acq-cta", f"{masks}space-ncct_seg-CoW_dseg.nii.gz"),
        ("01", "01", "cta", "", NATIVE, "acq-cta ce-iohexol", f"{one}acq-cta_ce-iohexol_ct.nii.gz"),
        ("01", "01", "ctp", "", NATIVE, "acq-ctp", f"{one}acq-ctp_ct.nii.gz"),
        ("01", "01", "lvo", "cta", NATIVE, "acq-cta", f"{masks}label-LVO_mask.nii.gz"),
        ("01", "01", "ncct", "", NATIVE, "acq-ncct", f"{one}acq-ncct_ct.nii.gz"),
        ("01", "02", "adc", "", NATIVE, "", f"{two}ADC.nii.gz"),
        ("01", "02", "b0", "", NATIVE, "", f"{two}S0map.nii.gz"),
        ("01", "02", "lesion", "dwi", NATIVE, "",
         f"{trees.MANUAL}/{two}space-orig_label-L_desc-infarct_mask.nii.gz"),
        ("01", "02", "trace", "", NATIVE, "", f"{two}trace.nii.gz"),
        ("02", None, "flair", "", NATIVE, "", "sub-02/anat/sub-02_FLAIR.nii.gz"),
        ("02", None, "lesion", "t1w", NATIVE, "run-1",
         f"{trees.MANUAL}/sub-02/anat/sub-02_run-1_label-L_mask.nii.gz"),
        ("02", None, "ncct", "", NATIVE, "acq-ncct", "sub-02/ct/sub-02_acq-ncct_ct.nii"),
        ("02", None, "t1w", "", NATIVE, "run-1", "sub-02/anat/sub-02_run-1_T1w.nii.gz"),
    ]  # fmt: skip


def test_rows_of_a_whole_mr_protocol_are_exact(tmp_path):
    root = trees.bids_protocol(tmp_path)
    anat, dwi = (f"sub-01/ses-1/{folder}/sub-01_ses-1_" for folder in ("anat", "dwi"))
    rows = table(read("bids", root, subjects=["01"]), root)
    assert [row for row in rows if row[0] == "01"] == [
        ("01", "1", "adc", "", NATIVE, "", f"{dwi}ADC.nii.gz"),
        ("01", "1", "b0", "", NATIVE, "", f"{dwi}S0map.nii.gz"),
        ("01", "1", "flair", "", NATIVE, "", f"{anat}FLAIR.nii.gz"),
        ("01", "1", "lesion", "flair", NATIVE, "acq-FLAIR",
         f"{trees.MANUAL}/{anat}acq-FLAIR_label-L_mask.nii.gz"),
        ("01", "1", "lesion", "dwi", NATIVE, "", f"{trees.MANUAL}/{dwi}label-L_mask.nii.gz"),
        ("01", "1", "pwi", "", NATIVE, "", "sub-01/ses-1/perf/sub-01_ses-1_dsc.nii.gz"),
        ("01", "1", "swi", "", NATIVE, "part-mag", f"{anat}part-mag_swi.nii.gz"),
        ("01", "1", "t1w", "", NATIVE, "", f"{anat}T1w.nii.gz"),
        ("01", "1", "t1w", "", NATIVE, "acq-mprage", f"{anat}acq-mprage_T1w.nii.gz"),
        ("01", "1", "t1wce", "", NATIVE, "ce-gadolinium", f"{anat}ce-gadolinium_T1w.nii.gz"),
        ("01", "1", "t2star", "", NATIVE, "acq-gre", f"{anat}acq-gre_T2starw.nii.gz"),
        ("01", "1", "t2w", "", NATIVE, "", f"{anat}T2w.nii.gz"),
        ("01", "1", "tof", "", NATIVE, "", f"{anat}angio.nii.gz"),
        ("01", "1", "trace", "", NATIVE, "", f"{dwi}trace.nii.gz"),
    ]  # fmt: skip


def told(root: Path) -> list[str]:
    """The remarks on a raw BIDS study."""
    read = config.load({"study": {"layout": "bids", "root": str(root)}})
    return designs.remarks(read, designs.read(read))


def test_images_of_unknown_kinds_and_phase_images_are_told_of(tmp_path):
    (remark,) = told(trees.bids_protocol(tmp_path / "protocol"))
    assert "sub-01/ses-1/anat/sub-01_ses-1_part-phase_swi" in remark
    assert "sub-01/ses-1/anat/sub-01_ses-1_acq-gre_part-phase_T2starw" in remark
    (remark,) = told(trees.bids(tmp_path / "bids"))
    assert "acq-bone_ct" in remark and "and 2 more" in remark


def test_a_pet_is_told_of_and_not_taken(tmp_path):
    root = trees.make(tmp_path, ["sub-1/anat/sub-1_T1w.nii.gz", "sub-1/pet/sub-1_pet.nii.gz"])
    assert [row.role for row in read("bids", root)] == ["t1w"]
    (remark,) = told(root)
    assert "images left out" in remark and "sub-1/pet/sub-1_pet" in remark


def test_a_study_all_of_whose_images_are_taken_has_nothing_told(tmp_path):
    assert told(trees.make(tmp_path, ["sub-1/anat/sub-1_T1w.nii.gz"])) == []


@pytest.mark.parametrize("folder", ["anat", "swi"])
def test_swi_is_found_where_bids_and_its_draft_put_it(tmp_path, folder):
    root = trees.make(tmp_path, [f"sub-1/{folder}/sub-1_swi.nii.gz"])
    assert [row.role for row in read("bids", root)] == ["swi"]


@pytest.mark.parametrize(
    ("name", "on"),
    [
        ("anat/sub-1", "t1w"),
        ("anat/sub-1_acq-mprage", "t1w"),
        ("anat/sub-1_ce-gadolinium", "t1wce"),
        ("anat/sub-1_acq-flair", "flair"),
        ("anat/sub-1_acq-FLAIR", "flair"),
        ("anat/sub-1_acq-coronalflair_run-2", "flair"),
        ("anat/sub-1_acq-t2w", "t2w"),
        ("anat/sub-1_acq-t2star", "t2star"),
        ("dwi/sub-1", "dwi"),
    ],
)
def test_the_name_of_a_mask_says_what_it_is_drawn_on(tmp_path, name, on):
    root = trees.make(
        tmp_path, ["sub-1/anat/sub-1_T1w.nii", f"derivatives/sub-1/{name}_label-L_mask.nii"]
    )
    assert [row.on for row in read("bids", root) if row.role == "lesion"] == [on]


def test_a_post_contrast_image_of_another_name_gets_the_entity_of_its_kind(tmp_path):
    root = trees.make(tmp_path, ["sub-1/anat/sub-1_acq-post_T1w.nii"])
    pattern = r"sub-(?P<subject>\w+)_acq-post_T1w"
    rows = read("bids", root, patterns={"t1wce": pattern, "t1w": r"(?P<subject>\w+)/none"})
    assert [(row.role, row.entities) for row in rows] == [("t1wce", ("acq-post", "ce-gadolinium"))]


def test_isles24_rows_are_exact(tmp_path):
    root = trees.isles24(tmp_path)
    raw, derived = "train/raw_data", "train/derivatives"

    def ct(number, kind):
        path = f"{raw}/sub-{number}/ses-01/sub-{number}_ses-01_{kind}.nii.gz"
        return (number, "01", kind, "", NATIVE, f"acq-{kind}", path)

    def mr(number, role, name, on=""):
        path = f"{derived}/sub-{number}/ses-02/sub-{number}_ses-02_space-ncct_{name}.nii.gz"
        return (number, "02", role, on, "ncct", "", path)

    def mask(role):
        path = f"{derived}/sub-stroke0001/ses-01/sub-stroke0001_ses-01_space-ncct_{role}-msk.nii.gz"
        return ("stroke0001", "01", role, "cta", "ncct", "", path)

    stray = f"{derived}/sub-stroke0143/ses-02/sub-stroke0143_ses-02_lesion-msk.nii"
    assert table(read("isles24", root), root) == [
        mask("cow"),
        ct("stroke0001", "cta"),
        ct("stroke0001", "ctp"),
        mask("lvo"),
        ct("stroke0001", "ncct"),
        mr("stroke0001", "adc", "adc"),
        mr("stroke0001", "lesion", "lesion-msk", "dwi"),
        mr("stroke0001", "trace", "dwi"),
        ct("stroke0003", "cta"),
        ct("stroke0003", "ncct"),
        mr("stroke0003", "trace", "dwi"),
        ct("stroke0142", "ncct"),
        mr("stroke0142", "adc", "adc"),
        mr("stroke0142", "lesion", "lesion-msk", "dwi"),
        mr("stroke0142", "trace", "dwi"),
        ct("stroke0143", "ncct"),
        ("stroke0143", "02", "lesion", "dwi", NATIVE, "", stray),
    ]


def test_isles24_is_the_same_from_its_train_folder(tmp_path):
    root = trees.isles24(tmp_path)
    assert read("isles24", root / "train") == read("isles24", root)


def test_isles24_as_described_rows_are_exact(tmp_path):
    root = trees.isles24_as_described(tmp_path)

    def row(folder, number, session, role, name, on, space, entities=""):
        number = f"strokecase{number}"
        path = f"{folder}/sub-{number}/ses-{session}/sub-{number}_ses-{session}_{name}.nii.gz"
        return (number, session, role, on, space, entities, path)

    raw, derived = "rawdata", "derivatives"
    assert table(read("isles24", root), root) == [
        row(raw, "0001", "0001", "cta", "cta", "", NATIVE, "acq-cta"),
        row(raw, "0001", "0001", "ctp", "ctp", "", NATIVE, "acq-ctp"),
        row(raw, "0001", "0001", "ncct", "ncct", "", NATIVE, "acq-ncct"),
        # native DWI and ADC win over their copies on the NCCT, where the mask is
        row(raw, "0001", "0002", "adc", "adc", "", NATIVE),
        row(derived, "0001", "0002", "lesion", "lesion-msk", "dwi", "ncct"),
        row(raw, "0001", "0002", "trace", "dwi", "", NATIVE),
        row(raw, "0002", "0001", "ncct", "ncct", "", NATIVE, "acq-ncct"),
        # a scan has one grid: both images on the NCCT rather than one native image
        row(derived, "0002", "0002", "adc", "adc", "", "ncct"),
        row(derived, "0002", "0002", "trace", "dwi", "", "ncct"),
        row(derived, "0003", "0001", "cta", "cta", "", "ncct", "acq-cta"),
        row(raw, "0003", "0001", "ncct", "ncct", "", NATIVE, "acq-ncct"),
    ]


def test_jhu_rows_are_exact_and_hold_no_stripped_or_normalised_copy(tmp_path):
    root = trees.jhu(tmp_path)
    dwi, mask = "raw-data/DWI/sub-0ab4fbd5/sub-0ab4fbd5_", "DWI-mask/sub-0ab4fbd5/sub-0ab4fbd5_"
    anat, two = "raw-data/anat/sub-0ab4fbd5/sub-0ab4fbd5_", "raw-data/DWI/sub-10000002_ses-1_"
    assert table(read("jhu", root), root) == [
        ("0ab4fbd5", None, "adc", "", NATIVE, "", f"{dwi}ADC_space-orig.nii.gz"),
        ("0ab4fbd5", None, "b0", "", NATIVE, "", f"{dwi}B0_space-orig.nii.gz"),
        ("0ab4fbd5", None, "flair", "", NATIVE, "", f"{anat}FLAIR_space-orig.nii.gz"),
        ("0ab4fbd5", None, "lesion", "dwi", NATIVE, "",
         f"{mask}DWI_space-orig_desc-stroke_mask.nii.gz"),
        ("0ab4fbd5", None, "pwi", "", NATIVE, "", f"{anat}PWI_space-orig.nii.gz"),
        ("0ab4fbd5", None, "swi", "", NATIVE, "", f"{anat}SWI_space-orig.nii.gz"),
        ("0ab4fbd5", None, "t1w", "", NATIVE, "acq-MPRAGE", f"{anat}MPRAGE_space-orig.nii.gz"),
        ("0ab4fbd5", None, "t1w", "", NATIVE, "", f"{anat}T1w.nii.gz"),
        ("0ab4fbd5", None, "t2w", "", NATIVE, "", f"{anat}T2w_space-orig.nii.gz"),
        ("0ab4fbd5", None, "trace", "", NATIVE, "", f"{dwi}DWI_space-orig.nii.gz"),
        ("0ab4fbd7", None, "adc", "", NATIVE, "", "raw-data/DWI/sub-0ab4fbd7_ADC_space-orig.nii.gz"),
        ("10000002", "1", "b0", "", NATIVE, "", f"{two}b0.nii"),
        ("10000002", "1", "lesion", "dwi", NATIVE, "", f"{two}desc-stroke_mask.nii"),
        ("10000002", "1", "trace", "", NATIVE, "", f"{two}DWI.nii"),
    ]  # fmt: skip


@pytest.mark.parametrize("start", [".", "ATLAS_2"])
def test_atlas_rows_are_exact_from_either_folder(tmp_path, start):
    root = trees.atlas(tmp_path)
    one = f"ATLAS_2/Training/R001/sub-r001s001/ses-1/anat/sub-r001s001_ses-1_{trees.MNI}_"
    two = f"ATLAS_2/Testing/R001/sub-r001s002/ses-1/anat/sub-r001s002_ses-1_{trees.MNI}_"
    assert table(read("atlas", root / start), root) == [
        ("r001s001", "1", "lesion", "t1w", NATIVE, "", f"{one}label-L_desc-T1lesion_mask.nii.gz"),
        ("r001s001", "1", "t1w", "", NATIVE, "", f"{one}T1w.nii.gz"),
        ("r001s002", "1", "t1w", "", NATIVE, "", f"{two}T1w.nii.gz"),
    ]


def test_atlas_native_scan_wins_unless_its_mask_is_only_there_in_mni(tmp_path):
    root = trees.atlas_native(tmp_path)
    raw = "Training_Raw/R001/sub-r001s001/ses-1/anat/sub-r001s001_ses-1_space-orig_"
    mni = f"derivatives/ATLAS/sub-r001s003/ses-1/anat/sub-r001s003_ses-1_{trees.MNI}_"
    plain = "Training_Raw/R002/sub-r002s00"
    assert table(read("atlas", root), root) == [
        ("r001s001", "1", "lesion", "t1w", NATIVE, "",
         f"{raw}label-lesion_desc-T1lesion_mask.nii.gz"),
        ("r001s001", "1", "t1w", "", NATIVE, "", f"{raw}desc-brain_T1w.nii.gz"),
        ("r001s003", "1", "lesion", "t1w", NATIVE, "", f"{mni}label-L_desc-T1lesion_mask.nii.gz"),
        ("r001s003", "1", "t1w", "", NATIVE, "", f"{mni}T1w.nii.gz"),
        ("r002s001", None, "t1w", "", NATIVE, "", f"{plain}1/anat/sub-r002s001_T1w.nii"),
        ("r002s002", None, "t1w", "", NATIVE, "",
         f"{plain}2/anat/sub-r002s002_space-orig_T1w.nii.gz"),
    ]  # fmt: skip


@pytest.mark.parametrize("layout", ["bids", "jhu", "atlas"])
def test_a_json_of_the_same_name_is_the_sidecar_and_no_other(tmp_path, layout):
    rows = read(layout, getattr(trees, layout)(tmp_path))
    found = [row.sidecar for row in rows if row.sidecar]
    assert len(found) == 1
    assert all(path.is_file() for path in found)
    (row,) = (row for row in rows if row.sidecar)
    assert row.path.name.startswith(row.sidecar.stem + ".nii")


def test_images_are_defaced_only_if_the_config_says_so(tmp_path):
    root = trees.isles24(tmp_path)
    assert not any(row.defaced for row in read("isles24", root))
    rows = read("isles24", root, defaced=True)
    assert {row.role in KINDS for row in rows if row.defaced} == {True}
    assert all(row.defaced for row in rows if row.role in KINDS)


def test_a_pattern_replaces_all_patterns_of_its_role_and_no_other(tmp_path):
    root = trees.make(
        tmp_path,
        ["sub-01/ses-1/ct/sub-01_ses-1_acq-ncctHead_ct.nii.gz", "sub-01/ses-1/ct/sub-01_x.nii.gz",
         "sub-01/ses-1/ct/sub-01_ses-1_acq-ncct_ct.nii.gz",
         "sub-01/ses-1/ct/sub-01_ses-1_acq-cta_ct.nii.gz"],
    )  # fmt: skip
    pattern = r"sub-(?P<subject>\w+)_ses-(?P<session>\w+)_acq-ncctHead_ct"
    rows = table(read("bids", root, patterns={"ncct": pattern}), root)
    assert [(row[0], row[1], row[2], row[5]) for row in rows] == [
        ("01", "1", "cta", "acq-cta"),
        ("01", "1", "ncct", "acq-ncctHead"),
    ]


def test_a_pattern_may_say_on_what_and_in_which_space_a_label_lies(tmp_path):
    names = ("sub-1_on-ncct", "sub-2_on-anat_space-ncct", "sub-3_on-dwi_space-orig")
    root = trees.make(
        tmp_path,
        [f"masks/{name.partition('_')[0]}/{name}_roi.nii.gz" for name in names]
        + ["masks/sub-4/sub-4_on-dwi_space-MNI_roi.nii.gz", "sub-1/ct/sub-1_acq-ncct_ct.nii.gz"],
    )
    pattern = r"sub-(?P<subject>\d+)_on-(?P<on>[a-z0-9]+)(?:_space-(?P<space>\w+))?_roi"
    rows = read("bids", root, labels=["masks"], patterns={"lesion": pattern})
    assert [(row.subject, row.on, row.space) for row in rows if row.role == "lesion"] == [
        ("1", "ncct", NATIVE),
        ("2", "t1w", "ncct"),
        ("3", "dwi", NATIVE),
    ]


def test_a_single_volume_dwi_can_be_named_as_the_b0(tmp_path):
    root = trees.bids(tmp_path)
    pattern = r"dwi/sub-(?P<subject>[^_]+)_ses-(?P<session>[^_]+)_dwi"
    rows = read("bids", root, patterns={"b0": pattern})
    assert [row.path.name for row in rows if row.role == "b0"] == ["sub-01_ses-02_dwi.nii.gz"]


def test_an_ncct_mask_is_drawn_on_the_ncct(tmp_path):
    root = trees.make(
        tmp_path,
        ["sub-1/ct/sub-1_acq-ncct_ct.nii.gz",
         "derivatives/sub-1/anat/sub-1_acq-ncct_label-L_mask.nii.gz"],
    )  # fmt: skip
    assert [(row.role, row.on) for row in read("bids", root)] == [("lesion", "ncct"), ("ncct", "")]


def test_earlier_output_inside_the_study_is_not_read_again(tmp_path):
    root = trees.make(
        tmp_path,
        ["sub-1/dwi/sub-1_trace.nii.gz",
         "derivatives/manual/sub-1/dwi/sub-1_label-L_mask.nii.gz",
         "derivatives/out/sub-1/dwi/sub-1_space-orig_label-L_desc-infarct_mask.nii.gz"],
    )  # fmt: skip
    given = {
        "study": {"layout": "bids", "root": str(root)},
        "output": str(root / "derivatives/out"),
    }
    rows = designs.read(config.load(given))
    assert [row.path.parts[-4] for row in rows if row.role == "lesion"] == ["manual"]


def linked(folder: Path) -> Path:
    """A study that is nothing but a link to a disk, which links to itself."""
    root = trees.jhu(folder / "disk")
    study = folder / "study"
    study.mkdir()
    (study / "images").symlink_to(root / "raw-data", target_is_directory=True)
    (root / "raw-data" / "again").symlink_to(root / "raw-data", target_is_directory=True)
    (root / "raw-data" / "self").symlink_to("self")
    return study


def read_with_links(root: Path, *folders: Path) -> list:
    study = {"layout": "jhu", "root": str(root), "links": [str(folder) for folder in folders]}
    return designs.read(config.load({"study": study, "reference": ["dwi"]}))


def test_linked_folders_are_read_and_circular_links_end(tmp_path):
    rows = read_with_links(linked(tmp_path), tmp_path / "disk")
    assert len(rows) == 13
    assert len({row.path for row in rows}) == 13


def test_a_linked_folder_outside_of_the_study_is_refused(tmp_path):
    with pytest.raises(StrokeprepError, match="A link leads out of the study.*study.links"):
        read("jhu", linked(tmp_path))


def test_a_link_within_the_study_is_followed(tmp_path):
    root = trees.bids(tmp_path / "study")
    scan = root / "sub-01/ses-01/ct/sub-01_ses-01_acq-ncct_ct.nii.gz"
    store = root / ".git/annex/objects/abc.nii.gz"
    store.parent.mkdir(parents=True)
    scan.rename(store)
    scan.symlink_to(store)
    assert scan in [row.path for row in read("bids", root)]


@pytest.mark.parametrize("ending", [".nii.gz", ".json"])
def test_a_linked_file_outside_of_the_study_is_refused(tmp_path, ending):
    root = trees.bids(tmp_path / "study")
    file = root / f"sub-01/ses-01/ct/sub-01_ses-01_acq-ncct_ct{ending}"
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StrokeprepError, match="leads out of the study, to .*elsewhere") as caught:
        read("bids", root)
    assert caught.value.where == str(file)


def test_a_link_that_is_no_image_of_the_study_is_let_be(tmp_path):
    root = trees.bids(tmp_path / "study")
    (tmp_path / "notes.nii.gz").touch()
    (root / "sub-01" / "notes.nii.gz").symlink_to(tmp_path / "notes.nii.gz")
    assert len(read("bids", root)) == 13


@pytest.mark.parametrize("name", ["two\nlines", "a\x1b[31mred", "{wildcards}", "}"])
def test_what_cannot_be_handed_on_in_a_path_is_refused(tmp_path, name):
    root = trees.bids(tmp_path / name)
    with pytest.raises(StrokeprepError, match="control character") as caught:
        read("bids", root)
    assert "\n" not in str(caught.value)


def test_a_relative_root_gives_relative_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(trees.bids(tmp_path))
    assert table(read("bids", Path()), Path()) == table(read("bids", tmp_path), tmp_path)


@pytest.mark.parametrize("layout", ["bids", "isles24", "jhu", "atlas"])
def test_an_empty_study_is_refused_with_root_search_and_remedy(tmp_path, layout):
    trees.make(tmp_path, ["notes.txt", "derivatives/sub-1/dwi/sub-1_label-L_mask.nii.gz"])
    with pytest.raises(StrokeprepError, match="looked for .*sub-.*study.root") as caught:
        read(layout, tmp_path)
    assert caught.value.where == str(tmp_path)


@pytest.mark.parametrize("layout", ["bids", "isles24", "jhu", "atlas"])
def test_a_root_that_is_no_folder_is_refused(tmp_path, layout):
    (tmp_path / "file").touch()
    for name, message in (("nowhere", "does not exist"), ("file", "not a folder")):
        with pytest.raises(StrokeprepError, match=f"{message}.*{name}.*study.root"):
            read(layout, tmp_path / name)


@pytest.mark.parametrize(("call", "what"), [("scandir", "ses-01/ct"), ("stat", "ses-01/ct/.")])
def test_a_folder_that_cannot_be_listed_or_entered_is_named(tmp_path, monkeypatch, call, what):
    root, allowed = trees.bids(tmp_path), getattr(os, call)

    def guarded(path, *args, **more):
        if str(path).endswith(what):
            raise PermissionError(13, "Permission denied")
        return allowed(path, *args, **more)

    monkeypatch.setattr(os, call, guarded)
    with pytest.raises(StrokeprepError, match=r"cannot be listed \(Permission denied\).*ses-01/ct"):
        read("bids", root)


def test_a_pattern_that_finds_no_subject_is_refused_with_the_file(tmp_path):
    root = trees.bids(tmp_path)
    with pytest.raises(StrokeprepError, match="finds no subject.*sub-01_ses-01_acq-ncct"):
        read("bids", root, patterns={"ncct": r"[^/]*(?P<subject>)_ct"})


def test_a_layout_without_reader_is_refused():
    with pytest.raises(StrokeprepError, match="no such layout: nifti.*bids"):
        designs.read(config.Config(StudySettings(layout="nifti")))


# Names as study folders have them, right and slightly wrong.
PIECES = st.sampled_from(
    ["sub-01", "sub-stroke0001", "sub-0ab4fbd5", "ses-1", "acq-ncct", "acq-cta", "run-1", "run-2",
     "ce-gd", "part-phase", "FLAIR", "swi", "dsc", "angio", "MPRAGE", "PWI", "space-ncct", "space-orig", trees.MNI, "label-L", "label-LVO", "seg-CoW", "desc-stroke",
     "desc-T1lesion", "ct", "ncct", "ctp", "dwi", "adc", "DWI", "ADC", "B0", "trace", "T1w",
     "lesion-msk", "mask", "dseg", "", "-", "é"]
)  # fmt: skip
NAMES = st.lists(PIECES, min_size=1, max_size=5).map("_".join)
FOLDERS = st.lists(
    st.sampled_from(
        ["raw_data", "rawdata", "derivatives", "train", "manual", "sub-01", "sub-stroke0001",
         "ses-1", "ct", "dwi", "anat"]
    ),
    max_size=4,
).map("/".join)  # fmt: skip
FILES = st.tuples(FOLDERS, NAMES, st.sampled_from([".nii", ".nii.gz", ".json", ".txt"])).map(
    lambda parts: f"{parts[0]}/{parts[1]}{parts[2]}".lstrip("/")
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    files=st.lists(FILES, max_size=25), layout=st.sampled_from(["bids", "isles24", "jhu", "atlas"])
)
def test_any_tree_gives_sound_rows_or_one_clear_error(tmp_path_factory, files, layout):
    root = trees.make(tmp_path_factory.mktemp("tree"), files)
    try:
        rows = read(layout, root)
    except StrokeprepError as error:
        assert error.remedy
        return
    assert [row.path for row in rows] == [row.path for row in read(layout, root)]
    for row in rows:
        assert row.path.is_file() and row.subject
        assert bool(row.on) == (row.role not in KINDS)
        assert row.sidecar is None or row.sidecar.is_file()

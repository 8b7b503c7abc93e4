"""The study table: what belongs together, what is left out with a remark, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import trees
from hypothesis import given
from hypothesis import strategies as st
from strokeprep.errors import StrokeprepError
from strokeprep.kinds import NATIVE
from strokeprep.settings import config
from strokeprep.study import naming, table
from strokeprep.study.layouts import designs
from strokeprep.study.scans import Row, Study, Subject

NCCT = Row("1", "01", "ncct", Path("ncct.nii.gz"), entities=("acq-ncct",))
CTA = Row("1", "01", "cta", Path("cta.nii.gz"), entities=("acq-cta",))
TRACE = Row("1", "02", "trace", Path("trace.nii.gz"))
ADC = Row("1", "02", "adc", Path("adc.nii.gz"))
LESION = Row("1", "02", "lesion", Path("lesion.nii.gz"), on="dwi")
LVO = Row("1", "01", "lvo", Path("lvo.nii.gz"), on="cta")


STUDY = {"study": {"layout": "phantom"}}


def build(layout: str, root: Path, reference: list[str], **filters) -> Study:
    """The study of a tree."""
    given = {"study": {"layout": layout, "root": str(root)}, "reference": reference}
    return table.build(designs.read(config.load(given)), reference, **filters)


def scans(subject: Subject) -> list[tuple]:
    return [(s.session, s.name, [i.kind.name for i in s.images]) for s in subject.scans]


# --- the trees


def test_a_bids_subject_has_its_scans_in_order_and_its_labels_on_them(tmp_path):
    one, two = build("bids", trees.bids(tmp_path), ["ncct", "dwi", "t1w"]).subjects
    assert scans(one) == [
        ("01", "ncct", ["ncct"]),
        ("01", "cta", ["cta"]),
        ("01", "ctp", ["ctp"]),
        ("02", "dwi", ["b0", "trace", "adc"]),
    ]
    assert one.reference.name == "ncct"
    assert [
        (label.kind.name, label.scan.name, label.in_reference_space) for label in one.labels
    ] == [
        ("cow", "cta", True),
        ("lvo", "cta", False),
        ("lesion", "dwi", False),
    ]
    assert scans(two) == [
        (None, "ncct", ["ncct"]),
        (None, "t1w", ["t1w"]),
        (None, "flair", ["flair"]),
    ]
    assert [label.scan.name for label in two.labels] == ["t1w"]


def test_names_of_a_released_isles24_subject_follow_the_naming_table(tmp_path):
    built = build("isles24", trees.isles24(tmp_path), ["ncct"])
    ncct, cta, _, dwi = built.by_name["stroke0001"].scans
    folder = "sub-stroke0001/ses-01/ct/sub-stroke0001_ses-01"
    assert naming.defaced(ncct, "ct") == f"{folder}_acq-ncct_desc-defaced_ct.nii.gz"
    assert naming.defaced(cta, "ct") == f"{folder}_acq-cta_desc-defaced_ct.nii.gz"
    assert naming.defaced(dwi, "trace").endswith(
        "ses-02/dwi/sub-stroke0001_ses-02_desc-defaced_trace.nii.gz"
    )
    assert dwi.in_reference_space and not cta.in_reference_space


def test_a_stray_mask_without_its_scan_leaves_a_remark_and_the_rest_alone(tmp_path):
    built = build("isles24", trees.isles24(tmp_path), ["ncct"])
    (remark,) = built.remarks
    assert "sub-stroke0143" in remark and "lesion left out" in remark and "dwi" in remark
    assert built.by_name["stroke0143"].labels == ()
    (lesion,) = built.by_name["stroke0142"].labels
    assert lesion.path.name == "sub-stroke0142_ses-02_space-ncct_lesion-msk.nii.gz"


def test_a_jhu_subject_is_built_on_its_b0(tmp_path):
    built = build("jhu", trees.jhu(tmp_path), ["dwi"])
    assert list(built.by_name) == ["0ab4fbd5", "0ab4fbd7", "10000002"]
    assert built.by_name["0ab4fbd5"].reference.pilot.kind.name == "b0"
    assert built.by_name["0ab4fbd7"].reference.pilot.kind.name == "adc"
    assert built.remarks == ()


def test_an_atlas_mask_is_drawn_on_its_t1w(tmp_path):
    built = build("atlas", trees.atlas(tmp_path), ["t1w"])
    one, two = built.subjects
    assert [label.scan for label in one.labels] == [one.reference]
    assert not one.reference.in_reference_space
    assert two.labels == () and two.reference is not None


# --- several scans of a kind

T1W = Row("1", "01", "t1w", Path("t1w.nii.gz"))
MPRAGE = replace(T1W, path=Path("mprage.nii.gz"), entities=("acq-mprage",))


def names(*rows: Row) -> list[str]:
    """The names of the scans of some images."""
    return [scan.name for scan in table.build(rows, ["t1w"]).scans]


def test_a_scan_alone_has_the_name_of_its_kind_whatever_its_entities():
    assert names(MPRAGE) == ["t1w"]


def test_several_scans_of_a_kind_are_named_by_what_tells_them_apart():
    assert names(T1W, MPRAGE) == ["t1w", "t1wMprage"]
    runs = [replace(MPRAGE, entities=("acq-mprage", f"run-{n}")) for n in (1, 2)]
    assert names(*runs) == ["t1wRun1", "t1wRun2"]
    assert names(T1W, replace(T1W, entities=("acq-3d",))) == ["t1w", "t1wAcq3d"]


def test_scans_of_a_kind_in_two_sessions_keep_its_name():
    assert names(T1W, replace(MPRAGE, session="02")) == ["t1w", "t1w"]


def test_contrast_agent_makes_another_kind():
    post = replace(T1W, role="t1wce", entities=("ce-gadolinium",))
    assert names(T1W, post) == ["t1w", "t1wce"]


def test_names_that_differ_by_the_case_of_a_letter_are_refused():
    with pytest.raises(StrokeprepError, match="get the same name"):
        names(T1W, MPRAGE, replace(MPRAGE, entities=("acq-Mprage",)))


@pytest.mark.parametrize("acq", ["mprage", "sag3D", "IRSPGR"])
def test_of_several_t1w_one_with_thin_slices_is_the_reference(acq):
    [subject] = table.build([T1W, replace(MPRAGE, entities=(f"acq-{acq}",))], ["t1w"]).subjects
    assert subject.reference.entities == (f"acq-{acq}",)
    assert [scan.is_reference for scan in subject.scans] == [False, True]


def test_of_two_t1w_of_thick_slices_the_first_by_name_is_the_reference():
    one, two = (replace(T1W, entities=(f"acq-{name}",)) for name in ("ax", "cor"))
    assert table.build([two, one], ["t1w"]).subjects[0].reference.entities == ("acq-ax",)


def test_a_mask_lies_on_the_scan_whose_entities_it_has():
    lesion = replace(LESION, session="01", on="t1w")
    rows = [T1W, MPRAGE, lesion, replace(lesion, entities=("acq-mprage",))]
    [subject] = table.build(rows, ["t1w"]).subjects
    assert [label.scan.name for label in subject.labels] == ["t1w", "t1wMprage"]


def test_a_mask_that_does_not_say_on_which_of_two_scans_it_lies_is_refused():
    lesion = replace(LESION, session="01", on="t1w", entities=("acq-rater1",))
    with pytest.raises(StrokeprepError, match=r"several t1w scans.*lesion\.nii.*acq-mprage_\*"):
        table.build([T1W, MPRAGE, lesion], ["t1w"])


def test_infarcts_drawn_on_two_scans_of_a_session_are_both_kept():
    flair = replace(TRACE, role="flair", path=Path("flair.nii.gz"))
    rows = [TRACE, flair, LESION, replace(LESION, on="flair", path=Path("on-flair.nii.gz"))]
    [subject] = table.build(rows, ["dwi"]).subjects
    assert [label.scan.name for label in subject.labels] == ["dwi", "flair"]
    assert len({naming.label(label.scan, naming.ORIG, label.kind) for label in subject.labels}) == 2


# --- references


def test_a_cta_without_ncct_is_the_reference_and_gets_a_brain_of_its_own():
    [subject] = table.build([CTA, TRACE], config.load(STUDY).reference).subjects
    assert subject.reference.name == "cta" and subject.reference.has_brain


def test_a_cta_beside_an_ncct_needs_no_brain_of_its_own():
    [subject] = table.build([NCCT, CTA], config.load(STUDY).reference).subjects
    assert [(scan.name, scan.has_brain) for scan in subject.scans] == [
        ("ncct", True),
        ("cta", False),
    ]


# --- filters


def test_subjects_and_sessions_can_be_chosen(tmp_path):
    root = trees.bids(tmp_path)
    built = build("bids", root, ["ncct", "dwi"], subjects=["01"], sessions=["02"])
    assert [scans(subject) for subject in built.subjects] == [
        [("02", "dwi", ["b0", "trace", "adc"])]
    ]


def test_a_session_filter_keeps_subjects_without_sessions(tmp_path):
    built = build("bids", trees.bids(tmp_path), ["ncct"], sessions=["01"])
    assert list(built.by_name) == ["01", "02"]


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({"subjects": ["01", "7"]}, "a subject the study does not have: 7.*study.subjects.*01, 02"),
        ({"sessions": ["9"]}, "a session the study does not have: 9.*study.sessions"),
    ],
)
def test_a_filter_that_matches_nothing_is_refused(tmp_path, filters, words):
    with pytest.raises(StrokeprepError, match=words):
        build("bids", trees.bids(tmp_path), ["ncct"], **filters)


# --- contradictions


def test_two_files_of_one_role_are_refused_with_both_named(tmp_path):
    root = trees.make(
        tmp_path,
        ["sub-1/ct/sub-1_acq-ncct_run-1_ct.nii.gz", "sub-1/ct/sub-1_acq-ncct_run-2_ct.nii.gz"],
    )
    with pytest.raises(StrokeprepError, match="the ncct of sub-1.*run-1_ct.*and .*run-2_ct"):
        build("bids", root, ["ncct"])


def test_packed_and_unpacked_copies_are_refused(tmp_path):
    root = trees.make(tmp_path, ["sub-1/anat/sub-1_T1w.nii", "sub-1/anat/sub-1_T1w.nii.gz"])
    with pytest.raises(StrokeprepError, match="T1w.nii and .*T1w.nii.gz"):
        build("bids", root, ["t1w"])


def test_the_same_lesion_by_two_raters_is_refused_with_both_named(tmp_path):
    mask = "sub-1/dwi/sub-1_label-L_mask.nii.gz"
    root = trees.make(
        tmp_path, ["sub-1/dwi/sub-1_ADC.nii", f"derivatives/a/{mask}", f"derivatives/b/{mask}"]
    )
    with pytest.raises(StrokeprepError, match="derivatives/a.* and .*derivatives/b"):
        build("bids", root, ["dwi"])


def test_scans_whose_masks_would_get_one_name_are_refused_with_both_named():
    t1w = Row("1", "01", "t1w", Path("t1w.nii"), entities=("acq-ncct",))
    with pytest.raises(StrokeprepError, match="ncct and t1w of sub-1.*ncct.nii.gz and t1w.nii"):
        table.build([NCCT, t1w], ["ncct"])


def test_images_of_one_scan_on_different_grids_are_refused():
    with pytest.raises(StrokeprepError, match=r"different grids: trace.nii.gz, adc.nii.gz"):
        table.build([NCCT, TRACE, replace(ADC, space="ncct")], ["ncct"])


@pytest.mark.parametrize(("subject", "session"), [("a_b", "01"), ("a", "0-1"), ("é", None)])
def test_names_that_bids_does_not_allow_are_refused(subject, session):
    with pytest.raises(StrokeprepError, match="letters and digits only"):
        table.build([replace(NCCT, subject=subject, session=session)], ["ncct"])


@pytest.mark.parametrize("label", ["q1w2e3r4" * 12, "a" * 30, "ab" * 20])
def test_names_that_no_file_system_or_snakemake_can_bear_are_refused(label):
    with pytest.raises(StrokeprepError, match=r"labels of a file have.*ncct.nii.gz"):
        table.build([replace(NCCT, entities=(f"acq-{label}",))], ["ncct"])
    with pytest.raises(StrokeprepError, match="labels of a file have"):
        table.build([replace(NCCT, subject=label)], ["ncct"])


def test_subjects_that_differ_in_capitals_alone_are_refused_with_both_named():
    with pytest.raises(StrokeprepError, match=r"sub-A and sub-a differ.*x.nii and y.nii"):
        a, b = (
            replace(NCCT, subject="A", path=Path("x.nii")),
            replace(NCCT, subject="a", path=Path("y.nii")),
        )
        table.build([a, b], ["ncct"])


# --- what is missing


def test_a_subject_without_reference_keeps_its_scans_and_gets_a_remark():
    built = table.build([CTA, LVO], ["ncct", "dwi"])
    (subject,) = built.subjects
    assert subject.reference is None and len(subject.scans) == 1
    assert [label.kind.name for label in subject.labels] == ["lvo"]
    assert "sub-1: no ncct or dwi" in built.remarks[0]


def test_the_first_reference_a_subject_has_is_taken():
    built = table.build([NCCT, TRACE, replace(TRACE, subject="2")], ["ncct", "dwi"])
    assert [subject.reference.name for subject in built.subjects] == ["ncct", "dwi"]


def test_a_label_without_its_scan_is_left_out_with_a_remark():
    built = table.build([NCCT, LVO], ["ncct"])
    assert built.subjects[0].labels == ()
    assert built.remarks == ("sub-1: lvo left out, its cta scan is missing.",)


def test_a_label_on_the_reference_does_not_need_the_scan_it_was_drawn_on():
    built = table.build([NCCT, replace(LVO, space="ncct")], ["ncct"])
    (label,) = built.subjects[0].labels
    assert label.scan.name == "ncct" and label.in_reference_space


def test_a_label_prefers_the_scan_of_its_own_session():
    rows = [NCCT, TRACE, replace(TRACE, session="03"), replace(LESION, session="03")]
    (label,) = table.build(rows, ["ncct"]).subjects[0].labels
    assert label.scan.session == "03"


def test_what_was_resampled_to_a_missing_reference_is_left_out():
    built = table.build(
        [replace(TRACE, space="ncct"), replace(LESION, space="ncct")], ["ncct", "dwi"]
    )
    assert built.subjects[0].scans == () and built.subjects[0].labels == ()
    assert any("trace" in remark or "dwi left out" in remark for remark in built.remarks)


def test_a_label_on_another_reference_than_the_subjects_is_left_out():
    built = table.build([TRACE, replace(LESION, space="ncct")], ["ncct", "dwi"])
    assert built.subjects[0].reference.name == "dwi"
    assert built.subjects[0].labels == ()
    assert "the ncct it lies on is missing" in built.remarks[0]


def test_a_native_label_does_not_fit_a_resampled_scan():
    built = table.build([NCCT, replace(TRACE, space="ncct"), LESION], ["ncct"])
    assert built.subjects[0].labels == ()
    assert "only a resampled one is there" in built.remarks[0]


def test_two_labels_of_a_kind_on_one_scan_are_refused_with_both_named():
    twin = replace(LESION, session="03", path=Path("later.nii.gz"))
    with pytest.raises(StrokeprepError, match=r"lesion\.nii\.gz and later\.nii\.gz"):
        table.build([NCCT, TRACE, LESION, twin], ["ncct"])


def test_filters_that_match_apart_but_not_together_are_refused():
    rows = [NCCT, replace(NCCT, subject="2", session="09")]
    with pytest.raises(StrokeprepError, match="has a session it asks for"):
        table.build(rows, ["ncct"], subjects=["1"], sessions=["09"])


# --- look-ups


@given(st.permutations([NCCT, CTA, TRACE, ADC, LESION, LVO]))
def test_the_order_of_rows_makes_no_difference(rows):
    built = table.build(rows, ["ncct"])
    assert built.scans == table.build([NCCT, CTA, TRACE, ADC, LESION, LVO], ["ncct"]).scans


def test_every_scan_is_found_by_the_names_of_its_images_and_masks(tmp_path):
    built = build("bids", trees.bids(tmp_path), ["ncct", "dwi", "t1w"])
    for scan in built.scans:
        for image in scan.images:
            assert built.scan_of_image(scan.datatype, scan.stem, image.kind.suffix) is scan
        assert built.scan_of_mask(scan.mask_datatype, scan.mask_stem) is scan
        assert built.scan_in(scan.folder, scan.name) is scan
        assert built.reference(scan).subject == scan.subject


def test_a_scan_counts_as_defaced_only_if_all_its_images_do():
    for flag in (True, False):
        built = table.build([replace(TRACE, defaced=True), replace(ADC, defaced=flag)], ["dwi"])
        assert built.scans[0].defaced is flag


def test_rows_are_native_unless_said_otherwise():
    assert NCCT.space == NATIVE

"""Names: one function makes both the target and the pattern that a rule answers it with."""

import re

import pytest
from strokeprep.kinds import LABELS
from strokeprep.study import naming
from strokeprep.study.naming import ANY, ORIG, WILD, Pattern, Space

CTA = Pattern("sub-01/ses-01", "ct", "anat", *["sub-01_ses-01_acq-cta"] * 2)
DWI = Pattern("sub-01/ses-02", "dwi", "dwi", *["sub-01_ses-02"] * 2)
T1W = Pattern("sub-01", "anat", "anat", *["sub-01"] * 2)
NCCT, MNI = Space("ncct"), Space("MNI152NLin2009aSym", "1")


def wildcards(pattern: str, name: str) -> dict[str, str] | None:
    """What Snakemake would read out of a name, with the project's constraints."""
    regex = re.escape(pattern)
    for key in set(re.findall(r"\\{(\w+)\\}", regex)):
        regex = regex.replace(rf"\{{{key}\}}", rf"(?P<{key}>{naming.CONSTRAINTS[key]})", 1)
        regex = regex.replace(rf"\{{{key}\}}", rf"(?P={key})")
    match = re.fullmatch(regex, name)
    return match and match.groupdict()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            naming.defaced(CTA, "ct"),
            "sub-01/ses-01/ct/sub-01_ses-01_acq-cta_desc-defaced_ct.nii.gz",
        ),
        (
            naming.face_mask(CTA),
            "sub-01/ses-01/anat/sub-01_ses-01_acq-cta_space-orig_label-face_mask.nii.gz",
        ),
        (
            naming.to_reference(CTA, "cta", "ncct"),
            "sub-01/ses-01/ct/sub-01_ses-01_acq-cta_from-cta_to-ncct_mode-image_xfm.txt",
        ),
        (
            naming.preproc(DWI, "trace", NCCT, "brain"),
            "sub-01/ses-02/dwi/sub-01_ses-02_space-ncct_desc-brain_trace.nii.gz",
        ),
        (naming.preproc(T1W, "T1w", ORIG, "brain"), "sub-01/anat/sub-01_desc-brain_T1w.nii.gz"),
        (
            naming.label(CTA, MNI, LABELS["cow"]),
            "sub-01/ses-01/anat/"
            "sub-01_ses-01_acq-cta_space-MNI152NLin2009aSym_seg-CoW_res-1_dseg.nii.gz",
        ),
        (
            naming.label(DWI, MNI, LABELS["lesion"]),
            "sub-01/ses-02/dwi/"
            "sub-01_ses-02_space-MNI152NLin2009aSym_res-1_label-L_desc-infarct_mask.nii.gz",
        ),
    ],
)
def test_names_follow_bids_order(name, expected):
    assert name == expected


@pytest.mark.parametrize("scan", [CTA, DWI, T1W])
@pytest.mark.parametrize("space", [NCCT, MNI])
def test_a_pattern_finds_its_way_back_to_the_scan(scan, space):
    pattern = naming.bids(
        ANY.folder, ANY.datatype, ANY.stem, "{suffix}", space=WILD, res=WILD, desc=WILD
    )
    found = wildcards(pattern, naming.preproc(scan, "T1w", space, "brain"))
    assert found == {
        "folder": scan.folder,
        "datatype": scan.datatype,
        "stem": scan.stem,
        "space": f"_space-{space.label}",
        "res": f"_res-{space.res}" if space.res else "",
        "desc": "_desc-brain",
        "suffix": "T1w",
    }


def test_a_pattern_does_not_take_another_kind_of_file():
    assert wildcards(naming.face_mask(ANY), naming.brain_mask(CTA, ORIG)) is None
    assert wildcards(naming.defaced(ANY, "{suffix}"), naming.mean(CTA, "ct")) is None


def test_an_unknown_entity_is_refused():
    with pytest.raises(ValueError, match="colour"):
        naming.bids("sub-01", "anat", "sub-01", "T1w", colour="red")


@pytest.mark.parametrize("ext", [".nii.gz", ".txt", ".h5", ".tsv"])
def test_the_sidecar_lies_beside_its_file(ext):
    assert naming.sidecar(f"sub-01/x_xfm{ext}") == "sub-01/x_xfm.json"

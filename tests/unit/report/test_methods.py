"""The methods text says what ran, and cites what it must."""

from __future__ import annotations

from strokeprep.report import methods
from strokeprep.settings.backends import BRAINS, FACES
from strokeprep.settings.registration import ENGINES


def test_methods_say_what_ran_and_cite_no_more(tmp_path, made):
    written = methods.of(made(tmp_path).nodes)
    words, references = written.text, written.keys
    assert "NCCT were registered to MNI152NLin2009aSym [@fonov2011] by affine transforms" in words
    assert "perfusion" not in words and "Brains" not in words
    assert "fonov2011" in references and "wu2003" not in references
    assert written.bib.count("@article") == len(references)


def test_methods_cite_the_network_that_found_the_brains():
    masks = {
        f"bids::sub-{n}/anat/sub-{n}_space-orig_desc-brain_mask.nii.gz": {
            "Parameters": {"Backend": backend},
            "Software": {},
        }
        for n, backend in enumerate(("hd-bet", "template", "hd-bet", "of-ones-own"))
    }
    written = methods.of(masks)
    said = "segmented with HD-BET [@isensee2019; @isensee2021] and with of-ones-own and by"
    assert said in written.text
    assert written.keys[-2:] == ["isensee2019", "isensee2021"]


def test_methods_call_scans_by_their_titles_and_say_what_became_of_mr_series():
    folder, names = "bids::sub-1/anat/sub-1", ("flair", "t1wMprage", "t1wThick", "pwi")
    moves = {
        f"{folder}_from-{name}_to-dwi_mode-image_xfm.txt": {
            "Parameters": {"Type": "rigid"},
            "Software": {},
        }
        for name in names
    }
    mean = {"bids::sub-1/perf/sub-1_desc-mean_dsc.nii.gz": {"Parameters": {}, "Software": {}}}
    words = methods.of(moves | mean).text
    assert "FLAIR, PWI and T1w were registered to the DWI of the same subject by rigid" in words
    assert "MR perfusion series were carried along" in words
    assert "MR perfusion" not in methods.of(moves).text


def test_methods_cite_ants_where_it_ran():
    transforms = {
        f"bids::sub-{n}/xfm/sub-{n}_from-{scan}_to-{target}_mode-image_xfm.txt": {
            "Parameters": {"Type": kind, "Engine": engine},
            "Software": {},
        }
        for n, (scan, target, kind, engine) in enumerate(
            (
                ("cta", "ncct", "rigid", "ants"),
                ("ncct", "MNI152NLin2009aSym", "bspline", "ants"),
                ("t1w", "ncct", "rigid", "own"),
            )
        )
    }
    text = methods.of(transforms).text.replace("\n", " ")
    assert "CTA were registered" in text
    assert "by rigid transforms found by ANTs [@avants2011] that maximise" in text
    assert "by rigid transforms that maximise" in text
    assert "affine transforms found by ANTs [@avants2011] followed by B-spline deform" in text


def test_methods_say_how_grey_levels_were_made_comparable():
    made = {
        "space-orig_desc-n4_T1w": "N4, in the brain outside of lesions",
        "desc-normalised_trace": "Tissue peak by two Gaussians",
        "desc-recalculated_ADC": "ln(b0 / trace) / b",
    }
    nodes = {
        f"bids::sub-1/x/sub-1_{name}.nii.gz": {"Parameters": {"Method": how}, "Software": {}}
        for name, how in made.items()
    }
    assert (
        "For grey levels that can be compared, T1w were divided by the bias field that N4 found in the "
        "brain [@tustison2010], DWI were scaled by the tissue peak of their histogram [@liu2023] and the "
        "ADC was computed from b0 and DWI." in methods.of(nodes).text
    )
    assert "grey" not in methods.of({}).text


def test_every_reference_has_a_title_a_year_and_a_doi():
    references = methods.bibliography()
    assert len(references) == methods.REFERENCES.read_text().count("@") > 10
    for key, each in references.items():
        assert each.entry.startswith(f"@article{{{key},")
        assert all((each.title, each.journal, each.year, each.doi))


def test_a_methods_text_numbers_its_references_on_a_page():
    written = methods.Methods("A [@wu2003]; b [@fonov2011; @wu2003].")
    assert written.numbered == "A [1]; b [2, 1]."
    assert [each.year for each in written.references] == ["2003", "2011"]


def test_backends_cite_what_the_bibliography_has():
    rows = (*BRAINS.values(), *FACES.values(), *ENGINES.values())
    cited = {key for each in rows for key in each.cites}
    assert cited and cited <= set(methods.bibliography())


def test_methods_tell_of_territories_with_arterial_inputs_of_their_own():
    def words(about: dict) -> str:
        maps = {"Method": "vascular", "InPlaneSmoothing": 5} | about
        name = "bids::sub-1/perf/sub-1_acq-ctp_cbf.nii.gz"
        return methods.of({name: {"Parameters": maps, "Software": {}}}).text

    assert "had an arterial input of their own" in words({"ArterialInput": "local"})
    assert "Maps were computed" in words({}) and "Territories" not in words({})

"""One session of each patient counts, by the rule of the config."""

from __future__ import annotations

import pytest
import trees
from strokeprep.cohort import plan
from strokeprep.settings import config
from strokeprep.study import table
from strokeprep.study.layouts import designs
from strokeprep.study.naming import Space

TEMPLATE = Space("MNI152NLin2009aSym", "2")


@pytest.fixture
def candidates(tmp_path):
    def of(files: list[str], **cohort) -> list[plan.Candidate]:
        names = [f"sub-01/{each}" for each in files]
        trees.make(tmp_path, [f"{name.format('sub-01')}.nii.gz" for name in names])
        given = {"study": {"layout": "bids", "root": str(tmp_path)}, "cohort": cohort}
        read = config.load(given)
        built = table.build(designs.read(read), read.reference, (), ())
        return plan.candidates(built.subjects, read.cohort, TEMPLATE)

    return of


def scans(*sessions: str, drawn: tuple[str, ...] = ()) -> list[str]:
    files = [f"ses-{each}/dwi/{{}}_ses-{each}_trace" for each in sessions]
    masks = [f"ses-{each}/dwi/{{}}_ses-{each}_label-L_mask" for each in drawn]
    return [*files, *(f"../derivatives/manual/sub-01/{each}" for each in masks)]


def test_the_first_or_the_last_session_with_a_lesion_counts(candidates):
    files = scans("1", "2", "10", drawn=("2", "10"))
    assert [each.session for each in candidates(files)] == ["2"]
    (last,) = candidates(files, session="last")
    assert last.session == "10" and "ses-10" in last.mask and "ses-10" in last.images["trace"]


def test_where_no_lesion_was_drawn_all_sessions_are_chosen_from(candidates):
    (found,) = candidates(scans("1", "2"), session="last")
    assert (found.session, found.mask) == ("2", "")


def test_the_mask_and_what_the_scan_shows_lie_in_the_space_of_the_template(candidates):
    (found,) = candidates(scans("1", drawn=("1",)))
    assert found.mask.endswith("_space-MNI152NLin2009aSym_res-2_label-L_desc-infarct_mask.nii.gz")
    assert found.seen.endswith("_space-MNI152NLin2009aSym_res-2_desc-brain_mask.nii.gz")
    assert found.images["trace"].endswith("_res-2_desc-normalised_trace.nii.gz")


def test_an_adc_that_is_computed_is_looked_for_where_the_scanner_gave_none(candidates):
    (found,) = candidates(scans("1"))
    assert found.images["adc"].endswith("_res-2_desc-recalculated_ADC.nii.gz")
    assert "t1w" not in found.images

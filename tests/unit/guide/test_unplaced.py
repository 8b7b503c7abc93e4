"""An image without a place is listed once, with a reason that says what to change."""

from __future__ import annotations

import pytest
import trees
from strokeprep.guide import folder, recognition, unplaced

USUAL = [f"sub-1/anat/sub-1_{each}.nii.gz" for each in ("T1w", "T2w", "FLAIR")]


def told(root):
    found = folder.contents(root)
    return unplaced.reasons(found, recognition.matches(found)[0])


def test_each_reason_of_a_bids_tree_is_told_with_its_files(tmp_path):
    counts = {reason: len(paths) for reason, paths in told(trees.bids(tmp_path)).items()}
    assert counts == {
        "derivatives that are no manual mask of a scan that was found": 4,
        "_ct without one of acq-ncct, acq-cta, acq-ctp, in small letters": 2,
        "outside of the sub- folders": 1,
        "hidden files, as macOS leaves them beside others": 1,
        "the name tells another subject than the folder": 1,
        "no kind of scan has the name _dwi": 1,
        "no kind of scan has the name _pet": 1,
    }


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("sub-1/dwi/sub-1_T1w", "_T1w in a folder dwi/, and it belongs into anat/"),
        ("sub-1/anat/sub-1_part-phase_swi", "phase, real and imaginary parts"),
        ("sub-1/anat/sub-1_space-MNI_T1w", "on a grid that is neither their own"),
        ("sub-1/ses-2/anat/sub-1_T2w", "_T2w with an entity or a session"),
        ("sub-1/anat/sub-1_desc-x_FLAIR", "_FLAIR with an entity or a session"),
    ],
)
def test_the_reason_names_what_is_wrong_with_a_file(file, reason, tmp_path):
    root = trees.make(tmp_path, [*USUAL, f"{file}.nii.gz"])
    [(found, paths)] = told(root).items()
    assert found.startswith(reason)
    assert paths == [f"{file}.nii.gz"]


@pytest.mark.parametrize("tree", ["bids", "isles22", "isles24", "jhu", "atlas_native"])
def test_every_image_has_a_place_or_a_reason(tree, tmp_path):
    found = folder.contents(getattr(trees, tree)(tmp_path))
    match = recognition.matches(found)[0]
    without = sum(map(len, unplaced.reasons(found, match).values()))
    assert len(match.rows) + without == len(found.images)

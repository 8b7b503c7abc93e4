"""What a cohort gives can be released: valid BIDS, described, and clean for the privacy audit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import bids_tools
import numpy as np
import pytest
from PIL import Image
from strokeprep.bids import dataset
from strokeprep.bids import schema as bids_schema
from strokeprep.cohort import figures, plan, stage
from strokeprep.cohort.plan import Candidate
from strokeprep.drawing.pictures import picture
from strokeprep.errors import StrokeprepError
from strokeprep.io import images, tables
from strokeprep.io.whole import write_text
from strokeprep.privacy import audit
from strokeprep.privacy.private_words import PrivateWords
from strokeprep.registration import template
from strokeprep.settings.finished.cohort import CohortSettings
from strokeprep.settings.finished.lesions import LESIONS
from strokeprep.settings.study import StudySettings, TemplateSettings

COARSE = TemplateSettings(resolution_mm=4, res="4")
STUDY = StudySettings(layout="bids", root="raw", name="A study")
PEOPLE = "participant_id\tage\tlesion_type\nsub-01\t60\tischemic\nsub-02\t70\tnone\n"


class Written(NamedTuple):
    root: Path
    names: list[str]

    def about(self, name: str) -> dict:
        return json.loads((self.root / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Two patients at 4 mm; the first has a lesion."""
    root = tmp_path_factory.mktemp("study") / "derivatives"
    grid = stage.grid_of(template.load(), COARSE.resolution_mm)
    dataset.write(root, settings=STUDY, version="1", subjects=["01", "02"])
    write_text(PEOPLE, root / "participants.tsv")
    write_text("{}", root / "participants.json")
    candidates = []
    for name in ("01", "02"):
        stem = f"sub-{name}/dwi/sub-{name}_space-MNI152NLin2009aSym_res-4"
        mask, image = f"{stem}_label-L_mask.nii.gz", f"{stem}_desc-normalised_trace.nii.gz"
        values = np.where(grid.brain, np.indices(grid.brain.shape).sum(axis=0), 0)
        images.write_array(values.astype(np.float32), grid.affine, root / image)
        if name == "01":
            lesion = np.zeros(grid.brain.shape, np.uint8)
            lesion[15:20, 25:30, 20:25] = 1
            images.write_array(lesion, grid.affine, root / mask)
        candidates.append(Candidate(name, "", mask, "", {"trace": image}, {"trace": ""}))
    settings = CohortSettings(groups="lesion_type", at_least=1)
    given = (
        candidates,
        {"left out by a review": 2},
        stage.About(STUDY, settings, LESIONS, COARSE, seed=1),
        {"numpy": "2"},
    )
    with pytest.MonkeyPatch.context() as patch:  # slow to draw; test_figures.py has them
        for name in ("shares", "glass", "grey"):
            patch.setattr(figures, name, lambda *given: picture(Image.new("RGB", (2, 2))))
        names = stage.write(root, root, *given)
    for path in root.glob("sub-*/dwi/*"):
        path.unlink()  # the patients' own files are not looked at here
    for folder in root.glob("sub-*"):
        (folder / "dwi").rmdir()
        folder.rmdir()
    for path in root.glob("participants.*"):
        path.unlink()
    return Written(root, names)


ALL = "tpl-MNI152NLin2009aSym/anat/tpl-MNI152NLin2009aSym_res-4_label-L"


@pytest.mark.slow
def test_everything_passes_the_privacy_audit(written):
    stems = [name.partition(".")[0] for name in written.names]
    assert audit.of_dataset(written.root, (), PrivateWords(), stems) == []


@pytest.mark.slow
def test_a_private_key_in_a_sidecar_of_a_map_is_found(written):
    sidecar = written.root / f"{ALL}_probseg.json"
    text = sidecar.read_text()
    sidecar.write_text('{"PatientName": "A"}')
    (leak,) = audit.of_dataset(written.root, (), PrivateWords(), [f"{ALL}_probseg"])
    sidecar.write_text(text)
    assert leak.find == "key"


@pytest.mark.slow
def test_validator_and_pybids_take_the_maps(written, tmp_path):
    path = bids_schema.write(bids_schema.extended_schema(), tmp_path / "schema.json")
    for schema in (None, path):
        assert bids_tools.validate(written.root, schema).errors == []
    read = bids_tools.parse_with_pybids(written.root)
    maps = {name for name in written.names if name.endswith(".nii.gz")}
    assert maps <= read.keys() and read[f"{ALL}_probseg.nii.gz"]["suffix"] == "probseg"


def test_a_sidecar_says_of_how_many_patients_a_map_is_made_and_who_is_left_out(written):
    about = written.about(f"{ALL}_desc-count_probseg")
    assert about["N"] == 1 and about["MostInAVoxel"] == 1
    assert about["Excluded"] == ["2 patients: left out by a review"]
    assert about["Subset"] == "all patients" and "first session" in about["Session"]
    (source,) = about["Sources"]
    assert source.startswith("bids::sub-01/dwi/")


def test_a_group_without_lesions_has_means_alone(written):
    of_none = [name for name in written.names if "cohort-none" in name]
    assert of_none and all("_trace." in name for name in of_none)
    about = written.about(
        "tpl-MNI152NLin2009aSym/cohort-none/dwi/tpl-MNI152NLin2009aSym_cohort-none_res-4_desc-cohortMean_trace"
    )
    assert about["Subset"] == "lesion_type is none (no lesion is seen)" and about["N"] == 1


def test_lists_for_lesion_symptom_tools_name_the_masks_with_scores(written):
    (path,) = (written.root / plan.MASK_LIST).read_text().splitlines()
    (row,) = tables.read(written.root / plan.DESIGN)
    assert path.startswith("sub-01/dwi/") and path == row["ImageName"] + ".gz"
    assert row["age"] == "60" and row["lesion_ml"] == "8"


def test_the_page_has_no_picture_of_another_kind_and_links_to_every_map(written):
    page = (written.root / plan.PAGE).read_text()
    assert page.count("data:image/") == page.count("data:image/png;base64,") > 8
    for name in written.names:
        if name.endswith(".nii.gz"):
            assert f'href="../../{name}"' in page


def test_a_column_that_the_output_does_not_have_is_refused():
    settings = CohortSettings(groups="shoe_size")
    with pytest.raises(StrokeprepError, match="no clinical column shoe_size"):
        stage.groups_of([], {"sub-01": {"age": "60"}}, settings, {})


def test_files_of_the_last_time_are_removed(tmp_path):
    (tmp_path / "old.json").write_text("{}")
    stage.list_files(tmp_path / "listed.json", ["old.json"], {"sub-01": "digest"})
    stage.remove(tmp_path, tmp_path / "listed.json")
    assert not (tmp_path / "old.json").exists()

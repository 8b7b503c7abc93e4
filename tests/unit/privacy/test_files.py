"""What looks like a name in a text is found, and what only looks a little like one is not."""

from __future__ import annotations

import json

import numpy as np
import pytest
from strokeprep.clinical.columns import KNOWN, meaning
from strokeprep.io import images
from strokeprep.privacy import files, undefaced
from strokeprep.privacy.private_words import PrivateWords


def kinds(path, content) -> list[str]:
    path.write_text(json.dumps(content))
    return [leak.find for leak in files.of_file(path, f"phenotype/{path.name}", PrivateWords())]


def test_the_dictionary_of_every_known_clinical_column_may_be_released(tmp_path):
    told = {name: meaning(column) for name, column in KNOWN.items()}
    assert kinds(tmp_path / "baseline.json", told) == []


@pytest.mark.parametrize(
    ("unit", "found"), [("10^9/L", []), ("kg/m^2", []), ("Doe^Jane", ["value"]), ("D^J", ["value"])]
)
def test_an_exponent_is_no_name(tmp_path, unit, found):
    assert kinds(tmp_path / "baseline.json", {"leucocytes": {"Units": unit}}) == found


@pytest.mark.parametrize(("name", "found"), [("dataset_description.json", 0), ("a.json", 1)])
def test_the_authors_of_the_dataset_are_named_and_no_one_else(tmp_path, name, found):
    path = tmp_path / name
    path.write_text(json.dumps({"Authors": ["Dr. Jane Doe"]}))
    assert len(list(files.of_file(path, name, PrivateWords()))) == found


def test_a_probability_is_no_label_of_whole_numbers_and_what_was_corrected_may_be_said(tmp_path):
    name = tmp_path / "sub-1/perf/sub-1_label-core_probseg.nii.gz"
    name.parent.mkdir(parents=True)
    images.write_array(np.full((4, 4, 4), 0.5, np.float32), np.eye(4), name)
    assert list(undefaced.of_voxels(tmp_path, [name], [], {})) == []
    said = {
        "Manual": True,
        "Corrections": [{"File": "corrections:x", "Digest": "", "Replaces": None}],
    }
    sidecar = tmp_path / "sub-1/perf/sub-1_desc-aif_timeseries.json"
    sidecar.write_text(json.dumps(said))
    assert list(files.of_file(sidecar, str(sidecar.relative_to(tmp_path)), PrivateWords())) == []

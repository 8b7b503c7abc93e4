"""What looks like a name in a text is found, and what only looks a little like one is not."""

from __future__ import annotations

import json

import pytest
from strokeprep.clinical.columns import KNOWN, meaning
from strokeprep.privacy import files
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

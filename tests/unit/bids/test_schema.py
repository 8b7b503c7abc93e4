"""The schema extension adds to its base, never overwrites, and fails if the base has changed."""

from __future__ import annotations

from typing import Any

import pytest
from strokeprep.bids import schema as bids_schema
from strokeprep.errors import StrokeprepError


def stock(**changes: Any) -> dict[str, Any]:
    """A schema with only those parts that the extension changes."""
    selectors = {"selectors": ['intersects([modality], ["mri", "pet"])']}
    rules = ("ImageDerivatives", "ImageDerivativeResEntity", "ResInSidecar", "DenInSidecar")
    derivatives = dict.fromkeys(rules, selectors)
    return {
        "bids_version": "1.11.1",
        "schema_version": "1.2.7",
        "objects": {"datatypes": {}, "modalities": {}, "suffixes": {}, "entities": {}},
        "rules": {
            "entities": ["subject", "space", "label"],
            "modalities": {},
            "files": {"raw": {}, "deriv": {"imaging": {}}},
            "sidecars": {"derivatives": {"common_derivatives": derivatives}},
            "checks": {"common_derivatives": derivatives},
        },
    } | changes


def test_the_extension_has_ct_and_its_version_says_that_it_is_an_extension() -> None:
    schema = bids_schema.extended_schema(stock())
    assert schema["rules"]["files"]["raw"]["ct"]["ct"]["datatypes"] == ["ct"]
    assert schema["rules"]["entities"] == ["subject", "from", "to", "mode", "space", "label"]
    assert schema["bids_version"] == "1.11.1+stroke-ct"


def test_the_base_is_not_modified() -> None:
    base = stock()
    bids_schema.extended_schema(base)
    assert base == stock()


def test_a_base_that_has_ct_already_is_an_error() -> None:
    base = stock()
    base["objects"]["suffixes"]["ct"] = {"value": "ct"}
    with pytest.raises(StrokeprepError, match=r"objects.suffixes.ct exists already"):
        bids_schema.extended_schema(base)


def test_a_rule_that_no_longer_lists_modalities_is_an_error() -> None:
    base = stock()
    base["rules"]["checks"] = {
        "common_derivatives": {
            "ResInSidecar": {"selectors": ["true"]},
            "DenInSidecar": {"selectors": ["true"]},
        }
    }
    with pytest.raises(StrokeprepError, match="ResInSidecar does not mention"):
        bids_schema.extended_schema(base)


def test_another_version_of_the_base_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bids_schema, "SCHEMA_VERSION", "0.0.0")
    with pytest.raises(StrokeprepError, match=r"bidsschematools==0\.0\.0"):
        bids_schema.extended_schema()

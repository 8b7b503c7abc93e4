"""The examples in the library's docstrings give what they show."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "workflow/scripts"


def with_examples() -> list[str]:
    """The modules of the library that have examples."""
    paths = (path for path in SCRIPTS.rglob("strokeprep/**/*.py") if ">>> " in path.read_text())
    return sorted(".".join(path.relative_to(SCRIPTS).with_suffix("").parts) for path in paths)


@pytest.mark.parametrize("module", with_examples())
def test_examples_give_what_they_show(module):
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted > 0
    assert result.failed == 0


def test_names_transforms_and_grids_have_examples():
    shown = {"io.transforms", "io.grids", "registration.template", "study.naming"}
    assert {f"strokeprep.{name}" for name in shown} <= set(with_examples())

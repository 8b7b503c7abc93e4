"""A finished run to report on: the built-in study, or one that is there already."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from report_study import first_subject
from strokeprep.study.scans import Subject


@pytest.fixture(scope="session")
def finished(request) -> Path:
    """Derivatives of a finished run; STROKEPREP_DEMO names those of one that need not be redone."""
    given = os.environ.get("STROKEPREP_DEMO")
    return Path(given) if given else request.getfixturevalue("demo").derivatives


@pytest.fixture
def spoilt(finished, tmp_path) -> Path:
    """A copy of the derivatives whose files may be replaced (they are links: never write into one)."""
    root = tmp_path / "derivatives"
    shutil.copytree(finished / "sub-01", root / "sub-01", copy_function=os.symlink)
    tables = finished / "docs" / "qc" / "sub-01"
    shutil.copytree(tables, root / "docs" / "qc" / "sub-01", copy_function=os.symlink)
    return root


@pytest.fixture(scope="session")
def patient() -> Subject:
    """The first subject of the built-in study, as its table has it."""
    return first_subject()

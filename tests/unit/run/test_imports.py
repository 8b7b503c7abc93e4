"""Jobs load nibabel without pydicom, and those that read DICOM still can."""

from __future__ import annotations

import subprocess
import sys

import pytest
from strokeprep.run import provenance

pytest.importorskip("pydicom")

AFTER = """
import sys
from strokeprep.run import imports
imports.keep_few()
import nibabel
print("pydicom" in sys.modules)
import pydicom
print("pydicom" in sys.modules)
"""


def test_nibabel_is_loaded_without_pydicom_which_can_be_loaded_after_it():
    folder = provenance.PACKAGE.parent
    shown = subprocess.run(
        [sys.executable, "-c", AFTER], cwd=folder, capture_output=True, text=True, check=True
    )
    assert shown.stdout.split() == ["False", "True"]

"""Jobs load little (nibabel without pydicom, scipy without f2py) and use memory that they freed again."""

from __future__ import annotations

import subprocess
import sys

import pytest
from strokeprep.run import provenance

pytest.importorskip("pydicom")

AFTER = """
import sys
from strokeprep.run import process
process.load_few()
import nibabel
print("pydicom" in sys.modules)
import pydicom
print("pydicom" in sys.modules)
"""


def shown(code: str) -> str:
    """What a fresh Python prints."""
    command = [sys.executable, "-c", code]
    folder = provenance.PACKAGE.parent
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def test_nibabel_is_loaded_without_pydicom_which_can_be_loaded_after_it():
    assert shown(AFTER).split() == ["False", "True"]


LISTED = """
import sys
from strokeprep.run import process
process.load_few()
from scipy import ndimage
print("numpy.f2py.f2py2e" in sys.modules)
from numpy import f2py
print(callable(f2py.crackfortran.crackfortran))
"""


def test_scipy_is_loaded_without_f2py_which_works_when_it_is_used():
    assert shown(LISTED).split() == ["False", "True"]


MOVED = """
import sys
from strokeprep.run import process
process.load_few()
from strokeprep.steps import deface, resample
print([name for name in sys.modules if name.startswith("scipy.ndimage") or name == "scipy.spatial"])
"""


def test_steps_that_only_move_voxels_load_no_scipy():
    assert shown(MOVED).strip() == "[]"


NEEDED_AGAIN = """
import resource
from strokeprep.run import process
{before}
for _ in range(8):
    b"x" * (40 << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep memory in their own way")
def test_memory_that_was_freed_is_used_again():
    new, again = (
        int(shown(NEEDED_AGAIN.format(before=before)))  # pages that the system cleared
        for before in ("", "process.keep_freed_memory()")
    )
    assert again < 0.4 * new

"""What a job need not load, and how it gets memory from the system."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader

# Options of glibc's mallopt.
TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4
MOST = 2**31 - 1
STEP = 64 << 20  # bytes asked for at a time

# Objects made before Python looks for cycles among them. Loading the libraries makes some 50,000, all to
# stay; with the usual 700 it looks at each of them many times.
MADE_BEFORE_LOOKING = 100_000


class _NibabelAlone(MetaPathFinder):
    """Hides pydicom from nibabel while that is loaded, and from nobody else.

    Where pydicom is installed nibabel loads it for DICOM in NIfTI extensions, which nothing here
    reads. It takes as long as nibabel itself, in each of a hundred jobs a patient.
    """

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """No module, so that the next finder is asked; an error for what is hidden."""
        if name == "pydicom" and _is_loading("nibabel"):
            raise ModuleNotFoundError("hidden from nibabel", name=name)
        return None


def _is_loading(name: str) -> bool:
    """Whether the import of a module has begun and not ended."""
    spec = getattr(sys.modules.get(name), "__spec__", None)
    return getattr(spec, "_initializing", False)


class _F2pyWhenUsed(MetaPathFinder):
    """Loads numpy's compiler of Fortran when something of it is used, and not when scipy lists numpy.

    scipy takes all names of numpy, of which this one takes as long as numpy itself.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: object = None
    ) -> ModuleSpec | None:
        """The module as others find it, with a loader that waits; None for other modules."""
        if name != "numpy.f2py":
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


def load_few() -> None:
    """From now on nibabel is loaded without pydicom, and scipy without what compiles Fortran."""
    sys.meta_path[:0] = [_NibabelAlone(), _F2pyWhenUsed()]


def keep_freed_memory() -> None:
    """From now on memory that was freed is used again, and not given back before the job ends.

    glibc maps every large array anew, and the system clears each of its pages. In steps that go through
    a series frame by frame this took a fifth of the processor time.
    """
    if sys.platform != "linux":
        return
    allocator = ctypes.CDLL(None)
    if hasattr(allocator, "mallopt"):  # musl has none
        for option, value in ((MMAP_MAX, 0), (TRIM_THRESHOLD, MOST), (TOP_PAD, STEP)):
            allocator.mallopt(option, value)


def look_for_cycles_rarely() -> None:
    """From now on little time goes into finding objects that only hold one another."""
    gc.set_threshold(MADE_BEFORE_LOOKING)


def end_quickly() -> None:
    """Leave what was loaded to the system, which frees it with the process."""
    gc.freeze()

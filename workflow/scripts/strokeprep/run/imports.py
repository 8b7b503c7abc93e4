"""What a job need not load."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec


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


def keep_few() -> None:
    """From now on nibabel is loaded without pydicom."""
    sys.meta_path.insert(0, _NibabelAlone())

"""Which code and which packages made an output."""

from __future__ import annotations

import hashlib
import re
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

VERSION = "0.1.0"
PACKAGE = Path(__file__).parents[1]

# An import from the library. The sources are searched as text: each start of Snakemake reads all of
# them, and parsing them took a quarter of that start.
IMPORT = re.compile(rf"^\s*from ({PACKAGE.name}[\w.]*) import (\([^)]*\)|.*)", re.MULTILINE)

# Modules whose version can change a voxel, and the distributions they come from.
DISTRIBUTIONS = {
    "SimpleITK": "simpleitk",
    "ants": "antspyx",
    "itk": "itk-elastix",
    "nibabel": "nibabel",
    "numpy": "numpy",
    "nnunetv2": "nnunetv2",
    "scipy": "scipy",
    "torch": "torch",
    "totalsegmentator": "TotalSegmentator",
}


@cache
def code_digest(script: Path, *modules: str) -> str:
    """A digest of all code that a job runs, and of the files of the library that this code reads.

    ``modules`` are those that the script loads by name, not by an import statement.

    Snakemake reruns a job when its script or a parameter changes, but does not see an edit to a
    module that the script imports, or to a template that such a module fills. Each rule has this
    digest as a parameter, so that a job is rerun after such an edit.
    """
    reached: set[Path] = set()
    queue = [script, *(path for name in modules for path in _files(name))]
    while queue:
        path = queue.pop()
        if path not in reached:
            reached.add(path)
            queue.extend(_imported(path))
    reached.update(*map(_data, tuple(reached)))
    digest = hashlib.sha256()
    for path in sorted(reached, key=lambda path: path.as_posix()):
        digest.update(_source(path).encode())
    return digest.hexdigest()[:12]


def versions() -> dict[str, str]:
    """The versions of this project and of the imaging packages loaded so far."""
    loaded = {
        module: _installed(distribution)
        for module, distribution in DISTRIBUTIONS.items()
        if module in sys.modules
    }
    return {"strokeprep": VERSION} | loaded


@cache
def _installed(distribution: str) -> str:
    return metadata.version(distribution)


@cache
def _source(path: Path) -> str:
    return path.read_text()


@cache
def _imported(path: Path) -> tuple[Path, ...]:
    """The files of the library that a module imports."""
    names: set[str] = set()
    for module, imported in IMPORT.findall(_source(path)):
        names.update((module, *(f"{module}.{name}" for name in re.findall(r"\w+", imported))))
    return tuple(file for name in names for file in _files(name))


@cache
def _data(module: Path) -> tuple[Path, ...]:
    """The files beside a module that its source names, such as templates and tables."""
    if not module.is_relative_to(PACKAGE):
        return ()
    named = [path for path in module.parent.iterdir() if f'"{path.name}"' in _source(module)]
    files = [file for path in named for file in (path.iterdir() if _is_plain(path) else (path,))]
    return tuple(file for file in files if file.is_file() and file.suffix != ".py")


def _is_plain(folder: Path) -> bool:
    """Whether this is a folder, and not a package."""
    return folder.is_dir() and not (folder / "__init__.py").is_file()


@cache
def _files(name: str) -> tuple[Path, ...]:
    base = PACKAGE.parent / Path(*name.split("."))
    candidates = (base.with_suffix(".py"), base / "__init__.py")
    return tuple(path for path in candidates if path.is_file())

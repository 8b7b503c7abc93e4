"""What is installed beside the modules."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "workflow/scripts/strokeprep"


def test_every_file_of_the_library_is_installed_with_it():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = settings["package-data"]["*"]
    files = [
        path for path in LIBRARY.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]
    left_out = [
        path.relative_to(LIBRARY).as_posix()
        for path in files
        if path.suffix != ".py" and not any(fnmatch(path.name, each) for each in patterns)
    ]
    assert len(files) > 100 and left_out == []

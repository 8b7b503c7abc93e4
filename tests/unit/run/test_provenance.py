"""An edit to any module that a script reaches changes its digest, and nothing else does."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from strokeprep.run import provenance
from strokeprep.settings.backends import BRAINS

SCRIPTS = Path(provenance.PACKAGE).parent


@pytest.fixture
def touched(monkeypatch):
    """Digest of a script with one library module edited in memory."""
    original = Path.read_text

    def digest(script: str, module: str | None = None, *loaded: str) -> str:
        def read(path, *args, **kwargs):
            edited = module is not None and path.name == module
            return original(path, *args, **kwargs) + ("\n# edited" if edited else "")

        monkeypatch.setattr(Path, "read_text", read)
        _forget()
        return provenance.code_digest(SCRIPTS / script, *loaded)

    yield digest
    _forget()


def _forget() -> None:
    """As if no source had been read yet."""
    for cached in (
        provenance.code_digest,
        provenance._imported,
        provenance._data,
        provenance._source,
    ):
        cached.cache_clear()


REACHED = {
    "resample_label.py": ["labels.py", "images.py", "errors.py", "resample_label.py"],
    "phantom.py": ["exam.py", "protocol.py", "shapes.py", "names.py", "whole.py"],
    "phantom_dataset.py": ["dataset.py", "files.py", "exam.py"],
    # Files that are no modules.
    "subject_report.py": [
        "subject.html",
        "style.css",
        "viewer.js",
        "methods.tpl",
        "references.bib",
    ],
}


@pytest.mark.parametrize(
    ("script", "module"),
    [(script, module) for script, modules in REACHED.items() for module in modules],
)
def test_an_edit_that_the_script_reaches_changes_the_digest(touched, script, module):
    before = touched(script)
    assert touched(script, module) != before


@pytest.mark.slow
def test_every_file_that_makes_the_export_of_the_phantom_is_reached(touched):
    before = touched("phantom_export.py")
    for path in (SCRIPTS / "strokeprep/phantom/dicom").glob("*.py"):
        assert touched("phantom_export.py", path.name) != before, path


@pytest.mark.slow
def test_every_file_that_makes_the_phantom_is_reached(touched):
    before = touched("phantom.py")
    paths = (SCRIPTS / "strokeprep/phantom").rglob("*.py")
    files = {path.name for path in paths if path.parent.name != "dicom"}
    unreached = {name for name in files if touched("phantom.py", name) == before}
    # studies of their own for tests of the maps, and hard heads for tests and benchmarks
    assert unreached == {"kudo.py", "heads.py", "artefacts.py"}


def test_every_import_from_the_library_is_found_in_the_text_of_its_source():
    for path in sorted(SCRIPTS.rglob("*.py")):
        names = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, path
                names.update((node.module, *(f"{node.module}.{each.name}" for each in node.names)))
        ours = (name for name in names if name.split(".")[0] == "strokeprep")
        wanted = {file for name in ours for file in provenance._files(name)}
        assert set(provenance._imported(path)) == wanted, path


@pytest.mark.parametrize(
    "module", ["phantom.py", "layouts.py", "score.py", "style.css", "bids-ct.yaml"]
)
def test_an_edit_elsewhere_does_not(touched, module):
    before = touched("resample_label.py")
    assert touched("resample_label.py", module) == before


def test_an_edit_to_a_backend_changes_the_digest_of_the_jobs_that_run_it_and_of_no_others(touched):
    for backend, changes in ((BRAINS["hd-bet"], True), (BRAINS["template"], False)):
        before = touched("brain.py", None, backend.module)
        assert (touched("brain.py", "hd_bet.py", backend.module) != before) == changes


def test_only_loaded_packages_are_listed(monkeypatch):
    import numpy as np

    monkeypatch.delitem(sys.modules, "ants", raising=False)
    versions = provenance.versions()
    assert versions["numpy"] == np.__version__
    assert "ants" not in versions

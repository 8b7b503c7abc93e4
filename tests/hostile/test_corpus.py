"""Every bad input is reported by its check; unusual files from clinics are admitted."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from corpus import CASES, QUIRKS, beside_of, inspected
from strokeprep import phantom
from strokeprep.errors import StrokeprepError
from strokeprep.gate.checks import CHECKS, REFUSE
from strokeprep.privacy import private_words
from strokeprep.settings import config
from strokeprep.settings.gate import GateSettings
from strokeprep.study import raw_files, table
from strokeprep.study.layouts import designs


@pytest.fixture(scope="session")
def good(tmp_path_factory) -> Path:
    """A simulated patient without fault."""
    folder = tmp_path_factory.mktemp("good")
    phantom.write_subject(
        phantom.Patient("01", seed=1, size="tiny"), folder / "raw", folder / "truth"
    )
    return folder / "raw"


@pytest.fixture
def patient(good, tmp_path) -> Path:
    """A copy whose files may be replaced, but not written into: they are hard links."""
    return shutil.copytree(good, tmp_path / "raw", copy_function=os.link)


def test_the_corpus_has_sixty_cases_and_a_case_of_every_check():
    # Those of names have theirs in tests/unit/gate/test_name_checks.py: no file is spoilt for them.
    of_files = {check for check in CHECKS if not check.startswith("named_")}
    assert len(CASES) >= 60
    assert {case.check for case in CASES.values()} == of_files


@pytest.mark.parametrize("name", CASES)
def test_a_bad_input_gives_one_finding_that_names_the_file(patient, name):
    case = CASES[name]
    case.make(patient / case.file)
    before = _state(patient)
    report = inspected(patient)
    assert [finding.check for finding in report.findings] == [case.check], report.lines()
    finding = report.findings[0]
    assert finding.where in (str(patient / case.file), str(beside_of(patient / case.file)))
    assert case.says in finding.what
    assert finding.remedy.endswith(".")
    assert bool(report.refused) == (CHECKS[case.check].verdict == REFUSE)
    assert report.as_json()["admitted"] is not bool(report.refused)
    assert _state(patient) == before  # no file is changed or added
    if report.refused:
        with pytest.raises(StrokeprepError, match="."):
            report.enforce()


@pytest.mark.parametrize("name", QUIRKS)
def test_an_unusual_file_from_a_clinic_is_admitted(patient, name):
    file, make, warnings = QUIRKS[name]
    make(patient / file)
    report = inspected(patient)
    assert not report.refused, report.lines()
    assert {finding.check for finding in report.findings} == warnings


def test_a_tolerated_fault_is_a_warning(patient):
    case = CASES["a qform 37 mm from the sform"]
    case.make(patient / case.file)
    report = inspected(patient, GateSettings(tolerate=("forms", "constant")))
    assert not report.refused
    assert [finding.verdict for finding in report.findings] == ["warn"]


def test_a_fault_that_cannot_be_tolerated_is_always_refused(patient):
    case = CASES["an empty image"]
    case.make(patient / case.file)
    assert inspected(patient, GateSettings(tolerate=("constant",))).refused


def test_public_names_of_a_dataset_are_no_private_words(good):
    """Every raw file of the simulated study has a name under which it is released."""
    complete = config.load({"study": {"layout": "bids", "root": str(good)}})
    built = table.build(designs.read(complete), complete.reference).subjects[0]
    paths, open_names = raw_files.paths(built), raw_files.open_names(built)
    words = private_words.of_files(paths, str(good), open_names)
    for path in paths:
        assert words.found_in(Path(path).name.partition(".")[0]) == []
        assert words.found_in(path) == ["the path of an input"]


def _state(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path): (path.lstat().st_mtime_ns, path.lstat().st_size)
        for path in sorted(folder.rglob("*"))
    }

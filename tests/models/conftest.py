"""Stand-ins for the published weights, installed in the same way."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

# These tests need the packages of envs/segmentation.txt.
INSTALLED = importlib.util.find_spec("torch") is not None
collect_ignore_glob = [] if INSTALLED else ["test_*.py"]

TASKS = {
    "total-fast": 297,
    "total-crop": 298,
    "total-head": 294,
    "total-mr-fast": 852,
    "total-mr-head": 851,
    "face": 303,
    "face-mr": 856,
}


def pytest_report_header() -> str | None:
    """Report that these tests are skipped, and how to run them."""
    return None if INSTALLED else "tests/models left out: they need torch (make test-models)"


@pytest.fixture(scope="session")
def models_folder(tmp_path_factory) -> Path:
    """A models folder with all stand-ins, fetched from a folder of archives."""
    import standins
    from strokeprep.segmentation.weights import fetching
    from strokeprep.settings.backends import MODELS

    built, archives = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("archives")
    folder = tmp_path_factory.mktemp("models")
    standins.install_hd_bet(built / "hd-bet")
    packed = {"hd-bet": (built / "hd-bet", ".")}
    for name, task_id in TASKS.items():
        place = standins.install_total_segmentator(built, task_id)
        packed[name] = (built, place.name)
    known = {}
    for name, (root, base) in packed.items():
        archive = archives / MODELS[name].archive
        shutil.make_archive(str(archive.with_suffix("")), "zip", root, base)
        known[name] = hashlib.sha256(archive.read_bytes()).hexdigest()
    fetching.fetch(packed, folder, offline=archives, known=known)
    return folder


@pytest.fixture(scope="session")
def blind_folder(tmp_path_factory) -> Path:
    """A models folder whose networks find nothing, fetched from unpacked folders."""
    import standins
    from strokeprep.segmentation.weights import fetching, store
    from strokeprep.settings.backends import MODELS

    built, folder = tmp_path_factory.mktemp("blind"), tmp_path_factory.mktemp("blind-models")
    standins.install_hd_bet(built / "hd-bet", blind=True)
    for task_id in TASKS.values():
        standins.install_total_segmentator(built, task_id, blind=True)
    known = {
        name: store.digest_of(built / Path(MODELS[name].folder).name) for name in ("hd-bet", *TASKS)
    }
    fetching.fetch(known, folder, offline=built, known=known)
    return folder


@pytest.fixture
def settings(models_folder):
    """One thread on the CPU."""
    import standins
    from strokeprep.settings.backends import NetworkSettings

    known = standins.digests(models_folder)
    return NetworkSettings(folder=str(models_folder), sha256=known, device="cpu", threads=1)

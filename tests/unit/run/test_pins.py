"""Versions are named in one list; whatever repeats them says the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from strokeprep.segmentation.weights import download

ENVS = Path(__file__).parents[3] / "envs"


def pins(lines) -> dict[str, str]:
    found = [re.fullmatch(r"([A-Za-z0-9_.-]+)==(\S+)", line.strip()) for line in lines]
    return {match[1].lower().replace("_", "-"): match[2] for match in found if match}


def of(name: str) -> dict[str, str]:
    return pins((ENVS / name).read_text().splitlines())


LISTS = (
    "imaging.txt",
    "preview.txt",
    "test.txt",
    "loaders.txt",
    "slurm.txt",
    "constraints.txt",
    "segmentation.txt",
    "segmentation-constraints.txt",
)


@pytest.mark.parametrize(
    ("conda", "pip"),
    [
        ("imaging", ["imaging"]),
        ("preview", ["imaging", "preview"]),
        ("segmentation", ["imaging", "segmentation"]),
    ],
)
def test_a_conda_environment_has_the_pins_of_the_pip_environment(conda, pip):
    listed = yaml.safe_load((ENVS / f"{conda}.yaml").read_text())["dependencies"]
    packages = pins(next(entry["pip"] for entry in listed if isinstance(entry, dict)))
    wanted = {name: version for each in pip for name, version in of(f"{each}.txt").items()}
    wanted.pop("snakemake")  # runs the environments, is not in them
    assert packages == wanted


def test_torch_and_torchvision_belong_together():
    # Each torchvision is built for one torch: its minor version is 15 more than torch's.
    found = of("segmentation.txt")
    torch, vision = (found[name].split(".")[:2] for name in ("torch", "torchvision"))
    assert torch[0] == "2" and int(vision[1]) == int(torch[1]) + 15


def test_every_package_is_pinned_once():
    lists = [of(name) for name in LISTS]
    names = [name for pinned in lists for name in pinned]
    assert len(names) == len(set(names)) > 80


def test_nothing_is_installed_without_a_pin():
    for name in LISTS:
        lines = (ENVS / name).read_text().splitlines()
        loose = [
            line for line in lines if line and not line.startswith(("#", "-")) and "==" not in line
        ]
        assert loose == []


def test_the_version_that_a_licence_server_is_told_is_the_one_installed():
    assert of("segmentation.txt")["totalsegmentator"] == download.TOTAL_SEGMENTATOR


def test_the_container_installs_the_lists():
    recipe = (ENVS / "Dockerfile").read_text()
    assert "pip install --no-cache-dir -r envs/imaging.txt" in recipe
    assert "pip install --no-cache-dir -r envs/segmentation.txt" in recipe
    assert "==" not in recipe.replace("^torch(vision)?==", "")

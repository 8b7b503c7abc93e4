"""Versions are named in one list; whatever repeats them says the same."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ENVS = Path(__file__).parents[2] / "envs"


def pins(lines) -> dict[str, str]:
    found = [re.fullmatch(r"([A-Za-z0-9_.-]+)==(\S+)", line.strip()) for line in lines]
    return {match[1].lower().replace("_", "-"): match[2] for match in found if match}


def of(name: str) -> dict[str, str]:
    return pins((ENVS / name).read_text().splitlines())


def test_the_conda_environment_has_the_pins_of_the_pip_environment():
    conda = yaml.safe_load((ENVS / "imaging.yaml").read_text())["dependencies"]
    packages = pins(next(entry["pip"] for entry in conda if isinstance(entry, dict)))
    wanted = of("imaging.txt")
    wanted.pop("snakemake")  # runs the environments, is not in them
    assert packages == wanted


def test_every_package_is_pinned_once():
    lists = [of(name) for name in ("imaging.txt", "test.txt", "constraints.txt")]
    names = [name for pinned in lists for name in pinned]
    assert len(names) == len(set(names)) > 80


def test_nothing_is_installed_without_a_pin():
    for name in ("imaging.txt", "test.txt", "constraints.txt"):
        lines = (ENVS / name).read_text().splitlines()
        loose = [
            line for line in lines if line and not line.startswith(("#", "-")) and "==" not in line
        ]
        assert loose == []

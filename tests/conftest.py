"""The built-in study, run once for all tests that look at its outputs."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import browser
import pytest
from workflow_tools import snakemake


class Demo(NamedTuple):
    """Where a finished run of the built-in study lies."""

    folder: Path
    raw: Path
    truth: Path
    derivatives: Path


@pytest.fixture(scope="session")
def chromium():
    """A browser without a network; where there is none its tests are skipped, and say so."""
    if lacking := browser.missing():
        pytest.skip(f"{lacking} is not installed")
    with browser.browser() as opened:
        yield opened


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> Demo:
    """The built-in study with two subjects, the second with a bent brain."""
    folder = tmp_path_factory.mktemp("study")
    process = snakemake(folder, None, "--quiet", "rules", "--config", 'phantom={"subjects": 2}')
    assert process.returncode == 0, (process.stdout + process.stderr)[-4000:]
    root = folder / "demo"
    return Demo(folder, root / "raw", root / "truth", root / "derivatives")
